"""A forecast from nothing but the zone's own past."""

from math import isfinite
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.forecaster import (
    HOUR_S,
    LEAST_HISTORY_S,
    LOOK_BACK_S,
    HistoryModel,
    observed_hours,
)
from carbonwait.core.forecaster import history_forecast as forecast_from_hours
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


def history_forecast(past: Series, now: float, until: float) -> Series:
    """The forecast from a series, by way of its whole hours."""
    begin, end = (past.edges[0], past.edges[-1]) if past else (now, now)
    return forecast_from_hours(observed_hours(past, begin, end), now, until)


def usual(at: float) -> float:
    """A day like any other: dirty evenings."""
    return 100 + 10 * (at // HOUR_S % 24)


def usual_days(days: int, end: float = NOW) -> list[float]:
    count = days * 24
    return [usual(end - (count - index) * HOUR_S) for index in range(count)]


def noisy_days(days: int, end: float = NOW) -> list[float]:
    """Usual days with a surprise that fades by a tenth an hour, as real ones do."""
    noise, found, random = 0.0, [], Random(1)
    for value in usual_days(days, end):
        noise = 0.9 * noise + random.gauss(0, 5)
        found.append(value + noise)
    return found


def values(series: Series) -> list[float]:
    return [slot.g_per_kwh for slot in series]


# --- what is forecast ---------------------------------------------------------------------------


def test_a_grid_that_never_changes_is_forecast_not_to_change() -> None:
    series = history_forecast(hourly([250.0] * 100), NOW, NOW + DAY_S)
    assert values(series) == pytest.approx([250.0] * 24)


def test_days_that_are_alike_are_forecast_to_be_alike() -> None:
    series = history_forecast(hourly(usual_days(10)), NOW, NOW + DAY_S)
    assert values(series) == pytest.approx([usual(slot.start) for slot in series])


def test_a_morning_that_is_dirtier_than_usual_fades_into_the_usual() -> None:
    past = noisy_days(30)
    past[-3:] = [value + 90 for value in past[-3:]]
    series = history_forecast(hourly(past), NOW, NOW + 3 * DAY_S)
    over = [slot.g_per_kwh - usual(slot.start) for slot in series]
    assert 30 < over[0] < 95
    assert over[0] > over[6] > over[24]
    assert over[60:] == pytest.approx([0.0] * len(over[60:]), abs=15)


def test_a_dirty_hour_of_a_wild_time_of_day_says_less_of_a_calm_one() -> None:
    # The hour before NOW is as changeable as can be, the others are all but alike.
    wild = [40.0 if hour % 24 == 23 else 1.0 for hour in range(24 * 60)]
    signs = [1 if hour * 7919 % 13 < 6 else -1 for hour in range(24 * 60)]
    past = [100 + sign * size for sign, size in zip(signs, wild, strict=True)]
    past[-1] += 40
    found = values(history_forecast(hourly(past), NOW, NOW + DAY_S))
    assert max(abs(value - 100) for value in found[4:20]) < 10


def test_weekends_that_are_cleaner_are_expected_to_be_so() -> None:
    def week(at: float) -> float:
        return 100.0 if int(at // DAY_S) % 7 < 5 else 60.0

    past = [week(NOW - (24 * 100 - index) * HOUR_S) for index in range(24 * 100)]
    series = history_forecast(hourly(past), NOW, NOW + 7 * DAY_S)
    far = [slot for slot in series if slot.start > NOW + 2 * DAY_S]
    clean = [slot.g_per_kwh for slot in far if week(slot.start) == 60.0]
    dirty = [slot.g_per_kwh for slot in far if week(slot.start) == 100.0]
    assert max(clean) < min(dirty)


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


def test_what_is_older_than_four_months_is_not_looked_at() -> None:
    past = hourly([100.0] * 100)
    old = hourly([900.0] * 100, NOW - LOOK_BACK_S)
    found = history_forecast(Series([*old, *past]), NOW, NOW + DAY_S)
    assert found == history_forecast(past, NOW, NOW + DAY_S)


def test_hours_are_learnt_in_order_of_time() -> None:
    model = HistoryModel()
    model.observe(100, 50.0)
    with pytest.raises(ValueError, match="hour 100 does not come after 100"):
        model.observe(100, 50.0)


def test_a_surprise_of_two_days_ago_says_nothing_any_more() -> None:
    past = noisy_days(30)
    calm = history_forecast(hourly(past), NOW + 2 * DAY_S, NOW + 3 * DAY_S)
    past[-3:] = [value + 20 for value in past[-3:]]
    moved = history_forecast(hourly(past), NOW + 2 * DAY_S, NOW + 3 * DAY_S)
    # What is left of it is in what is usual of those three hours of the day.
    assert values(moved)[4:20] == pytest.approx(values(calm)[4:20], abs=0.6)


def test_feeding_hour_by_hour_is_the_same_as_all_at_once() -> None:
    past = noisy_days(20)
    model = HistoryModel()
    for index, value in enumerate(past):
        model.ahead(int(NOW // HOUR_S) - len(past) + index, 24)
        model.observe(int(NOW // HOUR_S) - len(past) + index, value)
    once = values(history_forecast(hourly(past), NOW, NOW + DAY_S))
    assert model.ahead(int(NOW // HOUR_S), 24) == pytest.approx(once, rel=0.02)


# --- how sure it is -----------------------------------------------------------------------------


def test_the_error_to_be_expected_grows_with_the_hours_ahead() -> None:
    series = history_forecast(hourly(noisy_days(60)), NOW, NOW + 2 * DAY_S)
    sigmas = [slot.sigma_g_per_kwh for slot in series]
    assert all(sigmas[hour] < sigmas[hour + 24] for hour in range(24))


def test_a_grid_that_never_surprises_is_forecast_without_error() -> None:
    series = history_forecast(hourly(usual_days(30)), NOW, NOW + DAY_S)
    assert max(slot.sigma_g_per_kwh for slot in series) < 1e-6


def test_the_error_expected_is_about_the_error_made() -> None:
    past = noisy_days(90)
    model = HistoryModel()
    first = int(NOW // HOUR_S) - len(past)
    squares, expected = 0.0, 0.0
    for index, value in enumerate(past):
        if index > 24 * 60:
            said = model.ahead(first + index, 1)[0]
            assert said is not None
            squares += (value - said) ** 2
            expected += model.sigmas(first + index, 1)[0] ** 2
        model.observe(first + index, value)
    assert 0.5 < squares / expected < 2
