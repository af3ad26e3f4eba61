"""Every run with what it rests on, a few hundred at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sample_runs import NOON, finished, stored

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.records import Decision
from carbonwait.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        with ledger.transaction():
            for number in reversed(range(900)):
                ledger.save(finished(f"a{number:04}"))
        yield ledger


def test_all_come_in_order(ledger: Ledger) -> None:
    count, records = ledger.all_records()
    assert count == 900
    assert [record.run.id for record in records] == [f"a{number:04}" for number in range(900)]


def test_runs_that_are_added_meanwhile_are_left_out(ledger: Ledger) -> None:
    count, records = ledger.all_records()
    next(records)
    ledger.save(finished("a9999"))
    assert 1 + sum(1 for _ in records) == count


def test_a_writer_is_not_kept_waiting_by_a_reader(ledger: Ledger) -> None:
    _, records = ledger.all_records()
    next(records)
    with Ledger.open(ledger.path, busy_timeout_s=0) as other:
        other.save(finished("b1"))


def test_a_record_has_its_decisions_and_sources(ledger: Ledger) -> None:
    decision = Decision(NOON, NOON, "live", None, "now")
    ledger.add_decision("a0000", decision, ledger.save_series(stored(100.0)))
    record = next(ledger.all_records()[1])
    assert record.decisions == [decision]
    assert record.planned_on is not None
    assert (record.planned_on.provider, record.planned_on.retrieved) == ("neso", NOON)
    assert (record.accounted_with, record.priced_with) == (None, None)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE runs SET measured_j = 'much' WHERE id = 'a0000'",
        "UPDATE decisions SET at = 'noon'",
        "UPDATE series SET issued = 'noon'",
        "INSERT INTO pauses VALUES ('a0000', 'noon', NULL)",
    ],
)
def test_a_value_that_makes_no_sense_is_told_of_the_file(ledger: Ledger, damage: str) -> None:
    decision = Decision(NOON, NOON, "live", None, "now")
    ledger.add_decision("a0000", decision, ledger.save_series(stored(100.0)))
    with closing(sqlite3.connect(ledger.path)) as other, other:
        other.execute(damage)
    with pytest.raises(LedgerUnavailable, match="a row in it makes no sense"):
        next(ledger.all_records()[1])
