"""Energy-Charts: parallel arrays of what was and what is to come."""

from collections.abc import Sequence

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from provider_server import DAY_S, NOON, any_json, at, mutants, outcome, refusal, replies

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Series, Slot
from carbonwait.grid.energy_charts import COUNTRIES, EnergyCharts, parse
from carbonwait.grid.http import HttpRefusal, get_json

QUARTER_S = 900.0
# Berlin's midnight before NOON.
MIDNIGHT = at(2026, 11, 22, 23)


def answer(
    actuals: Sequence[object], forecasts: Sequence[object], begin: float = MIDNIGHT, **more: object
) -> dict[str, object]:
    """As the service sends it: three arrays of one length."""
    times = [int(begin + index * QUARTER_S) for index in range(len(actuals))]
    arrays = {"unix_seconds": times, "co2eq": actuals, "co2eq_forecast": forecasts}
    return arrays | {"deprecated": False} | more


def two_days() -> dict[str, object]:
    """Measured until 11:30 UTC, a hole of half an hour, forecast to the end of tomorrow."""
    actuals = [300.0 + i if i < 50 else None for i in range(192)]
    forecasts = [None if i < 52 else 200.0 + i for i in range(192)]
    return answer(actuals, forecasts)


GERMANY = EnergyCharts({})

# --- the forecast -------------------------------------------------------------------------------


def test_the_forecast_reaches_to_the_end_of_tomorrow() -> None:
    series = GERMANY.forecast("DE", NOON, NOON + 3 * DAY_S, replies(two_days())).series
    assert series.edges[-1] == MIDNIGHT + 2 * DAY_S
    assert series.covers(NOON, MIDNIGHT + 2 * DAY_S)


def test_what_was_measured_goes_before_what_was_forecast() -> None:
    both = answer([100.0, None, 120.0], [90.0, 95.0, None])
    assert parse(both) == Series(
        [
            Slot(MIDNIGHT, MIDNIGHT + 900, 100.0, "actual"),
            Slot(MIDNIGHT + 900, MIDNIGHT + 1800, 95.0, "forecast"),
            Slot(MIDNIGHT + 1800, MIDNIGHT + 2700, 120.0, "actual"),
        ]
    )


def test_where_neither_is_known_there_is_a_gap_of_half_an_hour() -> None:
    hole = (MIDNIGHT + 50 * QUARTER_S, MIDNIGHT + 52 * QUARTER_S)
    assert parse(two_days()).gaps(MIDNIGHT, MIDNIGHT + 2 * DAY_S) == [hole]


def test_nulls_at_the_end_shorten_the_forecast() -> None:
    series = parse(answer([100.0] + [None] * 7, [None, 90.0, 80.0] + [None] * 5))
    assert series.edges[-1] == MIDNIGHT + 3 * QUARTER_S


def test_hours_are_told_from_quarters_of_an_hour() -> None:
    document = {
        "unix_seconds": [NOON, NOON + 3600],
        "co2eq": [50, 60],
        "co2eq_forecast": [None, 70],
    }
    assert parse(document).edges == [NOON, NOON + 3600, NOON + 7200]


def test_two_values_far_apart_do_not_stretch_over_what_is_not_known() -> None:
    document = answer([100.0] + [None] * 15 + [110.0], [None] * 17)
    assert parse(document).covered_s(MIDNIGHT, MIDNIGHT + DAY_S) == 2 * QUARTER_S


def test_points_may_be_repeated_and_out_of_order() -> None:
    document = {
        "unix_seconds": [NOON + 900, NOON, NOON + 900],
        "co2eq": [None, 100, None],
        "co2eq_forecast": [110, None, 115],
    }
    assert [slot.g_per_kwh for slot in parse(document)] == [100, 115]


@pytest.mark.parametrize(
    ("midnight", "hours"),
    [(at(2026, 10, 24, 22), 25), (at(2026, 3, 28, 23), 23), (at(2026, 12, 30, 23), 24)],
    ids=["clocks go back", "clocks go forward", "the last day of the year"],
)
def test_a_local_day_is_covered_however_long_it_is(midnight: float, hours: int) -> None:
    quarters = hours * 4
    series = parse(answer([None] * quarters, [100.0] * quarters, midnight))
    assert series.edges == [midnight + index * QUARTER_S for index in range(quarters + 1)]


@pytest.mark.parametrize(
    "document",
    [
        answer([], []),
        answer([None] * 4, [None] * 4, NOON),
        answer([100.0] * 4, [None] * 4),
        answer([None] * 4, [100.0] * 4, NOON * 1000),
        {"unix_seconds": [NOON], "co2eq": None},
    ],
    ids=["no points", "nulls", "the past", "milliseconds", "other arrays"],
)
def test_an_answer_without_a_future_is_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="energy_charts: no forecast for DE from now on"):
        GERMANY.forecast("DE", NOON, NOON + DAY_S, replies(document))


@pytest.mark.parametrize("document", [None, [], "x", 0, {}, {"unix_seconds": 1}])
def test_another_shape_is_refused(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="not of the known form"):
        GERMANY.forecast("DE", NOON, NOON + DAY_S, replies(document))


def test_arrays_of_unequal_length_give_what_they_have_in_common() -> None:
    document = answer([100.0, 110.0, 120.0], [None]) | {"co2eq": [100.0]}
    assert [slot.g_per_kwh for slot in parse(document)] == [100.0]


def test_an_endpoint_that_is_to_be_retired_is_still_of_use() -> None:
    document = two_days() | {"deprecated": True}
    assert GERMANY.forecast("DE", NOON, NOON + DAY_S, replies(document)).series


# --- actuals ------------------------------------------------------------------------------------


def test_actuals_are_what_was_measured() -> None:
    series = GERMANY.actuals("DE", MIDNIGHT, NOON, replies(two_days()))
    assert {slot.kind for slot in series} == {"actual"}
    assert series.edges[-1] == MIDNIGHT + 50 * QUARTER_S


def test_actuals_keep_the_whole_slots_that_touch_the_span() -> None:
    series = GERMANY.actuals("DE", MIDNIGHT + 60, MIDNIGHT + 1000, replies(two_days()))
    assert series.edges == [MIDNIGHT, MIDNIGHT + 900, MIDNIGHT + 1800]


def test_a_span_without_points_has_no_actuals() -> None:
    assert not GERMANY.actuals("DE", MIDNIGHT, NOON, replies(answer([], [])))


def test_at_most_fourteen_days_are_asked_for() -> None:
    ask = replies(answer([], []))
    GERMANY.actuals("DE", NOON - 60 * DAY_S, NOON, ask)
    assert ask.asked[0].params == {
        "country": "de",
        "start": "2026-11-09T12:00Z",
        "end": "2026-11-23T12:00Z",
    }


# --- over the network ---------------------------------------------------------------------------


def test_the_country_is_asked_for_and_nothing_else(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(two_days()))
    provider = EnergyCharts({"base_url": f"{grid_server.url}/"})
    assert provider.forecast("DE-LU", NOON, NOON + DAY_S, get_json).series
    assert grid_server.seen[0].target == "/co2eq?country=de"


def test_a_refusal_in_plain_words_is_shown(grid_server: GridServer) -> None:
    text = b"'xx' is not the code for an available country. " + b"Please refer. " * 50
    grid_server.answer(refusal(400, text))
    with pytest.raises(ProviderUnavailable, match="'xx' is not the code for an avail") as caught:
        EnergyCharts({"base_url": grid_server.url}).forecast("DE", NOON, NOON + DAY_S, get_json)
    assert len(str(caught.value)) < 230


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, {"detail": "Not Found"}, "energy_charts: no data for DE"),
        (410, b"", "energy_charts: the service has retired this address; use another provider"),
        (429, b"", "energy_charts: too many requests, it asks for a rest of 1h 00m"),
        (422, {"detail": [{"loc": ["query"]}]}, "answered with status 422"),
        (500, b"<html></html>", "answered with status 500"),
    ],
)
def test_a_refusal_is_explained(
    grid_server: GridServer, status: int, body: object, reason: str
) -> None:
    grid_server.answer(refusal(status, body))
    with pytest.raises(HttpRefusal, match=reason) as caught:
        EnergyCharts({"base_url": grid_server.url}).forecast("DE", NOON, NOON + DAY_S, get_json)
    assert caught.value.retry_after_s == 3600


# --- what is covered, and what nobody has thought of --------------------------------------------


@pytest.mark.parametrize(
    ("zone", "covered"),
    [("DE", True), ("DE-LU", True), ("IT", True), ("RO", False), ("GB", False), ("SE-SE4", False)],
)
def test_countries_are_covered_and_bidding_zones_are_not(zone: str, covered: bool) -> None:
    assert EnergyCharts({}).covers(zone) is covered


def test_there_are_26_countries() -> None:
    assert len(COUNTRIES) == 26


SMALL = answer([100.0, None, None], [None, 90.0, 80.0], NOON)


@given(st.one_of(any_json, mutants(SMALL)))
def test_any_document_gives_a_forecast_or_none(document: object) -> None:
    outcome(lambda fetch: GERMANY.forecast("DE", NOON, NOON + DAY_S, fetch), document)


@given(st.one_of(any_json, mutants(SMALL)))
def test_any_document_gives_actuals_or_none(document: object) -> None:
    outcome(lambda fetch: GERMANY.actuals("DE", NOON, NOON + DAY_S, fetch), document)
