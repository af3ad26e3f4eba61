"""The error of forecasts by lead time, in figures worked out by hand."""

import pytest
from settling import HOUR_S, hourly, plain

from carbonwait.core.forecast_error import LEADS_H, ErrorSums, LeadError
from carbonwait.core.series import Kind, Series, Slot

AT = 1_795_435_200.0


def errors(forecast: Series, actual: Series, at: float = AT) -> list[LeadError]:
    sums = ErrorSums()
    sums.add(at, forecast, actual)
    return plain(sums.by_lead("GB"))


def test_each_hour_counts_at_its_own_lead_time() -> None:
    # 10 % too high, then 20 % too low, exact and twice as high.
    forecast = hourly([110, 160, 300, 200], AT, "forecast")
    assert errors(forecast, hourly([100, 200, 300, 100], AT)) == [
        LeadError("GB", 1, 10.0, 1.0),
        LeadError("GB", 3, 10.0, 2.0),
        LeadError("GB", 6, 100.0, 1.0),
    ]


def test_a_slot_is_compared_with_the_mean_of_what_was() -> None:
    forecast = Series([Slot(AT, AT + HOUR_S, 150.0)])
    halves = [Slot(AT, AT + 1800, 100.0, "actual"), Slot(AT + 1800, AT + HOUR_S, 300.0, "actual")]
    assert errors(forecast, Series(halves)) == [LeadError("GB", 1, 25.0, 1.0)]


def test_long_slots_weigh_more_than_short_ones() -> None:
    forecast = Series([Slot(AT, AT + 900, 200.0), Slot(AT + 900, AT + 3600, 100.0)])
    assert errors(forecast, hourly([100], AT)) == [LeadError("GB", 1, 25.0, 1.0)]


def test_what_lay_behind_was_not_forecast() -> None:
    assert errors(hourly([110], AT, "forecast"), hourly([100], AT), AT + 1) == []


@pytest.mark.parametrize("kind", ["actual", "typical"])
def test_what_was_no_forecast_has_no_error(kind: Kind) -> None:
    assert errors(hourly([110], AT, kind), hourly([100], AT)) == []


def test_what_is_not_known_is_left_out() -> None:
    assert errors(hourly([110, 120], AT, "forecast"), hourly([None, 100], AT)) == [
        LeadError("GB", 3, 20.0, 1.0)
    ]


def test_of_nought_there_is_no_percentage() -> None:
    assert errors(hourly([110], AT, "forecast"), hourly([0.0], AT)) == []


def test_several_forecasts_are_put_together() -> None:
    sums = ErrorSums()
    sums.add(AT, hourly([110], AT, "forecast"), hourly([100], AT))
    sums.add(AT, hourly([130], AT, "forecast"), hourly([100], AT))
    assert plain(sums.by_lead(None)) == [LeadError(None, 1, 20.0, 2.0)]


def test_a_forecast_for_long_after_is_left_out() -> None:
    late = AT + LEADS_H[-1] * HOUR_S
    assert errors(hourly([110], late, "forecast"), hourly([100], late)) == []
