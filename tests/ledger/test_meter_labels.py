"""What a run's figures rest on, kept in the ledger from its second version on."""

import json
import sqlite3
from pathlib import Path

import pytest
from sample_runs import finished

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.records import MeterLabels
from carbonwait.ledger import schema
from carbonwait.ledger.spool import SpoolRecord, collect, spool
from carbonwait.ledger.store import Ledger

LABELS = MeterLabels(560.0, "list", "EPYC 7763", 2, 8, "virtual", 1, "counter")


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A ledger of the first version with one run."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        ledger.save(finished("a1"))
    connection = sqlite3.connect(path)
    for (column,) in connection.execute(
        "SELECT name FROM pragma_table_info('runs') WHERE name LIKE 'meter_%'"
    ).fetchall():
        connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    return path


def test_labels_come_back_as_they_were_saved(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(finished("a1", labels=LABELS))
        assert ledger.run("a1").labels == LABELS


def test_labels_of_an_older_ledger_are_unknown(first_version: Path) -> None:
    with Ledger.open(first_version) as ledger:
        assert ledger.run("a1").labels == MeterLabels()


def test_an_older_ledger_takes_labels(first_version: Path) -> None:
    with Ledger.open(first_version) as ledger:
        ledger.save(finished("a2", labels=LABELS))
        assert ledger.run("a2").labels == LABELS
    assert schema.VERSION > 1


def test_an_older_ledger_that_may_not_be_written_says_what_to_do(first_version: Path) -> None:
    with pytest.raises(LedgerUnavailable, match=r"earlier version 1 .* copy it and set"):
        Ledger.open(first_version, create=False, read_only=True)


def test_a_run_that_an_earlier_version_spooled_is_taken_in(tmp_path: Path) -> None:
    path = spool(SpoolRecord(finished("a1")), [tmp_path])
    assert path is not None
    document = json.loads(path.read_text())
    run = document["run"]
    document["run"] = {name: run[name] for name in run if not name.startswith("meter_")}
    path.write_text(json.dumps(document))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, [tmp_path]) == 1
