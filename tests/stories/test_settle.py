"""Settling, with a real ledger and a real service on 127.0.0.1."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from price_services import awattar, steps
from sample_runs import NOON
from settling import ACTUAL, DAY_S, HOUR_S, KWH_J, add_pending, environ, hourly, neso, settings

from carbonwait.core.errors import Mistake
from carbonwait.core.records import Emissions, Pause, Run
from carbonwait.grid.history import History
from carbonwait.ledger.settling import Group
from carbonwait.ledger.store import Ledger
from carbonwait.stories.actuals import ranges
from carbonwait.stories.settle import Settlement, needed, settle, settle_from_history

NEXT_DAY = NOON + DAY_S
THREE_DAYS_ON = NOON + 3 * DAY_S
# 1 kWh in the hours from 14:00, 12:00, 13:00, 15:00 and, at best, 16:00.
SETTLED = Emissions(330.0, 480.0, 410.0, 190.0, 120.0, 0.0)
REFUSED = Answer(status=400)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def counts(done: Settlement) -> tuple[int, int, int]:
    return done.settled, done.pending, done.revised


def write_csv(path: Path, values: tuple[float | None, ...] = ACTUAL, start: float = NOON) -> Path:
    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    rows += [
        f"{datetime.fromtimestamp(slot.start, UTC):%Y-%m-%dT%H:%MZ},{slot.g_per_kwh}"
        for slot in hourly(values, start)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_pending_run_gets_the_figures_of_what_was(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    run = ledger.run("a1")
    assert counts(done) == (1, 0, 0)
    assert (run.emissions, run.accounting, run.basis) == (SETTLED, "settled", "actual")
    assert run.emissions.saving_g == 150.0


def test_the_saving_that_is_added_up_is_the_new_one(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    (cell,) = ledger.totals()
    assert 150.0 in cell.sums


def test_forecast_at_the_decision_last_forecast_and_actual_are_kept_apart(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    _, last_forecast = ledger.series_of("a1")
    assert last_forecast is not None
    planned = last_forecast._replace(role="forecast", issued=NOON)
    from carbonwait.core.records import Decision

    with ledger.transaction():
        number = ledger.save_series(planned)
        ledger.add_decision("a1", Decision(NOON, NOON + 7200, "live", NOON, "why"), number)
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    planned_on, accounted_with = ledger.series_of("a1")
    assert planned_on == planned
    assert accounted_with is not None
    assert accounted_with.series.mean(NOON, NOON + HOUR_S) == ACTUAL[0]
    assert {slot.kind for slot in accounted_with.series} == {"actual"}


def test_runs_of_a_zone_are_settled_with_one_request(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    for number in range(20):
        add_pending(ledger, f"a{number:02}")
    grid_server.answer(neso())
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    assert counts(done) == (20, 0, 0)
    assert len(grid_server.seen) == 1


def test_more_runs_than_a_page_holds_are_all_settled(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.transaction():
        for number in range(401):
            add_pending(ledger, f"a{number:03}")
    monkeypatch.setattr("carbonwait.stories.settle._PAGE", 100)
    grid_server.answer(neso())
    assert counts(settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)) == (401, 0, 0)
    assert len(grid_server.seen) == 1


def test_a_run_whose_deadline_is_still_ahead_stays_pending_with_better_figures(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso(ACTUAL[:4]))
    done = settle(settings(grid_server.url), environ(tmp_path), NOON + 4 * HOUR_S)
    run = ledger.run("a1")
    assert counts(done) == (0, 1, 0)
    # 16:00 is still forecast to be the best at 100.
    assert run.emissions == Emissions(330.0, 480.0, 410.0, 190.0, 100.0, 0.0)
    assert (run.accounting, run.basis) == ("pending", "actual")


def test_what_a_service_says_of_hours_that_have_not_ended_is_not_believed(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    done = settle(settings(grid_server.url), environ(tmp_path), NOON + 4 * HOUR_S)
    assert counts(done) == (0, 1, 0)
    assert ledger.run("a1").emissions.best_g == 100.0


@pytest.mark.parametrize("hour", range(6))
def test_a_hole_in_the_actuals_keeps_a_run_pending(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path, hour: int
) -> None:
    add_pending(ledger)
    grid_server.answer(neso([None if n == hour else value for n, value in enumerate(ACTUAL)]))
    done = settle(settings(grid_server.url), environ(tmp_path), THREE_DAYS_ON)
    assert counts(done) == (0, 1, 0)


def test_a_failure_is_one_line_and_the_run_stays_as_it_is(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    before = add_pending(ledger)
    grid_server.answer(REFUSED)
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    assert counts(done) == (0, 1, 0)
    (warning,) = done.warnings
    assert warning.startswith("GB: ")
    assert "\n" not in warning
    assert ledger.run("a1") == before


def test_the_failure_of_one_provider_does_not_keep_others_from_settling(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    add_pending(ledger, "b1", zone="DE", provider="energy_charts")
    times = [NOON + HOUR_S * hour for hour in range(6)]
    grid_server.answer(
        Answer.of({"unix_seconds": times, "co2eq": ACTUAL, "co2eq_forecast": [None] * 6}), REFUSED
    )
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    assert counts(done) == (1, 1, 0)
    assert ledger.run("b1").emissions == SETTLED
    assert len(done.warnings) == 1


# --- which provider -----------------------------------------------------------------------------


def test_a_run_planned_on_typical_days_is_settled_by_the_zones_provider(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, provider="typical", rung="typical", scope="life-cycle")
    grid_server.answer(neso())
    assert counts(settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)) == (1, 0, 0)
    run = ledger.run("a1")
    assert (run.emissions, run.rung, run.scope) == (SETTLED, "typical", "direct")


def test_a_run_planned_on_nothing_is_settled_by_the_zones_provider(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, provider=None, rung="now", planned_on=())
    assert ledger.run("a1").emissions.actual_g is None
    grid_server.answer(neso())
    assert counts(settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)) == (1, 0, 0)
    assert ledger.run("a1").emissions == SETTLED


def test_a_service_that_reaches_back_a_day_settles_with_what_it_has_said_before(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, zone="US-CAL-CISO", provider="electricity_maps")
    mine = settings(grid_server.url)
    table = {"base_url": grid_server.url, "token": "t"}
    mine.config.providers["electricity_maps"] = table  # type: ignore[index]
    (tmp_path / "cache").mkdir(mode=0o700)
    # At three, and again at ten the next morning, when the day before has all but gone.
    for first, last in ((0, 3), (3, 6)):
        history = [
            {
                "zone": "US-CAL-CISO",
                "carbonIntensity": ACTUAL[hour],
                "datetime": datetime.fromtimestamp(NOON + hour * HOUR_S, UTC).isoformat(),
                "isEstimated": False,
                "temporalGranularity": "hourly",
            }
            for hour in range(first, last)
        ]
        grid_server.answer(Answer.of({"zone": "US-CAL-CISO", "history": history}))
        done = settle(mine, environ(tmp_path), NOON + (3 if not first else 22) * HOUR_S)
    assert counts(done) == (1, 0, 0)
    assert ledger.run("a1").emissions == SETTLED


def test_typical_days_and_a_providers_actuals_are_never_mixed(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    before = add_pending(ledger, provider="typical", rung="typical", scope="life-cycle")
    grid_server.answer(neso(ACTUAL[:5]))
    assert counts(settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)) == (0, 1, 0)
    assert ledger.run("a1") == before


def test_a_run_planned_on_a_file_is_not_settled_by_a_service(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, provider="file")
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    assert counts(done) == (0, 1, 0)
    assert grid_server.seen == []
    assert "--actuals FILE" in done.notes[0]


def test_nothing_is_said_of_a_run_planned_on_a_file_that_is_settled(
    ledger: Ledger, tmp_path: Path
) -> None:
    add_pending(ledger, provider="file")
    mine, env = settings("http://127.0.0.1:9"), environ(tmp_path)
    settle(mine, env, NEXT_DAY, actuals=write_csv(tmp_path / "actual.csv"))
    assert settle(mine, env, NEXT_DAY) == Settlement()


def test_a_marginal_run_is_not_settled_by_an_average_signal(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, provider="typical", signal_kind="marginal")
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    assert (counts(done), grid_server.seen) == ((0, 1, 0), [])


def test_only_runs_of_the_zone_that_was_asked_for_are_settled(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    add_pending(ledger, "b1", zone="DE", provider="energy_charts")
    grid_server.answer(neso())
    done = settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY, zone="gb")
    assert counts(done) == (1, 0, 0)
    assert ledger.run("b1").accounting == "pending"


def test_an_unknown_zone_is_a_mistake(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="'Atlantis' is not known"):
        settle(settings("http://127.0.0.1:9"), environ(tmp_path), NOON, zone="Atlantis")


# --- where there are no actuals -----------------------------------------------------------------


def test_a_region_is_settled_with_the_last_forecast_after_two_days(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso(region=True))
    mine = settings(grid_server.url, region_id=13)
    assert counts(settle(mine, environ(tmp_path), THREE_DAYS_ON)) == (1, 0, 0)
    run = ledger.run("a1")
    assert (run.emissions, run.accounting, run.basis) == (SETTLED, "settled", "forecast")


def test_before_that_a_region_stays_pending_with_its_newest_forecast(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso(region=True))
    mine = settings(grid_server.url, region_id=13)
    assert counts(settle(mine, environ(tmp_path), NEXT_DAY)) == (0, 1, 0)
    run = ledger.run("a1")
    assert (run.emissions, run.accounting, run.basis) == (SETTLED, "pending", "forecast")


def test_a_region_that_does_not_answer_settles_nothing(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    before = add_pending(ledger)
    grid_server.answer(REFUSED)
    mine = settings(grid_server.url, region_id=13)
    assert counts(settle(mine, environ(tmp_path), THREE_DAYS_ON)) == (0, 1, 0)
    assert ledger.run("a1") == before


def test_a_job_settles_no_run_of_a_region_in_passing(ledger: Ledger, tmp_path: Path) -> None:
    before = add_pending(ledger)
    mine, group = settings("http://127.0.0.1:9", region_id=13), Group("neso", "GB", "average")
    assert settle_from_history(ledger, group, mine, environ(tmp_path), THREE_DAYS_ON) == 0
    assert ledger.run("a1") == before


# --- revisions ----------------------------------------------------------------------------------


def test_a_revision_within_two_days_is_taken(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    mine, env = settings(grid_server.url), environ(tmp_path)
    settle(mine, env, NEXT_DAY)
    grid_server.answer(neso((480.0, 410.0, 340.0, 190.0, 120.0, 610.0)))
    assert counts(settle(mine, env, NEXT_DAY + HOUR_S)) == (0, 0, 1)
    assert ledger.run("a1").emissions.actual_g == 340.0


def test_what_has_not_changed_is_no_revision(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    mine, env = settings(grid_server.url), environ(tmp_path)
    settle(mine, env, NEXT_DAY)
    assert counts(settle(mine, env, NEXT_DAY + HOUR_S)) == (0, 0, 0)


def test_after_two_days_nobody_is_asked_any_more(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    mine, env = settings(grid_server.url), environ(tmp_path)
    settle(mine, env, NEXT_DAY)
    grid_server.seen.clear()
    assert counts(settle(mine, env, THREE_DAYS_ON)) == (0, 0, 0)
    assert grid_server.seen == []


def test_a_revision_that_lacks_hours_takes_nothing_away(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    mine, env = settings(grid_server.url), environ(tmp_path)
    settle(mine, env, NEXT_DAY)
    (tmp_path / "cache" / "history.db").unlink(missing_ok=True)
    grid_server.answer(neso([None] * 6))
    assert counts(settle(mine, env, NEXT_DAY + HOUR_S)) == (0, 0, 0)
    assert ledger.run("a1").emissions == SETTLED


# --- from a file --------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["neso", "file", "typical", None])
def test_a_file_settles_a_run_months_later_without_asking_anybody(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path, provider: str | None
) -> None:
    add_pending(ledger, provider=provider)
    csv = write_csv(tmp_path / "actual.csv")
    later = NOON + 200 * DAY_S
    done = settle(settings(grid_server.url), environ(tmp_path), later, actuals=csv)
    assert (counts(done), grid_server.seen) == ((1, 0, 0), [])
    run = ledger.run("a1")
    assert (run.emissions, run.basis, run.provider) == (SETTLED, "actual", provider)


def test_a_file_settles_only_the_runs_of_the_zone_that_was_named(
    ledger: Ledger, tmp_path: Path
) -> None:
    add_pending(ledger)
    add_pending(ledger, "b1", zone="DE", provider="energy_charts")
    csv = write_csv(tmp_path / "actual.csv")
    mine = settings("http://127.0.0.1:9")
    done = settle(mine, environ(tmp_path), NEXT_DAY, actuals=csv, zone="DE")
    assert counts(done) == (1, 0, 0)
    assert [ledger.run(i).accounting for i in ("a1", "b1")] == ["pending", "settled"]
    done = settle(mine, environ(tmp_path), NEXT_DAY, actuals=csv)
    assert counts(done) == (1, 0, 0)


def test_a_file_that_ends_too_early_leaves_a_providers_run_as_it_is(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = add_pending(ledger)
    csv = write_csv(tmp_path / "actual.csv", ACTUAL[:5])
    mine = settings("http://127.0.0.1:9")
    assert counts(settle(mine, environ(tmp_path), NEXT_DAY, actuals=csv)) == (0, 1, 0)
    assert ledger.run("a1") == before


def test_a_corrected_file_revises_what_it_has_settled(ledger: Ledger, tmp_path: Path) -> None:
    add_pending(ledger)
    mine, env = settings("http://127.0.0.1:9"), environ(tmp_path)
    settle(mine, env, NEXT_DAY, actuals=write_csv(tmp_path / "actual.csv"))
    corrected = write_csv(tmp_path / "actual.csv", (480.0, 410.0, 340.0, 190.0, 120.0, 610.0))
    assert counts(settle(mine, env, NEXT_DAY, actuals=corrected)) == (0, 0, 1)
    assert ledger.run("a1").emissions.actual_g == 340.0


def test_a_file_does_not_revise_what_a_service_has_settled(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    mine, env = settings(grid_server.url), environ(tmp_path)
    settle(mine, env, NEXT_DAY)
    other = write_csv(tmp_path / "actual.csv", (1.0,) * 6)
    assert counts(settle(mine, env, NEXT_DAY, actuals=other)) == (0, 0, 0)


def test_a_file_that_names_no_zone_revises_nothing_where_there_are_several(
    ledger: Ledger, tmp_path: Path
) -> None:
    mine, env = settings("http://127.0.0.1:9"), environ(tmp_path)
    add_pending(ledger)
    settle(mine, env, NEXT_DAY, actuals=write_csv(tmp_path / "gb.csv"))
    add_pending(ledger, "b1", zone="DE", provider="energy_charts")
    other = write_csv(tmp_path / "de.csv", (1.0,) * 6)
    assert counts(settle(mine, env, NEXT_DAY, actuals=other)) == (1, 0, 0)
    assert ledger.run("a1").emissions == SETTLED


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    mine = settings("http://127.0.0.1:9")
    with pytest.raises(Mistake, match=r"none\.csv cannot be read"):
        settle(mine, environ(tmp_path), NOON, actuals=tmp_path / "none.csv")


# --- what they cost -----------------------------------------------------------------------------


def test_a_run_is_priced_where_the_prices_came_later(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, zone="AT", provider="energy_charts", objective=0.0)
    (tmp_path / "cache").mkdir(mode=0o700)
    times = [NOON + HOUR_S * hour for hour in range(6)]
    document = {"unix_seconds": times, "co2eq": ACTUAL, "co2eq_forecast": [None] * 6}
    # 12, 14, ... ct per kWh from noon on, of which each start costs its own hour.
    prices = steps(NOON, HOUR_S, [120.0, 140.0, 160.0, 180.0, 200.0, 220.0])
    grid_server.answer(Answer.of(document), awattar(prices))
    mine = settings(grid_server.url)
    mine.config.providers["awattar"] = {"base_url": grid_server.url}  # type: ignore[index]
    assert counts(settle(mine, environ(tmp_path), NEXT_DAY)) == (1, 0, 0)
    cost = ledger.run("a1").cost
    assert (cost.currency, cost.kind) == ("EUR", "wholesale")
    figures = (cost.actual, cost.if_now, cost.if_static, cost.if_dynamic, cost.best)
    assert figures == pytest.approx((0.16, 0.12, 0.14, 0.18, 0.12))
    assert ledger.prices_of("a1") is not None


def test_a_run_on_carbon_asks_nobody_for_prices(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger)
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    assert [seen for seen in grid_server.seen if "intensity" not in seen.path] == []


# --- beside jobs and others that settle ---------------------------------------------------------


def test_of_two_that_settle_at_once_each_run_is_counted_once(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    with ledger.transaction():
        for number in range(300):
            add_pending(ledger, f"a{number:03}")
    grid_server.answer(neso())
    found: list[Settlement] = []

    def work() -> None:
        found.append(settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done.settled for done in found) == 300
    assert ledger.count_pending() == 0


def test_figures_of_a_run_that_others_have_settled_meanwhile_are_not_written(
    ledger: Ledger,
) -> None:
    run = add_pending(ledger)
    _, stored = ledger.series_of("a1")
    assert stored is not None
    run.accounting = "settled"
    assert ledger.settle(run, "pending", stored) is True
    run.emissions = Emissions()
    assert ledger.settle(run, "pending", stored) is False
    assert ledger.run("a1").emissions != Emissions()


def test_settling_touches_nothing_but_the_account(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    add_pending(ledger, name="before")
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("UPDATE runs SET name = 'after', exit_code = 7")
    other.close()
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    run = ledger.run("a1")
    assert (run.name, run.exit_code, run.accounting) == ("after", 7, "settled")


# --- with what a job has fetched anyway ---------------------------------------------------------


def test_what_a_job_has_fetched_settles_earlier_runs(ledger: Ledger, tmp_path: Path) -> None:
    add_pending(ledger)
    mine, env = settings("http://127.0.0.1:9"), environ(tmp_path)
    (tmp_path / "cache").mkdir()
    from carbonwait.grid.neso import Neso
    from carbonwait.stories.service_forecasts import history_source

    key = history_source(Neso(mine.provider("neso")), "GB", mine)
    History(tmp_path / "cache").add(key, hourly(ACTUAL), NEXT_DAY)
    group = Group("neso", "GB", "average")
    assert settle_from_history(ledger, group, mine, env, NEXT_DAY) == 1
    assert ledger.run("a1").emissions == SETTLED


# --- what is asked for --------------------------------------------------------------------------


def test_days_are_asked_for_in_as_few_ranges_as_may_be() -> None:
    days = [1, 2, 5, 14, 15, 40]
    assert list(ranges(days, 14 * DAY_S)) == [
        (DAY_S, 15 * DAY_S),
        (15 * DAY_S, 16 * DAY_S),
        (40 * DAY_S, 41 * DAY_S),
    ]


@given(st.sets(st.integers(0, 200), max_size=40), st.integers(1, 30))
def test_every_day_is_in_one_range_and_no_range_is_too_long(days: set[int], most: int) -> None:
    found = list(ranges(days, most * DAY_S))
    assert all(0 < end - begin <= most * DAY_S for begin, end in found)
    assert all(after >= before for (_, before), (after, _) in pairwise(found))
    holding = [sum(b <= day * DAY_S < e for b, e in found) for day in days]
    assert holding == [1] * len(days)


def test_a_run_needs_the_intensities_of_every_start_that_it_is_compared_with(
    ledger: Ledger,
) -> None:
    run: Run = add_pending(ledger, static_start=NOON + 20 * HOUR_S)
    assert needed(run) == (NOON, NOON + 21 * HOUR_S)


def test_pauses_are_closed_up_in_the_baselines(
    ledger: Ledger, grid_server: GridServer, tmp_path: Path
) -> None:
    # Half an hour at two, an hour's pause, half an hour from half past three on: 1 kWh in all.
    from carbonwait.core.attribution import MeteredSlot
    from carbonwait.core.records import Energy

    begun, half_s = NOON + 2 * HOUR_S, HOUR_S / 2
    add_pending(ledger, ended=begun + 2 * HOUR_S, paused_s=HOUR_S)
    half, none = Energy(cpu_j=KWH_J / 2), Energy(cpu_j=0.0)
    parts = [(0.0, half_s, half), (half_s, 3 * half_s, none), (3 * half_s, 4 * half_s, half)]
    slots = [MeteredSlot(begun + a, begun + b, energy, job=energy) for a, b, energy in parts]
    ledger.replace_energy("a1", slots)
    ledger.replace_pauses("a1", [Pause(begun + half_s, begun + 3 * half_s)])
    grid_server.answer(neso())
    settle(settings(grid_server.url), environ(tmp_path), NEXT_DAY)
    # (330 + 190) / 2 as it ran; in one piece from noon, one, three and, at best, four o'clock.
    assert ledger.run("a1").emissions == Emissions(260.0, 480.0, 410.0, 190.0, 120.0, 0.0)
