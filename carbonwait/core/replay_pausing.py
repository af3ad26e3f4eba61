"""The replay of jobs that may be paused: see `carbonwait.core.replay`.

At each news every job is planned again by the `PausingPlanner` that `run` plans with, one for all
jobs of the moment; between news it follows its plan.
"""

from collections import deque
from collections.abc import Sequence
from math import inf

from carbonwait.core.knowledge import Knowledge
from carbonwait.core.lanes import Segment
from carbonwait.core.pausing import Action, PausingPlanner, Phase
from carbonwait.core.records import Instant
from carbonwait.core.replay import Job, Outcome, require_covered
from carbonwait.core.series import ROUNDING_S, Series

# What is left of the work is a rounding error.
_OVER_S = 1e-6


class _Running:
    """A job that may be paused, on its way through the replay."""

    def __init__(self, submitted: Instant, job: Job) -> None:
        self.submitted = submitted
        self.finish_by = submitted + job.deadline_s
        self.work_s = job.duration_s
        self.phase: Phase = "new"
        self.segments: list[Segment] = []

    def run(self, start: Instant, end: Instant) -> None:
        """Run within `[start, end)`, which joins on to what has just been run."""
        end = min(end, start + self.work_s)
        self.work_s -= end - start
        if self.segments and self.segments[-1].end >= start - ROUNDING_S:
            start = self.segments.pop().start
        self.segments.append(Segment(start, end))
        self.phase = "running"

    def rest(self, until: Instant) -> None:
        """Stand still up to `until`, if it does not run up to there."""
        if self.phase == "running" and self.segments[-1].end < until - ROUNDING_S:
            self.phase = "paused"

    @property
    def over(self) -> bool:
        return self.work_s <= _OVER_S


def interruptible_runs(
    knowledge: Knowledge, actuals: Series, job: Job, submits: Sequence[Instant], resume_s: float
) -> list[Outcome]:
    """What becomes of jobs that may be paused, planned again with each hour's news.

    `resume_s` is the energy of a resume, as running time.
    """
    done: dict[Instant, Outcome] = {}
    active: list[_Running] = []
    upcoming = deque(submits)
    now = news = upcoming[0] if upcoming else inf
    while upcoming or active:
        # Those that were there before have plans up to the next news.
        due, going = (active, []) if now >= news else ([], active)
        while upcoming and upcoming[0] <= now:
            due.append(_Running(upcoming.popleft(), job))
        last = max(now, due[-1].finish_by)
        series = knowledge.outlook(now, last)
        news = knowledge.next_news(now)
        planner = PausingPlanner(
            series, now, last, resume_cost_s=resume_s, most_work_s=job.duration_s
        )
        for one in due:
            _advance(one, planner, series, job, now, news)
            if one.over:
                done[one.submitted] = _paused_outcome(one, actuals, job, resume_s)
        active = [*going, *(one for one in due if not one.over)]
        following = min(news, upcoming[0] if upcoming else inf)
        now = following if active or not upcoming else upcoming[0]
    return [done[submitted] for submitted in submits]


def _advance(
    one: _Running,
    planner: PausingPlanner,
    series: Series,
    job: Job,
    now: Instant,
    news: Instant,
) -> None:
    """Carry out what the plan says up to the next news."""
    action = planner.action(one.work_s, one.finish_by, one.phase)
    if (
        action is None
        or (action.runs and action.until >= news)
        or (one.phase == "running" and not _worth_it(action.cost, one, series, job, now))
        or (now <= one.submitted and not _worth_waiting(action, planner, one, series, job))
    ):
        one.run(now, news)
        return
    if action.until < news and (made := planner.plan(one.work_s, one.finish_by, one.phase)):
        for start, end in made.segments:
            if start < news:
                one.run(start, min(end, news))
    one.rest(news)


def _worth_waiting(
    action: Action, planner: PausingPlanner, one: _Running, series: Series, job: Job
) -> bool:
    """Before the wait: what has to be saved is counted without the doubts that choosing has."""
    if action.runs:
        return True
    made = planner.plan(one.work_s, one.finish_by)
    return made is None or _worth_it(made.cost, one, series, job, one.submitted)


def _worth_it(cost: float, one: _Running, series: Series, job: Job, now: Instant) -> bool:
    """True if a plan of this cost saves enough, compared to running right through."""
    end = now + one.work_s
    if end > one.finish_by + 1e-6 or not series.covers(now, end):
        return True
    straight = series.integral(now, end)
    return cost < straight - abs(straight) * max(job.min_saving_pct, 0.0) / 100


def _paused_outcome(one: _Running, actuals: Series, job: Job, resume_s: float) -> Outcome:
    for segment in one.segments:
        require_covered(actuals, *segment)
    total = sum(actuals.integral(*segment) for segment in one.segments)
    # An instant that has been computed may lie a hair before the edge that it stands for.
    resumes = sum(actuals.at(segment.start + ROUNDING_S) or 0.0 for segment in one.segments[1:])
    return Outcome(
        one.submitted,
        one.segments[0].start,
        one.segments[-1].end,
        total / job.duration_s,
        tuple(one.segments),
        resume_s * resumes / job.duration_s,
    )
