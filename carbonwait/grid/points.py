"""From what services send to a series: whatever is odd is dropped, never read as zero.

Services repeat points, send them in any order, leave holes, put null for what they do not know and
sometimes a zero for it. All of them are met here, once.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby, pairwise
from math import isfinite
from typing import NamedTuple

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant
from carbonwait.core.series import Kind, Series, Slot

MOST_G_PER_KWH = 5000.0
_DEFAULT_STEP_S = 3600.0
_LAST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
# A grid does not fall from this to nothing and back: a zero beside it is a value that is not known.
_BESIDE_A_ZERO_G_PER_KWH = 30.0
# A region full of wind may stay at zero for hours and leave it fast, but not as fast as this.
_BESIDE_ZEROS_G_PER_KWH = 100.0


class Point(NamedTuple):
    """A value from an instant on; `end` is None where the service gives only starts.

    A `value` of None is an instant that the service names and knows nothing about: a gap, which
    still tells how far apart its points are.
    """

    start: Instant
    value: float | None
    end: Instant | None = None
    kind: Kind = "forecast"


class Span(NamedTuple):
    """A value over `[start, end)`."""

    start: Instant
    end: Instant
    value: float
    kind: Kind


def number(value: object) -> float | None:
    """A finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if isfinite(as_float) else None


def finite(value: object) -> float:
    """A finite number. Raises ValueError for anything else, as only a damaged file holds."""
    found = number(value)
    if found is None:
        raise ValueError(value)
    return found


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
        return _sane(aware.timestamp())
    except (ValueError, OverflowError):
        return None


def epoch(value: object, unit_s: float = 1.0) -> Instant | None:
    """An instant given as a number of units since 1970, None for anything else."""
    found = number(value)
    return None if found is None else _sane(found * unit_s)


def _sane(at: Instant) -> Instant | None:
    """Without those of other centuries, which are other units or nonsense."""
    return at if 0 <= at < _LAST_INSTANT else None


def rows(document: object, *path: str) -> list[dict[str, object]]:
    """The objects of a list inside a document, empty where the path leads elsewhere."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    if not isinstance(document, list):
        return []
    return [row for row in document if isinstance(row, dict)]


def spans_of(points: Iterable[Point], step_s: float | None = None) -> list[Span]:
    """One span per value, ascending and free of overlaps; of two at one start the later counts.

    A point without an end lasts until the next one, but no longer than `step_s`; without that, no
    longer than the usual step between the points.
    """
    by_start: dict[Instant, Point] = {}
    for point in points:
        if point.value is not None or point.start not in by_start:
            by_start[point.start] = point
    ordered = [by_start[start] for start in sorted(by_start)]
    longest_s = step_s or _usual_step_s(ordered)
    starts = [point.start for point in ordered[1:]]
    spans = []
    for point, following in zip(ordered, [*starts, float("inf")], strict=False):
        end = min(point.start + longest_s if point.end is None else point.end, following)
        if point.value is not None and end > point.start:
            spans.append(Span(point.start, end, point.value, point.kind))
    return spans


def series_of(
    points: Iterable[Point], *, step_s: float | None = None, zeros_hold: bool = False
) -> Series:
    """The points as a series, see `spans_of`.

    A zero beside an intensity from which no grid falls to nothing is dropped, unless `zeros_hold`:
    a marginal signal does fall like that, where wind or sun would otherwise be turned down.
    """
    spans = spans_of(points, step_s)
    return Series(Slot(*span) for span in (spans if zeros_hold else _without_odd_zeros(spans)))


def ahead(series: Series, now: Instant, until: Instant, who: str) -> Series:
    """The whole slots that begin before `until`. Raises ProviderUnavailable if all of it is past.

    `who` begins the message, as in `neso: no forecast for GB`.
    """
    kept = Series(slot for slot in series if slot.start < until)
    if not kept or kept.slots[-1].end <= now:
        raise ProviderUnavailable(f"{who} from now on")
    return kept


def touching(series: Series, start: Instant, end: Instant) -> Series:
    """The slots that touch `[start, end)`, each of its whole length."""
    return Series(slot for slot in series if slot.start < end and slot.end > start)


def _usual_step_s(ordered: list[Point]) -> float:
    """The most frequent step; of several the shortest, since a hole makes a step longer."""
    steps = Counter(after.start - before.start for before, after in pairwise(ordered))
    if not steps:
        return _DEFAULT_STEP_S
    return min(steps, key=lambda step_s: (-steps[step_s], step_s))


def _without_odd_zeros(spans: list[Span]) -> list[Span]:
    runs = [list(run) for _, run in groupby(spans, lambda span: span.value == 0)]
    kept: list[Span] = []
    for index, run in enumerate(runs):
        before = [runs[index - 1][-1]] if index else []
        beside = [*before, *(following[0] for following in runs[index + 1 : index + 2])]
        most = _BESIDE_A_ZERO_G_PER_KWH if len(run) == 1 else _BESIDE_ZEROS_G_PER_KWH
        if run[0].value != 0 or all(span.value <= most for span in beside):
            kept.extend(run)
    return kept
