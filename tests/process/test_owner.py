"""Who looks after a run, and whether that process is still there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from carbonwait.core.records import Owner
from carbonwait.process.owner import is_gone, this_host, this_process

TELL = """
import json, sys
from dataclasses import asdict
from carbonwait.process.owner import this_process
if sys.argv[1:]:
    open("/proc/self/comm", "w").write(sys.argv[1])
print(json.dumps(asdict(this_process())), flush=True)
sys.stdin.read()
"""


class Process:
    """A process that tells what owner it would be, and ends when its input does."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", TELL, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.popen.stdout is not None
        self.owner = Owner(**json.loads(self.popen.stdout.readline()))

    def end(self) -> None:
        """Let it end, and leave it unreaped."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOWAIT)

    def reap(self) -> None:
        """Let it end if it has not, and be gone for good."""
        with self.popen:
            pass


@pytest.fixture
def other() -> Iterator[Process]:
    process = Process()
    yield process
    process.reap()


def test_this_process_is_not_gone() -> None:
    assert is_gone(this_process()) is False


def test_this_process_is_known_by_its_pid() -> None:
    assert this_process().pid == os.getpid()


def test_a_process_is_always_the_same_owner() -> None:
    assert this_process() == this_process()


def test_another_process_that_is_alive_is_not_gone(other: Process) -> None:
    assert is_gone(other.owner) is False


def test_another_process_is_on_the_same_host_boot_and_namespace(other: Process) -> None:
    here, there = asdict(this_process()), asdict(other.owner)
    assert {name for name in here if here[name] != there[name]} <= {"pid", "pid_started"}


def test_a_process_that_has_ended_is_gone(other: Process) -> None:
    other.reap()
    assert is_gone(other.owner) is True


def test_a_process_that_has_ended_but_not_been_reaped_is_gone(other: Process) -> None:
    other.end()
    assert is_gone(other.owner) is True


def test_a_process_with_the_pid_of_an_earlier_one_is_another() -> None:
    here = this_process()
    assert is_gone(replace(here, pid_started=here.pid_started - 1)) is True


@pytest.mark.parametrize("name", ["a) b (c", ") Z 1 (", "  "])
def test_a_name_in_parentheses_does_not_confuse(name: str) -> None:
    process = Process(name)
    alive = is_gone(process.owner)
    process.reap()
    assert (alive, process.owner.pid_started > 0) == (False, True)


def test_a_reboot_ends_every_process() -> None:
    assert is_gone(replace(this_process(), boot="another", pid_namespace="another")) is True


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"pid_namespace": "another"}])
def test_from_elsewhere_it_cannot_be_told(elsewhere: dict[str, str]) -> None:
    assert is_gone(replace(this_process(), **elsewhere)) is None  # type: ignore[arg-type]


def test_another_boot_of_another_host_says_nothing() -> None:
    assert is_gone(replace(this_process(), host="another", boot="another")) is None


def test_an_owner_whose_boot_is_unknown_cannot_be_told() -> None:
    assert is_gone(replace(this_process(), boot="")) is None


def test_without_proc_it_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    here = this_process()
    monkeypatch.setattr("carbonwait.process.owner._read", lambda _: "")
    assert is_gone(replace(here, host=this_host())) is None


def test_the_host_is_the_one_in_the_owner() -> None:
    assert this_process().host == this_host()
