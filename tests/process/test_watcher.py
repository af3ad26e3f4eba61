"""The watcher, with real groups that are really stopped."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import PATIENCE_S, state_of, until

from carbonwait.process.child import Child, spawn
from carbonwait.process.watcher import Watcher, _spawn, started

NO_SIGNALS: set[signal.Signals] = set()


@pytest.fixture
def job() -> Iterator[Child]:
    """A command in a session of its own, with a child in its group."""
    child = spawn(["sh", "-c", "sleep 300 & wait"], dict(os.environb), NO_SIGNALS, own_session=True)
    until(lambda: bool(members(child.pid)[1:]))
    yield child
    os.killpg(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)


def members(group: int) -> list[int]:
    """The processes of a group, its leader first."""
    listed = subprocess.run(["ps", "-eo", "pid=,pgid="], stdout=subprocess.PIPE, check=True).stdout
    pairs = [line.split() for line in listed.decode().splitlines()]
    return sorted(int(pid) for pid, pgid in pairs if int(pgid) == group)


def all_stopped(group: int) -> bool:
    return all(state_of(pid) == "T" for pid in members(group))


def none_stopped(group: int) -> bool:
    return all(state_of(pid) != "T" for pid in members(group))


# A parent that stops the group and is then killed, as carbonwait might be.
PARENT = """
import os, signal, sys, time
from carbonwait.process.watcher import Watcher
watcher = Watcher(int(sys.argv[1]), {})
os.killpg(int(sys.argv[1]), signal.SIGSTOP)
print(watcher.pid, flush=True)
time.sleep(300)
"""


def parent_of(group: int) -> "tuple[subprocess.Popen[bytes], int]":
    """Such a parent, and its watcher."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(group)], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_a_stopped_group_goes_on_when_the_parent_is_killed(job: Child) -> None:
    parent, watcher = parent_of(job.pid)
    with parent:
        until(lambda: all_stopped(job.pid))
        parent.kill()
    until(lambda: none_stopped(job.pid))
    until(lambda: state_of(watcher) == "")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_the_signals_that_end_others_do_not_end_it(job: Child, signum: int) -> None:
    watcher = Watcher(job.pid, {})
    os.kill(watcher.pid, signum)
    os.kill(watcher.pid, 0)
    pending = Path(f"/proc/{watcher.pid}/status").read_text()
    assert watcher.watches(), pending
    watcher.dismiss()


def test_it_is_in_a_session_of_its_own(job: Child) -> None:
    watcher = Watcher(job.pid, {})
    assert os.getsid(watcher.pid) == watcher.pid
    watcher.dismiss()


def test_a_watcher_that_is_dismissed_continues_nobody(job: Child) -> None:
    watcher = Watcher(job.pid, {})
    os.killpg(job.pid, signal.SIGSTOP)
    until(lambda: all_stopped(job.pid))
    watcher.dismiss()
    assert all_stopped(job.pid)
    assert not watcher.watches()


def test_a_watcher_that_was_killed_is_found_out(job: Child) -> None:
    watcher = Watcher(job.pid, {})
    os.kill(watcher.pid, signal.SIGKILL)
    until(lambda: not watcher.watches())
    watcher.dismiss()


def test_what_the_command_writes_to_ends_although_the_watcher_lives(job: Child) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    watcher = Watcher(job.pid, {})
    os.close(writing)
    assert select.select([reading], [], [], PATIENCE_S)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert watcher.watches()
    watcher.dismiss()


def test_another_process_with_the_number_of_the_leader_is_left_alone(
    job: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carbonwait.process.watcher.started", lambda _pid: "1")
    watcher = Watcher(job.pid, {})
    os.killpg(job.pid, signal.SIGSTOP)
    until(lambda: all_stopped(job.pid))
    close_and_wait(watcher)
    assert all_stopped(job.pid)


def test_the_group_goes_on_even_if_its_leader_has_gone(job: Child) -> None:
    _, child = members(job.pid)
    watcher = Watcher(job.pid, {})
    os.killpg(job.pid, signal.SIGSTOP)
    os.kill(job.pid, signal.SIGKILL)
    os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOWAIT)
    assert state_of(child) == "T"
    close_and_wait(watcher)
    until(lambda: state_of(child) != "T")


def test_a_parent_that_died_before_the_watcher_was_ready_is_noticed(job: Child) -> None:
    ours, theirs = socket.socketpair()
    os.killpg(job.pid, signal.SIGSTOP)
    until(lambda: all_stopped(job.pid))
    ours.close()
    pid = _spawn(theirs.fileno(), job.pid, {})
    theirs.close()
    os.waitpid(pid, 0)
    until(lambda: none_stopped(job.pid))


def test_a_parent_that_died_without_reading_the_answer_is_noticed(job: Child) -> None:
    ours, theirs = socket.socketpair()
    os.killpg(job.pid, signal.SIGSTOP)
    until(lambda: all_stopped(job.pid))
    pid = _spawn(theirs.fileno(), job.pid, {})
    theirs.close()
    assert select.select([ours], [], [], PATIENCE_S)[0]
    ours.close()
    os.waitpid(pid, 0)
    until(lambda: none_stopped(job.pid))


def close_and_wait(watcher: Watcher) -> None:
    """Do what the kernel does when carbonwait dies, and wait for the watcher to have acted."""
    watcher._socket.close()
    until(lambda: not watcher.watches())


def test_the_start_of_a_process_is_a_number_of_ticks() -> None:
    assert started(os.getpid()).isdigit()
    assert started(2**22 + 1) == ""


def test_without_python_there_is_no_watcher(monkeypatch: pytest.MonkeyPatch, job: Child) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(OSError, match="No such file"):
        Watcher(job.pid, {})


def test_a_program_that_does_not_answer_is_no_watcher(
    monkeypatch: pytest.MonkeyPatch, job: Child
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(OSError, match="ended at once"):
        Watcher(job.pid, {})
