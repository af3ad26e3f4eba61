"""What a started CodeCarbon tracker meters, and how.

CodeCarbon has no public field for it. Its private ones are read for labels only, never for
figures, and where one is not as expected the component counts as not metered.
"""

import os
from typing import Any

from carbonwait.core.records import MeterInfo, Method, Methods

_CPU_METHODS: dict[object, Method] = {
    "intel_rapl": "rapl",
    "intel_power_gadget": "rapl",
    "windows_emi": "rapl",
    "cpu_load": "tdp_model",
    "constant": "tdp_model",
}


def info_of(tracker: Any) -> MeterInfo:
    """What a started tracker meters."""
    methods = methods_of(tracker)
    return MeterInfo(
        methods=methods,
        tdp_w=_tdp_w(tracker) if methods.cpu == "tdp_model" else None,
        logical_cpus=os.cpu_count() or 1,
        physical_ram_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        gpu_count=sum(len(_tracked_devices(item)) for item in _hardware(tracker, "GPU")),
    )


def methods_of(tracker: Any) -> Methods:
    """How each component is metered."""
    cpu: Method = "none"
    gpu: Method = "none"
    ram: Method = "ram_model" if _hardware(tracker, "RAM") else "none"
    for item in _hardware(tracker, "CPU"):
        cpu = _CPU_METHODS.get(getattr(item, "_mode", None), "none")
    for item in _hardware(tracker, "GPU"):
        for device in _tracked_devices(item):
            gpu = "rocm" if type(device).__name__.startswith("AMD") else "nvml"
    for item in _hardware(tracker, "AppleSiliconChip"):
        cpu = "powermetrics" if _part(item) == "CPU" else cpu
        gpu = "powermetrics" if _part(item) == "GPU" else gpu
    # A Raspberry Pi's power chip has no name of its own among the methods.
    for item in _hardware(tracker, "Raspberry"):
        cpu = "powermetrics" if _part(item) == "CPU" else cpu
        ram = "ram_model" if _part(item) == "RAM" else ram
    return Methods(cpu, gpu, ram)


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


def _tdp_w(tracker: Any) -> float | None:
    for item in _hardware(tracker, "CPU"):
        tdp = getattr(item, "_tdp", None)
        if isinstance(tdp, int | float) and tdp > 0:
            return float(tdp)
    return None
