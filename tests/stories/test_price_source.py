"""The prices of a run: who is asked, how often, and what becomes of it when nobody answers."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import price_services
import pytest
from grid_server import Answer, GridServer
from price_services import steps
from provider_server import DAY_S, HOUR_S, NOON
from sample_runs import run

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.config import PRICE_PROVIDERS, Config
from carbonwait.core.prices import Prices
from carbonwait.core.records import Cost, Energy
from carbonwait.core.series import Series, Slot
from carbonwait.grid import price_registry
from carbonwait.settings import Settings
from carbonwait.stories.accounts import price
from carbonwait.stories.planning import Request, prepare
from carbonwait.stories.prices import PriceSource

Make = Callable[..., PriceSource]
DAY = [100.0 + hour for hour in range(24)]
LATE = NOON + 10 * DAY_S


@pytest.fixture
def make(tmp_path: Path, grid_server: GridServer) -> Make:
    """A maker of sources that all ask the server and share a cache."""

    def made(
        weight: float = 0.0, zone: str | None = "AT", prices: str | bool = False, **more: Any
    ) -> PriceSource:
        tables = {name: {"base_url": grid_server.url} for name in PRICE_PROVIDERS}
        settings = Settings(None, Config(prices=prices, providers=tables))
        return PriceSource(
            zone, weight, settings, {"CARBONWAIT_CACHE": str(tmp_path / "cache")}, **more
        )

    (tmp_path / "cache").mkdir(mode=0o700)
    grid_server.answer(price_services.awattar(steps(NOON - DAY_S, HOUR_S, DAY * 2)))
    return made


def test_the_config_knows_the_providers_that_there_are() -> None:
    assert tuple(price_registry.PRICE_PROVIDERS) == PRICE_PROVIDERS


# --- who is asked -------------------------------------------------------------------------------


def test_prices_are_per_kilowatt_hour_and_say_where_they_are_from(make: Make) -> None:
    found = make().outlook(NOON, NOON + 6 * HOUR_S, LATE)
    assert found.prices is not None
    assert found.planned_on.at(NOON + 60) == pytest.approx(0.100)
    assert found.prices[1:] == ("AT", "awattar", "EUR", "wholesale", NOON)
    assert (found.warnings, found.notes) == ((), ())


def test_the_day_before_is_asked_for_as_well(make: Make, grid_server: GridServer) -> None:
    make().outlook(NOON, NOON + HOUR_S, LATE)
    assert grid_server.seen[0].params["start"] == f"{(NOON - DAY_S) * 1000:.0f}"


def test_a_run_on_carbon_asks_nobody(make: Make, grid_server: GridServer) -> None:
    source = make(1.0)
    assert source.outlook(NOON, NOON + HOUR_S, LATE).prices is None
    assert source.to_account_with(NOON, NOON + 60, NOON + HOUR_S) is None
    assert source.next_look(NOON) == float("inf")
    assert grid_server.seen == []


def test_a_run_on_carbon_is_priced_with_what_another_has_left(
    make: Make, grid_server: GridServer
) -> None:
    make().outlook(NOON, NOON + HOUR_S, LATE)
    prices = make(1.0).to_account_with(NOON + 7, NOON + 60, NOON + 1800)
    assert prices is not None
    # Whole slots, so that runs of the same hour share what is kept of them.
    assert prices.series.edges == [NOON, NOON + HOUR_S]
    assert len(grid_server.seen) == 1


def test_what_is_published_is_final_and_not_asked_for_again(
    make: Make, grid_server: GridServer
) -> None:
    make().outlook(NOON, NOON + 6 * HOUR_S, LATE)
    later = make()
    found = later.outlook(NOON + 5 * HOUR_S, NOON + 20 * HOUR_S, LATE)
    assert found.prices is not None
    assert not later.has_news(NOON + 19 * HOUR_S, LATE)
    assert len(grid_server.seen) == 1


def test_what_is_not_published_yet_is_asked_for_again_after_a_while(
    make: Make, grid_server: GridServer
) -> None:
    source = make()
    first = source.outlook(NOON, NOON + 30 * HOUR_S, LATE)
    assert first.notes == (
        "awattar's prices end in 24h 00m; from there on those of the day before",
    )
    assert first.planned_on.at(NOON + 25 * HOUR_S) == pytest.approx(0.101)
    assert not source.has_news(NOON + 60, LATE)
    assert source.has_news(NOON + HOUR_S, LATE)
    assert not source.has_news(NOON + HOUR_S, NOON + HOUR_S + 20)
    grid_server.answer(price_services.awattar(steps(NOON, HOUR_S, [*DAY, *[7.0] * 24])))
    second = source.outlook(NOON + HOUR_S, NOON + 30 * HOUR_S, LATE)
    assert second.planned_on.at(NOON + 25 * HOUR_S) == pytest.approx(0.007)
    assert second.notes == ()
    # What an earlier answer held is kept.
    assert second.planned_on.at(NOON - HOUR_S) == pytest.approx(0.123)


def test_a_preferred_provider_goes_first(make: Make, grid_server: GridServer) -> None:
    grid_server.answer(price_services.energy_charts(steps(NOON - DAY_S, 900, [50.0] * 192)))
    found = make(prices="energy_charts").outlook(NOON, NOON + HOUR_S, LATE)
    assert found.prices is not None
    assert found.prices.provider == "energy_charts"


def test_a_preferred_provider_that_does_not_cover_the_zone_is_passed_over(make: Make) -> None:
    found = make(prices="energinet").outlook(NOON, NOON + HOUR_S, LATE)
    assert found.prices is not None
    assert found.prices.provider == "awattar"


# --- what fails ---------------------------------------------------------------------------------


def test_the_next_provider_is_asked_where_one_fails(make: Make, grid_server: GridServer) -> None:
    refused = Answer(b"", status=503, headers={"Retry-After": "900"})
    grid_server.answer(
        refused, price_services.energy_charts(steps(NOON - DAY_S, 900, [50.0] * 192))
    )
    found = make().outlook(NOON, NOON + HOUR_S, LATE)
    assert found.prices is not None
    assert found.prices.provider == "energy_charts"
    (warning,) = found.warnings
    assert warning.endswith("; planning with prices of energy_charts, 0s old")


@pytest.mark.parametrize(("weight", "instead"), [(0.5, "planning on carbon"), (1.0, "the cost")])
def test_without_any_price_one_line_says_so(
    make: Make, grid_server: GridServer, weight: float, instead: str
) -> None:
    grid_server.answer(Answer(b"", status=503, headers={"Retry-After": "900"}))
    found = make(weight, prices=True).outlook(NOON, NOON + HOUR_S, LATE)
    (warning,) = found.warnings
    assert f"; {instead}" in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    ("zone", "where"), [("US-CAL-CISO", "for US-CAL-CISO"), (None, "without a zone")]
)
def test_a_zone_without_prices_is_told_where_the_plan_needs_them(
    make: Make, zone: str | None, where: str
) -> None:
    (warning,) = make(zone=zone).outlook(NOON, NOON + HOUR_S, LATE).warnings
    assert warning == f"no price is known {where}; planning on carbon"
    assert make(1.0, zone=zone, prices=True).outlook(NOON, NOON + HOUR_S, LATE).warnings == ()


def test_the_last_good_prices_serve_while_a_service_is_down(
    make: Make, grid_server: GridServer
) -> None:
    make().outlook(NOON, NOON + HOUR_S, LATE)
    grid_server.answer(Answer(b"", status=503, headers={"Retry-After": "900"}))
    found = make().outlook(NOON + 2 * HOUR_S, NOON + 30 * HOUR_S, LATE)
    assert found.prices is not None
    (warning,) = found.warnings
    assert warning.endswith("; planning with prices of awattar, 2h 00m old")


def test_prices_that_have_all_ended_are_none(make: Make, grid_server: GridServer) -> None:
    make().outlook(NOON, NOON + HOUR_S, LATE)
    found = make().outlook(NOON + 3 * DAY_S, NOON + 3 * DAY_S + HOUR_S, LATE)
    assert found.prices is None
    assert "no prices for AT from now on" in found.warnings[0]


@pytest.mark.parametrize("price", [1e9, -1e9, 1e300])
def test_a_price_that_cannot_be_is_none(make: Make, grid_server: GridServer, price: float) -> None:
    grid_server.answer(price_services.awattar(steps(NOON - DAY_S, HOUR_S, [price] * 48)))
    found = make().outlook(NOON, NOON + HOUR_S, LATE)
    assert found.prices is None
    assert "awattar: no plausible price for AT" in found.warnings[0]


def test_a_service_that_hangs_is_left_alone_before_the_latest_start(
    make: Make, grid_server: GridServer
) -> None:
    grid_server.answer(Answer(b"{}", wait_for=threading.Event()))
    begun = time.monotonic()
    assert make().outlook(NOON, NOON + HOUR_S, NOON + 1.5).prices is None
    assert time.monotonic() - begun < 3


def test_a_signal_matters_more_than_a_price(make: Make, grid_server: GridServer) -> None:
    grid_server.answer(Answer(b"{}", wait_for=threading.Event()))
    begun = time.monotonic()
    found = make(give_up=grid_server.arrived.is_set).outlook(NOON, NOON + HOUR_S, LATE)
    assert (found.prices, found.warnings) == (None, ())
    assert time.monotonic() - begun < 3


def test_no_cache_folder_is_no_obstacle(make: Make, tmp_path: Path) -> None:
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("in the way")
    source = make()
    assert source.outlook(NOON, NOON + HOUR_S, LATE).prices is not None
    assert source.to_account_with(NOON, NOON + 60, NOON + HOUR_S) is not None


# --- the wait -----------------------------------------------------------------------------------


def test_a_waiting_job_plans_again_when_the_prices_of_tomorrow_are_published(
    tmp_path: Path, grid_server: GridServer
) -> None:
    tables = {"awattar": {"base_url": grid_server.url}}
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "CARBONWAIT_CACHE": str(tmp_path)}
    asked = Request(duration="1h", deadline="30h", zone="AT", provider="typical", objective="price")
    settings = Settings(None, Config(providers=tables))
    # Known until midnight; it was cheap at two last night.
    known = [200.0] * 36
    known[14] = 50.0
    grid_server.answer(price_services.awattar(steps(NOON - DAY_S, HOUR_S, known)))
    job = prepare(asked, settings, environ, now=NOON, past=())
    first = job.think(NOON)
    assert first.plan.start == NOON + 14 * HOUR_S
    assert job.next_look(NOON, first.outlook.series) == NOON + HOUR_S
    assert not job.has_news(NOON + 60, first.plan.start)
    assert job.has_news(NOON + HOUR_S, first.plan.start)
    published = [200.0] * 36
    published[18] = 1.0
    grid_server.answer(price_services.awattar(steps(NOON, HOUR_S, published)))
    second = job.think(NOON + HOUR_S)
    assert second.plan.start == NOON + 18 * HOUR_S
    assert job.next_look(NOON + HOUR_S, second.outlook.series) == float("inf")


# --- the account --------------------------------------------------------------------------------


def test_a_run_that_has_outlasted_its_prices_asks_for_those_of_its_time(
    make: Make, grid_server: GridServer
) -> None:
    source = make()
    source.outlook(NOON, NOON + HOUR_S, LATE)
    ended = NOON + 3 * DAY_S
    grid_server.answer(price_services.awattar(steps(NOON, HOUR_S, DAY * 4)))
    prices = source.to_account_with(NOON, ended, ended)
    assert grid_server.seen[-1].params["start"] == f"{NOON * 1000:.0f}"
    assert prices is not None
    assert prices.series.covers(NOON, ended)


def test_what_stands_in_for_prices_is_in_no_account(make: Make) -> None:
    source = make()
    source.outlook(NOON, NOON + 40 * HOUR_S, LATE)
    prices = source.to_account_with(NOON, NOON + HOUR_S, NOON + 40 * HOUR_S)
    assert prices is not None
    assert prices.series.edges[-1] == NOON + DAY_S


def test_settings_that_nobody_asked_for_do_not_hurt_an_account(tmp_path: Path) -> None:
    config = Config(providers={"octopus_agile": {"region": "I"}})
    source = PriceSource("GB", 1.0, Settings(None, config), {"HOME": str(tmp_path)})
    assert source.to_account_with(NOON, NOON + 60, NOON + HOUR_S) is None


SLOTS = [
    MeteredSlot(NOON + 7200, NOON + 7500, Energy(), job=Energy(3.6e6, None, 1.8e6)),
    MeteredSlot(NOON + 7500, NOON + 7800, Energy(), job=Energy(7.2e6, None, None)),
    MeteredSlot(NOON + 7800, NOON + 7860, Energy(), job=Energy()),
]
RUN = replace(
    run(),
    submitted=NOON,
    started=NOON + 7200,
    ended=NOON + 7860,
    deadline=NOON + 4 * HOUR_S,
    static_start=NOON + 3600 - 300,
    dynamic_start=NOON + 3 * HOUR_S,
)


def in_euros(*hours: float | None) -> Prices:
    slots = (
        Slot(NOON + HOUR_S * hour, NOON + HOUR_S * (hour + 1), value, "actual")
        for hour, value in enumerate(hours)
        if value is not None
    )
    return Prices(Series(slots), "DE", "awattar", "EUR", "wholesale", NOON)


def cost(prices: Prices | None, **fields: Any) -> Cost:
    priced = replace(RUN, **fields)
    price(priced, SLOTS, prices)
    return priced.cost


def test_a_run_costs_its_energy_at_the_prices_of_its_time() -> None:
    # 1.5 kWh in the first five minutes and 2 kWh in the next, then nobody looked.
    found = cost(in_euros(0.25, 0.5, -0.125, 0.0625))
    assert found == Cost(
        "EUR",
        "wholesale",
        actual=3.5 * -0.125,
        if_now=3.5 * 0.25,
        if_static=1.5 * 0.25 + 2 * 0.5,
        if_dynamic=3.5 * 0.0625,
        best=3.5 * -0.125,
        waiting=0.0,
    )
    assert found.saving == 3.5 * 0.375


def test_a_machine_that_is_kept_on_pays_for_the_wait() -> None:
    found = cost(in_euros(0.25, 0.5, 0.125, 0.125), idle_watts=500.0)
    assert found.waiting == pytest.approx(0.5 * 0.25 + 0.5 * 0.5, rel=1e-12)
    assert found.saving == pytest.approx(3.5 * 0.125 - 0.375, rel=1e-12)


def test_a_figure_that_would_meet_a_gap_is_unknown() -> None:
    found = cost(in_euros(0.25, None, -0.125, None))
    assert (found.actual, found.if_now) == (3.5 * -0.125, 3.5 * 0.25)
    assert (found.if_static, found.if_dynamic) == (None, None)


@pytest.mark.parametrize("prices", [None, in_euros(0.25, 0.5, None, 0.1)], ids=["none", "a gap"])
def test_a_run_whose_own_time_has_no_price_has_no_cost(prices: Prices | None) -> None:
    assert cost(prices) == Cost()


def test_energy_that_nobody_metered_has_no_cost() -> None:
    unmetered = replace(RUN)
    price(unmetered, [MeteredSlot(NOON, NOON + 60, Energy())], in_euros(0.25, 0.5, 0.1, 0.1))
    assert unmetered.cost == Cost()
