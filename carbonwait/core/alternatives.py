"""The starts that a plan is held against: now, the static window, and the runner-up.

>>> from carbonwait.core.durations import known_duration
>>> from carbonwait.core.planner import plan
>>> from carbonwait.core.series import Slot
>>> task = Task(submitted=0, deadline=36000, durations=known_duration(600))
>>> hours = enumerate([300.0, 200.0, 300.0, 100.0, 300.0])
>>> series = Series(Slot(hour * 3600, (hour + 1) * 3600, g) for hour, g in hours)
>>> made = plan(task, series, now=0)
>>> made.start, runner_up(task, made)
(10800, Candidate(start=3600, g_per_kwh=200.0))
"""

from typing import NamedTuple

from carbonwait.core.landscape import Candidate
from carbonwait.core.planner import ASSUMED_WINDOW, Plan, Task, expected_mean, saving_pct
from carbonwait.core.records import Instant
from carbonwait.core.series import Series
from carbonwait.core.windows import next_opening

# Closer than this, a start is a variant of the planned one.
_APART_S = 3600.0


class Expectation(NamedTuple):
    """What is expected of a start, against a start now; None: not known."""

    start: Instant
    g_per_kwh: float | None
    saving_pct: float | None


def expectation(task: Task, series: Series, now: Instant, start: Instant) -> Expectation:
    """The mean intensity of the run from `start`, and what that saves."""
    mean_now = expected_mean(series, task.durations, now)
    mean_then = expected_mean(series, task.durations, start)
    saved = saving_pct(task, series, now, mean_now, start, mean_then)
    return Expectation(start, mean_then, saved)


def runner_up(task: Task, plan: Plan) -> Candidate | None:
    """The best start that is clearly another one than the planned; None if there is none.

    Best is what the plan was made for: emissions, cost or both. It is at least an hour away, and a
    quarter of the expected run.
    """
    apart_s = max(_APART_S, task.durations.expected_s / 4)
    weighed = zip(plan.scores, plan.candidates, strict=True)
    others = [pair for pair in weighed if abs(pair[1].start - plan.start) >= apart_s]
    best = min(others, key=lambda pair: (pair[0], pair[1].start), default=None)
    return None if best is None else best[1]


def static_window(task: Task, now: Instant) -> tuple[Instant, Instant] | None:
    """The static window that is open, from `now` on, or opens next; assumed if there is none."""
    return next_opening(task.windows or (ASSUMED_WINDOW,), now, task.zone)
