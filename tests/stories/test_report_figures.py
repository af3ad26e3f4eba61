"""What the report says in hindsight, worked out by hand from a few runs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from grid_server import GridServer
from sample_runs import NOON, finished
from settling import DAY_S, FORECAST, HOUR_S, add_pending, environ, hourly, neso, plain, settings

from carbonwait.cli.answers import honest_words, in_hindsight
from carbonwait.cli.report_document import report_document
from carbonwait.core.forecast_error import LeadError
from carbonwait.core.records import Decision, Emissions
from carbonwait.ledger.rows import StoredSeries
from carbonwait.ledger.store import Ledger
from carbonwait.stories.report import Report, make_report
from carbonwait.stories.settle import settle

LATER = NOON + DAY_S


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def report(tmp_path: Path, **options: str) -> Report:
    return make_report(environ(tmp_path), LATER, **options)


def save_some(ledger: Ledger) -> None:
    """Actual, if at once, if static, if dynamic, best, waiting; in grams."""
    ledger.save(finished("a1", emissions=Emissions(60.0, 100.0, 80.0, 60.0, 55.0, 0.0)))
    ledger.save(finished("a2", emissions=Emissions(90.0, 70.0, 50.0, 60.0, 50.0, 5.0)))
    ledger.save(finished("a3", emissions=Emissions(10.0, 20.0, None, 10.0, None, 0.0)))
    static = Emissions(80.0, 100.0, 80.0, 60.0, 55.0, 0.0)
    ledger.save(finished("b1", strategy="static", emissions=static))
    at_once = Emissions(100.0, 100.0, 80.0, 90.0, 40.0, 0.0)
    ledger.save(finished("c1", strategy="now", emissions=at_once, accounting="pending"))


def test_runs_that_were_dirtier_than_at_once_are_counted(ledger: Ledger, tmp_path: Path) -> None:
    save_some(ledger)
    assert report_document(report(tmp_path))["dirtier_than_now"] == 1


def test_rounding_makes_no_run_dirtier(ledger: Ledger, tmp_path: Path) -> None:
    ledger.save(finished("a1", emissions=Emissions(100.0 + 1e-12, 100.0, None, None, None, 0.0)))
    assert report_document(report(tmp_path))["dirtier_than_now"] == 0


def test_regret_is_what_the_best_starts_would_have_saved_still(
    ledger: Ledger, tmp_path: Path
) -> None:
    save_some(ledger)
    # 5 and 40, 25, 60; of the third run no best start is known.
    assert report_document(report(tmp_path))["regret_g"] == 130.0


def test_dynamic_runs_are_compared_with_the_static_window(ledger: Ledger, tmp_path: Path) -> None:
    save_some(ledger)
    total = report(tmp_path).total
    assert total is not None
    # 80 - 60 and 50 - 95, of 130.
    assert (total.dynamic_runs, total.dynamic_saving_g) == (2, -25.0)
    assert total.dynamic_saving_pct == pytest.approx(100 * -25 / 130)


def test_static_and_immediate_runs_show_what_dynamic_would_have_saved(
    ledger: Ledger, tmp_path: Path
) -> None:
    save_some(ledger)
    total = report(tmp_path).total
    assert total is not None
    # 80 - 60 and 100 - 90, of 180.
    assert (total.missed_runs, total.missed_g) == (2, 30.0)
    assert total.missed_pct == pytest.approx(100 * 30 / 180)


def test_the_report_says_so_in_sentences(ledger: Ledger, tmp_path: Path) -> None:
    save_some(ledger)
    made = report(tmp_path)
    assert made.total is not None
    figures = "155 g emitted, 130 g in the window"
    against = f"Dynamic against your static window, 2 dynamic runs: {figures}"
    assert in_hindsight(made, made.total) == [
        f"{against}: dynamic emitted 19.2 % more (estimated).",
        "Dynamic would have saved 30 g (16.7 %) in 2 static or immediate runs (estimated).",
        "1 of 5 runs ended dirtier than at once.",
        "The best possible starts would have emitted 200 g: 130 g of regret.",
    ]


def test_the_report_names_the_remedy_for_pending_runs(ledger: Ledger, tmp_path: Path) -> None:
    save_some(ledger)
    made = report(tmp_path)
    assert "1 run pending: carbonwait settle" in honest_words(made)
    assert report_document(made)["pending"] == 1


def test_without_pending_runs_there_is_nothing_to_settle(ledger: Ledger, tmp_path: Path) -> None:
    ledger.save(finished("a1"))
    assert [line for line in honest_words(report(tmp_path)) if "pending" in line] == []


def decided(ledger: Ledger, run_id: str = "a1") -> None:
    """A decision at noon on the forecast."""
    source = ("GB", "neso", "live", "average", "direct", "forecast", NOON, NOON)
    stored = StoredSeries(hourly(FORECAST, NOON, "forecast"), *source)  # type: ignore[arg-type]
    number = ledger.save_series(stored)
    ledger.add_decision(run_id, Decision(NOON, NOON + 7200, "live", NOON, "why"), number)


def test_the_error_of_forecasts_is_told_by_zone_and_lead_time(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    decided(ledger)
    grid_server.answer(neso((400.0, 400.0, 400.0, 250.0, 200.0, 600.0)))
    settle(settings(grid_server.url), environ(tmp_path), LATER)
    # 500 for 400; 400 for 400 and 300 for 400; 200 for 250, 100 for 200 and 600 for 600.
    assert plain(report(tmp_path).forecast_error) == [
        LeadError("GB", 1, 25.0, 1.0),
        LeadError("GB", 3, 12.5, 2.0),
        LeadError("GB", 6, 23.333333333, 3.0),
    ]


def test_a_forecast_that_several_runs_were_decided_on_counts_once(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    for run_id in ("a1", "a2"):
        add_pending(ledger, run_id)
        decided(ledger, run_id)
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), LATER)
    assert sum(error.hours for error in report(tmp_path).forecast_error) == 6.0


def test_pending_runs_say_nothing_of_forecasts(ledger: Ledger, tmp_path: Path) -> None:
    add_pending(ledger)
    decided(ledger)
    assert report(tmp_path).forecast_error == []


def test_runs_from_before_the_period_say_nothing_of_its_forecasts(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    decided(ledger)
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), LATER)
    assert report(tmp_path, since=f"{int((LATER - NOON - HOUR_S) // 3600)}h").forecast_error == []


def test_an_error_is_in_the_document(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    decided(ledger)
    grid_server.answer(neso((400.0, *FORECAST[1:])))
    settle(settings(grid_server.url), environ(tmp_path), LATER)
    first = report_document(report(tmp_path))["forecast_error"][0]
    assert first == {"zone": "GB", "lead_h": 1, "mape_pct": 25.0, "hours": 1.0}


def test_a_run_of_summer_belongs_to_the_day_of_summers_clocks(
    ledger: Ledger, tmp_path: Path
) -> None:
    july = datetime(2026, 7, 5, 22, 30, tzinfo=UTC).timestamp()
    ledger.save(finished("a1", submitted=july, started=july, ended=july + 60))
    berlin = environ(tmp_path) | {"TZ": "Europe/Berlin"}
    days = make_report(berlin, LATER, since="all", by="day").groups
    weeks = make_report(berlin, LATER, since="all", by="week").groups
    assert [days[0].key, weeks[0].key] == ["2026-07-06", "2026-W28"]
