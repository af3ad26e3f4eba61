"""Day-ahead prices: four services, zeros and negative prices among them."""

import json
from collections.abc import Mapping
from itertools import pairwise
from math import isfinite

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from provider_server import (
    BROKEN,
    DAY_S,
    EMPTY,
    HOUR_S,
    NOON,
    any_json,
    at,
    iso,
    mutants,
    refusal,
    replies,
)

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.price_registry import PRICE_PROVIDERS, price_provider
from carbonwait.grid.prices import PriceProvider, PriceSlot

HALF_HOUR_S = 1800.0
QUARTER_S = 900.0
TODAY = (NOON, NOON + DAY_S)
ZONES = {"octopus_agile": "GB", "awattar": "DE", "energinet": "DK-DK1", "energy_charts": "FR"}

# --- answers as the services send them ----------------------------------------------------------


def octopus(*pence: object, begin: float = NOON, following: object = None) -> dict[str, object]:
    """Half hours, the newest first."""
    rows = [
        {
            "value_exc_vat": 1.0,
            "value_inc_vat": value,
            "valid_from": iso(begin + index * HALF_HOUR_S),
            "valid_to": iso(begin + (index + 1) * HALF_HOUR_S),
            "payment_method": None,
        }
        for index, value in enumerate(pence)
    ]
    return {"count": len(rows), "next": following, "previous": None, "results": rows[::-1]}


def awattar(*prices: object, begin: float = NOON) -> dict[str, object]:
    rows = [
        {
            "start_timestamp": int((begin + index * HOUR_S) * 1000),
            "end_timestamp": int((begin + (index + 1) * HOUR_S) * 1000),
            "marketprice": price,
            "unit": "Eur/MWh",
        }
        for index, price in enumerate(prices)
    ]
    return {"object": "list", "data": rows, "url": "/de/v1/marketdata"}


def energy_charts(*prices: object, begin: float = NOON, **more: object) -> dict[str, object]:
    times = [int(begin + index * QUARTER_S) for index in range(len(prices))]
    known = {"license_info": "CC BY 4.0", "unix_seconds": times, "price": list(prices)}
    return known | {"unit": "EUR / MWh", "deprecated": False} | more


def energinet(*prices: object, begin: float = NOON, area: str = "DK1") -> dict[str, object]:
    rows = [
        {
            "TimeUTC": iso(begin + index * QUARTER_S, ""),
            "TimeDK": iso(begin + HOUR_S + index * QUARTER_S, ""),
            "PriceArea": area,
            "DayAheadPriceEUR": price,
            "DayAheadPriceDKK": 1.0,
        }
        for index, price in enumerate(prices)
    ]
    return {"total": 99, "dataset": "DayAheadPrices", "records": rows}


ANSWERS = {
    "octopus_agile": octopus,
    "awattar": awattar,
    "energinet": energinet,
    "energy_charts": energy_charts,
}
STEPS_S = {
    "octopus_agile": HALF_HOUR_S,
    "awattar": HOUR_S,
    "energinet": QUARTER_S,
    "energy_charts": QUARTER_S,
}
each = pytest.mark.parametrize("name", PRICE_PROVIDERS)


def prices(name: str, document: object, zone: str | None = None) -> list[float]:
    """What is made of a document, in the unit of the provider."""
    slots = PRICE_PROVIDERS[name]({}).prices(zone or ZONES[name], *TODAY, replies(document))
    return [slot.price for slot in slots]


def told(name: str, server: GridServer) -> PriceProvider:
    return PRICE_PROVIDERS[name]({"base_url": f"{server.url}/"})


# --- what all of them have in common ------------------------------------------------------------


@each
def test_prices_come_as_slots_in_order_of_time(name: str) -> None:
    document, step_s = ANSWERS[name](100, 200, 300), STEPS_S[name]
    slots = PRICE_PROVIDERS[name]({}).prices(ZONES[name], *TODAY, replies(document))
    scale = 100 if name == "octopus_agile" else 1
    assert slots == tuple(
        PriceSlot(NOON + i * step_s, NOON + (i + 1) * step_s, price / scale)
        for i, price in enumerate((100, 200, 300))
    )


@each
def test_negative_prices_and_zero_are_prices(name: str) -> None:
    found = prices(name, ANSWERS[name](500, 0, -500, 500))
    assert [price > 0 for price in found] == [True, False, False, True]
    assert found[1] == 0
    assert found[2] < 0


@each
@pytest.mark.parametrize("missing", [None, "0", [], True, float("nan"), float("inf")], ids=repr)
def test_a_price_that_is_not_known_is_a_hole_and_never_zero(name: str, missing: object) -> None:
    document, step_s = ANSWERS[name](100, missing, 300), STEPS_S[name]
    slots = PRICE_PROVIDERS[name]({}).prices(ZONES[name], *TODAY, replies(document))
    assert [slot.start for slot in slots] == [NOON, NOON + 2 * step_s]
    assert slots[0].end == NOON + step_s


@each
def test_a_slot_under_way_keeps_its_whole_length(name: str) -> None:
    document = ANSWERS[name](100, 200)
    provider = PRICE_PROVIDERS[name]({})
    slots = provider.prices(ZONES[name], NOON + 60, NOON + 120, replies(document))
    assert [(slot.start, slot.end) for slot in slots] == [(NOON, NOON + STEPS_S[name])]


@each
def test_only_slots_that_touch_the_time_asked_are_given(name: str) -> None:
    step_s = STEPS_S[name]
    document = ANSWERS[name](*range(1, 9), begin=NOON - 4 * step_s)
    slots = PRICE_PROVIDERS[name]({}).prices(
        ZONES[name], NOON, NOON + 2 * step_s, replies(document)
    )
    assert [slot.start for slot in slots] == [NOON, NOON + step_s]


@each
def test_prices_of_the_past_are_no_prices(name: str) -> None:
    with pytest.raises(ProviderUnavailable, match=f"{name}: no prices for .* from now on"):
        prices(name, ANSWERS[name](100, 200, begin=NOON - DAY_S))


@each
@pytest.mark.parametrize("document", EMPTY, ids=repr)
def test_an_answer_that_says_nothing_holds_no_prices(name: str, document: object) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{name}: "):
        prices(name, document)


@each
@pytest.mark.parametrize("how", ["html", "cut", "nested"])
def test_a_broken_answer_holds_no_prices(grid_server: GridServer, name: str, how: str) -> None:
    grid_server.answer(BROKEN[how])
    with pytest.raises(ProviderUnavailable):
        told(name, grid_server).prices(ZONES[name], *TODAY, get_json)


@each
def test_how_long_a_service_wants_to_be_left_alone_is_not_lost(
    grid_server: GridServer, name: str
) -> None:
    grid_server.answer(refusal(429, retry_after_s=777))
    with pytest.raises(HttpRefusal, match=f"{name}: too many requests, it asks for") as caught:
        told(name, grid_server).prices(ZONES[name], *TODAY, get_json)
    assert caught.value.retry_after_s == 777


@each
@given(data=st.data())
def test_any_document_gives_prices_or_none(name: str, data: st.DataObject) -> None:
    document = data.draw(st.one_of(any_json, mutants(ANSWERS[name](100, -5, None))))
    try:
        slots = PRICE_PROVIDERS[name]({}).prices(ZONES[name], *TODAY, replies(document))
    except ProviderUnavailable:
        return
    assert slots
    assert all(isfinite(slot.price) and slot.start < slot.end for slot in slots)
    assert all(one.end <= other.start for one, other in pairwise(slots))


@each
def test_every_provider_says_its_unit_and_whose_data_it_is(name: str) -> None:
    provider = PRICE_PROVIDERS[name]({})
    assert provider.name == name
    assert provider.unit == ("GBP/kWh" if name == "octopus_agile" else "EUR/MWh")
    assert provider.licence
    assert provider.refresh_s >= 900


# --- Octopus Agile ------------------------------------------------------------------------------


def test_agile_is_asked_for_by_product_and_region(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(octopus(24.57)))
    provider = PRICE_PROVIDERS["octopus_agile"](
        {"base_url": grid_server.url, "product": "agile-25-01-01", "region": "p"}
    )
    (slot,) = provider.prices("GB", NOON + 60, NOON + DAY_S, get_json)
    assert slot.price == pytest.approx(0.2457)
    assert grid_server.seen[0].path == (
        "/v1/products/AGILE-25-01-01/electricity-tariffs/E-1R-AGILE-25-01-01-P/standard-unit-rates/"
    )
    assert grid_server.seen[0].params == {
        "period_from": "2026-11-23T12:00Z",
        "period_to": "2026-11-24T12:00Z",
        "page_size": "1500",
    }


def test_the_usual_tariff_is_the_one_of_london(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(octopus(24.57)))
    told("octopus_agile", grid_server).prices("GB", *TODAY, get_json)
    assert "/E-1R-AGILE-24-10-01-C/" in grid_server.seen[0].path


def test_a_further_page_is_followed(grid_server: GridServer) -> None:
    second = f"{grid_server.url}/v1/more/?page=2"
    grid_server.answer(
        Answer.of(octopus(20, begin=NOON + HALF_HOUR_S, following=second)), Answer.of(octopus(10))
    )
    slots = told("octopus_agile", grid_server).prices("GB", *TODAY, get_json)
    assert [slot.price for slot in slots] == [0.1, 0.2]
    assert grid_server.seen[1].target == "/v1/more/?page=2"


def test_pages_without_an_end_are_followed_twice(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(octopus(10, following=f"{grid_server.url}/again/")))
    told("octopus_agile", grid_server).prices("GB", *TODAY, get_json)
    assert len(grid_server.seen) == 3


@pytest.mark.parametrize("following", ["http://elsewhere.test/", "/v1/", 7, [], ""])
def test_no_page_of_another_service_is_followed(grid_server: GridServer, following: object) -> None:
    grid_server.answer(Answer.of(octopus(10, following=following)))
    assert told("octopus_agile", grid_server).prices("GB", *TODAY, get_json)
    assert len(grid_server.seen) == 1


def test_a_tariff_that_is_gone_is_named_and_costs_no_price(grid_server: GridServer) -> None:
    grid_server.answer(refusal(404, {"detail": "Not found."}))
    with pytest.raises(ProviderUnavailable, match="product AGILE-24-10-01 is not known; check"):
        told("octopus_agile", grid_server).prices("GB", *TODAY, get_json)


def test_a_price_without_an_end_goes_on_until_the_next_one() -> None:
    document = octopus(10, 20)
    rows = document["results"]
    assert isinstance(rows, list)
    for row in rows:
        row["valid_to"] = None
    provider = PRICE_PROVIDERS["octopus_agile"]({})
    slots = provider.prices("GB", *TODAY, replies(document))
    assert [slot.end for slot in slots] == [NOON + HALF_HOUR_S, NOON + DAY_S]


@pytest.mark.parametrize("region", ["I", "O", "Q", "", "CC", "_C", "/", 3, None, "Ｃ"])  # noqa: RUF001
def test_what_is_no_region_is_a_mistake(region: object) -> None:
    with pytest.raises(Mistake, match=r"providers\.octopus_agile\.region = .* not allowed; write"):
        PRICE_PROVIDERS["octopus_agile"]({"region": region})


@pytest.mark.parametrize("product", ["", "../..", "AGILE 24", "AGILE/24", "-", 24, None])
def test_what_is_no_product_is_a_mistake(product: object) -> None:
    with pytest.raises(Mistake, match=r"providers\.octopus_agile\.product = .* not allowed; write"):
        PRICE_PROVIDERS["octopus_agile"]({"product": product})


# --- aWATTar ------------------------------------------------------------------------------------


def test_awattar_is_asked_in_milliseconds_from_the_hour_under_way(
    grid_server: GridServer,
) -> None:
    grid_server.answer(Answer.of(awattar(71.22)))
    told("awattar", grid_server).prices("AT", NOON + 100, NOON + DAY_S, get_json)
    assert grid_server.seen[0].path == "/v1/marketdata"
    assert grid_server.seen[0].params == {
        "start": f"{NOON * 1000:.0f}",
        "end": f"{(NOON + DAY_S) * 1000:.0f}",
    }


@pytest.mark.parametrize(("zone", "host"), [("AT", "at"), ("DE", "de"), ("DE-LU", "de")])
def test_each_country_has_a_service_of_its_own(zone: str, host: str) -> None:
    ask = replies(awattar(71.22))
    PRICE_PROVIDERS["awattar"]({}).prices(zone, *TODAY, ask)
    assert ask.asked[0].url == f"https://api.awattar.{host}/v1/marketdata"


def test_a_price_in_another_unit_is_not_taken() -> None:
    document = awattar(71.22, 50.0)
    rows = document["data"]
    assert isinstance(rows, list)
    rows[0]["unit"] = "Ct/kWh"
    assert prices("awattar", document) == [50.0]


# --- Energy-Charts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "bidding_zone"),
    [("DE", "DE-LU"), ("LU", "DE-LU"), ("FR", "FR"), ("SE-SE4", "SE4"), ("IT-NO", "IT-North")],
)
def test_zones_are_asked_for_by_their_bidding_zones(zone: str, bidding_zone: str) -> None:
    ask = replies(energy_charts(12.5))
    PRICE_PROVIDERS["energy_charts"]({}).prices(zone, *TODAY, ask)
    assert ask.asked[0].params == {
        "bzn": bidding_zone,
        "start": "2026-11-23",
        "end": "2026-11-24",
    }


def test_tomorrow_may_lie_in_the_next_year() -> None:
    now = at(2026, 12, 31, 23, 30)
    ask = replies(energy_charts(12.5, begin=now))
    assert PRICE_PROVIDERS["energy_charts"]({}).prices("FR", now, now + DAY_S, ask)
    assert (ask.asked[0].params["start"], ask.asked[0].params["end"]) == (
        "2026-12-31",
        "2027-01-01",
    )


def test_hours_of_older_days_are_told_from_quarters_of_an_hour() -> None:
    document = {"unix_seconds": [NOON, NOON + HOUR_S], "price": [1.0, 2.0], "unit": "EUR/MWh"}
    slots = PRICE_PROVIDERS["energy_charts"]({}).prices("FR", *TODAY, replies(document))
    assert [slot.end - slot.start for slot in slots] == [HOUR_S, HOUR_S]


@pytest.mark.parametrize("unit", [None, "GBP / MWh", "EUR / kWh", 1])
def test_prices_in_another_unit_are_refused(unit: object) -> None:
    with pytest.raises(ProviderUnavailable, match="not in EUR/MWh"):
        prices("energy_charts", energy_charts(12.5, unit=unit))


def test_prices_that_are_not_published_yet_are_told(grid_server: GridServer) -> None:
    grid_server.answer(refusal(404, b"No price data available"))
    with pytest.raises(ProviderUnavailable, match=r"^energy_charts: no prices for FR$"):
        told("energy_charts", grid_server).prices("FR", *TODAY, get_json)


@pytest.mark.parametrize(
    ("midnight", "hours"), [(at(2026, 10, 24, 22), 25), (at(2026, 3, 28, 23), 23)]
)
def test_the_days_when_clocks_change_are_priced_in_full(midnight: float, hours: int) -> None:
    document = energy_charts(*[50.0] * (hours * 4), begin=midnight)
    slots = PRICE_PROVIDERS["energy_charts"]({}).prices(
        "FR", midnight, midnight + 2 * DAY_S, replies(document)
    )
    assert sum(slot.end - slot.start for slot in slots) == hours * HOUR_S


# --- Energinet ----------------------------------------------------------------------------------


def test_energinet_is_asked_in_utc_and_without_a_limit(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of(energinet(12.5, area="DK2")))
    told("energinet", grid_server).prices("DK-DK2", NOON + 100, NOON + DAY_S, get_json)
    assert grid_server.seen[0].path == "/dataset/DayAheadPrices"
    asked = grid_server.seen[0].params
    assert json.loads(asked.pop("filter")) == {"PriceArea": ["DK2"]}
    assert asked == {
        "start": "2026-11-23T12:00",
        "end": "2026-11-24T12:00",
        "timezone": "UTC",
        "sort": "TimeUTC asc",
        "limit": "0",
    }


def test_prices_of_another_area_are_not_taken() -> None:
    with pytest.raises(ProviderUnavailable, match="no prices for DK-DK1 from now on"):
        prices("energinet", energinet(12.5, area="SE4"))


# --- which one serves a zone --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("GB", "octopus_agile"),
        ("DE", "awattar"),
        ("AT", "awattar"),
        ("DK-DK1", "energinet"),
        ("SE-SE3", "energinet"),
        ("FR", "energy_charts"),
        ("LU", "energy_charts"),
        ("US-CAL-CISO", None),
        ("DK", None),
    ],
)
def test_a_zone_is_served_by_the_first_that_covers_it(zone: str, name: str | None) -> None:
    provider = price_provider(zone, lambda _name: {})
    assert (provider.name if provider else None) == name


def test_it_gets_its_own_settings() -> None:
    def config(name: str) -> Mapping[str, object]:
        return {"octopus_agile": {"region": "I"}}[name]

    with pytest.raises(Mistake, match="but not I or O"):
        price_provider("GB", config)
