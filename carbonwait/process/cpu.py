"""How busy the machine's CPUs have been, as the kernel counts it."""

import os

from carbonwait.core import procstat


def busy_s() -> float | None:
    """Busy seconds of all logical CPUs since boot, None where the kernel does not tell."""
    try:
        with open("/proc/stat", "rb") as file:
            return procstat.busy_s(file.readline(), os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return None
