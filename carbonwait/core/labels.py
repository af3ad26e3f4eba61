"""How a figure came about, in words: the method, whether it measures, and what a model assumed."""

from carbonwait.core.records import MEASURED_METHODS, MeterLabels, Methods

_TDP_SOURCES = {
    "list": "by CodeCarbon's list",
    "per_thread": "not in CodeCarbon's list: 4 W a thread",
    "constant": "no CPU of CodeCarbon's list: its constant",
}


def kind_of(method: str) -> str:
    """`measured`, `estimated`, or `not metered`."""
    if method == "none":
        return "not metered"
    return "measured" if method in MEASURED_METHODS else "estimated"


def cpu_label(methods: Methods, labels: MeterLabels) -> str:
    """Of the CPU; for a model the power, where it is from and how it was scaled."""
    label = f"{methods.cpu}, {kind_of(methods.cpu)}"
    if methods.cpu != "tdp_model" or labels.tdp_w is None:
        return label
    scaled = _scaled(labels.tdp_w, labels.sockets or 1)
    if labels.logical_cpus:
        scaled += (
            f" / {labels.logical_cpus} logical CPUs"
            f" = {labels.tdp_w / labels.logical_cpus:.3g} W each"
        )
    source = _TDP_SOURCES.get(labels.tdp_source or "", "source unknown")
    parts = [f"{label}: {scaled}", f"{labels.cpu_name or 'unknown CPU'} ({source})"]
    if labels.machine == "virtual":
        parts.append("virtual machine, billed the whole of the sockets that it shows")
    return "; ".join(parts)


def _scaled(tdp_w: float, sockets: int) -> str:
    return f"{tdp_w / sockets:g} W x {sockets} {'socket' if sockets == 1 else 'sockets'}"


def gpu_label(methods: Methods, labels: MeterLabels) -> str:
    """Of the GPUs, with how many there are and what was read."""
    label = f"{methods.gpu}, {kind_of(methods.gpu)}"
    if methods.gpu == "none":
        return label
    read = {"counter": "energy counter", "power": "power read every second"}
    count = "" if labels.gpu_count is None else f": {labels.gpu_count} seen"
    reading = "" if labels.gpu_reading is None else f", {read[labels.gpu_reading]}"
    return f"{label}{count}{reading}"


def ram_label(methods: Methods) -> str:
    """Of the RAM, which nothing measures."""
    label = f"{methods.ram}, {kind_of(methods.ram)}"
    return label if methods.ram == "none" else f"{label}, in no measured total"
