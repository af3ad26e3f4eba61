"""The ladder, with a real service on 127.0.0.1 that is well, short, silent or gone."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from grid_server import Answer, GridServer

from carbonwait.core.config import Config
from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot
from carbonwait.core.windows import parse_window
from carbonwait.grid.history import History
from carbonwait.grid.neso import Neso
from carbonwait.grid.zones import ZoneChoice
from carbonwait.settings import Settings
from carbonwait.stories.intensities import Intensities
from carbonwait.stories.service_forecasts import history_source

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
HALF_HOUR_S = 1800.0
HOUR_S = 3600.0
DAY_S = 86400.0
BROKEN = Answer(status=400)


def half_hours(start: Instant, *g_per_kwh: float | None) -> Answer:
    """An answer of the national endpoint."""

    def stamp(at: Instant) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"

    rows = [
        {
            "from": stamp(start + HALF_HOUR_S * number),
            "to": stamp(start + HALF_HOUR_S * (number + 1)),
            "intensity": {"forecast": value, "actual": None, "index": "moderate"},
        }
        for number, value in enumerate(g_per_kwh)
    ]
    return Answer.of({"data": rows})


def ladder(
    server: GridServer, folder: Path, zone: str | None = "GB", **config: object
) -> Intensities:
    """The ladder of somebody whose provider is the server."""
    environ = {"CARBONWAIT_CACHE": str(folder / "cache")}
    return Intensities(ZoneChoice(zone, "the test"), settings(server, **config), environ)


def settings(server: GridServer, **config: object) -> Settings:
    neso = {"neso": {"base_url": server.url}}
    return Settings(None, Config(providers=neso, **config))  # type: ignore[arg-type]


def observe(server: GridServer, folder: Path, slots: Iterable[Slot], now: Instant) -> None:
    """Keep what would have been observed if the server had been asked for it earlier."""
    source = history_source(Neso({}), "GB", settings(server))
    History(folder / "cache").add(source, slots, now)


def with_history(server: GridServer, folder: Path) -> None:
    """A week in which the grid was clean by day: 100 g/kWh from 8 to 16, else 300."""
    (folder / "cache").mkdir(exist_ok=True)
    hours = (NOON - 7 * DAY_S + HOUR_S * hour for hour in range(7 * 24))
    observed = [
        Slot(at, at + HOUR_S, 100.0 if 8 <= at // HOUR_S % 24 < 16 else 300.0, "actual")
        for at in hours
    ]
    observe(server, folder, observed, NOON)


def test_an_answer_is_live(grid_server: GridServer, tmp_path: Path) -> None:
    grid_server.answer(half_hours(NOON, *[200.0] * 96))
    found = ladder(grid_server, tmp_path).outlook(NOON, NOON + DAY_S)
    assert (found.rung, found.provider, found.series.at(NOON)) == ("live", "neso", 200)


def test_a_short_forecast_is_continued_at_its_own_level(
    grid_server: GridServer, tmp_path: Path
) -> None:
    # Where both say something the service is at half of the typical level.
    intensities = ladder(grid_server, tmp_path, "GB")
    grid_server.answer(BROKEN)
    usual = intensities.outlook(NOON, NOON + DAY_S).series
    halves = [(usual.at(NOON + HALF_HOUR_S * n) or 0.0) / 2 for n in range(12)]
    grid_server.answer(half_hours(NOON, *halves))
    fresh = ladder(grid_server, tmp_path / "other")
    found = fresh.outlook(NOON, NOON + DAY_S)
    later = NOON + 18 * HOUR_S
    assert found.series.at(later) == pytest.approx((usual.at(later) or 0.0) / 2)


def test_a_short_forecast_is_said_to_be_continued(grid_server: GridServer, tmp_path: Path) -> None:
    grid_server.answer(half_hours(NOON, *[200.0] * 12))
    found = ladder(grid_server, tmp_path).outlook(NOON, NOON + DAY_S)
    assert (found.rung, len(found.notes), found.warnings) == ("live", 1, ())
    assert "6h 00m" in found.notes[0]


def test_a_null_is_a_gap_and_never_a_clean_hour(grid_server: GridServer, tmp_path: Path) -> None:
    grid_server.answer(half_hours(NOON, 200.0, None, 200.0))
    found = ladder(grid_server, tmp_path).outlook(NOON, NOON + HOUR_S)
    assert found.series.at(NOON + HALF_HOUR_S) is None


def test_an_answer_serves_until_it_is_worth_asking_again(
    grid_server: GridServer, tmp_path: Path
) -> None:
    grid_server.answer(half_hours(NOON, *[200.0] * 96))
    for minutes in (0, 10, 29):
        ladder(grid_server, tmp_path).outlook(NOON + 60 * minutes, NOON + DAY_S)
    assert sum("fw48h" in seen.path for seen in grid_server.seen) == 1


def test_the_last_good_answer_serves_when_the_service_is_gone(
    grid_server: GridServer, tmp_path: Path
) -> None:
    grid_server.answer(half_hours(NOON, *[200.0] * 96))
    ladder(grid_server, tmp_path).outlook(NOON, NOON + DAY_S)
    grid_server.answer(BROKEN)
    found = ladder(grid_server, tmp_path).outlook(NOON + HOUR_S, NOON + DAY_S)
    assert (found.rung, found.issued, len(found.warnings)) == ("cached", NOON, 1)


def test_an_answer_of_two_days_ago_is_no_answer(grid_server: GridServer, tmp_path: Path) -> None:
    grid_server.answer(half_hours(NOON, *[200.0] * 200))
    ladder(grid_server, tmp_path).outlook(NOON, NOON + DAY_S)
    grid_server.answer(BROKEN)
    found = ladder(grid_server, tmp_path).outlook(NOON + 2 * DAY_S, NOON + 3 * DAY_S)
    assert found.rung == "typical"


def test_what_was_observed_serves_before_the_typical_days(
    grid_server: GridServer, tmp_path: Path
) -> None:
    grid_server.answer(BROKEN)
    intensities = ladder(grid_server, tmp_path)
    with_history(grid_server, tmp_path)
    found = intensities.outlook(NOON, NOON + DAY_S)
    assert found.rung == "history"
    night, day = (found.series.at(NOON + HOUR_S * hours) or 0.0 for hours in (12, 24 - 1))
    assert night > 2 * day


def test_without_history_typical_days_serve(grid_server: GridServer, tmp_path: Path) -> None:
    grid_server.answer(BROKEN)
    found = ladder(grid_server, tmp_path).outlook(NOON, NOON + DAY_S)
    assert (found.rung, found.scope, len(found.warnings)) == ("typical", "life-cycle", 1)


def test_without_a_zone_the_static_window_serves(grid_server: GridServer, tmp_path: Path) -> None:
    windows = (parse_window("01:00-05:00"),)
    found = ladder(grid_server, tmp_path, None, windows=windows).outlook(NOON, NOON + DAY_S)
    assert (found.rung, found.series) == ("static", Series())


def test_without_anything_there_is_only_now(grid_server: GridServer, tmp_path: Path) -> None:
    found = ladder(grid_server, tmp_path, None).outlook(NOON, NOON + DAY_S)
    assert (found.rung, len(found.warnings)) == ("now", 1)


def test_without_a_zone_nobody_is_asked(grid_server: GridServer, tmp_path: Path) -> None:
    ladder(grid_server, tmp_path, None).outlook(NOON, NOON + DAY_S)
    assert grid_server.seen == []


def test_a_failure_is_not_asked_for_again_at_once(grid_server: GridServer, tmp_path: Path) -> None:
    grid_server.answer(BROKEN)
    for seconds in (0, 1, 30):
        ladder(grid_server, tmp_path).outlook(NOON + seconds, NOON + DAY_S)
    assert len(grid_server.seen) == 1


def test_actuals_that_came_with_an_answer_settle_what_they_cover(
    grid_server: GridServer, tmp_path: Path
) -> None:
    grid_server.answer(half_hours(NOON, *[200.0] * 96))
    intensities = ladder(grid_server, tmp_path)
    found = intensities.outlook(NOON, NOON + DAY_S)
    known = Slot(NOON, NOON + HALF_HOUR_S, 123.0, "actual")
    observe(grid_server, tmp_path, [known], NOON + HOUR_S)
    series = intensities.to_account_with(found.series, NOON + HOUR_S)
    assert [series.at(NOON), series.at(NOON + HALF_HOUR_S)] == [123, 200]


def test_a_service_that_wants_a_rest_before_it_tells_what_was_does_not_hold_up_the_plan(
    grid_server: GridServer, tmp_path: Path
) -> None:
    rest = Answer(status=429, headers={"Retry-After": "8"})
    grid_server.answer(half_hours(NOON, *[200.0] * 96), rest)
    began = time.monotonic()
    found = ladder(grid_server, tmp_path).outlook(NOON, NOON + DAY_S)
    assert (found.rung, len(grid_server.seen)) == ("live", 2)
    assert time.monotonic() - began < 5


def test_what_was_before_today_is_asked_for_although_today_came_with_the_forecast(
    grid_server: GridServer, tmp_path: Path
) -> None:
    quarters = [NOON - 12 * HOUR_S + 900 * number for number in range(96)]
    grid_server.answer(
        Answer.of(
            {
                "unix_seconds": quarters,
                "co2eq": [200 if at < NOON - HOUR_S else None for at in quarters],
                "co2eq_forecast": [None if at < NOON - HOUR_S else 300 for at in quarters],
            }
        )
    )
    providers = {"energy_charts": {"base_url": grid_server.url}}
    environ = {"CARBONWAIT_CACHE": str(tmp_path / "cache")}
    settings = Settings(None, Config(providers=providers))
    for minutes in (0, 20):
        intensities = Intensities(ZoneChoice("DE", "the test"), settings, environ)
        intensities.outlook(NOON + 60 * minutes, NOON + DAY_S)
    asked = [seen.params.get("start") for seen in grid_server.seen]
    assert asked == [None, "2026-11-09T12:00Z", None]
