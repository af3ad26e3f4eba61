"""The two clocks of a wait, and the machine's time zone.

`wall` is what people mean by a time. `elapsed` never jumps and goes on in suspend: it keeps the
latest start even if the wall clock is set back.
"""

import os
import time
from datetime import tzinfo
from typing import Protocol


class Clock(Protocol):
    """Time as a wait sees it, in seconds."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""

    def elapsed(self) -> float:
        """Seconds since some fixed moment."""


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def elapsed(self) -> float:
        """Seconds since boot, suspend included where the kernel counts it."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


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
    from datetime import UTC, datetime

    return datetime.now().astimezone().tzinfo or UTC
