"""Signalling an owner, and only the process that was meant."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carbonwait.core.errors import Mistake, Unreachable
from carbonwait.core.records import Owner
from carbonwait.process.owner import this_process
from carbonwait.process.reach import reach

# Blocks the signals, tells that it has, and then each one that it is sent.
LISTEN = """
import json, signal, sys
from dataclasses import asdict
from carbonwait.process.owner import this_process
from carbonwait.process.signals import meant_for_the_wait, sent_by_a_process
taken = {signal.SIGTERM, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, taken)
print(json.dumps(asdict(this_process())), flush=True)
while True:
    info = signal.sigwaitinfo(taken)
    print(info.si_signo, info.si_pid, sent_by_a_process(info), meant_for_the_wait(info), flush=True)
"""


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


class Listener:
    """A process that tells what signals it gets."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True
        )
        self.owner = Owner(**json.loads(self.line()))

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> None:
        with self.process:
            self.process.kill()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.end()


def words(*values: object) -> str:
    return " ".join(map(str, values)) + "\n"


def test_sigterm_arrives_as_from_kill(listener: Listener) -> None:
    with reach(listener.owner, "it") as process:
        process.terminate()
    assert listener.line() == words(15, os.getpid(), True, False)


def test_the_sigusr1_of_start_carries_its_mark(listener: Listener) -> None:
    with reach(listener.owner, "it") as process:
        process.tell_to_start()
    assert listener.line() == words(10, os.getpid(), True, True)


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGTERM])
def test_what_kill_sends_carries_no_mark(listener: Listener, signum: int) -> None:
    os.kill(listener.process.pid, signum)
    assert listener.line() == words(int(signum), os.getpid(), True, False)


@pytest.mark.parametrize(
    "difference",
    [{"pid_started": 1.0}, {"boot": "b"}, {"host": "h"}, {"pid_namespace": "n"}, {"boot": ""}],
    ids=["start time", "boot", "host", "container", "unknown boot"],
)
def test_a_process_that_is_not_the_one_recorded_is_not_signalled(
    listener: Listener, difference: dict[str, object]
) -> None:
    with (
        pytest.raises(Mistake, match=r"^run 1 is "),
        reach(replace(listener.owner, **difference), "run 1"),  # type: ignore[arg-type]
    ):
        pytest.fail("it was reached")
    os.kill(listener.process.pid, signal.SIGTERM)
    assert listener.line() == words(15, os.getpid(), True, False)


def test_a_process_that_has_ended_is_gone(listener: Listener) -> None:
    listener.end()
    with pytest.raises(Mistake, match="has ended"), reach(listener.owner, "run 1"):
        pytest.fail("it was reached")


def test_a_process_that_ends_meanwhile_is_told_nothing_and_found_out(listener: Listener) -> None:
    with reach(listener.owner, "it") as process:
        assert not process.ended(0.0)
        listener.end()
        process.terminate()
        process.tell_to_start()
        assert process.ended(0.0)


def test_a_system_without_pidfds_is_no_reason_to_guess(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(Unreachable, match="not implemented"), reach(listener.owner, "run 1"):
        pytest.fail("it was reached")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user_is_not_ours_to_tell(listener: Listener) -> None:
    with reach(listener.owner, "run 1") as process:
        os.setresuid(65534, 65534, 0)
        try:
            for tell in (process.terminate, process.tell_to_start):
                with pytest.raises(Unreachable, match=r"run 1 .* another user"):
                    tell()
        finally:
            os.setresuid(0, 0, 0)


def test_no_descriptor_is_left_behind(listener: Listener) -> None:
    before = descriptors()
    with reach(listener.owner, "it"):
        pass
    with pytest.raises(Mistake), reach(replace(this_process(), host="h"), "it"):
        pytest.fail("it was reached")
    assert descriptors() == before
