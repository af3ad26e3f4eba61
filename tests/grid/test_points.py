"""From what services send to a series."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_server import HOUR_S, NOON, any_json, at

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Series, Slot
from carbonwait.grid.points import (
    Point,
    ahead,
    epoch,
    instant,
    intensity,
    number,
    rows,
    series_of,
    spans_of,
    touching,
)

QUARTER_S = 900.0


def quarters(*values: float | None) -> list[Point]:
    """Points a quarter of an hour apart, from noon on."""
    return [Point(NOON + index * QUARTER_S, value) for index, value in enumerate(values)]


def known(points: list[Point]) -> list[float]:
    """The values that are left of them."""
    return [slot.g_per_kwh for slot in series_of(points)]


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, False, "12", [], {}, nan, inf, -inf, 10**400])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize("value", [0, -3, 12.5, 2**53])
def test_a_number_stays_what_it_is(value: float) -> None:
    assert number(value) == value


@pytest.mark.parametrize("value", [-0.1, 5000.1, 1e308, None, "100"])
def test_what_no_grid_emits_is_no_intensity(value: object) -> None:
    assert intensity(value) is None


def test_an_intensity_is_judged_in_g_per_kwh() -> None:
    assert intensity(870, 0.45359237) == pytest.approx(394.6, abs=0.05)
    assert intensity(20_000, 0.45359237) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00Z", NOON),
        ("2026-11-23T12:00:00.000Z", NOON),
        ("2026-11-23T12:00:00", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T12:00:00.5000000+00:00", NOON + 0.5),
        (" 2026-11-23T12:00Z ", NOON),
    ],
)
def test_instants_are_read_in_every_form_that_services_write(text: str, expected: float) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        1_790_000_000,
        "",
        "noon",
        "2026-13-01",
        "2026-12-31T23:59:60Z",
        "0001-01-01",
        "9999-01",
    ],
)
def test_what_is_no_instant_of_our_time_is_none(value: object) -> None:
    assert instant(value) is None


def test_an_epoch_may_be_in_milliseconds() -> None:
    assert epoch(NOON) == NOON
    assert epoch(NOON * 1000, 1e-3) == pytest.approx(NOON)


@pytest.mark.parametrize("value", [-1, NOON * 1000, nan, "0", None, True, 10**400])
def test_an_epoch_in_another_unit_is_none(value: object) -> None:
    assert epoch(value) is None


def test_rows_are_the_objects_of_a_list() -> None:
    assert rows({"a": {"b": [{"x": 1}, 2, None, {"y": 3}]}}, "a", "b") == [{"x": 1}, {"y": 3}]


@given(any_json)
def test_rows_of_anything_are_objects(document: object) -> None:
    assert all(isinstance(row, dict) for row in rows(document, "data"))


# --- from points to slots -----------------------------------------------------------------------


def test_points_may_come_in_any_order() -> None:
    points = quarters(100, 110, 120)
    assert series_of(reversed(points)) == series_of(points)


def test_of_two_points_at_one_start_the_later_counts() -> None:
    assert known([*quarters(100, 110), Point(NOON, 105)]) == [105, 110]


def test_a_null_never_replaces_a_value() -> None:
    assert known([*quarters(100, 110), Point(NOON, None)]) == [100, 110]


def test_a_value_replaces_a_null() -> None:
    assert known([*quarters(None, 110), Point(NOON, 100)]) == [100, 110]


def test_points_that_overlap_end_where_the_next_one_begins() -> None:
    points = [Point(NOON, 100, NOON + 3600), Point(NOON + 1800, 200, NOON + 5400)]
    assert series_of(points) == Series(
        [Slot(NOON, NOON + 1800, 100), Slot(NOON + 1800, NOON + 5400, 200)]
    )


def test_half_an_hour_without_points_is_a_gap() -> None:
    points = [
        point for index, point in enumerate(quarters(*range(100, 110))) if index not in (4, 5)
    ]
    assert series_of(points).gaps(NOON, NOON + 10 * QUARTER_S) == [
        (NOON + 4 * QUARTER_S, NOON + 6 * QUARTER_S)
    ]


def test_a_null_in_the_middle_is_a_gap() -> None:
    assert series_of(quarters(100, None, 120)).gaps(NOON, NOON + 3 * QUARTER_S) == [
        (NOON + QUARTER_S, NOON + 2 * QUARTER_S)
    ]


def test_the_step_is_told_by_all_points_even_those_without_a_value() -> None:
    series = series_of(quarters(100, None, None, None, 140, None, None))
    assert [slot.end - slot.start for slot in series] == [QUARTER_S, QUARTER_S]


def test_of_steps_that_are_equally_frequent_the_shortest_is_the_usual_one() -> None:
    points = [Point(NOON, 100), Point(NOON + 4 * HOUR_S, 100), Point(NOON + 5 * HOUR_S, 100)]
    assert series_of(points).gaps(NOON, NOON + 6 * HOUR_S) == [(NOON + HOUR_S, NOON + 4 * HOUR_S)]


def test_a_known_step_is_not_guessed() -> None:
    points = [Point(NOON, 100), Point(NOON + HOUR_S, 100)]
    assert series_of(points, step_s=300).covered_s(NOON, NOON + 2 * HOUR_S) == 600


def test_a_single_point_lasts_an_hour() -> None:
    assert series_of([Point(NOON, 100)]) == Series([Slot(NOON, NOON + HOUR_S, 100)])


def test_a_point_that_ends_before_it_begins_is_dropped() -> None:
    assert not series_of([Point(NOON, 100, NOON), Point(NOON + 60, 100, NOON)])


def test_no_points_make_an_empty_series() -> None:
    assert not series_of([])


_starts = st.integers(0, 60).map(lambda minutes: NOON + 60.0 * minutes)
_points = st.builds(
    Point,
    _starts,
    st.one_of(st.none(), st.integers(-50, 600).map(float)),
    st.one_of(st.none(), _starts),
    st.sampled_from(["forecast", "actual"]),
)


@given(st.lists(_points, max_size=12))
def test_spans_are_ascending_and_never_overlap(points: list[Point]) -> None:
    spans = spans_of(points)
    assert all(span.start < span.end for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(st.lists(_points, max_size=12))
def test_a_span_carries_the_last_value_that_was_given_for_its_start(points: list[Point]) -> None:
    for span in spans_of(points):
        given_there = [p.value for p in points if p.start == span.start and p.value is not None]
        assert span.value == given_there[-1]


@given(st.lists(_points, max_size=12))
def test_no_span_reaches_over_the_next_point(points: list[Point]) -> None:
    for span in spans_of(points):
        assert not any(span.start < point.start < span.end for point in points)


# --- zeros --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ((300, 0, 310), [300, 310]),
        ((0, 300), [300]),
        ((300, 0), [300]),
        ((300, 0, 0, 0, 310), [300, 310]),
        ((300, 290, 0, 0), [300, 290]),
        ((0, 0, 300), [300]),
    ],
    ids=["one", "first", "last", "some", "at the end", "at the beginning"],
)
def test_a_zero_beside_a_dirty_hour_is_dropped(values: tuple[float], left: list[float]) -> None:
    assert known(quarters(*values)) == left


@pytest.mark.parametrize(
    "values",
    [(12, 0, 15), (30, 0, 30), (60, 0, 0, 0, 45), (0, 0, 0), (0,)],
    ids=["clean", "just clean enough", "windy hours", "nothing else", "alone"],
)
def test_a_zero_that_a_clean_grid_may_reach_is_kept(values: tuple[float]) -> None:
    assert known(quarters(*values)) == list(values)


def test_a_zero_of_a_marginal_signal_holds() -> None:
    series = series_of(quarters(400, 0, 400), zeros_hold=True)
    assert [slot.g_per_kwh for slot in series] == [400, 0, 400]


def test_where_a_zero_was_dropped_there_is_a_gap() -> None:
    assert not series_of(quarters(300, 0, 300)).covers(NOON, NOON + 3 * QUARTER_S)


# --- what is asked for --------------------------------------------------------------------------

HOURS = Series(Slot(NOON + i * HOUR_S, NOON + (i + 1) * HOUR_S, 100.0 + i) for i in range(-3, 6))


def test_what_begins_after_the_time_asked_is_left_out() -> None:
    kept = ahead(HOURS, NOON, NOON + 1.5 * HOUR_S, "x: no forecast")
    assert kept.edges[-1] == NOON + 2 * HOUR_S


def test_what_is_past_is_kept_beside_what_is_to_come() -> None:
    assert ahead(HOURS, NOON, NOON + HOUR_S, "x").edges[0] == NOON - 3 * HOUR_S


@pytest.mark.parametrize("now", [NOON + 6 * HOUR_S, NOON - 9 * HOUR_S])
def test_points_of_other_times_only_are_no_forecast(now: float) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^x: no forecast for GB from now on$"):
        ahead(HOURS, now, now + 2 * HOUR_S, "x: no forecast for GB")


def test_a_clock_that_is_an_hour_fast_still_finds_a_forecast() -> None:
    assert ahead(HOURS, NOON + HOUR_S, NOON + 24 * HOUR_S, "x").covers(NOON + HOUR_S, NOON + 5400)


def test_slots_that_touch_a_span_keep_their_whole_length() -> None:
    found = touching(HOURS, NOON + 600, NOON + HOUR_S + 1)
    assert found.edges == [NOON, NOON + HOUR_S, NOON + 2 * HOUR_S]


def test_a_slot_that_only_ends_where_the_span_begins_does_not_touch_it() -> None:
    assert touching(HOURS, NOON, NOON + HOUR_S).edges == [NOON, NOON + HOUR_S]


def test_a_year_boundary_is_an_hour_like_any_other() -> None:
    texts = ["2026-12-31T22:00Z", "2026-12-31T23:00Z", "2027-01-01T00:00Z", "2027-01-01T01:00Z"]
    series = series_of(Point(instant(text) or 0, 100) for text in texts)
    assert series.covers(at(2026, 12, 31, 22), at(2027, 1, 1, 2))
