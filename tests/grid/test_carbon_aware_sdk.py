"""The Carbon Aware SDK WebAPI: raw values rather than means over a window."""

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from provider_server import (
    DAY_S,
    HOUR_S,
    NOON,
    any_json,
    iso,
    mutants,
    outcome,
    refusal,
    replies,
)

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Series, Slot
from carbonwait.grid.carbon_aware_sdk import CarbonAwareSdk, parse_actuals
from carbonwait.grid.http import HttpRefusal, get_json

STEP_S = 300.0
HOME = CarbonAwareSdk({"location": "westeurope"})


def forecast(
    *values: object, window: object = 5, begin: float = NOON, **more: object
) -> list[dict[str, object]]:
    """As the server answers: means over `window` minutes, five minutes apart."""
    data = [
        {
            "location": "westeurope",
            "timestamp": iso(begin + index * STEP_S, "+00:00"),
            "duration": window,
            "value": value,
        }
        for index, value in enumerate(values)
    ]
    return [
        {
            "generatedAt": iso(begin - HOUR_S, "+00:00"),
            "requestedAt": iso(begin, "+00:00"),
            "location": "westeurope",
            "windowSize": window,
            "optimalDataPoints": data[:1],
            "forecastData": data,
        }
        | more
    ]


def emission(start: float, rating: object, duration: object = "01:00:00") -> dict[str, object]:
    """A row of what was; its time has seven digits behind the point."""
    time = iso(start, ".5092741+00:00")
    return {"location": "westeurope", "time": time, "rating": rating, "duration": duration}


# --- the forecast -------------------------------------------------------------------------------


def test_raw_values_are_taken_as_they_are() -> None:
    ask = replies(forecast(100, 110, 120))
    found = HOME.forecast("NL", NOON, NOON + DAY_S, ask)
    assert [slot.g_per_kwh for slot in found.series] == [100, 110, 120]
    assert found.issued == NOON - HOUR_S
    assert len(ask.asked) == 1


def test_means_over_a_window_are_asked_for_again_by_the_step() -> None:
    ask = replies(forecast(150, 150, window=30), forecast(100, 200))
    found = HOME.forecast("NL", NOON, NOON + DAY_S, ask)
    assert [question.params.get("windowSize") for question in ask.asked] == [None, "5"]
    assert [slot.g_per_kwh for slot in found.series] == [100, 200]


def test_a_window_is_never_taken_for_the_length_of_a_slot() -> None:
    ask = replies(forecast(150, 150, window=30))
    assert HOME.forecast("NL", NOON, NOON + DAY_S, ask).series.edges[-1] == NOON + 2 * STEP_S


def test_an_optimal_point_may_be_an_object_as_in_older_versions() -> None:
    document = forecast(100, 110, optimalDataPoint={"value": 100})
    del document[0]["optimalDataPoints"]
    assert HOME.forecast("NL", NOON, NOON + DAY_S, replies(document)).series


def test_a_value_that_is_not_known_is_a_gap() -> None:
    found = HOME.forecast("NL", NOON, NOON + DAY_S, replies(forecast(100, None, 120)))
    assert not found.series.covers(NOON + STEP_S, NOON + 2 * STEP_S)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, [1], ["x"], [[]]],
)
def test_an_answer_of_another_shape_holds_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="the answer holds no forecast"):
        HOME.forecast("NL", NOON, NOON + DAY_S, replies(document))


@pytest.mark.parametrize("document", [[{}], forecast(), forecast(100, begin=NOON - DAY_S)])
def test_an_answer_without_a_future_is_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="no forecast for westeurope from now on"):
        HOME.forecast("NL", NOON, NOON + DAY_S, replies(document))


# --- actuals ------------------------------------------------------------------------------------


def test_actuals_last_as_long_as_they_say() -> None:
    series = parse_actuals([emission(NOON, 70), emission(NOON + HOUR_S, 80, "00:30:00")])
    begin = NOON + 0.509274
    assert series == Series(
        [
            Slot(begin, begin + HOUR_S, 70.0, "actual"),
            Slot(begin + HOUR_S, begin + 1.5 * HOUR_S, 80.0, "actual"),
        ]
    )


@pytest.mark.parametrize(
    ("duration", "length_s"),
    [
        ("00:05:00", 300),
        ("00:00:30.5000000", 30.5),
        ("1.00:00:00", DAY_S),
        ("6.23:00:00", 7 * DAY_S - HOUR_S),
    ],
)
def test_durations_may_hold_days_and_fractions(duration: str, length_s: float) -> None:
    (slot,) = parse_actuals([emission(NOON, 70, duration)])
    assert slot.end - slot.start == pytest.approx(length_s)


@pytest.mark.parametrize(
    "duration",
    [
        None,
        5,
        "",
        "PT1H",
        "1:2",
        "x:00:00",
        "nan:00:00",
        "inf:00:00",
        "00:00:00",
        "-01:00:00",
        "9" * 400 + ".00:00:00",
        "400.00:00:00",
    ],
)
def test_a_duration_that_makes_no_sense_is_derived_from_the_points(duration: object) -> None:
    rows = [emission(NOON + index * HOUR_S, 70, duration) for index in range(3)]
    assert [round(slot.end - slot.start) for slot in parse_actuals(rows)] == [3600, 3600, 3600]


def test_an_empty_body_means_that_nothing_was_observed() -> None:
    assert not HOME.actuals("NL", NOON - DAY_S, NOON, replies(None))


def test_actuals_of_another_shape_are_refused() -> None:
    with pytest.raises(ProviderUnavailable, match="not of the known form"):
        parse_actuals({"rows": []})


def test_rows_outside_the_span_are_left_out() -> None:
    rows = [emission(NOON + index * HOUR_S, 70 + index) for index in range(-3, 3)]
    series = HOME.actuals("NL", NOON - 600, NOON, replies(rows))
    assert [slot.g_per_kwh for slot in series] == [69]


# --- over the network ---------------------------------------------------------------------------


def test_the_configured_location_stands_for_any_zone(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(forecast(100, 110)))
    provider = CarbonAwareSdk({"base_url": f"{grid_server.url}/", "location": "westeurope"})
    provider.forecast("NL", NOON, NOON + DAY_S, get_json)
    assert grid_server.seen[0].target == "/emissions/forecasts/current?location=westeurope"


def test_without_a_location_the_zone_is_asked_for() -> None:
    ask = replies([])
    CarbonAwareSdk({}).actuals("NL", NOON - 30 * DAY_S, NOON, ask)
    assert ask.asked[0].url == "http://localhost:8080/emissions/bylocation"
    assert ask.asked[0].params == {
        "location": "NL",
        "time": "2026-11-16T12:00:00Z",
        "toTime": "2026-11-23T12:00:00Z",
    }


def test_no_content_means_that_nothing_was_observed(grid_server: GridServer) -> None:
    grid_server.answer(Answer(status=204))
    provider = CarbonAwareSdk({"base_url": grid_server.url})
    assert not provider.actuals("NL", NOON - DAY_S, NOON, get_json)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (
            400,
            {"title": "ArgumentException", "errors": {"location": ["unknown"]}},
            "the server does not know NL; check base_url and location in",
        ),
        (404, b"", "the server does not know NL"),
        (501, {"title": "NotImplementedException"}, "the server's source has no forecast"),
        (500, {"title": "Exception", "detail": "s3cret"}, "answered with status 500"),
    ],
)
def test_a_refusal_is_explained_in_words_of_our_own(
    grid_server: GridServer, status: int, body: object, reason: str
) -> None:
    grid_server.answer(refusal(status, body))
    with pytest.raises(HttpRefusal, match=f"^carbon_aware_sdk: .*{reason}") as caught:
        CarbonAwareSdk({"base_url": grid_server.url}).forecast("NL", NOON, NOON + DAY_S, get_json)
    assert "s3cret" not in str(caught.value)


# --- what nobody has thought of -----------------------------------------------------------------


@given(st.one_of(any_json, mutants(forecast(100, 110, None))))
def test_any_document_gives_a_forecast_or_none(document: object) -> None:
    outcome(lambda fetch: HOME.forecast("NL", NOON, NOON + DAY_S, fetch), document)


@given(st.one_of(any_json, mutants([emission(NOON, 70), emission(NOON + HOUR_S, 80)])))
def test_any_document_gives_actuals_or_none(document: object) -> None:
    outcome(lambda fetch: HOME.actuals("NL", NOON, NOON + DAY_S, fetch), document)
