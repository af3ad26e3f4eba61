"""What a started CodeCarbon tracker meters, how, and whether its last sample can be believed.

CodeCarbon has no public field for any of it. Its private ones are read for labels and for doubts,
never for figures, and where one is not as expected the component counts as not metered, or as not
in doubt.

The traps: CodeCarbon says 0 of a sensor that fails, and only adds up those that do not; it takes
every counter that has gone back for one that has wrapped, and adds its whole range; and of one that
comes back from there it believes the leap.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from carbonwait.core.records import (
    GpuReading,
    Machine,
    MeterInfo,
    Method,
    Methods,
    TdpSource,
)
from carbonwait.core.units import JOULES_PER_KWH

_CPU_METHODS: dict[object, Method] = {
    "intel_rapl": "rapl",
    "intel_power_gadget": "rapl",
    "windows_emi": "rapl",
    "cpu_load": "tdp_model",
    "constant": "tdp_model",
}
# What CodeCarbon takes where a CPU is not in its list.
_W_PER_THREAD = 4.0
# No CPU draws as much: a counter that would have to be of one was reset, or comes back from that.
_MOST_W_PER_PACKAGE = 1000.0
# Of a meter that was frozen for longer, with its container perhaps, a counter may have wrapped
# twice: 65 kJ are soon used.
_LONGEST_SAMPLE_S = 180.0


def info_of(tracker: Any) -> MeterInfo:
    """What a started tracker meters."""
    methods = methods_of(tracker)
    modelled = methods.cpu == "tdp_model"
    logical_cpus = os.cpu_count() or 1
    described = cpu_fields()
    return MeterInfo(
        methods=methods,
        tdp_w=_tdp_w(tracker) if modelled else None,
        logical_cpus=logical_cpus,
        physical_ram_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        gpu_count=len(tracked_gpus(tracker)),
        tdp_source=_tdp_source(tracker, logical_cpus) if modelled else None,
        cpu_name=described.get("model name"),
        sockets=_sockets(tracker),
        machine=_machine(described),
        gpu_reading=_gpu_reading(tracker),
    )


def methods_of(tracker: Any) -> Methods:
    """How each component is metered."""
    cpu: Method = "none"
    gpu: Method = "none"
    ram: Method = "ram_model" if _hardware(tracker, "RAM") else "none"
    for item in _hardware(tracker, "CPU"):
        cpu = _CPU_METHODS.get(getattr(item, "_mode", None), "none")
    for device in tracked_gpus(tracker):
        gpu = "rocm" if type(device).__name__.startswith("AMD") else "nvml"
    for item in _hardware(tracker, "AppleSiliconChip"):
        cpu = "powermetrics" if _part(item) == "CPU" else cpu
        gpu = "powermetrics" if _part(item) == "GPU" else gpu
    # A Raspberry Pi's power chip has no name of its own among the methods.
    for item in _hardware(tracker, "Raspberry"):
        cpu = "powermetrics" if _part(item) == "CPU" else cpu
        ram = "ram_model" if _part(item) == "RAM" else ram
    return Methods(cpu, gpu, ram)


def tracked_gpus(tracker: Any) -> list[Any]:
    """The devices whose energy is counted."""
    return [device for item in _hardware(tracker, "GPU") for device in _tracked_devices(item)]


def cpu_fields() -> dict[str, str]:
    """What the kernel says of the first CPU, by its own words; empty where it says nothing."""
    fields: dict[str, str] = {}
    with (
        suppress(OSError),
        open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file,  # noqa: PTH123
    ):
        for line in file:
            name, _, value = line.partition(":")
            if not value:
                break
            fields[name.strip()] = value.strip()
    return {name: value for name, value in fields.items() if value}


# --- doubts ---


def cpu_in_doubt(tracker: Any, elapsed_s: float) -> bool:
    """True if the last sample, `elapsed_s` long, missed a counter or counts more than there can be.

    That is so of a counter that was reset, which CodeCarbon takes for one that has wrapped.
    """
    for file in _rapl_files(tracker):
        if getattr(file, "sample_skipped", False) is True or elapsed_s > _LONGEST_SAMPLE_S:
            return True
        j = getattr(getattr(file, "energy_delta", None), "kWh", 0.0) * JOULES_PER_KWH
        if j > _MOST_W_PER_PACKAGE * elapsed_s:
            return True
    return False


def gpu_in_doubt(tracker: Any) -> bool:
    """True if one of the GPUs gave neither energy nor power at the last sample."""
    return any(
        getattr(device, "_use_power_fallback", False) is True
        and getattr(device, "_warned_power_failure", False) is True
        for device in tracked_gpus(tracker)
    )


# --- where it is found ---


def _hardware(tracker: Any, kind: str) -> list[Any]:
    items = getattr(tracker, "_hardware", None) or ()
    return [item for item in items if type(item).__name__ == kind]


def _part(item: Any) -> object:
    return getattr(item, "chip_part", None)


def _tracked_devices(item: Any) -> list[Any]:
    devices = getattr(getattr(item, "devices", None), "devices", None) or ()
    chosen = getattr(item, "gpu_ids", None)
    return [
        device for device in devices if chosen is None or getattr(device, "gpu_index", 0) in chosen
    ]


def _rapl_files(tracker: Any) -> list[Any]:
    return [
        file
        for item in _hardware(tracker, "CPU")
        for file in getattr(getattr(item, "_intel_interface", None), "_rapl_files", None) or ()
    ]


def _tdp_w(tracker: Any) -> float | None:
    for item in _hardware(tracker, "CPU"):
        tdp = getattr(item, "_tdp", None)
        if isinstance(tdp, int | float) and tdp > 0:
            return float(tdp)
    return None


def _tdp_source(tracker: Any, logical_cpus: int) -> TdpSource | None:
    tdp_w = _tdp_w(tracker)
    if tdp_w is None:
        return None
    if any(getattr(item, "_is_generic_tdp", False) for item in _hardware(tracker, "CPU")):
        return "constant"
    # It does not say which; a CPU of the list with just this power would be told wrong.
    of_one_w = tdp_w / (_sockets(tracker) or 1)
    return "per_thread" if of_one_w == _W_PER_THREAD * logical_cpus else "list"


def _sockets(tracker: Any) -> int | None:
    count = (getattr(tracker, "_conf", None) or {}).get("cpu_physical_count")
    return count if isinstance(count, int) and count > 0 else None


def _machine(described: Mapping[str, str]) -> Machine | None:
    """What the CPU's flags say; ARM has none for it."""
    if "flags" not in described:
        return None
    return "virtual" if "hypervisor" in described["flags"].split() else "physical"


def _gpu_reading(tracker: Any) -> GpuReading | None:
    devices = tracked_gpus(tracker)
    if not devices:
        return None
    sampled = any(getattr(device, "_use_power_fallback", False) is True for device in devices)
    return "power" if sampled else "counter"
