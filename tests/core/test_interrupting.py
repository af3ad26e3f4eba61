"""From a plan in one piece to one with pauses, and what a job does that is under way."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.durations import known_duration, prior
from carbonwait.core.interrupting import Course, course, interruptible, latest_finish
from carbonwait.core.pausing import Phase
from carbonwait.core.planner import Plan, Task, plan
from carbonwait.core.records import Strategy
from carbonwait.core.series import Series, Slot

HOUR_S = 3600.0


def hourly(*values: float | None) -> Series:
    return Series(
        Slot(MIDNIGHT + HOUR_S * hour, MIDNIGHT + HOUR_S * (hour + 1), value)
        for hour, value in enumerate(values)
        if value is not None
    )


def task(
    work_h: float, finish_h: float, *, strategy: Strategy = "dynamic", min_saving_pct: float = 1.0
) -> Task:
    """A job that has to have ended by so many hours after midnight, its guard left out."""
    known = known_duration(work_h * HOUR_S)
    deadline = MIDNIGHT + finish_h * HOUR_S + 0.2 * work_h * HOUR_S
    return Task(MIDNIGHT, deadline, known, strategy=strategy, min_saving_pct=min_saving_pct)


def planned(asked: Task, series: Series, *, resume_cost_s: float = 0.0) -> Plan:
    made = plan(asked, series, MIDNIGHT)
    return interruptible(made, asked, series, MIDNIGHT, resume_cost_s=resume_cost_s)


def planned_on_price(asked: Task, series: Series, prices: Series) -> Plan:
    made = plan(asked, series, MIDNIGHT, objective=prices)
    return interruptible(made, asked, series, MIDNIGHT, resume_cost_s=600, objective=prices)


def hours(made: Plan) -> list[tuple[float, float]]:
    return [((s - MIDNIGHT) / HOUR_S, (e - MIDNIGHT) / HOUR_S) for s, e in made.segments]


def going_on(
    asked: Task, series: Series, now_h: float, ran_h: float, phase: Phase = "running"
) -> Course:
    now = MIDNIGHT + now_h * HOUR_S
    return course(asked, series, now, ran_s=ran_h * HOUR_S, phase=phase, resume_cost_s=0.0)


# --- the plan -----------------------------------------------------------------------------------


def test_a_plan_with_pauses_starts_and_ends_with_its_segments() -> None:
    made = planned(task(2, 4), hourly(900, 100, 900, 100, 900))
    assert hours(made) == [(1, 2), (3, 4)]
    assert (made.start, made.end) == (MIDNIGHT + HOUR_S, MIDNIGHT + 4 * HOUR_S)
    assert made.intensities.chosen == 100
    assert made.saving_pct == 80


def test_where_no_pause_pays_the_plan_is_left_as_it_was() -> None:
    asked, series = task(2, 4), hourly(900, 100, 100, 900, 900)
    assert planned(asked, series) == plan(asked, series, MIDNIGHT)


def test_pauses_that_save_less_than_is_asked_for_are_not_planned() -> None:
    series = hourly(100, 120, 100, 120, 120)
    assert hours(planned(task(2, 4, min_saving_pct=5), series)) == [(0, 1), (2, 3)]
    assert hours(planned(task(2, 4, min_saving_pct=15), series)) == []


@pytest.mark.parametrize("strategy", ["now", "static"])
def test_a_start_that_was_asked_for_stands(strategy: Strategy) -> None:
    series = hourly(900, 900, 200, 900, 100, 100)
    asked = task(2, 6, strategy=strategy)
    without = plan(asked, series, MIDNIGHT)
    made = planned(asked, series)
    assert len(made.segments) >= 1
    assert (made.start, made.saving_pct) == (without.start, without.saving_pct)
    assert made.end == made.segments[-1].end


def test_a_job_whose_deadline_is_at_risk_is_not_paused() -> None:
    assert planned(task(2, 1.5), hourly(100, 900, 100, 100)).segments == ()


def test_the_latest_finish_keeps_the_guard_free() -> None:
    asked = task(2, 4)
    assert latest_finish(asked) == pytest.approx(MIDNIGHT + 4 * HOUR_S)
    assert asked.deadline - latest_finish(asked) == pytest.approx(0.2 * 2 * HOUR_S)


def test_the_latest_finish_is_never_after_the_deadline() -> None:
    unknown = Task(MIDNIGHT, MIDNIGHT + 1200, prior())
    assert latest_finish(unknown) == MIDNIGHT + 1200


# --- under way ----------------------------------------------------------------------------------


def test_a_job_is_paused_until_it_is_clean_again() -> None:
    found = going_on(task(2, 4), hourly(100, 900, 900, 100), 1, ran_h=1)
    assert not found.runs
    assert found.until == found.resumes == MIDNIGHT + 3 * HOUR_S
    assert found.saving_pct == pytest.approx(100 * 8 / 9)


def test_past_work_counts() -> None:
    series = hourly(100, 900, 900, 100, 100, 900)
    assert going_on(task(3, 6), series, 1, ran_h=1).resumes == MIDNIGHT + 3 * HOUR_S
    assert going_on(task(3, 6), series, 1, ran_h=2).resumes == MIDNIGHT + 3 * HOUR_S
    assert going_on(task(3, 4), series, 1, ran_h=0).runs
    assert going_on(task(3, 5), series, 3, ran_h=2, phase="paused").runs


def test_once_the_expected_work_is_used_up_a_job_runs_on() -> None:
    assert going_on(task(2, 6), hourly(100, 100, 900, 100, 100, 100), 2, ran_h=2).runs
    assert going_on(task(2, 6), hourly(100, 100, 900, 100, 100, 100), 2, ran_h=2.5).runs


def test_a_job_that_would_be_late_runs_on() -> None:
    assert going_on(task(2, 2), hourly(900, 900, 100, 100), 0.5, ran_h=0.5).runs


def test_without_a_forecast_a_job_runs_on() -> None:
    assert going_on(task(2, 6), Series(), 0, ran_h=0).runs
    assert going_on(task(2, 6), Series(), 0, ran_h=0, phase="paused").runs


def test_a_pause_has_to_save_what_a_wait_has_to() -> None:
    series = hourly(102, 100, 100)
    assert going_on(task(1, 3, min_saving_pct=1), series, 0, ran_h=0).runs is False
    assert going_on(task(1, 3, min_saving_pct=5), series, 0, ran_h=0).runs


def test_a_pause_is_not_cut_short_because_less_of_it_is_left() -> None:
    series = hourly(102, 100, 100)
    asked = task(1, 3, min_saving_pct=5)
    assert going_on(asked, series, 0, ran_h=0, phase="paused").runs is False


@given(
    st.lists(st.integers(0, 9).map(float), min_size=6, max_size=12),
    st.integers(1, 6),
    st.integers(0, 11),
    st.integers(0, 6),
    st.sampled_from(["running", "paused"]),
)
def test_whatever_is_decided_there_is_time_left_for_the_work(
    values: list[float], work_h: int, now_h: int, ran_h: int, phase: Phase
) -> None:
    asked = task(work_h, len(values))
    found = going_on(asked, hourly(*values), now_h, min(ran_h, work_h), phase)
    if not found.runs:
        left_s = (work_h - min(ran_h, work_h)) * HOUR_S
        assert found.resumes + left_s <= latest_finish(asked) + 1e-4


# --- another objective --------------------------------------------------------------------------


def test_pauses_keep_to_the_objective_and_tell_of_the_emissions() -> None:
    asked = replace(task(2, 4), carbon_weight=0.0)
    prices = hourly(0.9, 0.1, 0.9, 0.1, 0.9)
    made = planned_on_price(asked, hourly(100, 600, 100, 480, 100), prices)
    assert hours(made) == [(1, 2), (3, 4)]
    assert made.intensities.chosen == (600 + 480 * 7 / 6) / 2
    assert made.saving_pct == pytest.approx(100 * (350 - 580) / 350)
    assert made.reason == "a pause, expected to save 78 % of the cost"


def test_no_clean_hour_draws_a_job_with_pauses_away_from_the_cheapest_start() -> None:
    asked = replace(task(2, 4), carbon_weight=0.0)
    prices = hourly(0.5, 0.5, 0.1, 0.1, 0.5)
    made = planned_on_price(asked, hourly(100, 600, 600, 100, 600), prices)
    assert (made.start, made.segments) == (MIDNIGHT + 2 * HOUR_S, ())
