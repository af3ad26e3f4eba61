"""The figures of `report` beside what plain SQL says of the same ledger."""

import json
import sqlite3
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from sample_runs import NOON, finished, run
from users import User

from carbonwait.core.records import Emissions, Energy
from carbonwait.ledger.store import Ledger

DAY_S = 86400.0
OVER = "state IN ('finished', 'lost') AND started IS NOT NULL"
SUMS = """
SELECT COUNT(*), SUM(energy_j) / 3.6e6, SUM(actual_g), SUM(if_now_g), SUM(if_static_g),
    SUM(if_dynamic_g), SUM(best_g), SUM(waiting_g), SUM(saving_g),
    SUM(measured_j) / SUM(energy_j), SUM(ended > deadline)
FROM runs WHERE {}
"""


def fill(user: User, runs: int) -> None:
    """Runs of three jobs in two zones and two signals; some have no figures, some are not over."""
    random = Random(7)
    with Ledger.open(user.ledger) as ledger, ledger.transaction():
        for number in range(runs):
            started = NOON - random.uniform(0, 60) * DAY_S
            actual, at_once, static, dynamic, best = (random.uniform(1, 900) for _ in range(5))
            waiting = random.choice([0.0, 3.5])
            one = finished(
                f"r{number:04d}",
                name=random.choice(["make", "train", "backup"]),
                zone=random.choice(["GB", "DE"]),
                signal_kind="marginal" if number % 7 == 0 else "average",
                submitted=started - random.uniform(0, 9000),
                started=started,
                ended=started + random.uniform(1, 7200),
                deadline=started + 5400,
                energy=Energy(random.uniform(1, 1e6), None, random.uniform(1, 1e5)),
                measured_j=random.uniform(0, 1e5),
                emissions=Emissions(actual, at_once, static, dynamic, best, waiting),
            )
            if number % 11 == 0:
                one.energy, one.measured_j, one.emissions = Energy(), None, Emissions()
            if number % 13 == 0:
                one.state = "lost"
            ledger.save(one)
        ledger.save(run("waits", submitted=NOON))
        ledger.save(run("gone", submitted=NOON, state="aborted"))


def summed(user: User, where: str) -> list[Any]:
    with sqlite3.connect(user.ledger) as connection:
        return list(connection.execute(SUMS.format(f"{OVER} AND {where}")).fetchone())


def told(figures: dict[str, Any]) -> list[Any]:
    grams = figures["emissions_g"]
    return [
        *(figures["runs"], figures["energy_kwh"], grams["actual"], grams["if_now"]),
        *(grams["if_static"], grams["if_dynamic"], grams["best"], grams["waiting"]),
        *(figures["saving_g"], figures["measured_share"], figures["deadline_missed"]),
    ]


@pytest.fixture
def report(user: User) -> dict[str, Any]:
    """The whole report over four hundred runs, by zone."""
    fill(user, 400)
    shown = user.run("report", "--since", "all", "--by", "zone", "--json")
    document: dict[str, Any] = json.loads(shown.stdout)
    return document


def test_the_sums_are_those_of_plain_sql(user: User, report: dict[str, Any]) -> None:
    assert told(report) == pytest.approx(summed(user, "signal_kind = 'average'"), rel=1e-12)
    marginal = summed(user, "signal_kind = 'marginal'")
    assert told(report["marginal"]) == pytest.approx(marginal, rel=1e-12)


def test_each_group_has_the_sums_of_its_runs(user: User, report: dict[str, Any]) -> None:
    assert {group["key"] for group in report["groups"]} == {"GB", "DE"}
    for group in report["groups"]:
        where = f"signal_kind = 'average' AND zone = '{group['key']}'"
        assert told(group) == pytest.approx(summed(user, where), rel=1e-12)


def test_the_time_asked_for_bounds_the_sums(user: User, report: dict[str, Any]) -> None:
    since, until = NOON - 30 * DAY_S, NOON - 10 * DAY_S
    bounds = ("--since", instant(since), "--until", instant(until))
    shown = json.loads(user.run("report", *bounds, "--json").stdout)
    where = f"signal_kind = 'average' AND submitted >= {since} AND submitted < {until}"
    assert told(shown) == pytest.approx(summed(user, where), rel=1e-12)
    assert shown["runs"] < report["runs"]


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
