"""Which provider serves a zone, and what all of them have in common."""

from collections.abc import Mapping

import pytest
from grid_server import Answer, GridServer
from provider_server import BROKEN, DAY_S, EMPTY, NOON, outcome, refusal

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.protocol import Provider
from carbonwait.grid.registry import NAMES, PROVIDERS, choose, keyless

# A zone that each covers, and what it needs to be asked at all.
ZONES = {
    "neso": "GB",
    "energinet": "DK-DK1",
    "energy_charts": "DE",
    "electricity_maps": "US-CAL-CISO",
    "watttime": "US-CAL-CISO",
    "carbon_aware_sdk": "NL",
}
KEYS = ("s3cret-t0ken", "s3cret-pa55", "s3cret-user")
SETTINGS: dict[str, Mapping[str, object]] = {
    "electricity_maps": {"token": KEYS[0]},
    "watttime": {"username": KEYS[2], "password": KEYS[1]},
}
TODAY = (NOON, NOON + DAY_S)
each = pytest.mark.parametrize("name", PROVIDERS)


def nothing(_name: str) -> Mapping[str, object]:
    return {}


def told(name: str, server: GridServer) -> Provider:
    return PROVIDERS[name]({**SETTINGS.get(name, {}), "base_url": server.url})


# --- whatever a service answers -----------------------------------------------------------------


@each
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_answer_is_no_forecast_and_no_other_fault(
    grid_server: GridServer, name: str, how: str
) -> None:
    grid_server.answer(BROKEN[how])
    with pytest.raises(ProviderUnavailable) as caught:
        told(name, grid_server).forecast(ZONES[name], *TODAY, get_json)
    text = str(caught.value)
    assert text.isprintable()
    assert not any(key in text for key in KEYS)


@each
@pytest.mark.parametrize("document", EMPTY, ids=repr)
def test_an_answer_that_says_nothing_is_no_forecast(name: str, document: object) -> None:
    provider = PROVIDERS[name](SETTINGS.get(name, {}))
    assert outcome(lambda fetch: provider.forecast(ZONES[name], *TODAY, fetch), document) is None


@each
@pytest.mark.parametrize("document", EMPTY, ids=repr)
def test_an_answer_that_says_nothing_holds_no_actuals(name: str, document: object) -> None:
    provider = PROVIDERS[name](SETTINGS.get(name, {}))
    assert not outcome(lambda fetch: provider.actuals(ZONES[name], *TODAY, fetch), document)


@each
def test_how_long_a_service_wants_to_be_left_alone_is_never_lost(
    grid_server: GridServer, name: str
) -> None:
    grid_server.answer(refusal(429, b"Too many requests", retry_after_s=777))
    with pytest.raises(HttpRefusal) as caught:
        told(name, grid_server).forecast(ZONES[name], *TODAY, get_json)
    assert caught.value.retry_after_s == 777
    assert len(grid_server.seen) == 1


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_no_refusal_shows_a_key_even_if_the_service_repeats_it(
    grid_server: GridServer, name: str, status: int
) -> None:
    grid_server.answer(refusal(status, {"error": " ".join(KEYS)}))
    with pytest.raises(ProviderUnavailable) as caught:
        told(name, grid_server).forecast(ZONES[name], *TODAY, get_json)
    told_of = [str(caught.value), *(seen.target for seen in grid_server.seen)]
    assert not any(key in text for key in KEYS for text in told_of)


@each
def test_a_service_that_is_not_there_is_named(name: str) -> None:
    with GridServer() as server:
        url = server.url
    provider = PROVIDERS[name]({**SETTINGS.get(name, {}), "base_url": url})
    with pytest.raises(ProviderUnavailable, match=r"127\.0\.0\.1:\d+ refused the connection"):
        provider.forecast(ZONES[name], *TODAY, get_json)


@each
def test_no_address_leads_out_of_the_configured_one(grid_server: GridServer, name: str) -> None:
    grid_server.answer(Answer(b"{}"))
    with pytest.raises(ProviderUnavailable):
        told(name, grid_server).forecast(ZONES[name], *TODAY, get_json)
    assert all(seen.target.startswith("/") and "//" not in seen.path for seen in grid_server.seen)


@each
def test_every_provider_says_whose_data_it_is(name: str) -> None:
    provider = PROVIDERS[name]({})
    assert provider.name == name
    assert provider.licence
    assert provider.refresh_s >= 900


# --- which one serves a zone --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("GB", "neso"),
        ("DK-DK1", "energinet"),
        ("DK-DK2", "energinet"),
        ("DK", "energy_charts"),
        ("DE", "energy_charts"),
        ("DE-LU", "energy_charts"),
        ("US-CAL-CISO", None),
        ("GB-NIR", None),
    ],
)
def test_a_zone_is_served_without_a_key_where_that_is_possible(zone: str, name: str | None) -> None:
    assert keyless(zone) == name


def test_a_provider_without_a_key_goes_before_one_with_a_key() -> None:
    provider = choose(None, "GB", lambda name: SETTINGS.get(name, {}))
    assert provider is not None
    assert provider.name == "neso"


@pytest.mark.parametrize(
    ("tables", "zone", "name"),
    [
        ({"electricity_maps": {"token": "x"}}, "JP-TK", "electricity_maps"),
        ({"electricity_maps": {"token_file": "x"}}, "JP-TK", "electricity_maps"),
        ({"carbon_aware_sdk": {"location": "japaneast"}}, "JP-TK", "carbon_aware_sdk"),
        ({"watttime": {"username": "x"}}, "US-CAL-CISO", "watttime"),
        ({"watttime": {"username": "x"}}, "JP-TK", None),
        ({"watttime": {"region": "JP_TK"}}, "JP-TK", "watttime"),
        (
            {"watttime": {"username": "x"}, "electricity_maps": {"token": "x"}},
            "US-CAL-CISO",
            "electricity_maps",
        ),
        ({"electricity_maps": {"token": ""}}, "JP-TK", None),
        ({}, "JP-TK", None),
    ],
)
def test_elsewhere_one_that_has_been_set_up_serves(
    tables: dict[str, Mapping[str, object]], zone: str, name: str | None
) -> None:
    provider = choose(None, zone, lambda provider: tables.get(provider, {}))
    assert (provider.name if provider else None) == name


def test_without_a_zone_there_is_no_provider() -> None:
    assert choose(None, None, nothing) is None


def test_a_provider_asked_for_by_name_gets_its_own_settings(grid_server: GridServer) -> None:
    tables = {"energy_charts": {"base_url": grid_server.url}}
    provider = choose("energy_charts", "DE", lambda name: tables[name])
    assert provider is not None
    with pytest.raises(ProviderUnavailable):
        provider.forecast("DE", *TODAY, get_json)
    assert len(grid_server.seen) == 1


def test_a_provider_may_be_asked_for_before_the_zone_is_known() -> None:
    provider = choose("neso", None, nothing)
    assert provider is not None
    assert provider.name == "neso"


def test_an_unknown_provider_is_a_mistake_that_names_the_known_ones() -> None:
    with pytest.raises(Mistake, match="'nesso' is not known; use one of neso, energinet, ") as told:
        choose("nesso", "GB", nothing)
    assert all(name in str(told.value) for name in NAMES)


def test_a_provider_that_does_not_cover_the_zone_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="'neso' does not cover DE; leave --provider out"):
        choose("neso", "DE", nothing)


def test_the_file_provider_needs_a_file() -> None:
    with pytest.raises(Mistake, match="needs a file; use --forecast FILE"):
        choose("file", "DE", nothing)


def test_typical_days_need_no_service() -> None:
    assert choose("typical", "DE", nothing) is None


def test_settings_that_cannot_be_used_are_a_mistake() -> None:
    with pytest.raises(Mistake, match="is no postcode"):
        choose("neso", "GB", lambda _name: {"postcode": "London"})
