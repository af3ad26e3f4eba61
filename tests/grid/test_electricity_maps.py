"""Electricity Maps: what its plans refuse, and what it makes up."""

from collections.abc import Callable

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from provider_server import (
    DAY_S,
    HOUR_S,
    HTML,
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
from carbonwait.core.series import Series, Slot
from carbonwait.grid.electricity_maps import ElectricityMaps
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.refusals import SettingsRefused

TOKEN = "s3cret-t0ken"
ZONE = "DK-DK2"


def forecast(*values: object, begin: float = NOON, **more: object) -> dict[str, object]:
    """As the service answers: from the hour under way on."""
    rows = [
        {"carbonIntensity": value, "datetime": iso(begin + index * HOUR_S, ".000Z")}
        for index, value in enumerate(values)
    ]
    rest = {"updatedAt": iso(NOON - 120, ".392Z"), "temporalGranularity": "hourly"}
    return {"zone": ZONE, "forecast": rows} | rest | more


def history(*values: object, method: object = None, **more: object) -> dict[str, object]:
    """The last hours, the newest of them estimated."""
    begin = NOON - len(values) * HOUR_S
    rows = [
        {
            "zone": ZONE,
            "carbonIntensity": value,
            "datetime": iso(begin + index * HOUR_S, ".000Z"),
            "updatedAt": iso(NOON, ".000Z"),
            "isEstimated": method is not None,
            "estimationMethod": method,
        }
        for index, value in enumerate(values)
    ]
    return {"zone": ZONE, "history": rows, "temporalGranularity": "hourly"} | more


WITH_TOKEN = ElectricityMaps({"token": TOKEN})


def told(server: GridServer) -> ElectricityMaps:
    return ElectricityMaps({"token": TOKEN, "base_url": server.url})


def refused(server: GridServer, answer: Answer, what: str = "forecast") -> ProviderUnavailable:
    """What a user is told of an answer."""
    server.answer(answer)
    provider = told(server)
    ask: Callable[..., object] = getattr(provider, what)
    with pytest.raises(ProviderUnavailable) as caught:
        ask(ZONE, NOON, NOON + DAY_S, get_json)
    assert TOKEN not in str(caught.value)
    return caught.value


# --- the forecast -------------------------------------------------------------------------------


def test_a_forecast_is_one_slot_per_hour() -> None:
    found = WITH_TOKEN.forecast(ZONE, NOON + 60, NOON + DAY_S, replies(forecast(77, 76)))
    assert found.series == Series(
        [Slot(NOON, NOON + HOUR_S, 77.0), Slot(NOON + HOUR_S, NOON + 2 * HOUR_S, 76.0)]
    )


def test_it_was_issued_when_it_was_updated() -> None:
    found = WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, replies(forecast(77)))
    assert found.issued == pytest.approx(NOON - 120 + 0.392)


def test_a_forecast_that_does_not_say_when_it_was_made_is_one_all_the_same() -> None:
    document = forecast(77, updatedAt=None)
    assert WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, replies(document)).issued is None


def test_an_hour_without_a_value_is_a_gap() -> None:
    found = WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, replies(forecast(77, None, None, 80)))
    assert found.series.gaps(NOON, NOON + 4 * HOUR_S) == [(NOON + HOUR_S, NOON + 3 * HOUR_S)]


@pytest.mark.parametrize(
    ("granularity", "step_s"), [("hourly", 3600), ("15_minutes", 900), ("5_minutes", 300)]
)
def test_the_length_of_a_slot_is_what_the_service_says(granularity: str, step_s: float) -> None:
    document = forecast(77, temporalGranularity=granularity)
    found = WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, replies(document))
    assert found.series.edges == [NOON, NOON + step_s]


def test_a_forecast_over_new_year_has_no_seam() -> None:
    begin = at(2026, 12, 31, 20)
    document = forecast(*range(50, 60), begin=begin)
    found = WITH_TOKEN.forecast(ZONE, begin, begin + DAY_S, replies(document))
    assert found.series.covers(begin, begin + 10 * HOUR_S)


@pytest.mark.parametrize(
    ("hours", "horizon"), [(1, "24"), (24, "24"), (25, "48"), (72, "72"), (200, "72")]
)
def test_the_horizon_is_one_that_the_service_knows(hours: int, horizon: str) -> None:
    ask = replies(forecast(77))
    WITH_TOKEN.forecast(ZONE, NOON, NOON + hours * HOUR_S, ask)
    assert ask.asked[0].params["horizonHours"] == horizon


@pytest.mark.parametrize(
    "document",
    [forecast(), forecast(None, None), forecast(77, begin=NOON - DAY_S), {"zone": ZONE}],
    ids=["no rows", "nulls", "the past", "no list"],
)
def test_an_answer_without_a_future_is_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="no forecast for DK-DK2 from now on"):
        WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, replies(document))


# --- whose data it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        forecast(77, _disclaimer="This is SANDBOX MODE data, not for use."),
        forecast(77, _disclaimer="sandbox mode"),
        history(77, method="SANDBOX_MODE_DATA"),
        forecast(77) | history(77, method="SANDBOX_MODE_DATA"),
    ],
    ids=["disclaimer", "in small letters", "history", "both"],
)
def test_sandbox_data_is_refused(document: object) -> None:
    for ask in (WITH_TOKEN.forecast, WITH_TOKEN.actuals):
        with pytest.raises(SettingsRefused, match="sandbox data is made up; use a real token"):
            ask(ZONE, NOON, NOON + DAY_S, replies(document))


@pytest.mark.parametrize("zone", ["DE", None, 1, ["DK-DK2"]])
def test_an_answer_for_the_zone_of_the_callers_address_is_refused(zone: object) -> None:
    with pytest.raises(ProviderUnavailable, match="the answer is not for DK-DK2"):
        WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, replies(forecast(77, zone=zone)))


def test_the_service_is_always_told_not_to_look_up_the_caller(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(forecast(77)), Answer.of(history(77)))
    provider = told(grid_server)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    provider.actuals(ZONE, NOON - DAY_S, NOON, get_json)
    assert [seen.params["disableCallerLookup"] for seen in grid_server.seen] == ["true", "true"]
    assert [seen.params["zone"] for seen in grid_server.seen] == [ZONE, ZONE]


def test_the_token_is_in_a_header_and_never_in_the_address(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(forecast(77)))
    provider = ElectricityMaps({"token": f" {TOKEN}\n", "base_url": f"{grid_server.url}/"})
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert grid_server.seen[0].headers["auth-token"] == TOKEN
    assert TOKEN not in grid_server.seen[0].target
    assert grid_server.seen[0].path == "/v4/carbon-intensity/forecast"


# --- actuals ------------------------------------------------------------------------------------


def test_actuals_are_the_last_24_hours() -> None:
    series = WITH_TOKEN.actuals(ZONE, NOON - 14 * DAY_S, NOON, replies(history(*range(50, 74))))
    assert series.edges[0] == NOON - DAY_S
    assert {slot.kind for slot in series} == {"actual"}


def test_hours_outside_the_span_are_left_out() -> None:
    series = WITH_TOKEN.actuals(ZONE, NOON - 1800, NOON, replies(history(50, 51, 52)))
    assert [slot.g_per_kwh for slot in series] == [52]


def test_estimated_hours_are_kept_until_they_are_measured() -> None:
    document = history(50, 51, method="FORECASTS_HIERARCHY")
    assert len(WITH_TOKEN.actuals(ZONE, NOON - DAY_S, NOON, replies(document))) == 2


# --- refusals -----------------------------------------------------------------------------------

NOT_IN_PLAN = {
    "error": "Request unauthorized for zoneKey=DK-DK2,requestType=forecast,"
    "dataType=carbon-intensity.",
    "message": "You do not have access to this specific endpoint for this specific zone. Please "
    "visit https://help.electricitymaps.com if this is a mistake",
}


@pytest.mark.parametrize(
    "body",
    [
        NOT_IN_PLAN,
        {"error": "Token unauthorized for zoneKey=DK-DK2"},
        {"message": "Endpoint not available"},
    ],
    ids=["as recorded", "older words", "oldest words"],
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_plan_without_a_forecast_is_told_from_a_wrong_token(
    grid_server: GridServer, status: int, body: object
) -> None:
    refusal_of_plan = refused(grid_server, refusal(status, body))
    assert str(refusal_of_plan) == (
        "electricity_maps: the token is valid, but its plan has no forecast for DK-DK2"
    )
    assert isinstance(refusal_of_plan, SettingsRefused)


def test_a_plan_without_a_history_is_told_as_such(grid_server: GridServer) -> None:
    text = str(refused(grid_server, refusal(401, NOT_IN_PLAN), "actuals"))
    assert text.endswith("the token is valid, but its plan has no history for DK-DK2")


@pytest.mark.parametrize(
    "body",
    [
        {"error": "Invalid auth-token"},
        {"error": f"Invalid auth-token {TOKEN}"},
        b"",
        HTML.body,
        b"[" * 5000,
        b"\xff\xfe",
        [1, 2],
        {"error": None},
    ],
    ids=["as recorded", "repeated", "empty", "html", "deep", "no text", "list", "null"],
)
def test_a_wrong_token_is_told_without_showing_it(grid_server: GridServer, body: object) -> None:
    found = refused(grid_server, refusal(401, body))
    assert str(found) == (
        "electricity_maps: the token is not accepted; check ELECTRICITYMAPS_TOKEN or token_file"
    )


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"message": f"bad {TOKEN}"}, "127.0.0.1:.* answered with status 400"),
        (404, {"message": "No recent data available for zone DK-DK2"}, "no data for DK-DK2"),
        (404, {"message": "no Route matched with those values"}, "has retired this address"),
        (410, b"", "has retired this address"),
        (429, b"", "too many requests, it asks for a rest of 1h 00m"),
        (503, b"<html>", "answered with status 503"),
    ],
)
def test_other_refusals_are_explained_and_keep_when_to_ask_again(
    grid_server: GridServer, status: int, body: object, reason: str
) -> None:
    found = refused(grid_server, refusal(status, body))
    assert isinstance(found, HttpRefusal)
    assert found.retry_after_s == 3600
    with pytest.raises(ProviderUnavailable, match=f"^electricity_maps: .*{reason}"):
        raise found


def test_no_recent_data_may_come_as_a_success(grid_server: GridServer) -> None:
    body = {"status": "error", "message": "No recent data available for zone DK-DK2"}
    assert str(refused(grid_server, Answer.of(body))).endswith("no data for DK-DK2")


@pytest.mark.parametrize("config", [{}, {"token": ""}, {"token": None}, {"token": "  "}])
def test_without_a_token_nobody_is_asked(config: dict[str, object]) -> None:
    ask = replies(forecast(77))
    with pytest.raises(SettingsRefused, match="no token; set ELECTRICITYMAPS_TOKEN or token_file"):
        ElectricityMaps(config).forecast(ZONE, NOON, NOON + DAY_S, ask)
    assert ask.asked == []


@pytest.mark.parametrize("token", ["s3crét", "s3c\nret", "s3c\x00ret"])
def test_a_token_that_fits_into_no_header_is_not_sent(token: str) -> None:
    with pytest.raises(SettingsRefused, match="the token holds odd characters") as caught:
        ElectricityMaps({"token": token}).forecast(ZONE, NOON, NOON + DAY_S, replies({}))
    assert "s3c" not in str(caught.value)


# --- what nobody has thought of -----------------------------------------------------------------


@given(st.one_of(any_json, mutants(forecast(77, 76, None))))
def test_any_document_gives_a_forecast_or_none(document: object) -> None:
    outcome(lambda fetch: WITH_TOKEN.forecast(ZONE, NOON, NOON + DAY_S, fetch), document)


@given(st.one_of(any_json, mutants(history(77, 76, None))))
def test_any_document_gives_actuals_or_none(document: object) -> None:
    outcome(lambda fetch: WITH_TOKEN.actuals(ZONE, NOON - DAY_S, NOON, fetch), document)
