"""The ledger on real files: whole, damaged, foreign, locked, on a full disk."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_runs import finished, run

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.ledger import schema
from carbonwait.ledger.store import Ledger


def test_the_file_and_its_folder_are_the_owners_alone(ledger: Ledger, path: Path) -> None:
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
    assert modes == [0o600, 0o700]


def test_a_home_is_never_made_up(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="does not exist"):
        Ledger.open(tmp_path / "no" / "such" / "home" / "share" / "carbonwait" / "ledger.db")


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear diary" * 100)
    with pytest.raises(LedgerUnavailable, match="move it away"):
        Ledger.open(path)
    assert path.read_text() == "dear diary" * 100


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title)")
    connection.close()
    with pytest.raises(LedgerUnavailable, match="another program"):
        Ledger.open(path)


def test_a_newer_ledger_is_refused_by_both_versions(path: Path) -> None:
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(LedgerUnavailable, match=f"{schema.VERSION + 1}.* {schema.VERSION};"):
        Ledger.open(path)


def test_a_ledger_of_the_first_version_knows_no_pauses(old_ledger: Path) -> None:
    with Ledger.open(old_ledger) as ledger:
        assert ledger.run("a1") == finished("a1")
        assert ledger.pauses("a1") == []


def test_a_folder_in_place_of_the_file_is_told_in_one_line(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LedgerUnavailable) as told:
        Ledger.open(path)
    assert "\n" not in str(told.value)


def test_a_ledger_that_may_only_be_read_can_be_read(ledger: Ledger, path: Path) -> None:
    ledger.save(run())
    with Ledger.open(path, create=False, read_only=True) as reader:
        assert reader.run("a1") == run()


def test_reading_makes_no_ledger(path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        Ledger.open(path, create=False)
    assert not path.parent.exists()


def test_a_lock_that_does_not_end_is_unavailable(ledger: Ledger, path: Path) -> None:
    with (
        ledger.transaction(),
        Ledger.open(path, busy_timeout_s=0.05) as other,
        pytest.raises(LedgerUnavailable, match="locked"),
    ):
        other.save(run())


def test_nothing_else_is_left_beside_the_ledger(ledger: Ledger, path: Path) -> None:
    ledger.save(run())
    assert [file.name for file in path.parent.iterdir()] == ["ledger.db"]


@pytest.mark.parametrize("length", [50, 511, 4096, 20_000])
def test_a_ledger_that_was_cut_off_is_left_alone(path: Path, length: int) -> None:
    with Ledger.open(path) as ledger:
        ledger.save(run())
    cut_off = path.read_bytes()[:length]
    path.write_bytes(cut_off)
    with pytest.raises(LedgerUnavailable, match="move it away"):
        Ledger.open(path)
    assert path.read_bytes() == cut_off


def test_any_name_of_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "50 %41?mode=ro#\udcff" / "l.db"
    with Ledger.open(path) as ledger:
        ledger.save(run())
    assert [file.name for file in path.parent.iterdir()] == ["l.db"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a small ledger and no more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_ledger_on_a_full_disk_keeps_what_it_has(small_disk: Path) -> None:
    with Ledger.open(small_disk / "l.db") as ledger:
        ledger.save(run())
        with pytest.raises(LedgerUnavailable, match="free some space"):
            ledger.save(run("a2", command="x" * 1_000_000))
        assert ledger.runs() == [run()]


def test_a_ledger_on_a_disk_that_takes_no_writes_can_be_read(small_disk: Path) -> None:
    path = small_disk / "l.db"
    with Ledger.open(path) as ledger:
        ledger.save(run())
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True, capture_output=True)
    with pytest.raises(LedgerUnavailable, match="cannot be written"):
        Ledger.open(path)
    with Ledger.open(path, create=False, read_only=True) as ledger:
        assert ledger.runs() == [run()]


def test_a_full_disk_is_unavailable_and_leaves_the_ledger_readable(path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from carbonwait.core.errors import LedgerUnavailable
from carbonwait.ledger.store import Ledger
from sample_runs import run
ledger = Ledger.open(Path(sys.argv[1]))
ledger.save(run())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    for n in range(1000):
        ledger.save(run(f"b{n}", command="x" * 1000))
except LedgerUnavailable:
    print(len(Ledger.open(Path(sys.argv[1])).runs()) > 0)
"""
    folders = sys.path
    command = [sys.executable, "-c", script, str(path), *folders]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout == "True\n", result.stderr
