"""Merging another ledger: what comes along, what stays, and what is refused."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_runs import NOON, SLOTS, finished, priced, run, stored

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.records import Decision, Energy, Pause
from carbonwait.ledger.store import Ledger

DECISION = Decision(NOON, NOON + 60, "live", NOON - 600, "cleaner then")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ours.db") as ledger:
        yield ledger


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Ledger]:
    """Another machine's ledger, with one run that has all that a run may have."""
    with Ledger.open(tmp_path / "theirs.db") as ledger:
        ledger.save(finished("b1", command="make \udcff", paused_s=60.0))
        ledger.add_decision("b1", DECISION, ledger.save_series(stored(100.0)))
        ledger.replace_energy("b1", SLOTS)
        ledger.replace_pauses("b1", [Pause(NOON + 60, NOON + 120)])
        ledger.account_with("b1", ledger.save_series(stored(120.0)))
        ledger.price_with("b1", priced(0.3))
        yield ledger


def spoil(ledger: Ledger, statement: str) -> None:
    connection = sqlite3.connect(ledger.path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_run_comes_with_all_that_belongs_to_it(ours: Ledger, theirs: Ledger) -> None:
    # Its numbers are taken here, by other series.
    ours.save_series(stored(1.0))
    ours.save_series(stored(2.0))
    assert ours.take_in(theirs) == (1, 0, 0)
    assert ours.run("b1") == theirs.run("b1")
    assert ours.decisions("b1") == [DECISION]
    assert ours.energy("b1") == SLOTS
    assert ours.pauses("b1") == [Pause(NOON + 60, NOON + 120)]
    assert ours.series_of("b1") == (stored(100.0), stored(120.0))
    assert ours.prices_of("b1") == priced(0.3)


def test_the_sums_have_it_too(ours: Ledger, theirs: Ledger) -> None:
    ours.take_in(theirs)
    assert [cell.sums for cell in ours.totals()] == [cell.sums for cell in theirs.totals()]


def test_a_second_time_changes_nothing(ours: Ledger, theirs: Ledger) -> None:
    ours.take_in(theirs)
    assert ours.take_in(theirs) == (0, 0, 1)
    assert ours.decisions("b1") == [DECISION]


def test_a_series_that_both_have_is_kept_once(ours: Ledger, theirs: Ledger) -> None:
    number = ours.save_series(stored(100.0, retrieved=NOON + 5))
    ours.take_in(theirs)
    assert ours.save_series(stored(100.0)) == number


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (run("a1"), finished("a1")),
        (run("a1", state="running", started=NOON), finished("a1", state="lost")),
        (finished("a1", state="lost"), finished("a1")),
        (finished("a1", accounting="pending"), finished("a1")),
        (run("a1"), run("a1", state="running", started=NOON)),
        (finished("a1", energy=Energy()), finished("a1")),
    ],
    ids=["ended", "lost", "lost here", "settled", "further", "metered"],
)
def test_the_more_complete_record_stays(ours: Ledger, theirs: Ledger, here, there) -> None:  # type: ignore[no-untyped-def]
    ours.save(here)
    ours.replace_energy("a1", SLOTS[:1])
    theirs.save(there)
    theirs.replace_energy("a1", SLOTS)
    assert ours.take_in(theirs) == (1, 1, 0)
    assert (ours.run("a1"), ours.energy("a1")) == (there, SLOTS)
    assert theirs.take_in(ours) == (0, 0, 2)
    assert theirs.run("a1") == there


def test_more_than_are_read_at_once_all_come(ours: Ledger, theirs: Ledger) -> None:
    with theirs.transaction():
        for number in range(900):
            theirs.save(finished(f"c{number:04}"))
    assert ours.take_in(theirs) == (901, 0, 0)
    assert len(ours.runs()) == 901


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET state = 'done'",
        "UPDATE runs SET submitted = 'yesterday'",
        "UPDATE runs SET submitted = 1e300",
        "UPDATE runs SET actual_g = 9e999",
        "UPDATE energy SET cpu_j = 'much'",
        "UPDATE decisions SET rung = 'ladder'",
        "UPDATE pauses SET ended = -1",
        "UPDATE series SET points = x'00'",
        "UPDATE prices SET kind = 'free'",
        "DELETE FROM series",
    ],
)
def test_what_no_run_has_is_refused_and_nothing_is_taken_in(
    ours: Ledger, theirs: Ledger, statement: str
) -> None:
    theirs.save(finished("a1"))
    spoil(theirs, statement)
    with pytest.raises(LedgerUnavailable, match=r"theirs\.db"):
        ours.take_in(theirs)
    assert ours.runs() == []


def test_a_file_that_was_cut_short_is_found_out(tmp_path: Path, theirs: Ledger) -> None:
    torn = tmp_path / "torn.db"
    torn.write_bytes(theirs.path.read_bytes()[:-8192])
    with (
        pytest.raises(LedgerUnavailable, match="damaged"),
        Ledger.open(torn, create=False, read_only=True) as ledger,
    ):
        ledger.require_sound()


def test_a_sound_file_is_sound(theirs: Ledger) -> None:
    theirs.require_sound()
