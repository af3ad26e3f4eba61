"""What stands in where published prices end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.prices import DAY_S, Prices, repeated, with_earlier
from carbonwait.core.records import PriceKind
from carbonwait.core.series import Series, Slot

HOUR_S = 3600.0


def hourly(*values: float, begin: float = MIDNIGHT) -> Series:
    return Series(
        Slot(begin + HOUR_S * hour, begin + HOUR_S * (hour + 1), value, "actual")
        for hour, value in enumerate(values)
    )


def test_the_same_hour_of_the_day_before_stands_in() -> None:
    series = repeated(hourly(*range(24)), MIDNIGHT + 2 * DAY_S)
    assert series.at(MIDNIGHT + DAY_S + 5 * HOUR_S) == 5
    assert series.covers(MIDNIGHT, MIDNIGHT + 2 * DAY_S)


def test_of_two_days_the_later_one_stands_in() -> None:
    series = repeated(hourly(*range(48)), MIDNIGHT + 3 * DAY_S)
    assert series.at(MIDNIGHT + 2 * DAY_S + 5 * HOUR_S) == 29


def test_a_stand_in_is_a_forecast() -> None:
    series = repeated(hourly(*range(24)), MIDNIGHT + 2 * DAY_S)
    assert series.kinds(MIDNIGHT, MIDNIGHT + DAY_S) == {"actual"}
    assert series.kinds(MIDNIGHT + DAY_S, MIDNIGHT + 2 * DAY_S) == {"forecast"}


def test_several_days_are_filled_with_the_same() -> None:
    series = repeated(hourly(*range(24)), MIDNIGHT + 4 * DAY_S)
    assert [series.at(MIDNIGHT + day * DAY_S) for day in range(4)] == [0, 0, 0, 0]


def test_what_is_not_known_of_the_day_is_not_known_of_the_next() -> None:
    series = repeated(hourly(1, 2, begin=MIDNIGHT + 22 * HOUR_S), MIDNIGHT + 2 * DAY_S)
    assert series.gaps(MIDNIGHT + DAY_S, MIDNIGHT + 2 * DAY_S) == [
        (MIDNIGHT + DAY_S, MIDNIGHT + DAY_S + 22 * HOUR_S)
    ]


def test_nothing_repeated_is_nothing() -> None:
    assert repeated(Series(), MIDNIGHT) == Series()


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(0, 100), st.sampled_from([1, 7])
)
def test_what_is_published_stays_as_it_is(values: list[float], ahead_h: float, per_h: int) -> None:
    step_s = HOUR_S / per_h
    known = Series(
        Slot(MIDNIGHT + n * step_s, MIDNIGHT + (n + 1) * step_s, value, "actual")
        for n, value in enumerate(values)
    )
    until = MIDNIGHT + ahead_h * HOUR_S
    series = repeated(known, until)
    assert series.slots[: len(known)] == known.slots
    assert all(slot.start < until for slot in series.slots[len(known) :])
    if len(values) * step_s >= DAY_S:
        assert series.covers(MIDNIGHT, until)


def prices(series: Series, currency: str = "EUR", kind: PriceKind = "wholesale") -> Prices:
    return Prices(series, "DE", "awattar", currency, kind, MIDNIGHT)


def test_earlier_prices_fill_what_later_ones_lack() -> None:
    both = with_earlier(prices(hourly(9, begin=MIDNIGHT + HOUR_S)), prices(hourly(1, 2, 3)))
    assert [slot.g_per_kwh for slot in both.series] == [1, 9, 3]


@pytest.mark.parametrize(("currency", "kind"), [("GBP", "wholesale"), ("EUR", "retail")])
def test_prices_that_mean_something_else_do_not(currency: str, kind: PriceKind) -> None:
    later = prices(hourly(9, begin=MIDNIGHT + HOUR_S))
    assert with_earlier(later, prices(hourly(1, 2, 3), currency, kind)) == later
    assert with_earlier(later, None) == later
