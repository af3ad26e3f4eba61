"""Evaluate a weighted sum of running integrals at every breakpoint, in one pass.

The expected emissions of a start time, and the emissions of a measured profile replayed from
another start, are both of the form

    f(s) = sum over k of  weight[k] * A(s + offset[k])

with A(t) the integral of the series from the first start to `t`. Such a function is piecewise
linear in `s` because the series is piecewise constant. Its slope can change only where some
`s + offset[k]` meets an edge of the series, so the extremes lie on those breakpoints. The pass
sorts them once and then adds up slopes: O(n log n) for all of them together.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import inf
from operator import itemgetter

from carbonwait.core.records import Instant
from carbonwait.core.series import Series

Weights = Sequence[tuple[float, float]]
"""Pairs of offset (seconds) and weight."""


def breakpoints(
    edges: Sequence[Instant], weights: Weights, first: Instant, last: Instant
) -> list[Instant]:
    """Every start in `[first, last]` at which `f` may change its slope, and the two bounds."""
    found = {first, last}
    for offset, _ in weights:
        begin = bisect_left(edges, first + offset)
        end = bisect_right(edges, last + offset)
        found.update([edge - offset for edge in edges[begin:end]])
    # Rounding may put one of them just outside.
    return sorted(start for start in found if first <= start <= last)


def values(series: Series, weights: Weights, starts: Sequence[Instant]) -> list[float]:
    """`f` at each of the starts, which are ascending; what a gap covers counts as nothing.

    Units: those of the series times seconds.
    """
    if not starts:
        return []
    first, last = starts[0], starts[-1]
    slope = sum(w * (series.at(first + offset) or 0.0) for offset, w in weights)
    value = sum(w * series.integral(first, first + offset) for offset, w in weights)
    at = first
    found = []
    changes = iter([*_slope_changes(series, weights, first, last), (inf, 0.0)])
    change_at, change = next(changes)
    for start in starts:
        while change_at <= start:
            value += slope * (change_at - at)
            at = change_at
            slope += change
            change_at, change = next(changes)
        value += slope * (start - at)
        at = start
        found.append(value)
    return found


def _slope_changes(
    series: Series, weights: Weights, first: Instant, last: Instant
) -> list[tuple[Instant, float]]:
    jumps = [(edge, jump) for edge, jump in _jumps(series) if jump]
    changes = []
    for offset, weight in weights:
        begin = bisect_right(jumps, first + offset, key=itemgetter(0))
        end = bisect_right(jumps, last + offset, key=itemgetter(0))
        changes += [(edge - offset, weight * jump) for edge, jump in jumps[begin:end]]
    changes.sort()
    return changes


def _jumps(series: Series) -> list[tuple[Instant, float]]:
    """Edges of the series with how far the value rises there; a gap counts as zero."""
    jumps: list[tuple[Instant, float]] = []
    end, level = None, 0.0
    for slot in series:
        if end is not None and slot.start > end:
            jumps.append((end, -level))
            level = 0.0
        jumps.append((slot.start, slot.g_per_kwh - level))
        end, level = slot.end, slot.g_per_kwh
    if end is not None:
        jumps.append((end, -level))
    return jumps
