"""Typical days: what a grid usually looks like at an hour of a month, when nothing better is known.

The table is built in and needs no network. It tells which hours tend to be clean, but it is a poor
measure of the level: never account with it where an observed intensity can be had.
"""

from datetime import UTC, datetime
from functools import lru_cache
from math import ceil, floor
from pathlib import Path

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot

ATTRIBUTION = (
    "Contains data from Electricity Maps, https://www.electricitymaps.com, made available under "
    "the Open Database License 1.0"
)

_FILE = Path(__file__).parent.parent / "data" / "typical_days.bin"
_HOUR_S = 3600
_HOURS = 24
_BYTES_PER_ZONE = 12 * _HOURS * 2


def has_table(zone: str) -> bool:
    """True if the typical days of this zone are built in."""
    return zone in _tables()


def table_zones() -> frozenset[str]:
    """Every zone whose typical days are built in."""
    return frozenset(_tables())


def typical_series(zone: str, start: Instant, end: Instant) -> Series:
    """Whole UTC hours that cover `[start, end)`, in average life-cycle g/kWh.

    Raises ProviderUnavailable for a zone without a table.
    """
    table = _tables().get(zone)
    if table is None:
        raise ProviderUnavailable(f"there are no typical days of zone {zone}")
    slots = []
    for hour in range(floor(start / _HOUR_S), ceil(end / _HOUR_S)):
        begins = hour * _HOUR_S
        moment = datetime.fromtimestamp(begins, UTC)
        at = 2 * (_HOURS * (moment.month - 1) + moment.hour)
        g_per_kwh = int.from_bytes(table[at : at + 2], "little")
        slots.append(Slot(float(begins), float(begins + _HOUR_S), float(g_per_kwh), "typical"))
    return Series(slots)


@lru_cache(maxsize=1)
def _tables() -> dict[str, memoryview]:
    """Zone to 288 little-endian 16-bit integers, January 00:00 first."""
    import zlib

    try:
        content = zlib.decompress(_FILE.read_bytes())
    except (OSError, zlib.error):
        message = "the built-in typical days cannot be read; install carbonwait again"
        raise ProviderUnavailable(message) from None
    names, _, rest = content.partition(b"\n")
    tables = memoryview(rest)
    zones = names.decode().split(" ")
    return {
        zone: tables[index * _BYTES_PER_ZONE : (index + 1) * _BYTES_PER_ZONE]
        for index, zone in enumerate(zones)
    }
