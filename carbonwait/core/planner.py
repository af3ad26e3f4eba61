"""When to run: the start with the least expected emissions that still meets the deadline.

    >>> from carbonwait.core.durations import known_duration
    >>> from carbonwait.core.series import Series, Slot
    >>> task = Task(submitted=0, deadline=7200, durations=known_duration(600))
    >>> plan(task, Series([Slot(0, 3600, 300.0), Slot(3600, 9000, 100.0)]), now=0).start
    3600

Pure: the clock, the forecast and what past runs say are arguments. The optimum is exact, because
the expected emissions are piecewise linear in the start and every breakpoint is looked at
(`carbonwait.core.sweep`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from math import inf
from typing import NamedTuple

from carbonwait.core import sweep
from carbonwait.core.durations import Durations
from carbonwait.core.lanes import Segment
from carbonwait.core.records import Instant, Strategy
from carbonwait.core.series import Series, Slot
from carbonwait.core.windows import Window, next_opening, parse_window

ASSUMED_WINDOW = parse_window("01:00-05:00")

# A forecast that is unsure of itself has to promise a little more: the weight was chosen on two
# years of grid data, where more of it cost savings and less of it cost nothing.
_SIGMA_WEIGHT = 0.1

# Epoch seconds as floats are good to a quarter of a microsecond: an end this close is on the edge.
_ROUNDING_S = 1e-5

# No forecast is good to a millionth of a gram: closer than this is a tie.
_TIE_G_PER_KWH = 1e-6


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be planned.

    `windows` are the user's static windows in `zone`; without any, 01:00-05:00 is assumed.
    `idle_ratio` is the power drawn while waiting over the power drawn while running.
    """

    submitted: Instant
    deadline: Instant
    durations: Durations
    strategy: Strategy = "dynamic"
    windows: Sequence[Window] = ()
    zone: tzinfo = UTC
    min_saving_pct: float = 1.0
    idle_ratio: float = 0.0

    @property
    def latest_start(self) -> Instant:
        """The deadline less the guard; before `submitted` if the deadline cannot be met."""
        return self.deadline - self.durations.guard_s(self.deadline - self.submitted)


@dataclass(frozen=True, slots=True)
class Intensities:
    """Mean intensity over the expected run from each start; None where a gap is in the way."""

    now: float | None = None
    chosen: float | None = None
    static: float | None = None
    best: float | None = None


class Candidate(NamedTuple):
    """A possible start and the mean intensity of the expected run from there."""

    start: Instant
    g_per_kwh: float


@dataclass(frozen=True, slots=True)
class Plan:
    """When to start and what is expected of it.

    `static_start` is when the static window opens next, in time or not; `dynamic_start` is what the
    dynamic strategy would do. `saving_pct` is None where the intensity now or then is not known.
    `segments` are when the job runs if it has more than one, with pauses in between.
    """

    start: Instant
    end: Instant
    latest_start: Instant
    deadline_at_risk: bool
    static_start: Instant
    static_assumed: bool
    dynamic_start: Instant
    intensities: Intensities
    saving_pct: float | None
    reason: str
    candidates: Sequence[Candidate] = ()
    segments: Sequence[Segment] = ()


def plan(task: Task, series: Series, now: Instant) -> Plan:
    """The plan as of `now`, with what `series` says of the future."""
    latest_start = task.latest_start
    static_start = static_opening(task, now)
    at_risk = now > latest_start
    candidates, best = _search(task, series, now, max(latest_start, now))
    mean_now = expected_mean(series, task.durations, now)
    dynamic_start, dynamic_reason = _dynamic(task, series, now, mean_now, best)

    if at_risk:
        start = now
        reason = "the deadline leaves no room to wait"
        dynamic_start = now
    elif task.strategy == "now":
        start, reason = now, "asked to start now"
    elif task.strategy == "static":
        start, reason = _static(static_start, now, latest_start)
    else:
        start, reason = dynamic_start, dynamic_reason

    intensities = Intensities(
        now=mean_now,
        chosen=expected_mean(series, task.durations, start),
        static=expected_mean(series, task.durations, static_start),
        best=best.g_per_kwh if best else None,
    )
    return Plan(
        start=start,
        end=start + task.durations.expected_s,
        latest_start=latest_start,
        deadline_at_risk=at_risk,
        static_start=static_start,
        static_assumed=not task.windows,
        dynamic_start=dynamic_start,
        intensities=intensities,
        saving_pct=_saving_pct(task, series, now, mean_now, start, intensities.chosen),
        reason=reason,
        candidates=candidates,
    )


def static_opening(task: Task, now: Instant) -> Instant:
    """When the next static window opens, `now` if one is open; assumed if the task has none."""
    opening = next_opening(task.windows or (ASSUMED_WINDOW,), now, task.zone)
    return now if opening is None else opening[0]


def expected_mean(series: Series, durations: Durations, start: Instant) -> float | None:
    """Mean intensity of the run from `start`, each second weighted by the chance that it runs.

    None if the expected run overlaps a gap. What the longest runs would need beyond the end of
    the series is left out.
    """
    if not series.covers(start, start + durations.expected_s):
        return None
    ends = [start + duration_s for duration_s in durations.support_s]
    covered_s = sum(series.covered_s(start, end) for end in ends)
    return sum(series.integral(start, end) for end in ends) / covered_s


def _static(opens: Instant, now: Instant, latest_start: Instant) -> tuple[Instant, str]:
    if opens > latest_start:
        return now, "the static window opens after the latest start"
    return opens, "the static window is open" if opens <= now else "the static window opens then"


def _dynamic(
    task: Task, series: Series, now: Instant, mean_now: float | None, best: Candidate | None
) -> tuple[Instant, str]:
    if best is None:
        return now, "the forecast covers no possible run"
    if best.start <= now:
        return now, "no later start is cleaner"
    saving_pct = _saving_pct(task, series, now, mean_now, best.start, best.g_per_kwh)
    if saving_pct is None:
        return best.start, "the forecast has a gap now; the cleanest start that it covers"
    if saving_pct < task.min_saving_pct or saving_pct <= 0:
        least = f"{task.min_saving_pct:g} %"
        return now, f"waiting is expected to save {saving_pct:.1f} %, less than {least}"
    return (
        best.start,
        f"the cleanest start before the deadline, expected to save {saving_pct:.0f} %",
    )


def _saving_pct(
    task: Task,
    series: Series,
    now: Instant,
    mean_now: float | None,
    start: Instant,
    mean_then: float | None,
) -> float | None:
    """What starting at `start` saves of the emissions of a start at `now`, waiting counted."""
    if mean_now is None or mean_then is None:
        return None
    if mean_now == 0:
        return 0.0
    waiting = task.idle_ratio * series.integral(now, start) / _mean_s(task.durations)
    return 100 * (mean_now - mean_then - waiting) / mean_now


def _mean_s(durations: Durations) -> float:
    return sum(durations.support_s) / len(durations.support_s)


def _search(
    task: Task, series: Series, first: Instant, last: Instant
) -> tuple[list[Candidate], Candidate | None]:
    """Every breakpoint from which the expected run overlaps no gap, and the best of them."""
    durations = task.durations
    share = 1 / len(durations.support_s)
    weights = [(0.0, -1.0), *((span_s, share) for span_s in durations.support_s)]
    until = last + max(*durations.support_s, durations.expected_s)
    series = series.between(first, until)
    gaps = series.gaps(first, until)
    # The expected run must end before a gap does begin: a bound of its own, which no edge gives.
    bounds = {begin - durations.expected_s for begin, _ in gaps}
    starts = sweep.breakpoints(series.edges, weights, first, last)
    starts = sorted({*starts, *(bound for bound in bounds if first <= bound <= last)})
    starts = _clear_of(gaps, starts, durations.expected_s)
    if not starts:
        return [], None
    covered_s = _covered_s(series, weights, starts, uneven=bool(gaps))
    means = _means(series, weights, starts, covered_s)
    scores = means
    if task.idle_ratio or any(slot.sigma_g_per_kwh for slot in series):
        cautious = _cautious(series)
        scores = _means(cautious, weights, starts, covered_s)
        if task.idle_ratio:
            idle = task.idle_ratio / _mean_s(durations)
            scores = [
                score + idle * cautious.integral(first, start)
                for score, start in zip(scores, starts, strict=True)
            ]
    lowest = min(scores)
    index = next(i for i, score in enumerate(scores) if score <= lowest + _TIE_G_PER_KWH)
    candidates = [Candidate(*pair) for pair in zip(starts, means, strict=True)]
    return candidates, candidates[index]


def _clear_of(
    gaps: list[tuple[Instant, Instant]], starts: list[Instant], length_s: float
) -> list[Instant]:
    """The starts, ascending, from which a run of this length overlaps no gap."""
    clear = []
    upcoming = iter(gaps)
    begin, end = next(upcoming, (inf, inf))
    for start in starts:
        while end <= start:
            begin, end = next(upcoming, (inf, inf))
        if start + length_s <= begin + _ROUNDING_S:
            clear.append(start)
    return clear


def _cautious(series: Series) -> Series:
    raised = (
        slot._replace(g_per_kwh=slot.g_per_kwh + _SIGMA_WEIGHT * slot.sigma_g_per_kwh)
        for slot in series
    )
    return Series(raised)


def _covered_s(
    series: Series, weights: sweep.Weights, starts: Sequence[Instant], *, uneven: bool
) -> list[float]:
    """Expected covered time of the run from each start."""
    if not uneven:
        return [sum(offset * weight for offset, weight in weights)] * len(starts)
    coverage = Series(Slot(slot.start, slot.end, 1.0) for slot in series)
    return sweep.values(coverage, weights, starts)


def _means(
    series: Series, weights: sweep.Weights, starts: Sequence[Instant], covered_s: Sequence[float]
) -> list[float]:
    """Expected mean intensity from each start: expected integral over expected covered time."""
    integrals = sweep.values(series, weights, starts)
    return [integral / span_s for integral, span_s in zip(integrals, covered_s, strict=True)]
