"""How busy the CPUs have been, from the kernel's own counters."""

_BUSY_COLUMNS = (0, 1, 2, 5, 6, 7)  # user nice system irq softirq steal


def busy_s(first_line: bytes, ticks_per_s: int) -> float:
    """Busy seconds of all logical CPUs since boot, from the first line of `/proc/stat`.

    Raises ValueError or IndexError for another line.
    """
    ticks = first_line.split()[1:]
    return sum(int(ticks[column]) for column in _BUSY_COLUMNS) / ticks_per_s
