"""When to run: the start with the least expected emissions that still meets the deadline.

    >>> from carbonwait.core.durations import known_duration
    >>> from carbonwait.core.series import Series
    >>> task = Task(submitted=0, deadline=7200, durations=known_duration(600))
    >>> plan(task, Series([Slot(0, 3600, 300.0), Slot(3600, 9000, 100.0)]), now=0).start
    3600

Pure: the clock, the forecast and what past runs say are arguments. The optimum is exact
(`carbonwait.core.landscape`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from carbonwait.core.durations import Durations
from carbonwait.core.landscape import Candidate, Choice, Landscape
from carbonwait.core.lanes import Segment
from carbonwait.core.objective import CARBON, words
from carbonwait.core.records import Instant, Strategy
from carbonwait.core.series import Series
from carbonwait.core.windows import Window, next_opening, parse_window

ASSUMED_WINDOW = parse_window("01:00-05:00")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be planned.

    `windows` are the user's static windows in `zone`; without any, 01:00-05:00 is assumed.
    `idle_ratio` is the power drawn while waiting over the power drawn while running.
    `carbon_weight` is that of carbon against price in the objective that `plan` is given.
    """

    submitted: Instant
    deadline: Instant
    durations: Durations
    strategy: Strategy = "dynamic"
    windows: Sequence[Window] = ()
    zone: tzinfo = UTC
    min_saving_pct: float = 1.0
    idle_ratio: float = 0.0
    carbon_weight: float = CARBON

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


@dataclass(frozen=True, slots=True)
class Plan:
    """When to start and what is expected of it.

    `static_start` is when the static window opens next, in time or not; `dynamic_start` is what the
    dynamic strategy would do. `saving_pct` is None where the intensity now or then is not known.
    `scores` are those of the candidates, least is best. `segments` are when the job runs if it has
    more than one, with pauses in between.
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
    scores: Sequence[float] = ()
    segments: Sequence[Segment] = ()


def plan(
    task: Task,
    series: Series,
    now: Instant,
    *,
    planned: Instant | None = None,
    objective: Series | None = None,
) -> Plan:
    """The plan as of `now`, with what `series` says of the future.

    `planned` is the start planned so far, once the wait has begun. The start is that with the least
    of `objective`, a series of scores, where one is given; the intensities and the saving that are
    told are those of `series` all the same.
    """
    latest_start = task.latest_start
    static_start = static_opening(task, now)
    at_risk = now > latest_start
    last = max(latest_start, now)
    asked = () if planned is None else (planned,)

    def landscape_of(minimised: Series) -> Landscape:
        return Landscape(
            minimised, task.durations, now, last, idle_ratio=task.idle_ratio, asked=asked
        )

    clean = landscape_of(series)
    landscape = clean if objective is None else landscape_of(objective)
    choice = landscape.choose(last, min_saving_pct=task.min_saving_pct, planned=planned)
    cleanest = clean.best(last)
    mean_now = expected_mean(series, task.durations, now)

    dynamic_start = now if at_risk else choice.start
    if at_risk:
        start = now
        reason = "the deadline leaves no room to wait"
    elif task.strategy == "now":
        start, reason = now, "asked to start now"
    elif task.strategy == "static":
        start, reason = _static(static_start, now, latest_start)
    else:
        start, reason = choice.start, _reason(choice, task)

    candidates, scores = clean.candidates, clean.scores
    if objective is not None:
        # Prices may change at other times than intensities, and be known where those are not.
        means = (expected_mean(series, task.durations, at) for at in landscape.starts)
        weighed = zip(landscape.starts, means, landscape.scores, strict=True)
        known = [(Candidate(at, mean), score) for at, mean, score in weighed if mean is not None]
        candidates, scores = [pair[0] for pair in known], [pair[1] for pair in known]

    intensities = Intensities(
        now=mean_now,
        chosen=expected_mean(series, task.durations, start),
        static=expected_mean(series, task.durations, static_start),
        best=cleanest.g_per_kwh if cleanest else None,
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
        saving_pct=saving_pct(task, series, now, mean_now, start, intensities.chosen),
        reason=reason,
        candidates=candidates,
        scores=scores,
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


def _reason(choice: Choice, task: Task) -> str:
    """One sentence for the user."""
    said = words(task.carbon_weight)
    match choice.why:
        case "nothing covered":
            return "the forecast covers no possible run"
        case "now":
            return f"no later start is {said.better}"
        case "gap now":
            return f"the forecast has a gap now; the {said.best} start that it covers"
        case "too little":
            least = f"{task.min_saving_pct:g} %"
            saving = f"{choice.saving_pct:z.1f} %{said.of}"
            return f"waiting is expected to save {saving}, less than {least}"
        case "kept":
            return "no other start is enough of an improvement on the planned one"
    if choice.saving_pct is None:
        return f"the {said.best} start before the deadline"
    expected = f"expected to save {choice.saving_pct:.0f} %{said.of}"
    return f"the {said.best} start before the deadline, {expected}"


def saving_pct(
    task: Task,
    series: Series,
    now: Instant,
    mean_now: float | None,
    start: Instant,
    mean_then: float | None,
) -> float | None:
    """What starting at `start` saves of the emissions of a start at `now`, waiting counted.

    Of what is not above zero at `now`, as a price may be, it is a percentage of the size.
    """
    if mean_now is None or mean_then is None:
        return None
    waiting = task.idle_ratio * series.integral(now, start) / _mean_s(task.durations)
    saving = mean_now - mean_then - waiting
    if mean_now == 0:
        return 100.0 if saving > 0 else 0.0
    return 100 * saving / abs(mean_now)


def _mean_s(durations: Durations) -> float:
    return sum(durations.support_s) / len(durations.support_s)
