"""The runner-up and the other starts that a plan is held against."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.alternatives import expectation, runner_up, static_window
from carbonwait.core.durations import known_duration
from carbonwait.core.landscape import Candidate
from carbonwait.core.planner import Plan, Task, plan
from carbonwait.core.series import Series, Slot
from carbonwait.core.windows import parse_window

HOUR = 3600.0


def task(hours: float = 24, run_s: float = 600, windows: Sequence[str] = ()) -> Task:
    return Task(
        submitted=0,
        deadline=hours * HOUR,
        durations=known_duration(run_s),
        windows=[parse_window(text) for text in windows],
    )


def hourly(*values: float) -> Series:
    return Series(Slot(n * HOUR, (n + 1) * HOUR, value) for n, value in enumerate(values))


def second_of(*values: float, run_s: float = 600) -> Candidate | None:
    asked = task(len(values), run_s)
    return runner_up(asked, plan(asked, hourly(*values), 0))


def test_the_runner_up_is_the_best_start_an_hour_away() -> None:
    assert second_of(300, 200, 300, 210, 100, 250, 400, 180, 400) == (7 * HOUR, 180)


def test_of_two_equal_ones_the_earlier_is_the_runner_up() -> None:
    assert second_of(200, 300, 100, 300, 200, 400) == (0, 200)


def test_a_start_less_than_an_hour_away_is_none() -> None:
    halves = Series(Slot(n * 1800, (n + 1) * 1800, g) for n, g in enumerate([300, 50, 60]))
    asked = task(1.5)
    assert runner_up(asked, plan(asked, halves, 0)) is None


def test_a_long_run_has_its_runner_up_a_quarter_of_it_away() -> None:
    second = second_of(*[300] * 4, *[100] * 8, 90, 300, *[100] * 8, *[400] * 8, run_s=8 * HOUR)
    assert second is not None
    assert abs(second.start - 5 * HOUR) >= 2 * HOUR


def test_the_runner_up_is_the_best_by_what_the_plan_was_made_for() -> None:
    asked = replace(task(4), carbon_weight=0.0)
    prices = hourly(0.4, 0.1, 0.2, 0.3)
    made = plan(asked, hourly(300, 200, 400, 100), 0, objective=prices)
    assert made.start == HOUR
    assert runner_up(asked, made) == (2 * HOUR, 400)


def test_the_candidates_are_the_starts_that_were_weighed() -> None:
    asked = replace(task(4), carbon_weight=0.0)
    prices = Series([Slot(0, 5400, 0.4), Slot(5400, 5 * HOUR, 0.1)])
    made = plan(asked, hourly(300, 200, 200, 100), 0, objective=prices)
    assert (made.start, made.intensities.chosen) == (5400, 200)
    assert made.start in [candidate.start for candidate in made.candidates]


def test_without_candidates_there_is_no_runner_up() -> None:
    asked = task()
    assert runner_up(asked, plan(asked, Series(), 0)) is None


@given(st.lists(st.integers(1, 500), min_size=1, max_size=40), st.sampled_from([60, 5400, 40000]))
def test_the_runner_up_is_a_candidate_apart_from_the_plan_and_no_better(
    values: list[int], run_s: float
) -> None:
    asked = task(len(values), run_s)
    made: Plan = plan(asked, hourly(*values), 0)
    second = runner_up(asked, made)
    if second is not None:
        assert second in made.candidates
        assert abs(second.start - made.start) >= max(HOUR, run_s / 4)
        if made.reason.startswith("the cleanest"):
            assert made.intensities.chosen is not None
            assert second.g_per_kwh >= made.intensities.chosen - 1e-6


def test_a_start_is_expected_to_save_what_its_mean_is_below_that_of_now() -> None:
    assert expectation(task(), hourly(200, 150), 0, HOUR).saving_pct == pytest.approx(25)


def test_nothing_is_expected_of_a_start_in_a_gap() -> None:
    assert expectation(task(), hourly(200, 150), 0, 5 * HOUR) == (5 * HOUR, None, None)


def test_an_open_static_window_is_the_rest_of_it() -> None:
    assert static_window(task(windows=["01:00-05:00"]), 2 * HOUR) == (2 * HOUR, 5 * HOUR)


def test_without_a_window_of_the_users_one_at_night_is_assumed() -> None:
    assert static_window(task(), 6 * HOUR) == (25 * HOUR, 29 * HOUR)
