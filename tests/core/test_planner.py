"""The plan, against every start tried one by one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies import (
    MIDNIGHT,
    changing_nights,
    durations,
    plain_expected_mean,
    plain_integral,
    series,
    span_of,
    windows,
)

from carbonwait.core.durations import durations_from, known_duration, prior
from carbonwait.core.planner import Plan, Task, expected_mean, plan
from carbonwait.core.records import Strategy
from carbonwait.core.series import Series, Slot
from carbonwait.core.windows import Window, next_opening, parse_window

HOUR_S = 3600.0
# What rounding of instants, a quarter of a microsecond each, may make of a mean over a minute.
_NEARLY_G_PER_KWH = 1e-4

strategies_of_a_task: st.SearchStrategy[Strategy] = st.sampled_from(["dynamic", "static", "now"])


@st.composite
def situations(
    draw: st.DrawFn, *, gaps: bool = True, sigmas: bool = False
) -> tuple[Task, Series, float]:
    """A task for the dynamic strategy, a forecast and a moment to plan at; there mostly is room."""
    a_series = draw(
        series(gaps=gaps, sigmas=sigmas, steps_s=(60, 300, 1800, 3600), min_slots=4, max_slots=24)
    )
    first, last = span_of(a_series)
    submitted = first + draw(shares(-0.1, 0.5)) * (last - first)
    expected = draw(durations((last - first) / 3))
    room_s = draw(shares(-0.1, 1)) * (last - first)
    guard_s = max(room_s / 3, HOUR_S) if expected.basis == "prior" else expected.longest_s
    task = Task(submitted, submitted + room_s + guard_s, expected, min_saving_pct=0.0)
    now = submitted + max(0.0, draw(shares(-0.5, 1.1)) * room_s)
    return task, a_series, now


def shares(least: float, most: float) -> st.SearchStrategy[float]:
    """Numbers that are not drawn towards nought as floats are."""
    step = (most - least) / 1000
    return st.integers(0, 1000).map(lambda count: least + step * count)


def grid(now: float, task: Task, points: int = 60) -> list[float]:
    """Starts from `now` to the latest one, evenly."""
    step_s = (task.latest_start - now) / points
    return [now + step_s * point for point in range(points + 1)] if step_s > 0 else [now]


def steps(*values: float, step_s: float = HOUR_S, sigmas: Sequence[float] = ()) -> Series:
    """A forecast of one value an hour from midnight on."""
    return Series(
        Slot(
            MIDNIGHT + step_s * index,
            MIDNIGHT + step_s * (index + 1),
            value,
            sigma_g_per_kwh=sigmas[index] if sigmas else 0.0,
        )
        for index, value in enumerate(values)
    )


def job(
    duration_s: float = HOUR_S, *, within_s: float = 6 * HOUR_S, min_saving_pct: float = 1.0
) -> Task:
    """A job submitted at midnight with `within_s` to its latest start."""
    known = known_duration(duration_s)
    deadline = MIDNIGHT + within_s + 1.2 * duration_s
    return Task(MIDNIGHT, deadline, known, min_saving_pct=min_saving_pct)


def hours(a_plan: Plan) -> float:
    return (a_plan.start - MIDNIGHT) / HOUR_S


# --- the deadline -------------------------------------------------------------------------------


@given(situations(sigmas=True), strategies_of_a_task, st.floats(0, 2), st.floats(0, 50))
def test_a_plan_is_never_later_than_the_latest_start(
    situation: tuple[Task, Series, float], strategy: Strategy, idle: float, min_saving_pct: float
) -> None:
    task, a_series, now = situation
    asked = replace(task, strategy=strategy, idle_ratio=idle, min_saving_pct=min_saving_pct)
    assert now <= plan(asked, a_series, now).start <= max(now, task.latest_start)


@given(situations(), strategies_of_a_task)
def test_the_other_strategies_would_not_start_before_now_either(
    situation: tuple[Task, Series, float], strategy: Strategy
) -> None:
    task, a_series, now = situation
    made = plan(replace(task, strategy=strategy), a_series, now)
    assert min(made.static_start, made.dynamic_start) >= now


@given(situations())
def test_the_deadline_is_at_risk_once_the_latest_start_has_passed(
    situation: tuple[Task, Series, float],
) -> None:
    task, a_series, now = situation
    assert plan(task, a_series, now).deadline_at_risk == (now > task.latest_start)


@given(situations(), strategies_of_a_task, st.floats(0, 1e6))
def test_a_deadline_that_cannot_be_met_means_start_now(
    situation: tuple[Task, Series, float], strategy: Strategy, late_s: float
) -> None:
    task, a_series, now = situation
    late = replace(task, deadline=now - late_s, strategy=strategy)
    assume(now > late.latest_start)
    made = plan(late, a_series, now)
    assert (made.start, made.reason) == (now, "the deadline leaves no room to wait")


def test_at_the_very_latest_start_nothing_is_at_risk_yet() -> None:
    task = job(within_s=0)
    assert not plan(task, steps(100, 50), task.latest_start).deadline_at_risk


def test_the_latest_start_leaves_a_fifth_more_than_the_given_duration() -> None:
    task = Task(MIDNIGHT, MIDNIGHT + 10 * HOUR_S, known_duration(HOUR_S))
    assert task.latest_start == MIDNIGHT + 8.8 * HOUR_S


def test_the_latest_start_after_five_runs_leaves_their_90th_percentile() -> None:
    past = durations_from([600.0] * 10 + [1200.0])
    assert Task(MIDNIGHT, MIDNIGHT + HOUR_S, past).latest_start == MIDNIGHT + HOUR_S - 600


def test_the_latest_start_with_nothing_known_leaves_a_quarter_of_the_time() -> None:
    task = Task(MIDNIGHT, MIDNIGHT + 12 * HOUR_S, prior())
    assert task.latest_start == MIDNIGHT + 9 * HOUR_S


def test_the_latest_start_does_not_move_as_time_passes() -> None:
    task = replace(job(), durations=prior())
    made = [plan(task, steps(3, 2, 1), MIDNIGHT + s).latest_start for s in (0, 1000, 5000)]
    assert len(set(made)) == 1


# --- the best start -----------------------------------------------------------------------------


@given(situations())
@example((job(1234.567), steps(300, 300, 300, 300, 100), MIDNIGHT + 0.7))
def test_no_start_on_a_fine_grid_is_better(situation: tuple[Task, Series, float]) -> None:
    task, a_series, now = situation
    made = plan(task, a_series, now)
    tried = [plain_expected_mean(a_series, task.durations, start) for start in grid(now, task)]
    known = [mean for mean in tried if mean is not None]
    assume(known and not made.deadline_at_risk)
    assert made.intensities.chosen is not None
    assert made.intensities.chosen <= min(known) + _NEARLY_G_PER_KWH


@given(situations(sigmas=True), st.floats(0, 1))
def test_no_start_is_better_when_doubt_and_waiting_count_too(
    situation: tuple[Task, Series, float], idle: float
) -> None:
    task, a_series, now = situation
    made = plan(replace(task, idle_ratio=idle), a_series, now)
    assume(made.start > now)
    raised = Series(
        slot._replace(g_per_kwh=slot.g_per_kwh + 0.1 * slot.sigma_g_per_kwh) for slot in a_series
    )
    mean_s = sum(task.durations.support_s) / len(task.durations.support_s)

    def score(start: float) -> float | None:
        mean = plain_expected_mean(raised, task.durations, start)
        # What is expected of the wait is in the score, but not how sure that is.
        return None if mean is None else mean + idle * plain_integral(a_series, now, start) / mean_s

    chosen = score(made.start)
    # Among gaps the score bends between two breakpoints, by far less than a forecast's error.
    slack = _NEARLY_G_PER_KWH if not a_series.gaps(*span_of(a_series)) else 1.0
    assert chosen is not None
    assert all(chosen <= other + slack for start in grid(now, task) if (other := score(start)))


@given(situations())
def test_the_chosen_mean_is_at_most_the_mean_now(situation: tuple[Task, Series, float]) -> None:
    made = plan(*situation)
    if made.intensities.now is not None:
        assert made.intensities.chosen is not None
        assert made.intensities.chosen <= made.intensities.now


@given(situations(gaps=False), st.integers(1, 5000))
def test_a_constant_on_top_of_all_intensities_changes_no_choice(
    situation: tuple[Task, Series, float], constant: int
) -> None:
    task, a_series, now = situation
    whole = Series(slot._replace(g_per_kwh=float(round(slot.g_per_kwh))) for slot in a_series)
    raised = Series(slot._replace(g_per_kwh=slot.g_per_kwh + constant) for slot in whole)
    assert plan(task, raised, now).start == plan(task, whole, now).start


@given(situations(gaps=False), st.sampled_from([0.25, 0.5, 2, 8]))
def test_another_unit_of_intensity_changes_no_choice(
    situation: tuple[Task, Series, float], factor: float
) -> None:
    task, a_series, now = situation
    whole = Series(slot._replace(g_per_kwh=float(round(slot.g_per_kwh))) for slot in a_series)
    scaled = Series(slot._replace(g_per_kwh=slot.g_per_kwh * factor) for slot in whole)
    assert plan(task, scaled, now).start == plan(task, whole, now).start


@given(situations(), st.data())
def test_splitting_a_slot_changes_no_choice(
    situation: tuple[Task, Series, float], data: st.DataObject
) -> None:
    task, a_series, now = situation
    whole = data.draw(st.sampled_from(a_series.slots))
    cut = whole.start + round((whole.end - whole.start) * data.draw(st.floats(0.1, 0.9)))
    parts = [whole._replace(end=cut), whole._replace(start=cut)]
    finer = Series([*(slot for slot in a_series if slot != whole), *parts])
    one, other = plan(task, finer, now), plan(task, a_series, now)
    assert one.start == pytest.approx(other.start, abs=1e-3)


@given(situations())
def test_every_candidate_has_the_mean_of_its_expected_run(
    situation: tuple[Task, Series, float],
) -> None:
    task, a_series, now = situation
    candidates = plan(task, a_series, now).candidates
    expected = [plain_expected_mean(a_series, task.durations, c.start) for c in candidates]
    # At the very edge of a gap a quarter of a microsecond decides.
    pairs = [(c.g_per_kwh, e) for c, e in zip(candidates, expected, strict=True) if e is not None]
    assert len(pairs) == len(candidates)
    assert [g for g, _ in pairs] == pytest.approx([e for _, e in pairs], abs=_NEARLY_G_PER_KWH)


@given(situations())
def test_candidates_are_ascending_and_between_now_and_the_latest_start(
    situation: tuple[Task, Series, float],
) -> None:
    task, a_series, now = situation
    starts = [c.start for c in plan(task, a_series, now).candidates]
    assert all(a < b for a, b in pairwise([now - 1, *starts, max(now, task.latest_start) + 1]))


@given(situations())
def test_the_best_is_the_least_of_the_candidates(situation: tuple[Task, Series, float]) -> None:
    made = plan(*situation)
    least = min((c.g_per_kwh for c in made.candidates), default=None)
    assert made.intensities.best == (None if least is None else pytest.approx(least, abs=2e-6))


@given(situations())
def test_what_is_planned_for_other_strategies_does_not_depend_on_the_one_asked_for(
    situation: tuple[Task, Series, float],
) -> None:
    task, a_series, now = situation
    asked: list[Strategy] = ["dynamic", "static", "now"]
    made = [plan(replace(task, strategy=strategy), a_series, now) for strategy in asked]
    assert len({(p.dynamic_start, p.static_start) for p in made}) == 1


def test_a_job_is_put_where_all_of_it_is_cleanest() -> None:
    assert hours(plan(job(2 * HOUR_S), steps(9, 8, 1, 9, 2, 3, 9, 9), MIDNIGHT)) == 4


def test_a_job_may_end_with_the_clean_slot() -> None:
    assert hours(plan(job(1.5 * HOUR_S), steps(9, 9, 2, 1, 9, 9, 9, 9), MIDNIGHT)) == 2.5


def test_of_equally_clean_starts_the_earliest_is_taken() -> None:
    assert hours(plan(job(), steps(9, 9, 1, 9, 1, 9, 9, 9), MIDNIGHT)) == 2


def test_a_flat_forecast_gives_no_reason_to_wait() -> None:
    made = plan(job(), steps(*[100.0] * 8), MIDNIGHT)
    assert (made.start, made.reason) == (MIDNIGHT, "no later start is cleaner")


@given(st.floats(0.1, 30), st.floats(0, 0.9), st.integers(2, 20))
def test_a_short_job_does_not_wait_for_a_rounding_error(
    duration_s: float, offset_s: float, clean: int
) -> None:
    flat = steps(*[100.1] * 3, 500.7, *[100.1] * clean, step_s=60.0)
    task = job(duration_s, within_s=600, min_saving_pct=0)
    assert plan(task, flat, MIDNIGHT + offset_s).start == MIDNIGHT + offset_s


def test_a_forecast_in_seconds_is_planned_to_the_second() -> None:
    made = plan(job(2, within_s=9), steps(*[9.0] * 5, 1, 1, *[9.0] * 8, step_s=1.0), MIDNIGHT)
    assert made.start == MIDNIGHT + 5


def test_the_start_counts_as_late_as_its_deadline_allows() -> None:
    made = plan(job(within_s=2.5 * HOUR_S), steps(9, 8, 7, 6, 5), MIDNIGHT)
    assert hours(made) == 2.5


def test_the_expected_end_is_one_expected_duration_after_the_start() -> None:
    task = replace(job(), durations=durations_from([600.0, 1200.0]))
    made = plan(task, steps(9, 1, 9, 9, 9, 9, 9), MIDNIGHT)
    assert made.end == made.start + 900


# --- is it worth it? ----------------------------------------------------------------------------


@given(situations(sigmas=True), st.floats(0, 60), st.floats(0, 0.5))
def test_the_job_waits_only_for_the_saving_asked_for(
    situation: tuple[Task, Series, float], min_saving_pct: float, idle: float
) -> None:
    task, a_series, now = situation
    asked = replace(task, min_saving_pct=min_saving_pct, idle_ratio=idle)
    made = plan(asked, a_series, now)
    assert made.start == now or made.saving_pct is None or made.saving_pct >= min_saving_pct


@given(situations(), st.floats(0, 0.99), st.floats(1.01, 9))
def test_the_job_waits_for_up_to_what_it_saves(
    situation: tuple[Task, Series, float], less: float, more: float
) -> None:
    task, a_series, now = situation
    saving_pct = plan(task, a_series, now).saving_pct
    assume(saving_pct is not None and saving_pct > 1e-3)
    assert saving_pct is not None
    waits = [
        plan(replace(task, min_saving_pct=saving_pct * share), a_series, now).start > now
        for share in (less, more)
    ]
    assert waits == [True, False]


@given(situations())
def test_the_saving_is_what_the_means_say(situation: tuple[Task, Series, float]) -> None:
    made = plan(*situation)
    mean_now, chosen = made.intensities.now, made.intensities.chosen
    assume(mean_now and chosen is not None)
    assert mean_now is not None
    assert chosen is not None
    assert made.saving_pct == pytest.approx(100 * (mean_now - chosen) / mean_now)


def test_too_small_a_saving_is_not_waited_for() -> None:
    made = plan(job(min_saving_pct=5), steps(100, 96, 100, 100, 100, 100, 100), MIDNIGHT)
    assert (hours(made), made.reason) == (0, "waiting is expected to save 4.0 %, less than 5 %")


def test_exactly_the_saving_asked_for_is_enough() -> None:
    assert hours(plan(job(min_saving_pct=5), steps(100, 95, 100, 100, 100, 100), MIDNIGHT)) == 1


def test_doubt_about_a_slot_counts_a_tenth_against_it() -> None:
    doubtful = steps(100, 50, 100, 52, *[100.0] * 6, sigmas=[0, 30, 0, 0, *[0] * 6])
    assert hours(plan(job(), doubtful, MIDNIGHT)) == 3


def test_a_little_doubt_does_not_outweigh_a_cleaner_slot() -> None:
    doubtful = steps(100, 50, 100, 52, *[100.0] * 6, sigmas=[0, 15, 0, 0, *[0] * 6])
    assert hours(plan(job(), doubtful, MIDNIGHT)) == 1


def test_doubt_is_not_counted_in_what_is_shown() -> None:
    doubtful = steps(100, 50, *[100.0] * 6, sigmas=[0, 30, *[0] * 6])
    assert plan(job(), doubtful, MIDNIGHT).intensities.chosen == pytest.approx(50)


def test_doubt_about_now_alone_is_no_reason_to_wait_for_a_dirtier_slot() -> None:
    doubtful = steps(100, 101, *[150.0] * 6, sigmas=[50, 0, *[0] * 6])
    assert plan(job(), doubtful, MIDNIGHT).start == MIDNIGHT


def test_doubt_about_now_alone_is_no_reason_to_wait_for_nothing() -> None:
    doubtful = steps(100, 100, *[150.0] * 6, sigmas=[50, 0, *[0] * 6])
    assert plan(job(min_saving_pct=0), doubtful, MIDNIGHT).start == MIDNIGHT


def test_waiting_on_a_machine_kept_on_counts_against_the_saving() -> None:
    kept_on = replace(job(), idle_ratio=0.2)
    made = plan(kept_on, steps(100, 100, 50, *[100.0] * 5), MIDNIGHT)
    assert made.saving_pct == pytest.approx(100 - 50 - 2 * 20)


def test_a_nearer_start_wins_where_waiting_costs() -> None:
    kept_on = replace(job(), idle_ratio=0.2)
    assert hours(plan(kept_on, steps(100, 60, 100, 55, *[100.0] * 5), MIDNIGHT)) == 1


def test_where_power_is_clean_now_nothing_can_be_saved() -> None:
    made = plan(job(min_saving_pct=0), steps(0, 0, 10, 0, 0, 0, 0, 0), MIDNIGHT)
    assert (made.start, made.saving_pct) == (MIDNIGHT, 0)


# --- gaps ---------------------------------------------------------------------------------------

GAP_NOW = Series(steps(300, 200, 100, 200, 300, 300, 300, 300).slots[1:])


def test_in_a_gap_the_intensity_now_is_unknown() -> None:
    assert plan(job(), GAP_NOW, MIDNIGHT).intensities.now is None


def test_in_a_gap_the_saving_is_unknown() -> None:
    assert plan(job(), GAP_NOW, MIDNIGHT).saving_pct is None


def test_in_a_gap_the_best_start_that_is_covered_is_taken() -> None:
    made = plan(job(min_saving_pct=99), GAP_NOW, MIDNIGHT)
    assert (hours(made), made.reason) == (
        2,
        "the forecast has a gap now; the cleanest start that it covers",
    )


def test_a_run_is_not_planned_into_a_gap() -> None:
    holed = Series(slot for slot in steps(300, 100, 0, 290, 200, 300, 300) if slot.g_per_kwh)
    assert hours(plan(job(2 * HOUR_S, within_s=4 * HOUR_S), holed, MIDNIGHT)) == 0


def test_a_run_may_end_exactly_where_a_gap_begins() -> None:
    holed = Series(slot for slot in steps(300, 100, 0, 290, 200, 300, 300) if slot.g_per_kwh)
    assert hours(plan(job(1.5 * HOUR_S), holed, MIDNIGHT)) == 0.5


@given(st.floats(100, 3600))
def test_a_run_of_any_length_may_end_exactly_where_the_forecast_ends(duration_s: float) -> None:
    falling = steps(300, 200, 100)
    made = plan(job(duration_s, within_s=5 * HOUR_S), falling, MIDNIGHT + 0.3)
    last_fit = MIDNIGHT + 3 * HOUR_S - duration_s
    assert max(c.start for c in made.candidates) == pytest.approx(last_fit, abs=1e-5)


def test_a_job_longer_than_the_forecast_starts_now() -> None:
    made = plan(job(10 * HOUR_S), steps(300, 200, 100), MIDNIGHT)
    assert (made.start, made.reason) == (MIDNIGHT, "the forecast covers no possible run")


def test_without_any_forecast_the_job_starts_now() -> None:
    made = plan(job(), Series(), MIDNIGHT)
    assert (made.start, made.intensities.chosen, made.saving_pct) == (MIDNIGHT, None, None)


def test_a_forecast_that_has_ended_is_no_reason_to_wait() -> None:
    assert plan(job(), steps(100), MIDNIGHT + HOUR_S).start == MIDNIGHT + HOUR_S


def test_what_the_longest_runs_need_beyond_the_forecast_is_left_out_of_the_mean() -> None:
    past = durations_from([HOUR_S, 3 * HOUR_S])
    a_series = steps(100, 100, 400, 400)
    weighted = (100 * (HOUR_S + 1.5 * HOUR_S) + 400 * 2 * 0) / (2.5 * HOUR_S)
    cut = Series([*a_series.slots[:2]])
    assert expected_mean(cut, past, MIDNIGHT) == pytest.approx(weighted)


def test_each_second_weighs_as_much_as_it_is_likely_to_be_run_in() -> None:
    past = durations_from([HOUR_S, 3 * HOUR_S])
    # The first hour is run in by both, the second and third by one of the two.
    mean = (2 * 100 + 200 + 300) / 4
    assert expected_mean(steps(100, 200, 300), past, MIDNIGHT) == pytest.approx(mean)


# --- the other strategies -----------------------------------------------------------------------


def test_asked_to_start_now_it_does_and_the_missed_start_is_kept() -> None:
    made = plan(replace(job(), strategy="now"), steps(9, 1, *[9.0] * 6), MIDNIGHT)
    assert (made.start, made.dynamic_start) == (MIDNIGHT, MIDNIGHT + HOUR_S)


def test_a_static_window_is_waited_for_whatever_it_saves() -> None:
    window = parse_window("03:00-04:00")
    dirty_then = steps(1, 1, 1, 9, 9, 9, 9, 9)
    made = plan(replace(job(), strategy="static", windows=[window]), dirty_then, MIDNIGHT)
    assert (hours(made), made.reason) == (3, "the static window opens then")


def test_a_static_window_needs_no_forecast() -> None:
    task = replace(job(), strategy="static", windows=[parse_window("03:00-04:00")])
    assert hours(plan(task, Series(), MIDNIGHT)) == 3


def test_a_static_window_that_is_open_is_used_at_once() -> None:
    task = replace(job(), strategy="static", windows=[parse_window("23:00-04:00")])
    made = plan(task, steps(1, 1), MIDNIGHT)
    assert (made.start, made.reason) == (MIDNIGHT, "the static window is open")


def test_a_static_window_after_the_latest_start_is_passed_over() -> None:
    task = replace(job(within_s=HOUR_S), strategy="static", windows=[parse_window("03:00-04:00")])
    made = plan(task, steps(1, 1), MIDNIGHT)
    assert (made.start, made.reason) == (
        MIDNIGHT,
        "the static window opens after the latest start",
    )


def test_a_static_window_that_opens_at_the_latest_start_is_in_time() -> None:
    task = replace(job(within_s=3 * HOUR_S), strategy="static")
    assert (
        hours(plan(replace(task, windows=[parse_window("03:00-04:00")]), steps(1), MIDNIGHT)) == 3
    )


def test_without_a_window_one_to_five_is_assumed_and_said_so() -> None:
    made = plan(replace(job(), strategy="static"), steps(1), MIDNIGHT)
    assert (hours(made), made.static_assumed) == (1, True)


def test_a_window_of_the_users_is_not_called_assumed() -> None:
    assert not plan(replace(job(), windows=[parse_window("3:00-4:00")]), steps(1), 0).static_assumed


def test_a_window_is_on_the_wall_clock_of_the_task() -> None:
    task = replace(job(within_s=24 * HOUR_S), strategy="static", zone=ZoneInfo("America/New_York"))
    start = datetime.fromtimestamp(plan(task, Series(), MIDNIGHT).start, task.zone)
    assert (start.hour, start.minute) == (1, 0)


@given(changing_nights(), windows)
def test_on_a_changing_night_the_static_start_is_the_wall_clocks(
    night: tuple[str, float], window: Window
) -> None:
    zone, now = ZoneInfo(night[0]), night[1]
    task = Task(now, now + 12 * HOUR_S, known_duration(60), "static", [window], zone)
    opening = next_opening([window], now, zone)
    assert opening is not None
    expected = opening[0] if opening[0] <= task.latest_start else now
    assert plan(task, Series(), now).start == expected


def test_the_intensity_of_the_static_window_is_told_beside_the_others() -> None:
    made = plan(job(), steps(300, 200, 100, 200, 300, 300, 300), MIDNIGHT)
    shown = made.intensities
    assert (shown.now, shown.chosen, shown.static, shown.best) == (300, 100, 200, 100)
