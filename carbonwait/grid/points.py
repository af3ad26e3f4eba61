"""From what services send to a series: whatever is odd is dropped, never read as zero.

Services repeat points, send them in any order, leave holes, put null for what they do not know and
sometimes a lone zero for it. All of them are met here, once.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from carbonwait.core.records import Instant
from carbonwait.core.series import Kind, Series, Slot

MOST_G_PER_KWH = 5000.0
_DEFAULT_STEP_S = 3600.0
# A grid does not fall from this to nothing and back: such a zero is a value that is not known.
_LOW_G_PER_KWH = 30.0


class Point(NamedTuple):
    """A value from an instant on; `end` is None where the service gives only starts."""

    start: Instant
    value: float
    end: Instant | None = None
    kind: Kind = "forecast"


def number(value: object) -> float | None:
    """A finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if isfinite(as_float) else None


def intensity(value: object, factor: float = 1.0) -> float | None:
    """A plausible intensity in g/kWh, None for anything else; `factor` converts its unit."""
    found = number(value)
    if found is None or not 0 <= found * factor <= MOST_G_PER_KWH:
        return None
    return found * factor


def instant(value: object) -> Instant | None:
    """An ISO 8601 instant (UTC unless it says otherwise), None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError):
        return None


def rows(document: object, *path: str) -> list[dict[str, object]]:
    """The objects of a list inside a document, empty where the path leads elsewhere."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    if not isinstance(document, list):
        return []
    return [row for row in document if isinstance(row, dict)]


def series_of(points: Iterable[Point]) -> Series:
    """One slot per point, ascending and free of overlaps; of two points at one start the later.

    A point without an end lasts until the next one, but no longer than the usual step.
    """
    by_start = {point.start: point for point in points}
    ordered = [by_start[start] for start in sorted(by_start)]
    step_s = _usual_step_s(ordered)
    slots = []
    for index, point in enumerate(ordered):
        end = point.start + step_s if point.end is None else point.end
        if index + 1 < len(ordered):
            end = min(end, ordered[index + 1].start)
        if end > point.start and not _lone_zero(ordered, index):
            slots.append(Slot(point.start, end, point.value, point.kind))
    return Series(slots)


def _usual_step_s(ordered: list[Point]) -> float:
    steps = Counter(after.start - before.start for before, after in pairwise(ordered))
    return steps.most_common(1)[0][0] if steps else _DEFAULT_STEP_S


def _lone_zero(ordered: list[Point], index: int) -> bool:
    if ordered[index].value != 0:
        return False
    neighbours = [*ordered[max(0, index - 1) : index], *ordered[index + 1 : index + 2]]
    return any(neighbour.value > _LOW_G_PER_KWH for neighbour in neighbours)
