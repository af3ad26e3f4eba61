"""The findings of `doctor` on the meters: what a run here would get, and how to get better."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.gpus import devices_of
from carbonwait.core.labels import cpu_label, gpu_label, kind_of, ram_label
from carbonwait.core.records import MeterInfo
from carbonwait.metering.meter import Meter
from carbonwait.metering.probe import Surroundings, surroundings
from carbonwait.process.child import own_environment

_READY_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `remedy` is empty where nothing is to be done."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine_meters(environ: Mapping[str, str]) -> list[Check]:
    """Start a meter as a run would and look at what it finds; nothing is left behind."""
    info = _meter_info()
    if isinstance(info, str):
        return [unusable(info)]
    return findings(info, surroundings(environ), environ.get("CUDA_VISIBLE_DEVICES"))


def unusable(fault: str) -> Check:
    """The finding where there is no meter at all."""
    # Of the fault, that the doctor is to be seen is of no use here.
    detail, _, _ = fault.partition("; see carbonwait doctor")
    remedy = 'pip install --force-reinstall "codecarbon>=3.3.2,<3.4"'
    return Check("meter", False, detail, remedy)


def findings(info: MeterInfo, here: Surroundings, visible: str | None) -> list[Check]:
    """A finding for each component; `visible` is the user's choice of NVIDIA devices."""
    return [_cpu(info, here), _gpu(info, here, visible), _ram(info)]


def _meter_info() -> MeterInfo | str:
    """What a run's meter would be, or why there is none."""
    try:
        meter = Meter.start(1.0, own_environment())
    except MeterUnavailable as unavailable:
        return str(unavailable)
    ends = time.monotonic() + _READY_WITHIN_S
    try:
        while meter.info is None and not meter.dead and time.monotonic() < ends:
            time.sleep(0.05)
            meter.poll()
        return meter.info or meter.fault or "the meter process is not ready in time"
    finally:
        meter.abandon()


def _cpu(info: MeterInfo, here: Surroundings) -> Check:
    measured = kind_of(info.methods.cpu) == "measured"
    remedy = "" if measured else _cpu_remedy(info, here)
    return Check("cpu meter", measured, cpu_label(info.methods, info.labels), remedy)


def _cpu_remedy(info: MeterInfo, here: Surroundings) -> str:
    if here.counters == "unreadable":
        return (
            "sudo chmod -R a+r /sys/class/powercap/intel-rapl* (for all users, until the next boot)"
        )
    if here.counters == "hidden":
        return (
            "the container hides the energy counters: docker run"
            " --security-opt systempaths=unconfined, and as root"
        )
    if here.counters == "readable":
        return "the energy counters are readable, but CodeCarbon does not take them"
    if info.machine == "virtual":
        return "none here: this virtual machine has no energy counters, only its host has"
    return "sudo modprobe intel_rapl_msr (for AMD too), if the CPU has energy counters"


def _gpu(info: MeterInfo, here: Surroundings, visible: str | None) -> Check:
    if info.methods.gpu != "none":
        return Check("gpu meter", True, gpu_label(info.methods, info.labels))
    if visible is not None and not devices_of(visible):
        detail = f"none, not metered: CUDA_VISIBLE_DEVICES={visible!r} hides all"
        return Check("gpu meter", True, detail)
    if here.nvidia_driver is not None and not here.nvidia_smi:
        detail = "none, not metered: nvidia-smi is missing, without which CodeCarbon looks for none"
        return Check("gpu meter", False, detail, _smi_remedy(here.nvidia_driver))
    if here.nvidia_smi:
        detail = "none, not metered: nvidia-smi is there, but NVML shows no device"
        remedy = "run nvidia-smi; if it fails after an update of the driver, restart the machine"
        return Check("gpu meter", False, detail, remedy)
    if here.amd_gpu:
        what = "Python's amdsmi" if here.rocm_smi else "rocm-smi"
        detail = f"none, not metered: an AMD GPU is there, but {what} is missing"
        remedy = "pip install amdsmi, of the version of ROCm" if here.rocm_smi else "install ROCm"
        return Check("gpu meter", False, detail, remedy)
    return Check("gpu meter", True, "none, not metered: no GPU is seen")


def _smi_remedy(driver: str) -> str:
    branch = driver.partition(".")[0] or "VERSION"
    return (
        f"sudo apt install nvidia-utils-{branch}"
        " (in a container: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility)"
    )


def _ram(info: MeterInfo) -> Check:
    return Check("ram meter", True, ram_label(info.methods))
