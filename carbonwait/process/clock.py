"""The two clocks of a wait, and the machine's time zone.

`wall` is what people mean by a time. `elapsed` never jumps and goes on in suspend: it keeps the
latest start even if the wall clock is set back.

`wall` counts whole milliseconds, as the ledger and all that is printed of it do: whoever works out
a figure again from the instants shown then comes to the very same one.
"""

import math
import os
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

_DAY_S = 86400


class Clock(Protocol):
    """Time as a wait sees it, in seconds."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""

    def elapsed(self) -> float:
        """Seconds since some fixed moment."""


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC; never ahead of the time that it is."""
        return whole_ms(time.time())

    def elapsed(self) -> float:
        """Seconds since boot, suspend included where the kernel counts it."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def whole_ms(instant: float) -> float:
    """The last whole millisecond up to an instant."""
    return math.floor(instant * 1000) / 1000


def local_zone(name: str | None) -> tzinfo:
    """The machine's time zone: by its IANA name where there is one, else as libc has it."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name is not None:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    if "TZ" not in os.environ:
        try:
            with open("/etc/localtime", "rb") as file:
                return ZoneInfo.from_file(file)
        except (OSError, ValueError):
            pass
    # Libc takes rules that are a day and more off, Python none.
    return LibcZone() if max(abs(time.timezone), abs(time.altzone)) < _DAY_S else UTC


class LibcZone(tzinfo):
    """The time zone as libc has it, for rules that have no name (`TZ=CET-1CEST,M3.5.0,M10.5.0`)."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """The offset at a wall-clock time; `fold` tells the two of a repeated hour apart."""
        if moment is None:
            return timedelta()
        naive = moment.replace(tzinfo=None)
        return timedelta(seconds=time.localtime(naive.timestamp()).tm_gmtoff)

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Not told apart from the offset."""
        return None

    def tzname(self, moment: datetime | None) -> str:
        """What libc calls the zone."""
        return "local time" if moment is None else time.localtime().tm_zone

    def fromutc(self, moment: datetime) -> datetime:
        """The wall-clock time at an instant."""
        instant = moment.replace(tzinfo=UTC).timestamp()
        return datetime.fromtimestamp(instant).replace(tzinfo=self)  # noqa: DTZ006 (libc's zone)
