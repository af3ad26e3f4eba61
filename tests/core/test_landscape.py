"""Which start to choose, against every start on a fine grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.durations import Durations
from carbonwait.core.landscape import HYSTERESIS_PCT, Landscape
from carbonwait.core.series import Series, Slot

HOUR_S = 3600.0
UNIT_S = 60.0
TIE = 1e-6


def exactly(duration_s: float) -> Durations:
    return Durations((duration_s,), duration_s, duration_s, "option")


def series_of(*values: float | None, step_s: float = HOUR_S, sigma: float = 0.0) -> Series:
    return Series(
        Slot(MIDNIGHT + i * step_s, MIDNIGHT + (i + 1) * step_s, value, "forecast", sigma)
        for i, value in enumerate(values)
        if value is not None
    )


def hours_ahead(*values: float | None, last_h: float = 9.0, idle_ratio: float = 0.0) -> Landscape:
    """Of a job of one hour; all full hours and quarters after them are asked for."""
    last = MIDNIGHT + last_h * HOUR_S
    asked = [MIDNIGHT + quarter * HOUR_S / 4 for quarter in range(40)]
    return Landscape(
        series_of(*values), exactly(HOUR_S), MIDNIGHT, last, idle_ratio=idle_ratio, asked=asked
    )


def hour(start: float) -> float:
    return (start - MIDNIGHT) / HOUR_S


# --- against every start ------------------------------------------------------------------------


@given(st.data())
def test_the_best_start_is_the_earliest_of_the_best_on_a_fine_grid(data: st.DataObject) -> None:
    per_slot = data.draw(st.integers(1, 7))
    value = st.integers(-9, 9) | st.none()
    values = data.draw(st.lists(value, min_size=2, max_size=80 // per_slot))
    units = [value for value in values for _ in range(per_slot)]
    length = data.draw(st.integers(1, len(units)))
    last = data.draw(st.integers(0, len(units)))
    latest = data.draw(st.integers(0, last))
    landscape = Landscape(
        series_of(*values, step_s=per_slot * UNIT_S),
        exactly(length * UNIT_S),
        MIDNIGHT,
        MIDNIGHT + last * UNIT_S,
        asked=[MIDNIGHT + latest * UNIT_S],
    )
    sums: dict[int, float] = {}
    for start in range(latest + 1):
        run = units[start : start + length]
        if len(run) == length and None not in run:
            sums[start] = sum(v for v in run if v is not None) / length
    best = landscape.best(MIDNIGHT + latest * UNIT_S)
    if not sums:
        assert best is None
        return
    assert best is not None
    least = min(sums.values())
    first = next(start for start, mean in sums.items() if mean == least)
    assert best.g_per_kwh == pytest.approx(least, abs=1e-5)
    assert best.start == pytest.approx(MIDNIGHT + first * UNIT_S, abs=1e-3)


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=30),
    st.integers(1, 60),
    st.integers(0, 30),
    st.sampled_from([0.1, 1.0]),
)
def test_what_waiting_costs_is_part_of_the_choice(
    values: list[int], length: int, last: int, idle_ratio: float
) -> None:
    units = [value for value in values for _ in range(3)]
    length, last = min(length, len(units)), min(last, max(0, len(units) - length))
    landscape = Landscape(
        series_of(*map(float, values), step_s=3 * UNIT_S),
        exactly(length * UNIT_S),
        MIDNIGHT,
        MIDNIGHT + last * UNIT_S,
        idle_ratio=idle_ratio,
    )
    scores = [
        (sum(units[start : start + length]) + idle_ratio * sum(units[:start])) / length
        for start in range(last + 1)
    ]
    choice = landscape.choose(MIDNIGHT + last * UNIT_S, min_saving_pct=0)
    found = round((choice.start - MIDNIGHT) / UNIT_S)
    assert scores[found] == pytest.approx(min(scores), abs=1e-5)


def test_all_latest_starts_are_served_by_one_landscape() -> None:
    values = 50.0, 40.0, 45.0, 30.0, 35.0, 20.0
    landscape = hours_ahead(*values, last_h=5)
    for latest_h in range(6):
        best = landscape.best(MIDNIGHT + latest_h * HOUR_S)
        assert best is not None
        assert best.g_per_kwh == pytest.approx(min(values[: latest_h + 1]))


def test_doubt_counts_a_tenth_in_the_choice_and_not_in_the_mean() -> None:
    slots = [
        Slot(MIDNIGHT, MIDNIGHT + HOUR_S, 100.0),
        Slot(MIDNIGHT + HOUR_S, MIDNIGHT + 2 * HOUR_S, 97.0, "forecast", 40.0),
        Slot(MIDNIGHT + 2 * HOUR_S, MIDNIGHT + 3 * HOUR_S, 98.0),
    ]
    best = Landscape(Series(slots), exactly(HOUR_S), MIDNIGHT, MIDNIGHT + 2 * HOUR_S).best(
        MIDNIGHT + 2 * HOUR_S
    )
    assert best is not None
    assert (hour(best.start), best.g_per_kwh) == (2, 98)


# --- ties and changes of mind -------------------------------------------------------------------


def test_of_equal_starts_the_earliest_is_taken() -> None:
    choice = hours_ahead(200, 100, 200, 100, 100).choose(MIDNIGHT + 9 * HOUR_S, min_saving_pct=1)
    assert (hour(choice.start), choice.why) == (1, "cleanest")


def test_less_than_a_millionth_of_a_gram_is_a_tie() -> None:
    landscape = hours_ahead(200, 100, 200, 100 - TIE / 2, 200, 100 - 3 * TIE)
    for latest_h, start_h in ((3.0, 1.0), (9.0, 5.0)):
        choice = landscape.choose(MIDNIGHT + latest_h * HOUR_S, min_saving_pct=1)
        assert hour(choice.start) == pytest.approx(start_h, abs=1e-3)


@pytest.mark.parametrize(
    ("better_by_pct", "why"), [(HYSTERESIS_PCT - 0.05, "kept"), (HYSTERESIS_PCT + 0.05, "cleanest")]
)
def test_a_planned_start_is_left_only_for_one_that_is_better_by_enough(
    better_by_pct: float, why: str
) -> None:
    landscape = hours_ahead(200, 100, 200, 100 * (1 - better_by_pct / 100))
    planned = MIDNIGHT + HOUR_S
    choice = landscape.choose(MIDNIGHT + 9 * HOUR_S, min_saving_pct=1, planned=planned)
    assert (choice.why, hour(choice.start)) == (why, 1 if why == "kept" else 3)


def test_a_planned_start_is_left_for_now_as_for_any_other() -> None:
    planned = MIDNIGHT + 2 * HOUR_S
    for now, start_h, why in ((99.9, 2, "kept"), (99.7, 0, "now")):
        landscape = hours_ahead(now, 300, 100)
        choice = landscape.choose(MIDNIGHT + 9 * HOUR_S, min_saving_pct=1, planned=planned)
        assert (hour(choice.start), choice.why) == (start_h, why)


@pytest.mark.parametrize("planned_h", [-1.0, 3.5, 3.25])
def test_a_planned_start_that_cannot_be_taken_any_more_holds_nothing(planned_h: float) -> None:
    # It has passed, it is later than the latest start, or the forecast has a gap there now.
    landscape = hours_ahead(200, 100, 200, 100, None, 100, last_h=3.4)
    choice = landscape.choose(
        MIDNIGHT + 3.4 * HOUR_S, min_saving_pct=1, planned=MIDNIGHT + planned_h * HOUR_S
    )
    assert (hour(choice.start), choice.why) == (1, "cleanest")


# --- whether to wait ----------------------------------------------------------------------------


@pytest.mark.parametrize(("least_pct", "start_h"), [(0, 1), (2.99, 1), (3, 1), (3.01, 0)])
def test_before_the_wait_a_start_must_save_what_is_asked_for(
    least_pct: float, start_h: float
) -> None:
    choice = hours_ahead(100, 97).choose(MIDNIGHT + 9 * HOUR_S, min_saving_pct=least_pct)
    assert hour(choice.start) == start_h
    assert choice.saving_pct == pytest.approx(3)


def test_during_the_wait_no_saving_is_asked_for_any_more() -> None:
    choice = hours_ahead(100, 99.5).choose(
        MIDNIGHT + 9 * HOUR_S, min_saving_pct=50, planned=MIDNIGHT + HOUR_S
    )
    assert hour(choice.start) == 1


def test_a_wait_that_costs_what_it_saves_is_too_little() -> None:
    landscape = hours_ahead(100, 50, idle_ratio=0.5)
    assert landscape.choose(MIDNIGHT + HOUR_S, min_saving_pct=0).start == MIDNIGHT
    landscape = hours_ahead(100, 50, idle_ratio=0.1)
    choice = landscape.choose(MIDNIGHT + HOUR_S, min_saving_pct=0)
    assert hour(choice.start) == 1
    assert choice.saving_pct == pytest.approx(40)


def test_a_negative_price_that_rises_is_a_saving_too() -> None:
    choice = hours_ahead(-50, -100).choose(MIDNIGHT + HOUR_S, min_saving_pct=1)
    assert hour(choice.start) == 1
    assert choice.saving_pct == pytest.approx(100)
    assert hours_ahead(-100, -50).choose(MIDNIGHT + HOUR_S, min_saving_pct=1).why == "now"


def test_a_price_of_nothing_is_left_for_one_below() -> None:
    choice = hours_ahead(0, -20, 5).choose(MIDNIGHT + HOUR_S, min_saving_pct=1)
    assert (hour(choice.start), choice.why, choice.saving_pct) == (1, "cleanest", 100)
    choice = hours_ahead(0, 0, 5).choose(MIDNIGHT + HOUR_S, min_saving_pct=0)
    assert (hour(choice.start), choice.saving_pct) == (0, 0)


# --- gaps ---------------------------------------------------------------------------------------


def test_in_a_gap_the_best_covered_start_is_taken_whatever_it_saves() -> None:
    choice = hours_ahead(None, 100, 90).choose(MIDNIGHT + HOUR_S, min_saving_pct=99)
    assert (hour(choice.start), choice.why, choice.saving_pct) == (1, "gap now", None)


@pytest.mark.parametrize("values", [(), (None, None, 5.0), (5.0, None)])
def test_where_no_run_is_covered_the_job_starts_at_once(values: tuple[float | None, ...]) -> None:
    landscape = Landscape(series_of(*values), exactly(1.5 * HOUR_S), MIDNIGHT, MIDNIGHT + HOUR_S)
    choice = landscape.choose(MIDNIGHT + HOUR_S, min_saving_pct=1)
    assert (choice.start, choice.why) == (MIDNIGHT, "nothing covered")
    assert landscape.best(MIDNIGHT + HOUR_S) is None


def test_a_run_may_touch_a_gap_but_not_reach_into_it() -> None:
    landscape = hours_ahead(300, 200, None, 250, 10, last_h=4)
    assert 1 in map(hour, landscape.starts)
    assert not any(1 < hour(start) < 3 for start in landscape.starts)


def test_with_one_moment_to_choose_from_it_is_taken() -> None:
    choice = Landscape(series_of(100, 50), exactly(HOUR_S), MIDNIGHT, MIDNIGHT).choose(
        MIDNIGHT, min_saving_pct=0
    )
    assert (choice.start, choice.why, choice.saving_pct) == (MIDNIGHT, "now", 0)
