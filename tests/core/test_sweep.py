"""Weighted sums of running integrals, against the same sums done directly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import plain_integral, series, span_of

from carbonwait.core import sweep
from carbonwait.core.series import Series, Slot

STEPS = Series([Slot(0, 10, 100.0), Slot(10, 20, 200.0), Slot(30, 40, 400.0)])

weights = st.lists(
    st.tuples(st.one_of(st.floats(0, 7200), st.just(3600.0)), st.floats(-1, 1, width=16)),
    min_size=1,
    max_size=6,
)


def starts_in(a_series: Series) -> st.SearchStrategy[list[float]]:
    first, last = span_of(a_series)
    some = st.one_of(st.floats(first - 3600, last), st.sampled_from(a_series.edges))
    return st.lists(some, min_size=1, max_size=12).map(sorted)


def directly(a_series: Series, some: sweep.Weights, first: float, start: float) -> float:
    return sum(w * plain_integral(a_series, first, start + offset) for offset, w in some)


@given(st.data(), weights)
def test_a_sweep_gives_what_direct_integration_gives(
    data: st.DataObject, some: sweep.Weights
) -> None:
    a_series = data.draw(series())
    starts = data.draw(starts_in(a_series))
    expected = [directly(a_series, some, starts[0], start) for start in starts]
    assert sweep.values(a_series, some, starts) == pytest.approx(expected, rel=1e-9, abs=0.05)


@given(st.data(), weights)
def test_between_two_breakpoints_the_sum_is_a_straight_line(
    data: st.DataObject, some: sweep.Weights
) -> None:
    a_series = data.draw(series())
    first, last = span_of(a_series)
    points = sweep.breakpoints(a_series.edges, some, first, last)
    at = data.draw(st.integers(0, len(points) - 2))
    begin, end = points[at], points[at + 1]
    middle = (begin + end) / 2
    one, half, other = (directly(a_series, some, first, s) for s in (begin, middle, end))
    assert half == pytest.approx((one + other) / 2, rel=1e-9, abs=0.05)


@given(st.data(), weights)
def test_breakpoints_are_ascending_and_within_their_bounds(
    data: st.DataObject, some: sweep.Weights
) -> None:
    a_series = data.draw(series())
    first, last = span_of(a_series)
    points = sweep.breakpoints(a_series.edges, some, first, last)
    assert points == sorted(set(points))
    assert (points[0], points[-1]) == (first, last)


def test_breakpoints_are_the_edges_less_the_offsets() -> None:
    assert sweep.breakpoints([10, 20], [(0.0, -1.0), (5.0, 1.0)], 7, 18) == [7, 10, 15, 18]


def test_one_instant_has_one_breakpoint() -> None:
    assert sweep.breakpoints(STEPS.edges, [(0.0, 1.0)], 5, 5) == [5]


def test_a_gap_counts_as_nothing() -> None:
    assert sweep.values(STEPS, [(0.0, -1.0), (20.0, 1.0)], [0, 10, 20, 30]) == [
        10 * 100 + 10 * 200,
        10 * 200,
        10 * 400,
        10 * 400,
    ]


def test_without_starts_there_are_no_values() -> None:
    assert sweep.values(STEPS, [(0.0, 1.0)], []) == []


def test_an_empty_series_sums_to_nothing() -> None:
    assert sweep.values(Series(), [(0.0, 1.0)], [1.0, 2.0]) == [0.0, 0.0]


def test_a_start_that_occurs_twice_has_the_same_value_twice() -> None:
    once, again = sweep.values(STEPS, [(0.0, -1.0), (5.0, 1.0)], [7.0, 7.0])
    assert once == again == 3 * 100 + 2 * 200
