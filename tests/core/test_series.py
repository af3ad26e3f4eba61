"""A step function with gaps: sums over it, and cutting it up."""

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    ROUNDING_S,
    instants,
    intervals,
    plain_covered_s,
    plain_integral,
    series,
    span_of,
)

from carbonwait.core.series import Series, Slot

STEPS = Series([Slot(0, 10, 100.0), Slot(10, 20, 200.0), Slot(30, 40, 400.0)])

# --- what a series is ---------------------------------------------------------------------------


def test_slots_are_put_in_order_of_time() -> None:
    assert Series(reversed(STEPS.slots)) == STEPS


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (nan, 5), (5, nan)])
def test_a_slot_that_does_not_end_after_it_starts_is_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        Series([Slot(start, end, 1.0)])


def test_slots_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap at 9"):
        Series([Slot(0, 10, 1.0), Slot(9, 20, 1.0)])


def test_slots_may_touch() -> None:
    assert len(Series([Slot(0, 10, 1.0), Slot(10, 20, 1.0)])) == 2


def test_the_edges_are_every_instant_at_which_the_value_may_change() -> None:
    assert STEPS.edges == [0, 10, 20, 30, 40]


def test_an_empty_series_is_false() -> None:
    assert not Series()


def test_equal_series_have_equal_hashes() -> None:
    assert hash(Series(reversed(STEPS.slots))) == hash(STEPS)


# --- sums ---------------------------------------------------------------------------------------


@given(st.data())
def test_the_integral_is_the_sum_over_the_slots(data: st.DataObject) -> None:
    a_series = data.draw(series())
    start, end = data.draw(intervals(a_series))
    expected = plain_integral(a_series, start, end)
    assert a_series.integral(start, end) == pytest.approx(expected, rel=1e-9, abs=1e-3)


@given(st.data())
def test_what_is_covered_is_the_sum_of_the_slots_lengths(data: st.DataObject) -> None:
    a_series = data.draw(series())
    start, end = data.draw(intervals(a_series))
    expected_s = plain_covered_s(a_series, start, end)
    assert a_series.covered_s(start, end) == pytest.approx(expected_s, abs=ROUNDING_S)


@given(st.data())
def test_splitting_an_interval_leaves_its_integral_unchanged(data: st.DataObject) -> None:
    a_series = data.draw(series())
    start, end = data.draw(intervals(a_series))
    middle = data.draw(st.floats(start, end))
    halves = a_series.integral(start, middle) + a_series.integral(middle, end)
    assert halves == pytest.approx(a_series.integral(start, end), rel=1e-9, abs=1e-3)


@given(st.data())
def test_splitting_a_slot_leaves_every_integral_unchanged(data: st.DataObject) -> None:
    a_series = data.draw(series())
    whole = data.draw(st.sampled_from(a_series.slots))
    cut = whole.start + (whole.end - whole.start) * data.draw(st.floats(0.01, 0.99))
    parts = [whole._replace(end=cut), whole._replace(start=cut)]
    finer = Series([*(slot for slot in a_series if slot != whole), *parts])
    start, end = data.draw(intervals(a_series))
    expected = a_series.integral(start, end)
    assert finer.integral(start, end) == pytest.approx(expected, rel=1e-9, abs=1e-3)


def test_a_gap_adds_nothing_to_the_integral() -> None:
    assert STEPS.integral(15, 35) == 5 * 200 + 5 * 400


def test_outside_the_series_there_is_nothing_to_integrate() -> None:
    assert STEPS.integral(-100, 0) + STEPS.integral(40, 100) == 0


def test_the_mean_is_weighted_by_time() -> None:
    assert STEPS.mean(5, 20) == pytest.approx((5 * 100 + 10 * 200) / 15)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (15, 21), (15, 35), (20, 30), (35, 41)])
def test_the_mean_over_a_gap_is_unknown(start: float, end: float) -> None:
    assert STEPS.mean(start, end) is None


@given(st.data())
def test_the_mean_lies_between_the_least_and_the_greatest_value(data: st.DataObject) -> None:
    a_series = data.draw(series(gaps=False))
    first, last = span_of(a_series)
    start = data.draw(st.floats(first, last - 0.5))
    mean = a_series.mean(start, data.draw(st.floats(start + 0.25, last)))
    values = [slot.g_per_kwh for slot in a_series]
    assert mean is not None
    assert min(values) - 1e-3 <= mean <= max(values) + 1e-3


@given(st.data())
def test_the_mean_is_known_exactly_where_nothing_is_missing(data: st.DataObject) -> None:
    a_series = data.draw(series())
    start, end = data.draw(intervals(a_series))
    missing_s = end - start - plain_covered_s(a_series, start, end)
    if missing_s < 0.5 * ROUNDING_S or missing_s > 2 * ROUNDING_S:  # in between rounding decides
        assert (a_series.mean(start, end) is None) == (missing_s > ROUNDING_S)


def test_a_gap_shorter_than_the_clocks_rounding_is_none() -> None:
    touching = Series([Slot(0, 10, 100.0), Slot(10 + 1e-7, 20, 200.0)])
    assert touching.mean(0, 20) == pytest.approx(150)


@pytest.mark.parametrize(("instant", "value"), [(0, 100), (10, 200), (30, 400)])
def test_the_mean_over_an_empty_interval_is_the_value_there(instant: float, value: float) -> None:
    assert STEPS.mean(instant, instant) == value


@pytest.mark.parametrize("instant", [-1, 20, 25, 40])
def test_the_mean_over_an_empty_interval_in_a_gap_is_unknown(instant: float) -> None:
    assert STEPS.mean(instant, instant) is None


@pytest.mark.parametrize(
    ("instant", "value"),
    [(-0.1, None), (0, 100), (9.9, 100), (10, 200), (20, None), (30, 400), (40, None)],
)
def test_a_slot_holds_from_its_start_to_just_before_its_end(
    instant: float, value: float | None
) -> None:
    assert STEPS.at(instant) == value


def test_the_slot_at_an_instant_is_given_whole() -> None:
    assert STEPS.slot_at(15) == Slot(10, 20, 200.0)


def test_an_empty_series_covers_nothing() -> None:
    nothing = Series()
    assert (nothing.mean(0, 1), nothing.at(0), nothing.integral(0, 1)) == (None, None, 0)


# --- cutting and putting together ---------------------------------------------------------------


def test_a_part_is_cut_at_its_bounds() -> None:
    assert STEPS.between(5, 35) == Series(
        [Slot(5, 10, 100.0), Slot(10, 20, 200.0), Slot(30, 35, 400.0)]
    )


@given(st.data())
def test_a_part_has_the_same_integral_within_its_bounds(data: st.DataObject) -> None:
    a_series = data.draw(series())
    start, end = data.draw(intervals(a_series))
    part = a_series.between(start, end)
    inside = a_series.integral(start, end)
    assert part.integral(start - 1e6, end + 1e6) == pytest.approx(inside, rel=1e-9, abs=1e-3)


@pytest.mark.parametrize(("start", "end"), [(20, 30), (40, 50), (-5, 0)])
def test_the_part_within_a_gap_is_empty(start: float, end: float) -> None:
    assert STEPS.between(start, end) == Series()


@pytest.mark.parametrize(("start", "end"), [(5, 5), (10, 10), (8, 3), (35, 5)])
def test_an_interval_that_is_empty_or_reversed_has_no_part(start: float, end: float) -> None:
    assert STEPS.between(start, end) == Series()


def test_gaps_are_what_no_slot_covers() -> None:
    assert STEPS.gaps(-5, 50) == [(-5, 0), (20, 30), (40, 50)]


def test_an_empty_series_is_one_gap() -> None:
    assert Series().gaps(3, 7) == [(3, 7)]


@given(st.data())
def test_gaps_and_slots_fill_an_interval(data: st.DataObject) -> None:
    a_series = data.draw(series())
    start, end = data.draw(intervals(a_series))
    missing_s = sum(b - a for a, b in a_series.gaps(start, end))
    assert missing_s + a_series.covered_s(start, end) == pytest.approx(end - start, abs=1e-3)


def test_another_series_fills_the_gaps_of_this_one() -> None:
    other = Series([Slot(5, 25, 7.0), Slot(25, 50, 8.0)])
    assert STEPS.over(other) == Series(
        [*STEPS.slots, Slot(20, 25, 7.0), Slot(25, 30, 8.0), Slot(40, 50, 8.0)]
    )


@given(st.data())
def test_this_series_wins_over_the_one_that_fills_it(data: st.DataObject) -> None:
    a_series, other = data.draw(series()), data.draw(series())
    instant = data.draw(instants(a_series))
    value = a_series.at(instant)
    assert a_series.over(other).at(instant) == (other.at(instant) if value is None else value)


@pytest.mark.parametrize(("one", "other"), [(STEPS, Series()), (Series(), STEPS)])
def test_an_empty_series_changes_no_other(one: Series, other: Series) -> None:
    assert one.over(other) == STEPS


def test_the_kinds_are_those_of_the_slots_touched() -> None:
    mixed = Series([Slot(0, 10, 1.0, "actual"), Slot(10, 20, 1.0, "forecast")])
    assert [mixed.kinds(0, 10), mixed.kinds(5, 11), mixed.kinds(20, 30)] == [
        {"actual"},
        {"actual", "forecast"},
        set(),
    ]


def test_an_empty_interval_touches_no_kind() -> None:
    assert STEPS.kinds(5, 5) == set()
