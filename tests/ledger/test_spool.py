"""Runs that the ledger did not take."""

import json
import os
import stat
from pathlib import Path

import pytest
from sample_runs import NOON, SLOTS, finished, run, stored

from carbonwait.core.records import Decision
from carbonwait.ledger.spool import SpoolRecord, collect, spool, waiting
from carbonwait.ledger.store import Ledger

RECORD = SpoolRecord(
    finished("a1", command="caf\udcc3 \udcff"),
    [Decision(NOON, NOON + 60, "live", None, "why")],
    SLOTS,
    stored(120.5),
    stored(99.0),
)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return [tmp_path / "first", tmp_path / "second"]


def test_a_record_goes_into_the_first_folder(folders: list[Path]) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    assert path.parent == folders[0]


def test_a_folder_that_takes_nothing_is_passed_over(folders: list[Path]) -> None:
    folders[0].write_text("a file")
    path = spool(RECORD, folders)
    assert path is not None
    assert path.parent == folders[1]


def test_without_any_folder_there_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert spool(RECORD, [file]) is None


def test_a_spool_file_is_the_owners_alone(folders: list[Path]) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_record_is_taken_in_whole(folders: list[Path], tmp_path: Path) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        collect(ledger, folders)
        found = (ledger.run("a1"), ledger.decisions("a1"), ledger.energy("a1"))
        assert found == (RECORD.run, RECORD.decisions, RECORD.slots)
        assert ledger.series_of("a1") == (RECORD.planned_on, RECORD.accounted_with)


def test_what_was_taken_in_is_gone(folders: list[Path], tmp_path: Path) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 1
    assert not waiting(folders)


def test_taking_in_a_run_that_is_there_brings_it_up_to_date(
    folders: list[Path], tmp_path: Path
) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(run("a1"))
        ledger.add_decision("a1", RECORD.decisions[0])
        collect(ledger, folders)
        assert (ledger.run("a1").state, len(ledger.decisions("a1"))) == ("finished", 1)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"version": 9}', '{"version": 1, "run": {"id": 3}}']
)
def test_a_damaged_file_is_left_alone(folders: list[Path], tmp_path: Path, text: str) -> None:
    folders[0].mkdir()
    damaged = folders[0] / "carbonwait-spool-a1.json"
    damaged.write_text(text)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0
    assert damaged.exists()


def test_a_link_is_not_followed(folders: list[Path], tmp_path: Path) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_left_alone(folders: list[Path], tmp_path: Path) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    os.chown(path, 65534, 65534)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0


def test_the_file_is_plain_json(folders: list[Path]) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    assert json.loads(path.read_text())["run"]["id"] == "a1"
