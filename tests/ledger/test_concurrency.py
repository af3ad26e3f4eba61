"""Many processes at one ledger: nothing is lost, doubled or left half done."""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import privileges
import pytest
from sample_runs import NOON, OWNER, SLOTS, finished, run, stored

from carbonwait.core.records import Decision
from carbonwait.ledger.spool import SpoolRecord, collect, spool, waiting
from carbonwait.ledger.store import Ledger

DECISIONS = [Decision(NOON + n, NOON + 60, "live", NOON, f"reason {n}") for n in range(2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


def at_once(count: int, work: Callable[[int], None]) -> list[int]:
    """Let processes of their own do a work at the same moment; their exit statuses."""
    hold, release = os.pipe()
    children = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(release)
                os.read(hold, 1)
                work(number)
                status = 0
            except BaseException:  # noqa: BLE001 (the parent sees the status)
                traceback.print_exc()
            finally:
                os._exit(status)
        children.append(pid)
    os.close(hold)
    os.close(release)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


def test_fifty_whole_runs_at_once_into_a_ledger_that_is_yet_to_be_made(path: Path) -> None:
    def a_whole_run(number: int) -> None:
        run_id = f"w{number:02}"
        with Ledger.open(path) as ledger:
            ledger.save(run(run_id))
            for decision in DECISIONS:
                with ledger.transaction():
                    series_id = ledger.save_series(stored(120.5))
                    ledger.add_decision(run_id, decision, series_id)
            ledger.save(run(run_id, planned_start=NOON + 60))
            ledger.save(run(run_id, state="running", started=NOON))
            ledger.replace_energy(run_id, SLOTS[:1])
            with ledger.transaction():
                ledger.save(finished(run_id))
                ledger.replace_energy(run_id, SLOTS)

    assert at_once(50, a_whole_run) == [0] * 50
    with Ledger.open(path) as ledger:
        ids = [f"w{number:02}" for number in reversed(range(50))]
        assert ledger.runs() == [finished(run_id) for run_id in ids]
        assert ledger.decisions_of(ids) == dict.fromkeys(ids, DECISIONS)
        assert [ledger.energy(run_id) for run_id in ids] == [SLOTS] * 50
        assert {ledger.series_of(run_id)[0] for run_id in ids} == {stored(120.5)}


def test_the_same_series_from_many_at_once_is_kept_once(path: Path) -> None:
    Ledger.open(path).close()

    def save_it(number: int) -> None:
        with Ledger.open(path) as ledger:
            for value in range(5):
                ledger.save_series(stored(value, retrieved=NOON + number))

    assert at_once(12, save_it) == [0] * 12
    with Ledger.open(path) as ledger:
        assert ledger.save_series(stored(99.0)) == 6


def test_many_who_take_in_the_same_spool_files_take_each_in_once(
    path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    for number in range(20):
        record = SpoolRecord(finished(f"s{number:02}"), DECISIONS, SLOTS, stored(1.0), stored(2.0))
        spool(record, [folder])

    def take_in(_number: int) -> None:
        with Ledger.open(path) as ledger:
            collect(ledger, [folder])

    assert at_once(6, take_in) == [0] * 6
    assert not waiting([folder])
    with Ledger.open(path) as ledger:
        ids = [found.id for found in ledger.runs()]
        assert ledger.decisions_of(ids) == {f"s{number:02}": DECISIONS for number in range(20)}


def test_a_run_that_ends_while_others_call_it_lost_is_finished(path: Path) -> None:
    def end_or_call_lost(number: int) -> None:
        with Ledger.open(path) as ledger:
            if number == 0:
                ledger.save(finished("a1", owner=replace(OWNER, pid=os.getpid())))
            else:
                ledger.mark_lost("a1")

    with Ledger.open(path) as ledger:
        ledger.save(run("a1", state="running", started=NOON))
    assert at_once(8, end_or_call_lost) == [0] * 8
    with Ledger.open(path) as ledger:
        assert ledger.run("a1").state == "finished"


def test_a_reader_does_not_wait_for_a_writer_who_is_not_done(path: Path) -> None:
    with Ledger.open(path) as writer:
        writer.save(run("a1"))
        with writer.transaction():
            writer.save(run("a2"))
            with Ledger.open(path, read_only=True, busy_timeout_s=0) as reader:
                assert [found.id for found in reader.runs()] == ["a1"]


KILLED_IN_THE_MIDDLE = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from carbonwait.ledger.store import Ledger
from sample_runs import run
with Ledger.open(Path(sys.argv[1])) as ledger:
    ledger.save(run("a1"))
    with ledger.transaction():
        for n in range(3000):
            ledger.save(run(f"b{n}", command="x" * 1000))
        os.kill(os.getpid(), 9)
"""


@pytest.fixture
def half_written(path: Path) -> Path:
    """A ledger whose writer was killed after pages of an unfinished transaction had gone out."""
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(path), *sys.path]
    assert subprocess.run(command, timeout=60).returncode == -9
    assert path.with_name("ledger.db-journal").stat().st_size > 0
    assert path.stat().st_size > 1_000_000
    return path


@pytest.mark.parametrize("read_only", [False, True])
def test_what_a_killed_writer_left_half_done_is_undone_by_the_next_who_looks(
    half_written: Path, read_only: bool
) -> None:
    with Ledger.open(half_written, read_only=read_only) as ledger:
        assert [found.id for found in ledger.runs()] == ["a1"]


def test_a_journal_from_a_moment_in_which_the_ledger_was_read_only_is_no_hindrance(
    half_written: Path,
) -> None:
    half_written.with_name("ledger.db-journal").chmod(0o400)
    script = "import sys, pathlib; sys.path[:0] = sys.argv[2:]\n"
    script += "from carbonwait.ledger.store import Ledger\n"
    script += "print(len(Ledger.open(pathlib.Path(sys.argv[1])).runs()))"
    command = [sys.executable, "-c", script, str(half_written), *sys.path]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=privileges.drop)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_after_a_killed_writer_others_go_on_writing(half_written: Path) -> None:
    with Ledger.open(half_written) as ledger:
        ledger.save(run("a2"))
    with Ledger.open(half_written, read_only=True) as ledger:
        assert [found.id for found in ledger.runs()] == ["a2", "a1"]
