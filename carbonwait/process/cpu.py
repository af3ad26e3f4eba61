"""How busy the machine's CPUs have been, as the kernel counts it."""

import os

_BUSY_COLUMNS = (0, 1, 2, 5, 6, 7)  # user nice system irq softirq steal


def busy_s() -> float | None:
    """Busy seconds of all logical CPUs since boot, None where the kernel does not tell."""
    try:
        with open("/proc/stat", "rb") as file:
            ticks = file.readline().split()[1:]
        return sum(int(ticks[column]) for column in _BUSY_COLUMNS) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
