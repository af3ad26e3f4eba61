"""Figures over time as a line of small bars."""

from collections.abc import Sequence

_WIDTH = 15
_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", ".:-=+*#@"


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """At most fifteen bars, each the mean of some of the values; blank where there is none."""
    if not values or max(values) <= 0:
        return ""
    bars = _ASCII_BARS if ascii_only else _BARS
    width = min(_WIDTH, len(values))
    edges = [round(n * len(values) / width) for n in range(width + 1)]
    parts = [values[edges[n] : edges[n + 1]] for n in range(width)]
    means = [sum(part) / len(part) for part in parts]
    most = max(means)
    return "".join(_bar(mean / most, bars) for mean in means)


def _bar(share: float, bars: str) -> str:
    return " " if share <= 0 else bars[min(len(bars) - 1, int(share * len(bars)))]
