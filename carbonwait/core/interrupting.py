"""From the plan of a job that runs in one piece to that of one that may be paused.

A pause is planned with the expected run time. The latest finish leaves room for what a run may
take beyond that, so that a job that was paused meets its deadline as safely as one that was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from carbonwait.core.lanes import Segment
from carbonwait.core.objective import CARBON, words
from carbonwait.core.pausing import PausingPlanner, Phase
from carbonwait.core.planner import Plan, Task, expected_mean
from carbonwait.core.records import Instant
from carbonwait.core.series import ROUNDING_S, Series


@dataclass(frozen=True, slots=True)
class Course:
    """What a job that has begun does from now on.

    It runs now or not, until it is time to look again (`until`); `resumes` is when it runs next,
    and `saving_pct` what that is expected to save of running straight on, None if not known.
    """

    runs: bool
    until: Instant
    resumes: Instant
    saving_pct: float | None = None


def latest_finish(task: Task) -> Instant:
    """When a job that runs as long as expected must have ended: the guard is kept free."""
    return min(task.deadline, task.latest_start + task.durations.expected_s)


def interruptible(
    made: Plan,
    task: Task,
    series: Series,
    now: Instant,
    *,
    resume_cost_s: float,
    objective: Series | None = None,
) -> Plan:
    """The plan with its segments; another start where pausing is expected to save more.

    A start that was asked for (`--now`, `--static`) stands, and only what follows has pauses. As
    with `plan`, what is minimised is `objective` where one is given, and what is told is of
    `series`.
    """
    minimised = series if objective is None else objective
    dynamic = task.strategy == "dynamic" and not made.deadline_at_risk
    begin = now if dynamic else made.start
    finish_by = latest_finish(task)
    planner = PausingPlanner(minimised, begin, finish_by, resume_cost_s=resume_cost_s)
    work_s = task.durations.expected_s
    paused = planner.plan(work_s, finish_by, "new" if dynamic else "running")
    if paused is None or paused.pauses == 0:
        return made
    score = paused.cost / work_s
    otherwise = expected_mean(minimised, task.durations, made.start)
    if otherwise is not None and score >= otherwise:
        return made
    compared = expected_mean(minimised, task.durations, now) if dynamic else otherwise
    gain_pct = _saving_pct(compared, score)
    if gain_pct is not None and gain_pct < task.min_saving_pct:
        return made
    reason = "a pause" if paused.pauses == 1 else f"{paused.pauses} pauses"
    if gain_pct is not None:
        said = words(CARBON if objective is None else task.carbon_weight)
        reason += f", expected to save {gain_pct:.0f} %{said.of}"
    mean = score if objective is None else _mean(series, paused.segments, resume_cost_s)
    return replace(
        made,
        start=paused.segments[0].start if dynamic else made.start,
        end=paused.segments[-1].end,
        segments=paused.segments,
        intensities=replace(made.intensities, chosen=mean),
        saving_pct=_saving_pct(made.intensities.now, mean) if dynamic else made.saving_pct,
        reason=reason if dynamic else f"{made.reason}; {reason}",
    )


def _mean(series: Series, segments: Sequence[Segment], resume_cost_s: float) -> float | None:
    """The mean intensity over the segments, resumes counted; None where it is not known."""
    if not all(series.covers(*segment) for segment in segments):
        return None
    running = sum(series.integral(*segment) for segment in segments)
    # An instant that has been computed may lie a hair before the edge that it stands for.
    resumes = sum(series.at(segment.start + ROUNDING_S) or 0.0 for segment in segments[1:])
    work_s = sum(segment.end - segment.start for segment in segments)
    return (running + resume_cost_s * resumes) / work_s


def course(
    task: Task,
    series: Series,
    now: Instant,
    *,
    ran_s: float,
    phase: Phase,
    resume_cost_s: float,
) -> Course:
    """What to do now with a job that has run for `ran_s`; `series` is what is minimised.

    It is paused only where that is expected to save at least what the user asks of a wait. Once
    the expected run time is used up, or if no plan meets the latest finish, it runs on.
    """
    work_s = task.durations.expected_s - ran_s
    finish_by = latest_finish(task)
    planner = PausingPlanner(series, now, finish_by, resume_cost_s=resume_cost_s)
    made = planner.plan(work_s, finish_by, phase)
    on = Course(runs=True, until=finish_by, resumes=now)
    if made is None:
        return on
    first = made.segments[0]
    if first.start <= now:
        return replace(on, until=first.end)
    straight = series.integral(now, now + work_s) if series.covers(now, now + work_s) else None
    saving_pct = _saving_pct(straight, made.cost)
    enough = saving_pct is None or saving_pct >= task.min_saving_pct
    if phase == "running" and not enough:
        # Another moment may promise more.
        return replace(on, until=first.start)
    return Course(runs=False, until=first.start, resumes=first.start, saving_pct=saving_pct)


def _saving_pct(otherwise: float | None, cost: float | None) -> float | None:
    """Of what is not above zero, as a price may be, it is a percentage of the size."""
    if not otherwise or cost is None:
        return None
    return 100 * (otherwise - cost) / abs(otherwise)
