"""An intensity series as a chart of characters, for any width and any encoding."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

from carbonwait.core.records import Instant
from carbonwait.core.series import Series

_EIGHTHS = " ▁▂▃▄▅▆▇█"
LABEL_WIDTH = 7
_NARROWEST = 20
_WIDEST = 168
_ROWS = 8


class Mark(NamedTuple):
    """A character under the bars of `[start, end)`; an instant is an interval of no length."""

    character: str
    start: Instant
    end: Instant


def chart_lines(
    series: Series,
    start: Instant,
    end: Instant,
    *,
    width: int,
    zone: tzinfo,
    now: Instant,
    window: tuple[Instant, Instant] | None = None,
    marks: Sequence[Mark] = (),
    rows: int = _ROWS,
    plain: bool = False,
) -> list[str]:
    """Bars over time, `rows` high, with g/kWh at the side and local times below; gaps stay empty.

    `window` is marked with `=` and `now` with `^` under the bars, `marks` in a row of their own
    below that. `plain` uses ASCII alone.
    """
    columns = columns_in(width)
    step_s = (end - start) / columns
    edges = [start + index * step_s for index in range(columns + 1)]
    means = [_mean(series, a, b) for a, b in pairwise(edges)]
    top = max((mean for mean in means if mean is not None), default=0.0) or 1.0
    lines = []
    for row in range(rows, 0, -1):
        label = f"{top * row / rows:5.0f} " if row in {rows, rows // 2} else " " * 6
        heights = (None if mean is None else mean / top * rows - (row - 1) for mean in means)
        bars = "".join(_cell(height, plain=plain) for height in heights)
        lines.append(f"{label}|{bars}".rstrip())
    lines.append(" " * 6 + "+" + _axis(edges, now, window))
    if marks:
        lines.append(" " * LABEL_WIDTH + _marks(marks, start, end, columns))
    lines.extend(" " * LABEL_WIDTH + line for line in _times(edges, zone))
    return [line.rstrip() for line in lines]


def columns_in(width: int) -> int:
    """How many bars a chart of this width has."""
    return max(_NARROWEST, min(width, _WIDEST) - LABEL_WIDTH)


def columns_of(
    interval: tuple[Instant, Instant], start: Instant, end: Instant, width: int
) -> range:
    """Which bars of a chart from `start` to `end` an interval touches; none if it is outside."""
    columns = columns_in(width)
    per_s = columns / (end - start)
    first = floor((interval[0] - start) * per_s)
    last = max(first + 1, ceil((interval[1] - start) * per_s))
    return range(min(columns, max(0, first)), max(0, min(columns, last)))


def _mean(series: Series, start: Instant, end: Instant) -> float | None:
    covered_s = series.covered_s(start, end)
    if covered_s < (end - start) / 2:
        return None
    return series.integral(start, end) / covered_s


def _cell(filled: float | None, *, plain: bool) -> str:
    """What a bar fills of one row of characters; nothing in a gap."""
    if filled is None:
        return " "
    if plain:
        return "#" if filled >= 0.5 else " "
    return _EIGHTHS[max(0, min(8, round(filled * 8)))]


def _axis(edges: Sequence[Instant], now: Instant, window: tuple[Instant, Instant] | None) -> str:
    marks = []
    for start, end in pairwise(edges):
        if start <= now < end:
            marks.append("^")
        elif window is not None and start < window[1] and window[0] < end:
            marks.append("=")
        else:
            marks.append("-")
    return "".join(marks)


def _marks(marks: Sequence[Mark], start: Instant, end: Instant, columns: int) -> str:
    """Each mark in its columns; a later one covers an earlier one."""
    line = [" "] * columns
    for mark in marks:
        for column in columns_of((mark.start, mark.end), start, end, columns + LABEL_WIDTH):
            line[column] = mark.character
    return "".join(line)


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
