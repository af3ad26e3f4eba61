"""Whatever becomes of standard output, a command says so in one line and ends with status 1."""

import os
import pty
import termios
from pathlib import Path

import pytest
from sample_runs import finished
from users import User

from carbonwait.ledger.store import Ledger

COMMANDS = [
    ["--version"],
    ["--help"],
    ["run", "--help"],
    ["plan"],
    ["plan", "--json"],
    ["forecast"],
    ["forecast", "--csv"],
    ["report"],
    ["report", "--json"],
    ["runs"],
    ["show", "a1"],
    ["settle", "--json"],
    ["export"],
    ["export", "--format", "jsonl"],
    ["config", "path"],
    ["config", "check"],
    ["doctor"],
]
IDS = [" ".join(command) for command in COMMANDS]


@pytest.fixture
def user(tmp_path: Path) -> User:
    somebody = User(tmp_path)
    somebody.environ |= {"CARBONWAIT_ZONE": "GB", "CARBONWAIT_PROVIDER": "typical"}
    with Ledger.open(somebody.ledger) as ledger:
        ledger.save(finished("a1"))
    return somebody


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_a_full_device_is_one_line_and_no_success(command: list[str], user: User) -> None:
    with Path("/dev/full").open("wb") as full:
        result = user.run(*command, stdout=full)
    assert result.returncode == 1
    expected = b"carbonwait: standard output cannot be written (No space left on device)"
    assert result.stderr.startswith(expected)
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", COMMANDS[1:], ids=IDS[1:])
def test_a_closed_one_is_one_line_and_no_success(command: list[str], user: User) -> None:
    result = user.run(*command, preexec_fn=lambda: os.close(1))
    assert result.returncode == 1
    assert result.stderr == b"carbonwait: standard output is closed; nothing can be printed\n"


def test_a_pipe_that_is_full_and_does_not_block_gets_everything(user: User) -> None:
    with Ledger.open(user.ledger) as ledger:
        ledger.save(finished("a2", command="x" * 200_000))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with user.start("show", "a2", "--json", stdout=writing) as process:
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            shown = pipe.read()
    assert process.returncode == 0
    assert shown.endswith(b"}\n")


def test_without_arguments_the_help_is_shown_line_by_line(user: User) -> None:
    result = user.run()
    assert result.returncode == 2
    assert result.stderr.startswith(b"Usage: carbonwait [OPTIONS] COMMAND")
    assert result.stderr.count(b"\n") > 10


def test_a_dumb_terminal_is_as_wide_as_it_says(user: User) -> None:
    with Ledger.open(user.ledger) as ledger:
        ledger.save(finished("a3", name="x" * 200))
    user.environ["TERM"] = "dumb"
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 60))
    with user.start("show", "a3", stdout=terminal):
        os.close(terminal)
    shown = os.read(controller, 1 << 20).decode()
    os.close(controller)
    assert max(len(line) for line in shown.split("\r\n")) == 60
