"""The comparison: one job submitted over and over through a history, by several strategies.

A walk forward: at each moment the dynamic strategy sees what `Knowledge` lets it see, and decides
with the `Landscape` that `run` decides with. The others need no forecast: at once, the user's
static window, the start hour that was best over the past sixty days, and, looking at the future as
nobody can, the oracle.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple

from carbonwait.core.durations import Durations
from carbonwait.core.forecaster import HOUR_S
from carbonwait.core.knowledge import Knowledge, known_at
from carbonwait.core.landscape import Landscape
from carbonwait.core.lanes import Segment
from carbonwait.core.records import Instant
from carbonwait.core.series import Series

StrategyName = Literal["now", "static", "static_best", "dynamic", "interruptible", "oracle"]

_LEARNT_FROM_DAYS = 60
_DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Job:
    """What is submitted each time: it runs for exactly `duration_s`, `deadline_s` at the most."""

    duration_s: float
    deadline_s: float
    min_saving_pct: float = 1.0

    @property
    def slack_s(self) -> float:
        """How long it may wait; negative where the deadline cannot be met."""
        return self.deadline_s - self.duration_s

    def latest(self, submitted: Instant) -> Instant:
        """The latest start."""
        return submitted + max(self.slack_s, 0.0)

    @property
    def durations(self) -> Durations:
        """The duration as the planner takes it."""
        return Durations((self.duration_s,), self.duration_s, self.duration_s, "option")


class Outcome(NamedTuple):
    """One job by one strategy: `g_per_kwh` is the mean intensity of its run.

    `resumes_g_per_kwh` is what its resumes add to that.
    """

    submitted: Instant
    start: Instant
    end: Instant
    g_per_kwh: float
    segments: tuple[Segment, ...] = ()
    resumes_g_per_kwh: float = 0.0


Outcomes = Mapping[StrategyName, Sequence[Outcome]]


def replay_starts(
    actuals: Series, job: Job, submits: Sequence[Instant], starts: Iterable[Instant]
) -> list[Outcome]:
    """What became of jobs that started then."""
    found = []
    for submitted, start in zip(submits, starts, strict=True):
        end = start + job.duration_s
        require_covered(actuals, start, end)
        found.append(Outcome(submitted, start, end, actuals.mean(start, end) or 0.0))
    return found


def require_covered(actuals: Series, start: Instant, end: Instant) -> None:
    """Raises ValueError if the history has a gap there; a replay is of jobs that meet none."""
    if not actuals.covers(start, end):
        raise ValueError(f"the history has a gap between {start} and {end}")


def dynamic_starts(knowledge: Knowledge, job: Job, submits: Sequence[Instant]) -> list[Instant]:
    """The starts that the dynamic strategy chooses, planning again with each hour's news."""
    starts: dict[Instant, Instant] = {}
    planned: dict[Instant, Instant] = {}
    upcoming = deque(submits)
    now = news = upcoming[0] if upcoming else inf
    while upcoming or planned:
        # Between two pieces of news only those plan that have just been submitted: what is decided
        # for one must not depend on when others come.
        due: dict[Instant, Instant | None] = {**planned} if now >= news else {}
        while upcoming and upcoming[0] <= now:
            due[upcoming.popleft()] = None
        planned |= _decided(knowledge, job, now, due)
        news = knowledge.next_news(now)
        following = min(news, upcoming[0] if upcoming else inf)
        for submitted, start in list(planned.items()):
            if start < following:
                starts[submitted] = max(start, now)
                del planned[submitted]
        now = following if planned or not upcoming else upcoming[0]
    return [starts[submitted] for submitted in submits]


def _decided(
    knowledge: Knowledge, job: Job, now: Instant, due: Mapping[Instant, Instant | None]
) -> dict[Instant, Instant]:
    """Plan these as of now; given and returned are starts by when the job was submitted."""
    latest = {submitted: max(job.latest(submitted), now) for submitted in due}
    last = max(latest.values())
    landscape = Landscape(
        knowledge.outlook(now, last + job.duration_s),
        job.durations,
        now,
        last,
        asked={*latest.values(), *(start for start in due.values() if start is not None)},
    )
    return {
        submitted: landscape.choose(
            latest[submitted], min_saving_pct=job.min_saving_pct, planned=before
        ).start
        for submitted, before in due.items()
    }


def static_starts(
    openings: Sequence[tuple[Instant, Instant]], job: Job, submits: Sequence[Instant]
) -> list[Instant]:
    """The next time that a window is open, or at once where that would be too late."""
    ends = [closes for _, closes in openings]
    found = []
    for submitted in submits:
        index = bisect_right(ends, submitted)
        opens = max(openings[index][0], submitted) if index < len(openings) else inf
        found.append(opens if opens <= job.latest(submitted) else submitted)
    return found


def learnt_static_starts(
    actuals: Series, job: Job, submits: Sequence[Instant], hour_of_day: Callable[[Instant], int]
) -> list[Instant]:
    """Starts at the hour of the day that was best over the past sixty days, learnt anew each day.

    `hour_of_day` is what the clock on the wall says.
    """
    if not submits:
        return []
    past = _PastRuns(actuals, job.duration_s, submits[0], hour_of_day)
    learnt_on, best = None, None
    found = []
    for submitted in submits:
        if learnt_on != (day := int(submitted // _DAY_S)):
            learnt_on, best = day, past.best_hour(submitted)
        found.append(_next_at(best, submitted, job.latest(submitted), hour_of_day))
    return found


class _PastRuns:
    """The mean intensities of runs that began at each full hour, by the hour of the day."""

    def __init__(
        self,
        actuals: Series,
        duration_s: float,
        first: Instant,
        hour_of_day: Callable[[Instant], int],
    ) -> None:
        self._actuals, self._duration_s, self._hour_of_day = actuals, duration_s, hour_of_day
        begin = max(first - _LEARNT_FROM_DAYS * _DAY_S, actuals.edges[0])
        self._next = -(-begin // HOUR_S) * HOUR_S
        self._known_at = known_at(actuals, self._next + duration_s)
        self._runs: deque[tuple[Instant, int, float]] = deque()
        self._sums, self._counts = [0.0] * 24, [0] * 24

    def best_hour(self, now: Instant) -> int | None:
        """The hour with the least mean of the runs that are known by `now`, None without any."""
        while self._known_at <= now:
            mean = self._actuals.mean(self._next, self._next + self._duration_s)
            if mean is not None:
                self._add(self._next, self._hour_of_day(self._next), mean, 1)
                self._runs.append((self._next, self._hour_of_day(self._next), mean))
            self._next += HOUR_S
            self._known_at = known_at(self._actuals, self._next + self._duration_s)
        while self._runs and self._runs[0][0] < now - _LEARNT_FROM_DAYS * _DAY_S:
            self._add(*self._runs.popleft(), -1)
        seen = [hour for hour in range(24) if self._counts[hour]]
        return min(
            seen, key=lambda hour: _rounded(self._sums[hour] / self._counts[hour]), default=None
        )

    def _add(self, _start: Instant, hour: int, mean: float, sign: int) -> None:
        self._sums[hour] += sign * mean
        self._counts[hour] += sign


def _next_at(
    hour: int | None, now: Instant, latest: Instant, hour_of_day: Callable[[Instant], int]
) -> Instant:
    """The next time from `now` on that the clock shows this hour, `now` if that is too late."""
    if hour is None or hour_of_day(now) == hour:
        return now
    start = (now // HOUR_S + 1) * HOUR_S
    while start <= latest:
        if hour_of_day(start) == hour:
            return start
        start += HOUR_S
    return now


def oracle_starts(actuals: Series, job: Job, submits: Sequence[Instant]) -> list[Instant]:
    """The best starts that there were, exactly; the earliest of several."""
    if not submits:
        return []
    latest = [job.latest(submitted) for submitted in submits]
    landscape = Landscape(actuals, job.durations, submits[0], latest[-1], asked={*submits, *latest})
    starts, means = landscape.starts, [_rounded(mean) for mean in landscape.means]
    found = []
    best: deque[int] = deque()
    upcoming = 0
    for submitted, last in zip(submits, latest, strict=True):
        while upcoming < len(starts) and starts[upcoming] <= last:
            while best and means[best[-1]] > means[upcoming]:
                best.pop()
            best.append(upcoming)
            upcoming += 1
        while best and starts[best[0]] < submitted:
            best.popleft()
        if not best:
            raise ValueError(f"the history has a gap after {submitted}")
        found.append(starts[best[0]])
    return found


def _rounded(mean: float) -> float:
    """Without the noise of sums, so that ties are ties."""
    return round(mean, 6)


def clear_submits(actuals: Series, job: Job, submits: Sequence[Instant]) -> list[Instant]:
    """Those from which no gap is in the way of any strategy."""
    longest_s = max(job.deadline_s, job.duration_s)
    return [at for at in submits if actuals.covers(at, at + longest_s)]


def full_hours(first: Instant, last: Instant) -> list[Instant]:
    """Every full hour of UTC in `[first, last)`."""
    begin, end = -(-first // HOUR_S), -(-last // HOUR_S)
    return [hour * HOUR_S for hour in range(int(begin), int(end))]


def within(instants: Sequence[Instant], first: Instant, last: Instant) -> Sequence[Instant]:
    """Those in `[first, last)` of instants that are ascending."""
    return instants[bisect_left(instants, first) : bisect_left(instants, last)]
