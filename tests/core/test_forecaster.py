"""A forecast from nothing but the zone's own past."""

from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.forecaster import (
    HOUR_S,
    LEAST_HISTORY_S,
    LOOK_BACK_S,
    history_forecast,
    relative_sigma,
)
from carbonwait.core.series import Series, Slot

NOW = MIDNIGHT + 12 * HOUR_S
DAY_S = 24 * HOUR_S


def hourly(values: list[float], end: float = NOW) -> Series:
    """Hours that end at `end`."""
    begin = end - len(values) * HOUR_S
    return Series(
        Slot(begin + i * HOUR_S, begin + (i + 1) * HOUR_S, value, "actual")
        for i, value in enumerate(values)
    )


def usual(at: float) -> float:
    """A day like any other: dirty evenings."""
    return 100 + 10 * (at // HOUR_S % 24)


def usual_days(days: int, end: float = NOW) -> list[float]:
    count = days * 24
    return [usual(end - (count - index) * HOUR_S) for index in range(count)]


def plain_forecast(past: list[float], ahead: int) -> list[float]:
    """The formulas of the module, for hours without gaps that end at NOW."""
    profile: dict[int, float] = {}
    errors = []
    for index, value in enumerate(past):
        hour = int((NOW - (len(past) - index) * HOUR_S) // HOUR_S) % 24
        profile.setdefault(hour, value)
        errors.append(value - profile[hour])
        profile[hour] += 0.1 * (value - profile[hour])
    bias = sum(errors[-3:]) / 3
    hours = [int((NOW + index * HOUR_S) // HOUR_S) % 24 for index in range(ahead)]
    return [max(0.0, profile[hour] + bias * 0.97 ** (i + 1)) for i, hour in enumerate(hours)]


def values(series: Series) -> list[float]:
    return [slot.g_per_kwh for slot in series]


# --- what is forecast ---------------------------------------------------------------------------


@given(st.lists(st.integers(0, 900).map(float), min_size=72, max_size=150))
def test_the_forecast_follows_its_formulas(past: list[float]) -> None:
    found = values(history_forecast(hourly(past), NOW, NOW + 48 * HOUR_S))
    assert found == pytest.approx(plain_forecast(past, 48), abs=1e-6)


def test_a_grid_that_never_changes_is_forecast_not_to_change() -> None:
    series = history_forecast(hourly([250.0] * 100), NOW, NOW + DAY_S)
    assert values(series) == pytest.approx([250.0] * 24)


def test_days_that_are_alike_are_forecast_to_be_alike() -> None:
    series = history_forecast(hourly(usual_days(10)), NOW, NOW + DAY_S)
    assert values(series) == pytest.approx([usual(slot.start) for slot in series])


def test_a_morning_that_is_dirtier_than_usual_fades_into_the_usual() -> None:
    past = usual_days(30)
    past[-3:] = [value + 90 for value in past[-3:]]
    series = history_forecast(hourly(past), NOW, NOW + 3 * DAY_S)
    over = [slot.g_per_kwh - usual(slot.start) for slot in series]
    assert over[0] == pytest.approx(90 * 0.97, abs=0.1)
    assert over[12] == pytest.approx(90 * 0.97**13, abs=0.1)


def test_hours_are_those_of_utc_whatever_the_clocks_do() -> None:
    after_the_change = NOW + 3 * DAY_S
    past = hourly(usual_days(10, after_the_change), after_the_change)
    series = history_forecast(past, after_the_change, after_the_change + DAY_S)
    assert values(series) == pytest.approx([usual(slot.start) for slot in series])


def test_steps_of_five_minutes_count_by_their_hours() -> None:
    hours = hourly([float(100 + index % 7) for index in range(100)])
    fine = Series(
        Slot(slot.start + i * 300, slot.start + (i + 1) * 300, slot.g_per_kwh + wave, "actual")
        for slot in hours
        for i, wave in enumerate([5.0, -5.0] * 6)
    )
    until = NOW + DAY_S
    found = values(history_forecast(fine, NOW, until))
    assert found == pytest.approx(values(history_forecast(hours, NOW, until)))


def test_nothing_is_forecast_below_zero() -> None:
    past = [300.0] * 90 + [0.0] * 6
    assert min(values(history_forecast(hourly(past), NOW, NOW + DAY_S))) >= 0


# --- which slots --------------------------------------------------------------------------------


def test_slots_are_the_whole_hours_from_the_one_under_way_to_the_end() -> None:
    series = history_forecast(hourly([100.0] * 100), NOW + 1234, NOW + 5 * HOUR_S + 1)
    assert series.edges == [NOW + index * HOUR_S for index in range(7)]
    assert {slot.kind for slot in series} == {"forecast"}


def test_an_hour_of_the_day_that_was_never_seen_is_a_gap() -> None:
    past = [slot for slot in hourly([100.0] * 24 * 5) if slot.start // HOUR_S % 24 != 15]
    series = history_forecast(Series(past), NOW, NOW + DAY_S)
    assert series.gaps(NOW, NOW + DAY_S) == [(MIDNIGHT + 15 * HOUR_S, MIDNIGHT + 16 * HOUR_S)]


@given(st.floats(0, 4 * DAY_S), st.floats(1, 4 * DAY_S))
def test_every_slot_is_finite_and_in_order(later_s: float, span_s: float) -> None:
    now = NOW + later_s
    series = history_forecast(hourly(usual_days(8)), now, now + span_s)
    assert series.covers(now, now + span_s)
    assert all(isfinite(slot.g_per_kwh) and slot.g_per_kwh >= 0 for slot in series)


# --- what is looked at --------------------------------------------------------------------------


def test_without_a_past_there_is_no_forecast() -> None:
    assert not history_forecast(Series(), NOW, NOW + DAY_S)


@pytest.mark.parametrize(("hours", "enough"), [(71, False), (72, True)])
def test_three_days_of_the_past_are_needed(hours: int, enough: bool) -> None:
    assert LEAST_HISTORY_S == 72 * HOUR_S
    assert bool(history_forecast(hourly([100.0] * hours), NOW, NOW + DAY_S)) is enough


def test_a_past_without_a_single_whole_hour_gives_no_forecast() -> None:
    holes = [slot._replace(end=slot.start + 2700) for slot in hourly([100.0] * 24 * 10)]
    assert not history_forecast(Series(holes), NOW, NOW + DAY_S)


def test_an_hour_with_a_gap_of_half_an_hour_is_not_looked_at() -> None:
    past = list(hourly([100.0] * 24 * 5))
    odd = past[-1]._replace(end=NOW - 1800, g_per_kwh=900.0)
    assert values(history_forecast(Series([*past[:-1], odd]), NOW, NOW + DAY_S)) == [100.0] * 24


def test_the_hour_under_way_is_not_looked_at() -> None:
    past = hourly([100.0] * 100)
    under_way = Slot(NOW, NOW + HOUR_S, 900.0, "actual")
    found = history_forecast(Series([*past, under_way]), NOW + 1800, NOW + DAY_S)
    assert found == history_forecast(past, NOW + 1800, NOW + DAY_S)


def test_what_is_to_come_is_not_looked_at() -> None:
    past = hourly([100.0] * 100)
    future = [Slot(NOW + i * HOUR_S, NOW + (i + 1) * HOUR_S, 900.0, "actual") for i in range(9)]
    found = history_forecast(Series([*past, *future]), NOW, NOW + DAY_S)
    assert found == history_forecast(past, NOW, NOW + DAY_S)


def test_what_is_older_than_eight_weeks_is_not_looked_at() -> None:
    past = hourly([100.0] * 100)
    old = hourly([900.0] * 100, NOW - LOOK_BACK_S)
    found = history_forecast(Series([*old, *past]), NOW, NOW + DAY_S)
    assert found == history_forecast(past, NOW, NOW + DAY_S)


def test_a_day_old_bias_says_nothing_any_more() -> None:
    past = usual_days(30)
    past[-3:] = [value + 90 for value in past[-3:]]
    now = NOW + DAY_S + HOUR_S
    series = history_forecast(hourly(past), now, now + DAY_S)
    assert values(series) == pytest.approx([usual(slot.start) for slot in series], abs=9.1)


# --- how sure it is -----------------------------------------------------------------------------


def test_the_error_grows_with_the_hours_ahead() -> None:
    sigmas = [relative_sigma(hours) for hours in range(-1, 100)]
    assert sigmas == sorted(sigmas)
    assert 0 < sigmas[0] < sigmas[-1] < 0.25


def test_each_slot_says_how_sure_it_is() -> None:
    series = history_forecast(hourly([200.0] * 100), NOW, NOW + 30 * HOUR_S)
    shares = [slot.sigma_g_per_kwh / slot.g_per_kwh for slot in series]
    assert shares == pytest.approx([relative_sigma(index) for index in range(30)])
