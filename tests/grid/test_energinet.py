"""Energinet: two Danish areas in steps of five minutes."""

import json

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from provider_server import (
    DAY_S,
    HOUR_S,
    NOON,
    any_json,
    at,
    iso,
    mutants,
    outcome,
    refusal,
    replies,
)

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Slot
from carbonwait.grid.energinet import Energinet, parse
from carbonwait.grid.http import HttpRefusal, get_json

STEP_S = 300.0


def row(start: float, value: object, area: str = "DK1") -> dict[str, object]:
    """A record; its times have no offset, and the Danish one is not looked at."""
    return {
        "Minutes5UTC": iso(start, ""),
        "Minutes5DK": iso(start + HOUR_S, ""),
        "PriceArea": area,
        "CO2Emission": value,
    }


def answer(*records: object) -> dict[str, object]:
    return {"total": 900_000, "limit": 0, "dataset": "CO2EmisProg", "records": list(records)}


def ahead(steps: int, begin: float = NOON) -> dict[str, object]:
    """Both areas, so many steps of each."""
    starts = [begin + index * STEP_S for index in range(steps)]
    return answer(*(row(s, v, a) for s in starts for a, v in (("DK1", 110), ("DK2", 220))))


JUTLAND = Energinet({})

# --- the forecast -------------------------------------------------------------------------------


@pytest.mark.parametrize(("zone", "g_per_kwh"), [("DK-DK1", 110), ("DK-DK2", 220)])
def test_each_area_has_its_own_rows(zone: str, g_per_kwh: float) -> None:
    series = JUTLAND.forecast(zone, NOON, NOON + DAY_S, replies(ahead(108))).series
    assert {slot.g_per_kwh for slot in series} == {g_per_kwh}
    assert series.edges == [NOON + index * STEP_S for index in range(109)]


def test_times_without_an_offset_are_utc() -> None:
    series = parse(answer(row(NOON, 26)), "DK1", "forecast")
    assert list(series) == [Slot(NOON, NOON + STEP_S, 26.0, "forecast")]


def test_the_newest_row_may_come_first() -> None:
    records = [row(NOON + index * STEP_S, 100 + index) for index in range(4)]
    assert parse(answer(*records[::-1]), "DK1", "forecast") == parse(
        answer(*records), "DK1", "forecast"
    )


def test_rows_that_are_missing_for_half_an_hour_are_a_gap() -> None:
    records = [row(NOON + index * STEP_S, 100) for index in range(20) if not 6 <= index < 12]
    series = parse(answer(*records), "DK1", "forecast")
    assert series.gaps(NOON, NOON + 20 * STEP_S) == [(NOON + 1800, NOON + 3600)]


def test_a_row_lasts_five_minutes_even_if_it_stands_alone() -> None:
    series = parse(answer(row(NOON, 100), row(NOON + HOUR_S, 100)), "DK1", "forecast")
    assert series.covered_s(NOON, NOON + 2 * HOUR_S) == 600


def test_a_null_is_dropped_and_never_read_as_zero() -> None:
    series = parse(answer(row(NOON, None), row(NOON + STEP_S, 100)), "DK1", "forecast")
    assert [slot.g_per_kwh for slot in series] == [100]


def test_the_night_when_clocks_go_back_has_no_double_hour() -> None:
    begin = at(2026, 10, 24, 22)
    series = parse(ahead(300, begin), "DK1", "forecast")
    assert series.covers(begin, begin + 25 * HOUR_S)


@pytest.mark.parametrize(
    "document",
    [answer(), answer(row(NOON, 100, "SE4")), answer(row(NOON - DAY_S, 100)), answer(1, None, [])],
    ids=["no rows", "another area", "the past", "no records"],
)
def test_an_answer_without_a_future_is_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="energinet: no forecast for DK-DK1 from now on"):
        JUTLAND.forecast("DK-DK1", NOON, NOON + DAY_S, replies(document))


@pytest.mark.parametrize("document", [None, [], {}, {"records": None}, {"records": {}}, "x"])
def test_another_shape_is_refused(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="not of the known form"):
        JUTLAND.forecast("DK-DK1", NOON, NOON + DAY_S, replies(document))


# --- actuals ------------------------------------------------------------------------------------


def test_actuals_are_the_slots_that_touch_the_span() -> None:
    series = JUTLAND.actuals("DK-DK2", NOON + 60, NOON + 400, replies(ahead(12)))
    assert [(slot.start, slot.kind) for slot in series] == [
        (NOON, "actual"),
        (NOON + STEP_S, "actual"),
    ]


def test_an_empty_answer_has_no_actuals() -> None:
    assert not JUTLAND.actuals("DK-DK1", NOON, NOON + HOUR_S, replies(answer()))


def test_at_most_fourteen_days_are_asked_for() -> None:
    ask = replies(answer())
    JUTLAND.actuals("DK-DK1", NOON - 60 * DAY_S, NOON, ask)
    assert ask.asked[0].url.endswith("/dataset/CO2Emis")
    assert ask.asked[0].params["start"] == "2026-11-09T12:00"


# --- over the network ---------------------------------------------------------------------------


def test_one_request_asks_for_both_areas_in_utc_and_without_a_limit(
    grid_server: GridServer,
) -> None:
    grid_server.answer(Answer.of(ahead(12)))
    Energinet({"base_url": f"{grid_server.url}/"}).forecast(
        "DK-DK1", NOON + 100, NOON + DAY_S, get_json
    )
    assert len(grid_server.seen) == 1
    assert grid_server.seen[0].path == "/dataset/CO2EmisProg"
    asked = grid_server.seen[0].params
    assert json.loads(asked.pop("filter")) == {"PriceArea": ["DK1", "DK2"]}
    assert asked == {
        "start": "2026-11-23T11:00",
        "end": "2026-11-24T12:00",
        "timezone": "UTC",
        "sort": "Minutes5UTC asc",
        "limit": "0",
    }


def test_a_second_request_within_the_minute_is_not_tried_again(grid_server: GridServer) -> None:
    grid_server.answer(refusal(429, retry_after_s=41))
    with pytest.raises(HttpRefusal, match="too many requests, it asks for a rest of 41s") as told:
        Energinet({"base_url": grid_server.url}).forecast("DK-DK1", NOON, NOON + DAY_S, get_json)
    assert told.value.retry_after_s == 41
    assert len(grid_server.seen) == 1


# --- what is covered, and what nobody has thought of --------------------------------------------


@pytest.mark.parametrize(("zone", "covered"), [("DK-DK1", True), ("DK-DK2", True), ("DK", False)])
def test_the_two_areas_are_covered(zone: str, covered: bool) -> None:
    assert Energinet({}).covers(zone) is covered


SMALL = answer(row(NOON, 100), row(NOON + STEP_S, 120), row(NOON, 200, "DK2"))


@given(st.one_of(any_json, mutants(SMALL)))
def test_any_document_gives_a_forecast_or_none(document: object) -> None:
    outcome(lambda fetch: JUTLAND.forecast("DK-DK1", NOON, NOON + DAY_S, fetch), document)


@given(st.one_of(any_json, mutants(SMALL)))
def test_any_document_gives_actuals_or_none(document: object) -> None:
    outcome(lambda fetch: JUTLAND.actuals("DK-DK1", NOON, NOON + DAY_S, fetch), document)
