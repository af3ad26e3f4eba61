from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from grid_server import Answer, GridServer
from hypothesis import example, given
from hypothesis import strategies as st

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.series import Series, Slot
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.neso import Neso, parse_actuals, parse_forecast
from carbonwait.grid.protocol import Fetch
from carbonwait.grid.registry import NAMES, PROVIDERS

HALF_HOUR_S = 1800.0
DAY_S = 86400.0


def at(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


NOON = at(2026, 11, 23, 12)


def stamp(instant: float) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%MZ}"


def row(start: float, **intensity: object) -> dict[str, object]:
    """A half hour as the service sends it."""
    return {"from": stamp(start), "to": stamp(start + HALF_HOUR_S), "intensity": intensity}


def national(count: int = 96, begin: float = NOON) -> dict[str, object]:
    """As `fw48h` answers: the half hour under way and what follows."""
    rows = [
        row(begin + index * HALF_HOUR_S, forecast=100 + index, actual=None, index="low")
        for index in range(count)
    ]
    rows[0]["intensity"] = {"forecast": 100, "actual": 90, "index": "low"}
    return {"data": rows}


def regional(count: int = 96, begin: float = NOON) -> dict[str, object]:
    """As the service answers for one region: an object, and no actual figures."""
    rows = [
        row(begin + index * HALF_HOUR_S, forecast=200 + index, index="high")
        | {"generationmix": [{"fuel": "gas", "perc": 23.1}]}
        for index in range(count)
    ]
    return {
        "data": {"regionid": 13, "dnoregion": "UKPN London", "shortname": "London", "data": rows}
    }


class Asked:
    """A fetch that answers from a function of the address and keeps what it was asked."""

    def __init__(self, answer: Callable[[str], object]) -> None:
        self.answer = answer
        self.urls: list[str] = []

    def __call__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> object:
        assert headers is None
        assert params is None
        self.urls.append(url)
        return self.answer(url)


def always(document: object) -> Fetch:
    return Asked(lambda _url: document)


def refusing(status: int, body: bytes) -> Fetch:
    def refuse(_url: str) -> object:
        raise HttpRefusal(f"grid.test answered with status {status}", status=status, body=body)

    return Asked(refuse)


# --- the forecast -------------------------------------------------------------------------------


def test_a_national_forecast_has_96_half_hours() -> None:
    series = Neso({}).forecast("GB", NOON, NOON + DAY_S, always(national())).series
    assert (len(series), series.edges[0], series.edges[-1]) == (96, NOON, NOON + 2 * DAY_S)


def test_what_is_planned_on_is_the_forecast() -> None:
    series = Neso({}).forecast("GB", NOON, NOON + DAY_S, always(national())).series
    assert series.slots[0] == Slot(NOON, NOON + HALF_HOUR_S, 100.0, "forecast")


def test_a_regional_forecast_comes_in_an_object() -> None:
    provider = Neso({"region_id": 13})
    assert len(provider.forecast("GB", NOON, NOON + DAY_S, always(regional())).series) == 96


def test_a_regional_answer_may_come_in_a_list_of_one() -> None:
    document = {"data": [regional()["data"]]}
    assert len(parse_forecast(document)) == 96


def test_a_short_horizon_is_taken_as_it_is() -> None:
    series = Neso({}).forecast("GB", NOON, NOON + 2 * DAY_S, always(national(23))).series
    assert series.edges[-1] == NOON + 23 * HALF_HOUR_S


def test_the_service_does_not_say_when_it_issued_a_forecast() -> None:
    assert Neso({}).forecast("GB", NOON, NOON + DAY_S, always(national())).issued is None


@pytest.mark.parametrize(
    "document",
    [None, {}, {"data": []}, {"data": {}}, {"data": None}, [], "", 0, {"data": {"data": []}},
     {"data": [{}]}, {"data": [{"data": None}]}, {"error": {"code": "x", "message": "y"}}],
)  # fmt: skip
def test_an_answer_that_says_nothing_is_no_forecast(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match="neso has no forecast for the time asked"):
        Neso({}).forecast("GB", NOON, NOON + DAY_S, always(document))


def test_what_has_ended_is_no_forecast() -> None:
    past = national(48, NOON - DAY_S)
    with pytest.raises(ProviderUnavailable, match="no forecast for the time asked"):
        Neso({}).forecast("GB", NOON, NOON + DAY_S, always(past))


def test_what_begins_after_the_time_asked_is_no_forecast() -> None:
    with pytest.raises(ProviderUnavailable, match="no forecast for the time asked"):
        Neso({}).forecast("GB", NOON, NOON + DAY_S, always(national(5, NOON + DAY_S)))


# --- odd rows -----------------------------------------------------------------------------------


def test_a_null_is_a_gap_and_never_zero() -> None:
    rows = [
        row(NOON, forecast=100),
        row(NOON + HALF_HOUR_S, forecast=None),
        row(NOON + 2 * HALF_HOUR_S, forecast=120),
    ]
    assert parse_forecast({"data": rows}).gaps(NOON, NOON + 3 * HALF_HOUR_S) == [
        (NOON + HALF_HOUR_S, NOON + 2 * HALF_HOUR_S)
    ]


@pytest.mark.parametrize(
    "value", [None, -1, 5000.5, float("nan"), float("inf"), "211", True, [], {}, 10**400]
)
def test_what_is_no_intensity_is_dropped(value: object) -> None:
    rows = [row(NOON, forecast=value), row(NOON + HALF_HOUR_S, forecast=120)]
    assert [slot.g_per_kwh for slot in parse_forecast({"data": rows})] == [120]


@pytest.mark.parametrize("value", [None, 0, "noon", "2026-11-23T12:0", "2026-99-99T00:00Z"])
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_row_without_its_times_is_dropped(name: str, value: object) -> None:
    rows = [row(NOON, forecast=100) | {name: value}, row(NOON + HALF_HOUR_S, forecast=120)]
    assert len(parse_forecast({"data": rows})) == 1


def test_a_row_that_ends_before_it_begins_or_lasts_days_is_dropped() -> None:
    rows = [
        row(NOON, forecast=1) | {"to": stamp(NOON)},
        row(NOON, forecast=1) | {"to": stamp(NOON - HALF_HOUR_S)},
        row(NOON, forecast=1) | {"to": "2999-01-01T00:00Z"},
    ]
    assert not parse_forecast({"data": rows})


def test_of_two_rows_for_one_half_hour_the_last_counts() -> None:
    rows = [row(NOON, forecast=100), row(NOON, forecast=120), row(NOON, forecast=None)]
    assert [slot.g_per_kwh for slot in parse_forecast({"data": rows})] == [120]


def test_rows_out_of_order_are_sorted() -> None:
    rows = [row(NOON + HALF_HOUR_S, forecast=2), row(NOON, forecast=1)]
    assert [slot.g_per_kwh for slot in parse_forecast({"data": rows})] == [1, 2]


def test_a_row_ends_where_the_next_one_begins() -> None:
    rows = [row(NOON, forecast=1), row(NOON + 600, forecast=2)]
    assert parse_forecast({"data": rows}).slots[0].end == NOON + 600


def test_times_may_have_seconds_or_an_offset() -> None:
    times = {"from": "2026-11-23T12:00:00Z", "to": "2026-11-23T13:30:00+01:00"}
    assert parse_forecast({"data": [row(NOON, forecast=1) | times]}).slots == (
        Slot(NOON, NOON + HALF_HOUR_S, 1.0, "forecast"),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
times = st.integers(-(10**9), 10**9).map(lambda minutes: stamp(minutes % 10**8 * 60)) | json_values
odd_rows = st.fixed_dictionaries(
    {},
    optional={
        "from": times,
        "to": times,
        "intensity": json_values
        | st.dictionaries(st.sampled_from(["forecast", "actual"]), json_values),
    },
)
odd_data = st.lists(odd_rows | json_values, max_size=6)
documents = json_values | st.fixed_dictionaries(
    {"data": odd_data | st.fixed_dictionaries({"data": odd_data | json_values}) | json_values}
)


@given(documents)
@example({"data": [{"data": [{"from": "0001-01-01T00:00+23:59", "to": "9999-12-31T23:59-23:59"}]}]})
def test_any_document_is_a_forecast_or_not_available(document: object) -> None:
    try:
        forecast = Neso({}).forecast("GB", NOON, NOON + DAY_S, always(document))
    except ProviderUnavailable:
        return
    assert forecast.series.covered_s(NOON, NOON + DAY_S) > 0


@given(documents, documents)
def test_any_documents_are_actuals(first: object, second: object) -> None:
    answers = iter([first, second, None])
    asked = Asked(lambda _url: next(answers))
    series = Neso({}).actuals("GB", NOON, NOON + 20 * DAY_S, asked)
    assert all(0 <= slot.g_per_kwh <= 5000 for slot in series)


# --- what is asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "pinned"),
    [((12, 0), "12:01"), ((12, 29, 59), "12:01"), ((12, 30), "12:31"), ((12, 59), "12:31")],
)
def test_the_address_stays_the_same_for_half_an_hour(clock: tuple[int, ...], pinned: str) -> None:
    asked = Asked(lambda _url: national())
    now = at(2026, 11, 23, *clock)
    Neso({}).forecast("GB", now, now + DAY_S, asked)
    assert asked.urls == [
        f"https://api.carbonintensity.org.uk/intensity/2026-11-23T{pinned}Z/fw48h"
    ]


def test_the_base_address_may_be_replaced() -> None:
    asked = Asked(lambda _url: national())
    Neso({"base_url": "http://127.0.0.1:8080/neso/"}).forecast("GB", NOON, NOON + DAY_S, asked)
    assert asked.urls == ["http://127.0.0.1:8080/neso/intensity/2026-11-23T12:01Z/fw48h"]


@pytest.mark.parametrize("written", ["RG10", "rg10", " RG10 ", "RG10 9AB", "RG109AB", "rg10  9ab"])
def test_only_the_first_half_of_a_postcode_is_sent(written: str) -> None:
    asked = Asked(lambda _url: regional())
    Neso({"postcode": written}).forecast("GB", NOON, NOON + DAY_S, asked)
    assert asked.urls[0].endswith("/regional/intensity/2026-11-23T12:01Z/fw48h/postcode/RG10")


@pytest.mark.parametrize(
    ("written", "outward"),
    [("W1A 1AA", "W1A"), ("W1A", "W1A"), ("M11AE", "M1"), ("EC1A1BB", "EC1A")],
)
def test_postcodes_of_all_forms_are_halved(written: str, outward: str) -> None:
    asked = Asked(lambda _url: regional())
    Neso({"postcode": written}).forecast("GB", NOON, NOON + DAY_S, asked)
    assert asked.urls[0].endswith(f"/postcode/{outward}")


def test_a_region_is_asked_for_by_its_number() -> None:
    asked = Asked(lambda _url: regional())
    Neso({"region_id": 13}).forecast("GB", NOON, NOON + DAY_S, asked)
    assert asked.urls[0].endswith("/regional/intensity/2026-11-23T12:01Z/fw48h/regionid/13")


# --- actuals ------------------------------------------------------------------------------------


def ranges(urls: list[str]) -> list[tuple[str, str]]:
    return [(url.split("/")[-2], url.split("/")[-1]) for url in urls]


def echo(url: str) -> object:
    """Every half hour of the range and, as the service does, the one that ends at its start."""
    first, last = (datetime.fromisoformat(part).timestamp() for part in url.split("/")[-2:])
    count = round((last - first) / HALF_HOUR_S) + 1
    return {
        "data": [
            row(first + index * HALF_HOUR_S, forecast=1, actual=100 + index)
            for index in range(-1, count)
        ]
    }


def test_actuals_are_what_was() -> None:
    series = Neso({}).actuals("GB", NOON, NOON + HALF_HOUR_S, always(national()))
    assert series == Series([Slot(NOON, NOON + HALF_HOUR_S, 90.0, "actual")])


def test_only_half_hours_that_touch_the_span_are_kept() -> None:
    series = Neso({}).actuals("GB", NOON + 600, NOON + 2 * HALF_HOUR_S + 1, Asked(echo))
    assert series.edges == [NOON + index * HALF_HOUR_S for index in range(4)]


def test_a_span_within_half_hours_is_asked_for_in_whole_ones() -> None:
    asked = Asked(echo)
    Neso({}).actuals("GB", NOON + 600, NOON + 2400, asked)
    assert ranges(asked.urls) == [("2026-11-23T12:00Z", "2026-11-23T13:00Z")]


def test_a_long_span_is_asked_for_in_ranges_of_13_days() -> None:
    asked = Asked(echo)
    series = Neso({}).actuals("GB", NOON - 30 * DAY_S, NOON, asked)
    assert ranges(asked.urls) == [
        ("2026-10-24T12:00Z", "2026-11-06T12:00Z"),
        ("2026-11-06T12:00Z", "2026-11-19T12:00Z"),
        ("2026-11-19T12:00Z", "2026-11-23T12:00Z"),
    ]
    assert series.covers(NOON - 30 * DAY_S, NOON)


def test_no_range_crosses_a_new_year() -> None:
    asked = Asked(echo)
    Neso({}).actuals("GB", at(2026, 12, 30), at(2027, 1, 2), asked)
    assert ranges(asked.urls) == [
        ("2026-12-30T00:00Z", "2027-01-01T00:00Z"),
        ("2027-01-01T00:00Z", "2027-01-02T00:00Z"),
    ]


def test_an_empty_span_asks_for_nothing() -> None:
    asked = Asked(echo)
    assert not Neso({}).actuals("GB", NOON, NOON, asked)
    assert asked.urls == []


def test_what_is_not_published_yet_is_a_gap() -> None:
    series = Neso({}).actuals("GB", NOON, NOON + 4 * HALF_HOUR_S, always(national()))
    assert series.gaps(NOON, NOON + 4 * HALF_HOUR_S) == [
        (NOON + HALF_HOUR_S, NOON + 4 * HALF_HOUR_S)
    ]


def test_regional_figures_are_never_called_actual() -> None:
    provider = Neso({"region_id": 13})
    series = provider.actuals("GB", NOON, NOON + HALF_HOUR_S, always(regional()))
    assert series == Series([Slot(NOON, NOON + HALF_HOUR_S, 200.0, "forecast")])


def test_chunks_that_contradict_each_other_are_no_fault() -> None:
    chunks = iter(
        [
            {"data": [row(NOON, actual=1)]},
            {"data": [row(NOON + 600, actual=2)]},
        ]
    )
    asked = Asked(lambda _url: next(chunks))
    series = Neso({}).actuals("GB", NOON - 7 * DAY_S, NOON + 7 * DAY_S, asked)
    assert [slot.g_per_kwh for slot in series] == [1, 2]


def test_a_forecast_is_never_taken_for_an_actual() -> None:
    assert not parse_actuals({"data": [row(NOON, forecast=100, actual=None)]})


# --- refusals and settings ----------------------------------------------------------------------


def test_a_postcode_without_a_match_is_named() -> None:
    body = b'{"error":{"code":"400 Bad Request","message":"No postcode match can be found."}}'
    with pytest.raises(ProviderUnavailable, match=r"in XX9; check \[providers\.neso\] postcode"):
        Neso({"postcode": "XX9"}).forecast("GB", NOON, NOON + DAY_S, refusing(400, body))


@pytest.mark.parametrize("document", [None, {}, {"data": {"data": []}}])
def test_a_postcode_without_data_is_named(document: object) -> None:
    with pytest.raises(ProviderUnavailable, match=r"in XX9; check \[providers\.neso\] postcode"):
        Neso({"postcode": "XX9"}).forecast("GB", NOON, NOON + DAY_S, always(document))


def test_a_refusal_names_the_provider_and_says_what_it_means() -> None:
    with pytest.raises(HttpRefusal, match=r"^neso: the service has retired this address"):
        Neso({}).forecast("GB", NOON, NOON + DAY_S, refusing(410, b"gone"))


def test_another_refusal_keeps_its_status() -> None:
    with pytest.raises(HttpRefusal, match="status 500") as caught:
        Neso({}).forecast("GB", NOON, NOON + DAY_S, refusing(500, b"Requested resource not found."))
    assert caught.value.status == 500


@pytest.mark.parametrize(
    "postcode", ["", "London", "RG", "10", "RG10/..", "RG10 9", "R\uff2710", 10]
)
def test_what_is_no_postcode_is_a_mistake(postcode: object) -> None:
    with pytest.raises(Mistake, match=r"providers\.neso\.postcode = .* is no postcode; write"):
        Neso({"postcode": postcode})


def test_postcode_and_region_exclude_each_other() -> None:
    with pytest.raises(Mistake, match="keep one of them"):
        Neso({"postcode": "RG10", "region_id": 13})


@pytest.mark.parametrize(("zone", "covered"), [("GB", True), ("GB-NIR", False), ("DE", False)])
def test_great_britain_is_covered_and_nothing_else(zone: str, covered: bool) -> None:
    assert Neso({}).covers(zone) is covered


def test_the_provider_is_found_by_its_name() -> None:
    assert PROVIDERS["neso"]({}).name == "neso"
    assert {"neso", "file", "typical"} <= set(NAMES)


def test_a_real_service_is_asked_over_http(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(national()))
    provider = Neso({"base_url": grid_server.url})
    assert len(provider.forecast("GB", NOON, NOON + DAY_S, get_json).series) == 96
    assert grid_server.seen[0].target == "/intensity/2026-11-23T12:01Z/fw48h"
    assert grid_server.seen[0].headers["Accept"] == "application/json"
