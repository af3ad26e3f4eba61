"""Hooks: started with the command's environment, looked at, ended."""

import os
import signal
from pathlib import Path

import pytest

from carbonwait.core.errors import CannotRun
from carbonwait.process.hook import Hook

NO_SIGNALS: set[signal.Signals] = set()
ENVIRONMENT = {b"PATH": os.environb[b"PATH"], b"X": b"\xff"}


def wait_for(hook: Hook) -> None:
    os.waitid(os.P_PID, hook._child.pid, os.WEXITED | os.WNOWAIT)


def test_a_hook_has_the_environment_of_the_command_and_its_process(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = Hook(["sh", "-c", f"env > {out}"], ENVIRONMENT, NO_SIGNALS, 42)
    wait_for(hook)
    ended = hook.ended()
    assert ended is not None
    assert ended.exit_code == 0
    assert {b"X=\xff", b"CARBONWAIT_PID=42"} <= set(out.read_bytes().splitlines())


def test_what_a_hook_prints_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    hook = Hook(["echo", "saved"], ENVIRONMENT, NO_SIGNALS, 42)
    wait_for(hook)
    assert hook.ended() is not None
    assert capfd.readouterr() == ("", "saved\n")


def test_a_hook_finds_no_input() -> None:
    hook = Hook(["sh", "-c", "read x && exit 3; exit 4"], ENVIRONMENT, NO_SIGNALS, 42)
    wait_for(hook)
    ended = hook.ended()
    assert ended is not None
    assert ended.exit_code == 4


def test_a_hook_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    hook = Hook(["sh", "-c", f"sleep 300 > {fifo} & sleep 300"], ENVIRONMENT, NO_SIGNALS, 42)
    with fifo.open("rb") as reader:
        assert hook.ended() is None
        hook.kill()
        # Only once the background process has gone as well is there an end.
        assert reader.read() == b""


def test_a_hook_that_is_not_there_cannot_run() -> None:
    with pytest.raises(CannotRun, match="no-such-hook"):
        Hook(["no-such-hook"], ENVIRONMENT, NO_SIGNALS, 42)
