"""WattTime: logins, pounds per megawatt-hour, and zeros that hold."""

from base64 import b64decode
from typing import Any

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
    iso,
    mutants,
    outcome,
    refusal,
    replies,
)

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.refusals import SettingsRefused
from carbonwait.grid.watttime import WattTime, parse

ZONE = "US-CAL-CISO"
ACCOUNT = {"username": "ada", "password": "pa55:wörd"}
STEP_S = 300.0
LOGIN = {"token": "jwt.one"}
EXPIRED = Answer(HTML.body, status=401, headers={"Content-Type": "text/html"})
# As recorded; the region that it names is an old one.
NO_ACCESS = {
    "error": "Invalid query parameters",
    "message": "Invalid scope. You do not have sufficient access to this resource. See "
    "https://api.watttime.org/plans/ for more. All users are allowed free access to CAISO_ZP26.",
}


def answer(*values: object, begin: float = NOON, **meta: Any) -> dict[str, object]:
    """As the service answers, in pounds per MWh."""
    rows = [
        {"point_time": iso(begin + index * STEP_S, "+00:00"), "value": value}
        for index, value in enumerate(values)
    ]
    told: dict[str, object] = {
        "data_point_period_seconds": 300,
        "region": "CAISO_NORTH",
        "warnings": [],
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
        "generated_at": iso(begin, "+00:00"),
    }
    return {"data": rows, "meta": told | meta}


def told(server: GridServer, **config: object) -> WattTime:
    return WattTime({**ACCOUNT, "base_url": f"{server.url}/", **config})


def paths(server: GridServer) -> list[str]:
    return [seen.path for seen in server.seen]


# --- values -------------------------------------------------------------------------------------


def test_pounds_per_megawatt_hour_become_grams_per_kilowatt_hour() -> None:
    assert parse(answer(870.0), "forecast").at(NOON) == pytest.approx(394.6, abs=0.05)


def test_a_zero_amid_gas_is_kept_since_it_is_marginal() -> None:
    series = parse(answer(900, 0, 0, 900), "forecast")
    assert [round(slot.g_per_kwh) for slot in series] == [408, 0, 0, 408]


def test_a_null_is_a_gap() -> None:
    series = parse(answer(900, None, 900), "forecast")
    assert series.gaps(NOON, NOON + 900) == [(NOON + STEP_S, NOON + 2 * STEP_S)]


def test_half_an_hour_without_rows_is_a_gap() -> None:
    document = answer(*[900] * 18)
    rows = document["data"]
    assert isinstance(rows, list)
    del rows[6:12]
    assert parse(document, "forecast").gaps(NOON, NOON + 18 * STEP_S) == [
        (NOON + 1800, NOON + 3600)
    ]


def test_the_length_of_a_slot_is_what_the_service_says() -> None:
    assert parse(answer(900), "forecast").edges == [NOON, NOON + STEP_S]
    hourly = parse(answer(900, data_point_period_seconds=3600), "forecast")
    assert hourly.edges == [NOON, NOON + HOUR_S]


@pytest.mark.parametrize("period", [None, 0, -300, 1e9, "300"])
def test_a_length_that_makes_no_sense_is_derived_from_the_points(period: object) -> None:
    series = parse(answer(900, 910, data_point_period_seconds=period), "forecast")
    assert series.edges == [NOON, NOON + STEP_S, NOON + 2 * STEP_S]


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"units": "percentile"}, "not in lbs_co2_per_mwh"),
        ({"units": None}, "not in lbs_co2_per_mwh"),
        ({"signal_type": "health_damage"}, "not of co2_moer"),
    ],
)
def test_another_unit_or_signal_is_refused(meta: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProviderUnavailable, match=reason):
        parse(answer(900, **meta), "forecast")


# --- the forecast and what was ------------------------------------------------------------------


def test_a_forecast_says_when_it_was_generated(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), Answer.of(answer(900, 910)))
    found = told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert (found.issued, len(found.series)) == (NOON, 2)


@pytest.mark.parametrize(
    ("hours", "horizon"), [(0.1, "1"), (1, "1"), (1.5, "2"), (72, "72"), (300, "72")]
)
def test_the_horizon_is_in_whole_hours(hours: float, horizon: str) -> None:
    ask = replies(LOGIN, answer(900))
    WattTime(ACCOUNT).forecast(ZONE, NOON, NOON + hours * HOUR_S, ask)
    assert ask.asked[1].params["horizon_hours"] == horizon


@pytest.mark.parametrize(
    "document", [answer(), answer(None), answer(900, begin=NOON - DAY_S), {"meta": {}}, None, []]
)
def test_an_answer_without_a_future_is_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="watttime: "):
        WattTime(ACCOUNT).forecast(ZONE, NOON, NOON + DAY_S, replies(LOGIN, document))


def test_actuals_are_asked_for_with_a_time_zone_and_for_thirty_days_at_most() -> None:
    ask = replies(LOGIN, answer(900, begin=NOON - STEP_S))
    series = WattTime(ACCOUNT).actuals(ZONE, NOON - 90 * DAY_S, NOON, ask)
    assert ask.asked[1].params == {
        "region": "CAISO_NORTH",
        "signal_type": "co2_moer",
        "start": "2026-10-24T12:00Z",
        "end": "2026-11-23T12:00Z",
    }
    assert [(slot.start, slot.kind) for slot in series] == [(NOON - STEP_S, "actual")]


# --- logging in ---------------------------------------------------------------------------------


def test_the_account_goes_to_the_login_and_its_token_to_the_rest(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), Answer.of(answer(900)))
    told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server) == ["/login", "/v3/forecast"]
    login, data = (seen.headers["Authorization"] for seen in grid_server.seen)
    assert b64decode(login.removeprefix("Basic ")).decode() == "ada:pa55:wörd"
    assert data == "Bearer jwt.one"


def test_no_key_is_in_an_address(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), Answer.of(answer(900)))
    told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert not any(
        key in seen.target for seen in grid_server.seen for key in ("ada", "pa55", "jwt.one")
    )


def test_a_token_is_used_again(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), Answer.of(answer(900)))
    provider = told(grid_server)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    provider.actuals(ZONE, NOON, NOON + HOUR_S, get_json)
    assert paths(grid_server) == ["/login", "/v3/forecast", "/v3/historical"]


@pytest.mark.parametrize(
    "refused",
    [EXPIRED, Answer(HTML.body, status=403), Answer(b'{"error":"expired"}', status=401)],
    ids=["html 401", "html 403", "json 401"],
)
def test_a_token_that_has_run_out_leads_to_one_new_login(
    grid_server: GridServer, refused: Answer
) -> None:
    documents = [Answer.of(document) for document in (LOGIN, answer(900), LOGIN, answer(910))]
    grid_server.answer(*documents[:2], refused, *documents[2:])
    provider = told(grid_server)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server) == [
        "/login",
        "/v3/forecast",
        "/v3/forecast",
        "/login",
        "/v3/forecast",
    ]


def test_a_new_login_that_does_not_help_is_the_last_one(grid_server: GridServer) -> None:
    first, second = Answer.of(LOGIN), Answer.of(answer(900))
    grid_server.answer(first, second, EXPIRED, first, EXPIRED)
    provider = told(grid_server)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    with pytest.raises(ProviderUnavailable, match="refuses the token that its own login gave"):
        provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server).count("/login") == 2


def test_a_first_token_that_is_refused_leads_to_one_new_login(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), EXPIRED, Answer.of(LOGIN), Answer.of(answer(900)))
    told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server) == ["/login", "/v3/forecast"] * 2


def test_two_tokens_that_are_refused_are_enough(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), EXPIRED, Answer.of(LOGIN), EXPIRED)
    with pytest.raises(ProviderUnavailable, match="refuses the token that its own login gave"):
        told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server) == ["/login", "/v3/forecast"] * 2


def test_a_token_that_was_refused_is_forgotten(grid_server: GridServer) -> None:
    good = Answer.of(LOGIN), Answer.of(answer(900))
    grid_server.answer(*good, EXPIRED, refusal(503), *good)
    provider = told(grid_server)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    with pytest.raises(ProviderUnavailable):
        provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    once = ["/login", "/v3/forecast"]
    assert paths(grid_server) == [*once, "/v3/forecast", "/login", *once]


def test_a_refusal_of_another_kind_costs_no_login(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(LOGIN), Answer.of(answer(900)), refusal(503), Answer.of(answer(1)))
    provider = told(grid_server)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    with pytest.raises(HttpRefusal):
        provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    provider.forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server).count("/login") == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_is_refused_names_the_remedy(grid_server: GridServer, status: int) -> None:
    grid_server.answer(refusal(status, HTML.body + b"ada pa55"))
    with pytest.raises(SettingsRefused, match="the login is refused; check WATTTIME_") as caught:
        told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert paths(grid_server) == ["/login"]
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    "login",
    [
        None,
        [],
        {},
        {"token": None},
        {"token": ""},
        {"token": "a\nb"},
        {"token": "é"},
        {"token": "x" * 10_000},
        {"token": 12},
    ],
)
def test_a_login_without_a_usable_token_is_told(login: object) -> None:
    ask = replies(login)
    with pytest.raises(ProviderUnavailable, match="watttime: the login gave no token"):
        WattTime(ACCOUNT).forecast(ZONE, NOON, NOON + DAY_S, ask)
    assert len(ask.asked) == 1


@pytest.mark.parametrize(
    "config", [{}, {"username": "ada"}, {"password": "x"}, {"username": "", "password": "x"}]
)
def test_without_an_account_nobody_is_asked(config: dict[str, object]) -> None:
    ask = replies(LOGIN)
    with pytest.raises(SettingsRefused, match="no account; set WATTTIME_USERNAME and WATTTIME_PAS"):
        WattTime(config).forecast(ZONE, NOON, NOON + DAY_S, ask)
    assert ask.asked == []


def test_a_key_is_not_shown_with_the_provider() -> None:
    assert "pa55" not in repr(WattTime(ACCOUNT))


# --- refusals -----------------------------------------------------------------------------------


def refused(server: GridServer, answer: Answer, **config: object) -> ProviderUnavailable:
    server.answer(Answer.of(LOGIN), answer)
    with pytest.raises(ProviderUnavailable) as caught:
        told(server, **config).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert not any(key in str(caught.value) for key in ("ada", "pa55", "jwt.one"))
    return caught.value


def test_a_region_that_the_account_lacks_is_told_without_a_new_login(
    grid_server: GridServer,
) -> None:
    found = refused(grid_server, refusal(403, NO_ACCESS), region="PSCO")
    assert isinstance(found, SettingsRefused)
    assert str(found) == (
        "watttime: the account has no access to PSCO; check [providers.watttime] region"
    )
    assert paths(grid_server) == ["/login", "/v3/forecast"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "region PSCO is not known; check"),
        (410, "has retired this address"),
        (429, "too many requests, it asks for a rest of 1h 00m"),
        (502, "answered with status 502"),
    ],
)
def test_other_refusals_are_explained_and_keep_when_to_ask_again(
    grid_server: GridServer, status: int, reason: str
) -> None:
    found = refused(grid_server, refusal(status, b"jwt.one"), region="PSCO")
    assert isinstance(found, HttpRefusal)
    assert found.retry_after_s == 3600
    assert reason in str(found)


def test_a_login_that_asks_for_a_rest_gets_it(grid_server: GridServer) -> None:
    grid_server.answer(refusal(429))
    with pytest.raises(HttpRefusal, match="watttime: too many requests") as caught:
        told(grid_server).forecast(ZONE, NOON, NOON + DAY_S, get_json)
    assert caught.value.retry_after_s == 3600


# --- what is covered, and what nobody has thought of --------------------------------------------


@pytest.mark.parametrize(
    ("config", "zone", "covered"),
    [({}, ZONE, True), ({}, "DE", False), ({"region": "DE_LU"}, "DE", True)],
)
def test_a_zone_is_covered_by_a_region(config: dict[str, object], zone: str, covered: bool) -> None:
    assert WattTime(config).covers(zone) is covered


def test_the_signal_is_marginal() -> None:
    assert WattTime({}).signal == "marginal"


@given(st.one_of(any_json, mutants(answer(900, 910, None))))
def test_any_document_gives_a_forecast_or_none(document: object) -> None:
    provider = WattTime(ACCOUNT)
    outcome(lambda fetch: provider.forecast(ZONE, NOON, NOON + DAY_S, fetch), LOGIN, document)


@given(st.one_of(any_json, mutants(answer(900, 910, None))))
def test_any_document_gives_actuals_or_none(document: object) -> None:
    provider = WattTime(ACCOUNT)
    outcome(lambda fetch: provider.actuals(ZONE, NOON, NOON + DAY_S, fetch), LOGIN, document)


@given(st.one_of(any_json, mutants(LOGIN)))
def test_any_login_gives_a_token_or_none(document: object) -> None:
    provider = WattTime(ACCOUNT)
    outcome(lambda fetch: provider.forecast(ZONE, NOON, NOON + DAY_S, fetch), document, answer(9))
