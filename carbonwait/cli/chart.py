"""An intensity series as a chart of characters, for any width and any encoding."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise

from carbonwait.core.records import Instant
from carbonwait.core.series import Series

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LABEL_WIDTH = 7
_NARROWEST = 20
_WIDEST = 168
_ROWS = 8


def chart_lines(
    series: Series,
    start: Instant,
    end: Instant,
    *,
    width: int,
    zone: tzinfo,
    now: Instant,
    window: tuple[Instant, Instant] | None = None,
    plain: bool = False,
) -> list[str]:
    """Bars over time with g/kWh at the side and local times below; gaps stay empty.

    `window` is marked with `=` and `now` with `^` under the bars. `plain` uses ASCII alone.
    """
    columns = max(_NARROWEST, min(width, _WIDEST) - _LABEL_WIDTH)
    step_s = (end - start) / columns
    edges = [start + index * step_s for index in range(columns + 1)]
    means = [_mean(series, a, b) for a, b in pairwise(edges)]
    top = max((mean for mean in means if mean is not None), default=0.0) or 1.0
    lines = []
    for row in range(_ROWS, 0, -1):
        label = f"{top * row / _ROWS:5.0f} " if row in {_ROWS, _ROWS // 2} else " " * 6
        bars = "".join(_cell(mean, top, row, plain=plain) for mean in means)
        lines.append(f"{label}|{bars}".rstrip())
    lines.append(" " * 6 + "+" + _marks(edges, now, window))
    lines.extend(" " * _LABEL_WIDTH + line for line in _times(edges, zone))
    return [line.rstrip() for line in lines]


def _mean(series: Series, start: Instant, end: Instant) -> float | None:
    covered_s = series.covered_s(start, end)
    if covered_s < (end - start) / 2:
        return None
    return series.integral(start, end) / covered_s


def _cell(mean: float | None, top: float, row: int, *, plain: bool) -> str:
    """The part of a bar that falls into one row of characters."""
    if mean is None:
        return " "
    filled = mean / top * _ROWS - (row - 1)
    if plain:
        return "#" if filled >= 0.5 else " "
    return _EIGHTHS[max(0, min(8, round(filled * 8)))]


def _marks(edges: Sequence[Instant], now: Instant, window: tuple[Instant, Instant] | None) -> str:
    marks = []
    for start, end in pairwise(edges):
        if start <= now < end:
            marks.append("^")
        elif window is not None and start < window[1] and window[0] < end:
            marks.append("=")
        else:
            marks.append("-")
    return "".join(marks)


def _times(edges: Sequence[Instant], zone: tzinfo) -> list[str]:
    """Two lines: clock times at a readable distance, and the date where a day begins."""
    columns = len(edges) - 1
    clock, dates = _Line(columns), _Line(columns)
    every_h = _hours_between_labels((edges[-1] - edges[0]) / 3600, columns)
    for column, (before, after) in enumerate(pairwise(edges)):
        first, last = datetime.fromtimestamp(before, zone), datetime.fromtimestamp(after, zone)
        crossed = last.replace(minute=0, second=0, microsecond=0)
        if first < crossed and crossed.hour % every_h == 0:
            clock.write(column, f"{crossed:%H:%M}")
        if last.date() != first.date() or column == 0:
            dates.write(column, f"{last:%a %d %b}")
    return [clock.text, dates.text]


class _Line:
    """A line of labels; one that does not fit or would touch another is left out."""

    def __init__(self, columns: int) -> None:
        self._characters = [" "] * columns
        self._free = 0

    def write(self, column: int, label: str) -> None:
        if self._free <= column <= len(self._characters) - len(label):
            self._characters[column : column + len(label)] = label
            self._free = column + len(label) + 1

    @property
    def text(self) -> str:
        return "".join(self._characters)


def _hours_between_labels(hours: float, columns: int) -> int:
    wanted = hours * 8 / columns
    return next((step for step in (1, 2, 3, 6, 12, 24) if step >= wanted), 24)
