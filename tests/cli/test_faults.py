"""Disks that are full, homes that are read-only, ledgers that vanish: the job never notices.

Its status is its own, there is one line at the most, and no run is missing afterwards.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import privileges
import pytest
from sample_runs import NOON, finished, run
from users import PROGRAM, User, installed

from carbonwait.ledger.store import Ledger

JOB = ["sh", "-c", "exit 7"]


def runs(user: User) -> list[dict[str, Any]]:
    """All runs, newest first."""
    listed = user.run("runs", "--json")
    assert listed.returncode == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)["runs"]
    return found


def ended_well(done: "subprocess.CompletedProcess[bytes]", *words: bytes) -> None:
    """The job's own status, and one line of ours with these words in it; without words, none."""
    assert (done.returncode, done.stdout) == (7, b"")
    assert done.stderr.count(b"\n") == bool(words)
    assert [word for word in words if word not in done.stderr] == []


def once(condition: Callable[[], bool], within_s: float = 20) -> None:
    """Wait for something to come true."""
    ends = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


# --- what stands in the place of the ledger -----------------------------------------------------


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def a_text(path: Path) -> None:
    path.write_text("Dear diary, " * 99)


def another_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()


def a_torn_ledger(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for number in range(50):
            ledger.save(run(f"a{number}"))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * len(content[4096:])
    path.write_bytes(content)


THINGS: dict[str, Callable[[Path], None]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a socket": a_socket,
    "a text": a_text,
    "a database of another program": another_database,
    "a torn ledger": a_torn_ledger,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a device": lambda path: path.symlink_to("/dev/full"),
}


@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_ledger_costs_a_line_and_no_run(user: User, thing: str) -> None:
    THINGS[thing](user.ledger)
    ended_well(user.job(*JOB), b"the run is kept in")
    for words in (["runs"], ["report"], ["show", "a"]):
        looked = user.run(*words, timeout=20)
        assert (looked.returncode, looked.stderr.count(b"\n"), looked.stdout) == (1, 1, b"")
    assert user.run("plan", *JOB).returncode == 0
    if user.ledger.is_dir():
        user.ledger.rmdir()
    else:
        user.ledger.unlink()
    assert [found["exit_code"] for found in runs(user)] == [7]


def test_a_link_to_a_ledger_that_is_yet_to_be_made_is_followed(user: User) -> None:
    (user.home / "elsewhere").mkdir()
    user.ledger.symlink_to(user.home / "elsewhere" / "l.db")
    ended_well(user.job(*JOB))
    assert [found["exit_code"] for found in runs(user)] == [7]


def test_a_name_that_is_too_long_is_told_in_one_line(user: User) -> None:
    user.environ["CARBONWAIT_LEDGER"] = str(user.home / ("a" * 300))
    ended_well(user.job(*JOB), b"the run is kept in")
    assert user.run("runs").returncode == 1
    assert b"too long" in user.run("doctor").stdout


# --- disks --------------------------------------------------------------------------------------


def mounted(where: Path, *options: str) -> Path:
    where.mkdir(exist_ok=True)
    command = ["mount", *options, str(where)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can mount a disk")
    return where


@pytest.fixture
def small_disk(user: User) -> Iterator[Path]:
    """A disk of its own for home and ledger, with all but nothing left on it."""
    disk = mounted(user.home / "disk", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs")
    user.environ |= {
        "HOME": str(disk),
        "CARBONWAIT_LEDGER": str(disk / "l.db"),
        "CARBONWAIT_CACHE": str(disk / "cache"),
    }
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return ballast


def test_on_a_full_disk_the_status_is_the_jobs_and_the_line_says_what_is_known(
    user: User, small_disk: Path
) -> None:
    fill(small_disk)
    ended_well(user.job(*JOB), b"free some space", b"not recorded: run", b"status 7")


def test_what_does_not_fit_is_spooled_elsewhere(user: User, small_disk: Path) -> None:
    user.environ["CARBONWAIT_CACHE"] = str(user.home / "cache")
    ballast = fill(small_disk)
    ended_well(user.job(*JOB), b"free some space", b"the run is kept in")
    ballast.unlink()
    assert [found["exit_code"] for found in runs(user)] == [7]


def test_a_disk_that_becomes_full_loses_nothing_that_was_there(
    user: User, small_disk: Path
) -> None:
    ended_well(user.job(*JOB))
    user.environ["CARBONWAIT_CACHE"] = str(user.home / "cache")
    with user.start("run", "--now", "--no-meter", "--", "sh", "-c", "read x; exit 7",
                    stdin=subprocess.PIPE) as process:  # fmt: skip
        once(lambda: states(user) == ["running", "finished"])
        ballast = fill(small_disk)
        process.communicate(b"\n", timeout=60)
    assert process.returncode == 7
    # The end is in the cache folder, and the full ledger can be read but not be written to.
    assert states(user) == ["running", "finished"]
    ballast.unlink()
    assert [found["exit_code"] for found in runs(user)] == [7, 7]


def states(user: User) -> list[str]:
    """The states of all runs, newest first, whether or not the ledger can be written to."""
    listed = user.run("runs", "--json")
    if listed.returncode:
        return []
    return [found["state"] for found in json.loads(listed.stdout)["runs"]]


def test_a_read_only_home_costs_a_line_and_no_run(user: User) -> None:
    runtime = user.home / "run"
    home = mounted(user.home / "home", "-t", "tmpfs", "-o", "ro", "tmpfs")
    user.environ |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    for name in ("LEDGER", "CACHE", "CONFIG"):
        del user.environ[f"CARBONWAIT_{name}"]
    try:
        runtime.mkdir(mode=0o700)
        ended_well(user.job(*JOB), b"the run is kept in", os.fsencode(runtime))
        remount = ["mount", "-o", "remount,rw", str(home)]
        subprocess.run(remount, check=True, capture_output=True)
        assert [found["exit_code"] for found in runs(user)] == [7]
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_folder_that_may_not_even_be_looked_into_is_told_in_one_line(user: User) -> None:
    closed = user.home / "closed"
    closed.mkdir(mode=0)
    user.environ["CARBONWAIT_LEDGER"] = str(closed / "l.db")
    ended_well(user.job(*JOB, preexec_fn=privileges.drop), b"the run is kept in")
    for words in (["runs"], ["report"]):
        looked = user.run(*words, preexec_fn=privileges.drop)
        assert (looked.returncode, looked.stderr.count(b"\n")) == (1, 1)
    closed.chmod(0o700)
    assert [found["exit_code"] for found in runs(user)] == [7]


# --- while a run is under way -------------------------------------------------------------------


@pytest.fixture
def waiting(user: User) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that waits for a static window; SIGUSR1 starts it."""
    opens = time.strftime("%H:%M", time.gmtime(time.time() + 4 * 3600))
    closes = time.strftime("%H:%M", time.gmtime(time.time() + 5 * 3600))
    options = ["--window", f"{opens}-{closes}", "--duration", "1m", "--no-meter"]
    with user.start("run", *options, "--", *JOB) as process:
        once(lambda: states(user) == ["waiting"])
        yield process
        process.kill()


def test_a_ledger_that_vanishes_is_made_again_with_the_whole_run(
    user: User, waiting: "subprocess.Popen[bytes]"
) -> None:
    user.ledger.unlink()
    waiting.send_signal(signal.SIGUSR1)
    _, said = waiting.communicate(timeout=60)
    assert (waiting.returncode, b"ledger" in said) == (7, False)
    (found,) = runs(user)
    assert (found["state"], found["exit_code"], bool(found["decisions"])) == ("finished", 7, True)


def test_a_ledger_whose_folder_vanishes_is_made_again(
    user: User,
) -> None:
    user.environ["CARBONWAIT_LEDGER"] = str(user.home / "data" / "l.db")
    script = "read x; exit 7"
    with user.start("run", "--now", "--no-meter", "--", "sh", "-c", script,
                    stdin=subprocess.PIPE) as process:  # fmt: skip
        once(lambda: states(user) == ["running"])
        shutil.rmtree(user.home / "data")
        _, said = process.communicate(b"\n", timeout=60)
    assert (process.returncode, b"ledger" in said) == (7, False)
    assert [found["exit_code"] for found in runs(user)] == [7]


def test_another_ledger_in_its_place_gets_the_whole_run(
    user: User, waiting: "subprocess.Popen[bytes]"
) -> None:
    other = user.home / "other.db"
    with Ledger.open(other) as ledger:
        ledger.save(finished("0"))
    other.rename(user.ledger)
    waiting.send_signal(signal.SIGUSR1)
    waiting.communicate(timeout=60)
    assert [found["id"] == "0" for found in runs(user)] == [False, True]


def test_a_run_that_is_killed_while_its_ledger_is_out_of_reach_is_lost_and_not_missing(
    user: User,
) -> None:
    user.ledger.mkdir()
    with user.start("run", "--now", "--no-meter", "--", "sh", "-c", "exec sleep 60") as process:
        once(lambda: any(user.home.rglob("carbonwait-spool-*")))
        process.kill()
    user.ledger.rmdir()
    (found,) = runs(user)
    assert found["state"] == "lost"
    kill_sleepers(user)


def kill_sleepers(user: User) -> None:
    """End what a killed wrapper left running; it is known by its home."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"HOME={user.home}\0".encode() in environ:
            os.kill(int(entry.name), signal.SIGKILL)


def test_a_spool_file_of_a_run_that_goes_on_does_not_end_it(
    user: User, waiting: "subprocess.Popen[bytes]"
) -> None:
    taken = user.home / "taken"
    user.ledger.rename(taken)
    user.ledger.mkdir()
    waiting.send_signal(signal.SIGUSR1)
    waiting.communicate(timeout=60)
    user.ledger.rmdir()
    taken.rename(user.ledger)
    assert [found["exit_code"] for found in runs(user)] == [7]


def test_a_reboot_makes_a_waiting_run_lost(user: User, waiting: "subprocess.Popen[bytes]") -> None:
    with sqlite3.connect(user.ledger) as connection:
        connection.execute("UPDATE runs SET owner_boot = 'an earlier one'")
    connection.close()
    assert states(user) == ["lost"]


def test_another_process_that_holds_the_ledger_costs_a_moment_and_no_run(user: User) -> None:
    user.job("true")
    connection = sqlite3.connect(user.ledger, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    ended_well(user.job("sh", "-c", "date +%s.%N >&2; exit 7"), b".")
    assert time.monotonic() - begun < 10
    connection.execute("ROLLBACK")
    connection.close()
    assert [found["exit_code"] for found in runs(user)] == [7, 0]


# --- clocks -------------------------------------------------------------------------------------


# Under faketime no process can sleep once its clock was set back, so nothing is metered then.
@pytest.mark.parametrize(
    ("offset", "meter"),
    [("-1h", "--no-meter"), ("-55y", "--no-meter"), ("+1h", "-q"), ("+70y", "-q")],
)
def test_a_clock_that_jumps_while_the_command_runs(user: User, offset: str, meter: str) -> None:
    clock = user.home / "clock"
    clock.write_text("+0s")
    user.environ |= {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    script = f"sleep {4 if meter == '-q' else 0}; echo {offset} > {clock}; exit 7"
    command = [installed("faketime"), "-f", "+0s", *PROGRAM, "run", "--now", "-q", meter, "--"]
    done = subprocess.run([*command, "sh", "-c", script], env=user.environ, capture_output=True)
    assert (done.returncode, done.stderr) == (7, b"")
    (found,) = runs(user)
    assert (found["state"], found["exit_code"]) == ("finished", 7)
    assert found["started"] <= found["ended"]
    for words in (["runs"], ["show", found["id"]], ["report"]):
        assert user.run(*words).returncode == 0


def test_a_clock_that_was_never_set(user: User) -> None:
    faketime = installed("faketime")
    command = [faketime, "-f", "@1970-01-01 00:00:05", *PROGRAM, "run", "--now", "--no-meter"]
    done = subprocess.run([*command, "--", *JOB], env=user.environ, capture_output=True)
    assert done.returncode == 7
    assert [found["exit_code"] for found in runs(user)] == [7]


# --- show ---------------------------------------------------------------------------------------


def test_show_says_who_shared_the_machine(user: User) -> None:
    with Ledger.open(user.ledger) as ledger:
        for name in ("a1", "b1", "c1"):
            ledger.save(finished(name, job_share=0.25))
        ledger.save(finished("d1", started=NOON + 9000, ended=NOON + 9001))
    assert b"with 2 other runs, of its busy CPU time 25 %" in user.run("show", "a1").stdout
    assert b"with no other run" in user.run("show", "d1").stdout
    assert json.loads(user.run("show", "--json", "b1").stdout)["overlapping_runs"] == 2


def test_a_config_out_of_reach_is_a_warning_and_the_job_runs(user: User) -> None:
    # As with `sudo -u backup` where HOME is still the caller's.
    closed = user.home / "closed"
    closed.mkdir(mode=0)
    user.environ |= {"HOME": str(closed), "XDG_CONFIG_HOME": str(closed / ".config")}
    user.environ.pop("CARBONWAIT_CONFIG", None)
    result = user.run(
        "run", "--now", "--no-meter", "sh", "-c", "exit 7", preexec_fn=privileges.drop
    )
    assert result.returncode == 7
    assert result.stderr.splitlines()[0].endswith(b"is out of reach; built-in values are used")
    assert user.run("doctor", preexec_fn=privileges.drop).returncode == 1
