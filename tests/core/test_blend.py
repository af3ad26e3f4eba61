"""Putting series of different sources together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import series

from carbonwait.core.blend import biased, rejoined, topped_up
from carbonwait.core.series import Kind, Series, Slot


def steps(*values: float, begin: float = 0.0, sigma: float = 0.0) -> Series:
    """Slots of ten seconds."""
    return Series(
        Slot(begin + 10 * i, begin + 10 * (i + 1), value, "forecast", sigma)
        for i, value in enumerate(values)
    )


def values(a_series: Series) -> list[float]:
    return [slot.g_per_kwh for slot in a_series]


@pytest.mark.parametrize(
    ("upper", "lower"), [(steps(1), Series()), (Series(), steps(1)), (Series(), Series())]
)
def test_one_without_the_other_is_left_as_it_is(upper: Series, lower: Series) -> None:
    assert topped_up(upper, lower, 0) == (upper or lower)


def test_where_the_upper_one_ends_the_lower_one_goes_on() -> None:
    joined = topped_up(steps(100, 100), steps(100, 100, 70, 80), 0)
    assert joined == steps(100, 100, 70, 80)


def test_the_lower_one_is_brought_to_the_level_of_the_upper_one() -> None:
    assert values(topped_up(steps(200, 100), steps(100, 50, 70, 80), 0)) == [200, 100, 140, 160]


def test_its_error_is_brought_to_that_level_as_well() -> None:
    joined = topped_up(steps(200), steps(100, 100, sigma=10), 0)
    assert joined.slots[-1].sigma_g_per_kwh == 20


def test_the_kind_of_a_slot_goes_with_it() -> None:
    lower = Series(slot._replace(kind="typical") for slot in steps(100, 100))
    assert [slot.kind for slot in topped_up(steps(100), lower, 0)] == ["forecast", "typical"]


def test_a_slot_of_the_lower_one_is_cut_where_the_upper_one_ends() -> None:
    joined = topped_up(steps(100), Series([Slot(0, 40, 100.0)]), 0)
    assert joined.edges == [0, 10, 40]


def test_a_gap_in_the_upper_one_stays_a_gap() -> None:
    upper = Series([Slot(0, 10, 100.0), Slot(20, 30, 100.0)])
    joined = topped_up(upper, steps(100, 100, 100, 100), 0)
    assert joined.gaps(0, 40) == [(10, 20)]


def test_what_is_past_does_not_tell_the_level() -> None:
    joined = topped_up(steps(900, 100), steps(100, 100, 100), 10)
    assert values(joined) == [900, 100, 100]


def test_without_any_time_in_common_the_level_is_left_alone() -> None:
    assert values(topped_up(steps(100), steps(70, begin=10), 0)) == [100, 70]


def test_a_gap_in_the_lower_one_does_not_tell_the_level() -> None:
    lower = Series([Slot(0, 10, 100.0), Slot(20, 30, 100.0)])
    assert values(topped_up(steps(200, 999), lower, 0)) == [200, 999, 200]


@pytest.mark.parametrize(("level", "expected"), [(100_000, 400), (1, 25)])
def test_a_few_odd_hours_change_the_level_fourfold_at_most(level: float, expected: float) -> None:
    assert values(topped_up(steps(level), steps(100, 100), 0))[-1] == expected


@pytest.mark.parametrize(("above", "below"), [(0, 100), (100, 0), (0, 0)])
def test_a_zero_tells_no_level(above: float, below: float) -> None:
    assert values(topped_up(steps(above), steps(below, 70), 0))[-1] == 70


def test_a_lower_one_that_ends_earlier_adds_nothing() -> None:
    assert topped_up(steps(100, 110), steps(100), 0) == steps(100, 110)


@given(upper=series(), lower=series(), now=st.floats(-1e5, 1e5))
def test_what_the_upper_one_says_is_never_changed(upper: Series, lower: Series, now: float) -> None:
    joined = topped_up(upper, lower, upper.edges[0] + now)
    assert joined.slots[: len(upper)] == upper.slots
    assert joined.edges[-1] == max(upper.edges[-1], lower.edges[-1])


@given(
    values=st.lists(st.integers(1, 500).map(float), min_size=2, max_size=9),
    data=st.data(),
    factor=st.floats(0.5, 2.0),
)
def test_the_level_of_the_lower_one_does_not_matter(
    values: list[float], data: st.DataObject, factor: float
) -> None:
    upper = steps(*(value * 1.5 for value in values[: data.draw(st.integers(1, len(values)))]))
    scaled = topped_up(upper, steps(*(value * factor for value in values)), 0)
    assert [slot.g_per_kwh for slot in scaled] == pytest.approx([1.5 * value for value in values])


# --- typical days and the last hours ------------------------------------------------------------

HOUR_S = 3600.0


def test_slots_that_were_cut_are_put_together_again_and_no_others() -> None:
    file = Series([Slot(0, 20, 5.0), Slot(20, 30, 5.0), Slot(30, 50, 7.0), Slot(60, 70, 7.0)])
    cut = Series([*steps(5, 5, 5, 7, 8), Slot(60, 65, 7.0), Slot(65, 70, 7.0)])
    assert [(slot.start, slot.end) for slot in rejoined(cut, file)] == [
        *((0, 20), (20, 30), (30, 40), (40, 50), (60, 70))
    ]


def hourly(*values: float, begin: float = 0.0, kind: Kind = "typical") -> Series:
    """Hours from `begin` on."""
    return Series(
        Slot(begin + HOUR_S * i, begin + HOUR_S * (i + 1), value, kind)
        for i, value in enumerate(values)
    )


def test_typical_days_are_moved_by_what_was_seen_and_less_so_further_ahead() -> None:
    seen = hourly(150, kind="actual")
    found = values(biased(hourly(100, 100, 100, 100), seen, HOUR_S))
    assert found == pytest.approx([100, 100 + 50 * 0.95, 100 + 50 * 0.95**2, 100 + 50 * 0.95**3])


def test_typical_days_are_left_as_they_are_where_nothing_was_seen_of_late() -> None:
    typical = hourly(*[100.0] * 12)
    assert biased(typical, Series(), HOUR_S) == typical
    assert biased(typical, hourly(150, kind="actual"), 10 * HOUR_S) == typical


def test_what_was_seen_outside_of_the_typical_days_says_nothing() -> None:
    typical = hourly(100, 100, begin=HOUR_S)
    assert biased(typical, hourly(150, kind="actual"), HOUR_S) == typical


def test_a_clean_hour_makes_no_typical_day_negative() -> None:
    found = biased(hourly(500, 10, 10), hourly(0, kind="actual"), HOUR_S)
    assert min(values(found)) == 0
