/* A libnvidia-ml.so.1 of GPUs that draw a known power, for tests on machines without any.
 *
 * NVIDIA_FAKE names a folder with a file for each device, gpu0, gpu1 and so on, that is read at
 * every call: lines of "name value", where a later one of a name counts, and one "process" line for
 * each process that uses the device:
 *
 *     power_w 100        what it draws; the energy counter is the integral of this over time
 *     counter 1          0: it has no energy counter
 *     lost 0             1: it has fallen off the bus
 *     reset 0            1: the counter stands at nearly nothing from now on
 *     process 4711 80    pid and how busy it keeps the device, in percent
 *
 * The power must not change while anybody looks at the counter: it is power times uptime.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUCCESS 0
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define INSUFFICIENT_SIZE 7
#define GPU_IS_LOST 15
#define MOST_DEVICES 8
#define MOST_PROCESSES 16

struct sample {
    unsigned pid;
    unsigned long long at_us;
    unsigned sm, memory, encoder, decoder;
};

struct device {
    double power_w;
    int counter, lost, reset, processes;
    struct sample process[MOST_PROCESSES];
};

struct memory {
    unsigned long long total, free, used;
};

struct utilization {
    unsigned gpu, memory;
};

/* A handle is the address of one of these. */
static char handles[MOST_DEVICES];

static double uptime_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static FILE *opened(int index)
{
    char path[4096];
    const char *folder = getenv("NVIDIA_FAKE");
    snprintf(path, sizeof path, "%s/gpu%d", folder ? folder : "/nowhere", index);
    return fopen(path, "r");
}

static int read_device(void *handle, struct device *device)
{
    char line[256];
    unsigned pid, busy;
    FILE *file = opened((int)((char *)handle - handles));
    if (file == NULL)
        return GPU_IS_LOST;
    memset(device, 0, sizeof *device);
    device->counter = 1;
    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "power_w %lf", &device->power_w);
        sscanf(line, "counter %d", &device->counter);
        sscanf(line, "lost %d", &device->lost);
        sscanf(line, "reset %d", &device->reset);
        if (device->processes < MOST_PROCESSES && sscanf(line, "process %u %u", &pid, &busy) == 2) {
            struct sample one = {pid, (unsigned long long)(1e6 * uptime_s()), busy, 0, 0, 0};
            device->process[device->processes++] = one;
        }
    }
    fclose(file);
    return device->lost ? GPU_IS_LOST : SUCCESS;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { (void)code; return "an error of the fake"; }

int nvmlDeviceGetCount_v2(unsigned *count)
{
    FILE *file;
    for (*count = 0; *count < MOST_DEVICES && (file = opened((int)*count)) != NULL; ++*count)
        fclose(file);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle)
{
    if (index >= MOST_DEVICES)
        return INVALID_ARGUMENT;
    *handle = handles + index;
    return SUCCESS;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned length)
{
    (void)handle;
    snprintf(name, length, "Fake GPU");
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned length)
{
    snprintf(uuid, length, "GPU-fake-%d", (int)((char *)handle - handles));
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory)
{
    struct memory all = {1ULL << 34, 1ULL << 33, 1ULL << 33};
    (void)handle;
    *memory = all;
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *mj)
{
    struct device device;
    int status = read_device(handle, &device);
    if (status != SUCCESS)
        return status;
    if (!device.counter)
        return NOT_SUPPORTED;
    *mj = device.reset ? 1 : (unsigned long long)(1000 * device.power_w * uptime_s());
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *mw)
{
    struct device device;
    int status = read_device(handle, &device);
    *mw = (unsigned)(1000 * device.power_w);
    return status;
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *mw)
{
    (void)handle;
    *mw = 400000;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *handle, struct utilization *rates)
{
    struct device device;
    int status = read_device(handle, &device);
    rates->gpu = rates->memory = 0;
    for (int index = 0; status == SUCCESS && index < device.processes; ++index)
        rates->gpu += device.process[index].sm;
    return status;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *degrees)
{
    (void)handle, (void)sensor;
    *degrees = 40;
    return SUCCESS;
}

int nvmlDeviceGetComputeMode(void *handle, int *mode)
{
    (void)handle;
    *mode = 0;
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, void *processes)
{
    (void)handle, (void)processes;
    *count = 0;
    return SUCCESS;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *count, void *processes)
{
    return nvmlDeviceGetComputeRunningProcesses_v3(handle, count, processes);
}

int nvmlDeviceGetProcessUtilization(
    void *handle, struct sample *samples, unsigned *count, unsigned long long since_us)
{
    struct device device;
    int status = read_device(handle, &device);
    unsigned room = *count;
    (void)since_us;
    if (status != SUCCESS)
        return status;
    if (device.processes == 0)
        return NOT_FOUND;
    *count = (unsigned)device.processes;
    if (samples == NULL || room < *count)
        return INSUFFICIENT_SIZE;
    memcpy(samples, device.process, *count * sizeof *samples);
    return SUCCESS;
}
