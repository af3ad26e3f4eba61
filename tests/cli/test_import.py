"""`carbonwait import` as users run it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sample_runs import finished
from users import User

from carbonwait.ledger.store import Ledger


@pytest.fixture
def other(user: User) -> Path:
    """The ledger of another machine."""
    path = user.home / "other.db"
    with Ledger.open(path) as ledger:
        ledger.save(finished("b1"))
    return path


def ids(user: User) -> list[str]:
    return [run["id"] for run in json.loads(user.run("runs", "--json").stdout)["runs"]]


def test_runs_of_several_machines_come_together(user: User, other: Path) -> None:
    third = user.home / "third.db"
    with Ledger.open(third) as ledger:
        ledger.save(finished("c1"))
    with Ledger.open(user.ledger) as ledger:
        ledger.save(finished("a1"))
    result = user.run("import", str(other), str(third))
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(result.stdout.splitlines()) == 2
    assert ids(user) == ["c1", "b1", "a1"]


def test_the_file_is_left_as_it_is(user: User, other: Path) -> None:
    before = other.read_bytes()
    user.run("import", str(other))
    assert other.read_bytes() == before


def test_what_is_no_ledger_costs_one_line_and_not_the_other_files(user: User, other: Path) -> None:
    foreign, empty = user.home / "notes.txt", user.home / "empty.db"
    foreign.write_text("not a database, but long enough to be taken for one" * 100)
    empty.touch()
    result = user.run("import", str(foreign), str(empty), str(other))
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1
    refused = (foreign, empty)
    assert [path.name in line for path, line in zip(refused, lines, strict=True)] == [True] * 2
    assert ids(user) == ["b1"]


def test_an_old_file_is_taken_in_and_left_as_it_is(user: User, old_ledger: Path) -> None:
    before = old_ledger.read_bytes()
    assert user.run("import", str(old_ledger)).returncode == 0
    assert (ids(user), old_ledger.read_bytes()) == (["a1"], before)


def test_an_old_file_that_is_damaged_is_told_of_by_its_name(user: User, old_ledger: Path) -> None:
    with closing(sqlite3.connect(old_ledger)) as connection, connection:
        connection.execute("UPDATE runs SET submitted = 'noon'")
    result = user.run("import", str(old_ledger))
    (line,) = result.stderr.decode().splitlines()
    assert result.returncode == 1
    assert line.startswith(f"carbonwait: {old_ledger} ")
    assert line.endswith("; nothing of it was taken in")


@pytest.mark.parametrize("name", ["missing.db", ".", "ledger.db"])
def test_a_name_that_is_no_other_ledger_is_a_mistake(user: User, other: Path, name: str) -> None:
    Ledger.open(user.ledger).close()
    result = user.run("import", str(other), name)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert ids(user) == []


def test_no_file_is_a_mistake(user: User) -> None:
    assert user.run("import").returncode == 2
