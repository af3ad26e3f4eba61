"""The lines that the meter process writes, one JSON object each, and how they are read.

The first line says what is metered, or why nothing can be; every later one is a row:

    {"ready": {"cpu": "tdp_model", "gpu": "none", "ram": "ram_model", "tdp_w": 8.0, ...}}
    {"t0": 1795390562.45, "t1": 1795390567.45, "cpu_j": 8.1, "gpu_j": null, "ram_j": 100.0, ...}
    {"unavailable": "why"}

The trap: JSON as Python reads it knows NaN, infinities and booleans that pass for numbers. Nothing
but numbers of a size that can be, and null, becomes energy here.
"""

from typing import Any, get_args

from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import (
    Energy,
    GpuReading,
    Machine,
    MeterInfo,
    MeterRow,
    Method,
    Methods,
    TdpSource,
)

# A RAPL counter may wrap once between two rows, not twice.
LONGEST_PERIOD_S = 60.0

_METHODS: dict[object, Method] = {method: method for method in get_args(Method)}
_TDP_SOURCES: dict[object, TdpSource] = {source: source for source in get_args(TdpSource)}
_MACHINES: dict[object, Machine] = {machine: machine for machine in get_args(Machine)}
_GPU_READINGS: dict[object, GpuReading] = {reading: reading for reading in get_args(GpuReading)}
_LONGEST_EXCERPT = 80
# No figure of a row, a time included, comes near. Larger ones could add up to infinity.
_MOST = 1e15


class Garbled(MeterUnavailable):
    """The meter process wrote what no meter writes."""


def encode_info(info: MeterInfo) -> bytes:
    """The line that says what is metered."""
    return _line(
        {
            "ready": {
                "cpu": info.methods.cpu,
                "gpu": info.methods.gpu,
                "ram": info.methods.ram,
                "tdp_w": info.tdp_w,
                "logical_cpus": info.logical_cpus,
                "physical_ram_bytes": info.physical_ram_bytes,
                "gpu_count": info.gpu_count,
                "tdp_source": info.tdp_source,
                "cpu_name": info.cpu_name,
                "sockets": info.sockets,
                "machine": info.machine,
                "gpu_reading": info.gpu_reading,
            }
        }
    )


def encode_row(row: MeterRow) -> bytes:
    """The line of one row."""
    return _line(
        {
            "t0": row.start,
            "t1": row.end,
            "cpu_j": row.energy.cpu_j,
            "gpu_j": row.energy.gpu_j,
            "ram_j": row.energy.ram_j,
            "busy_s": row.busy_s,
            "gpu_own_j": row.gpu_own_j,
            "gpu_others_j": row.gpu_others_j,
        }
    )


def encode_unavailable(reason: str) -> bytes:
    """The line that says why nothing can be metered."""
    return _line({"unavailable": " ".join(reason.split())})


def decode(line: bytes) -> MeterInfo | MeterRow:
    """What a line says. Raises MeterUnavailable if there is no meter, Garbled if it is nonsense."""
    import json

    try:
        document = json.loads(line)
        if "unavailable" in document:
            raise MeterUnavailable(_text(document["unavailable"]))
        return _info(document["ready"]) if "ready" in document else _row(document)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        excerpt = line[:_LONGEST_EXCERPT].decode("ascii", errors="replace")
        raise Garbled(
            f"the meter process wrote {excerpt!r}, which is no meter row; see carbonwait doctor"
        ) from None


def _line(document: dict[str, Any]) -> bytes:
    import json

    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def _info(ready: dict[str, Any]) -> MeterInfo:
    methods = Methods(_METHODS[ready["cpu"]], _METHODS[ready["gpu"]], _METHODS[ready["ram"]])
    return MeterInfo(
        methods=methods,
        tdp_w=_number_or_null(ready["tdp_w"]),
        logical_cpus=_count(ready["logical_cpus"]),
        physical_ram_bytes=_count(ready["physical_ram_bytes"]),
        gpu_count=_count(ready["gpu_count"]),
        tdp_source=_TDP_SOURCES.get(ready.get("tdp_source")),
        cpu_name=_text_or_null(ready.get("cpu_name")),
        sockets=_count(ready["sockets"]) if ready.get("sockets") is not None else None,
        machine=_MACHINES.get(ready.get("machine")),
        gpu_reading=_GPU_READINGS.get(ready.get("gpu_reading")),
    )


def _row(document: dict[str, Any]) -> MeterRow:
    start, end = _number(document["t0"]), _number(document["t1"])
    if start >= end:
        raise ValueError("a row ends after it starts")
    energy = Energy(
        _number_or_null(document["cpu_j"]),
        _number_or_null(document["gpu_j"]),
        _number_or_null(document["ram_j"]),
    )
    return MeterRow(
        start,
        end,
        energy,
        _number_or_null(document["busy_s"]),
        _number(document.get("gpu_own_j", 0.0)),
        _number(document.get("gpu_others_j", 0.0)),
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    number = float(value)
    if not 0 <= number <= _MOST:  # NaN is not either.
        raise ValueError("not finite, beyond reason or negative")
    return number


def _number_or_null(value: object) -> float | None:
    return None if value is None else _number(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**53:
        raise TypeError("not a count")
    return value


def _text_or_null(value: object) -> str | None:
    return None if value is None else _text(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return " ".join(value.split())[:500]
