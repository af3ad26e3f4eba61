"""A standard output that takes nothing: a full disk, or none at all."""

import os
from pathlib import Path

import pytest
from sample_runs import finished
from users import User

from carbonwait.ledger.store import Ledger

COMMANDS = (
    "report --since all",
    "report --since all --json",
    "runs",
    "show a1",
    "settle",
    "export",
    "export --format jsonl",
    "--help",
)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    user = User(tmp_path_factory.mktemp("home"))
    with Ledger.open(user.ledger) as ledger:
        ledger.save(finished("a1"))
    return user


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("command", [*COMMANDS, "--version"])
def test_a_full_one_is_one_line_and_no_fault_of_ours(user: User, command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        result = user.run(*command.split(), stdout=full)
    said = result.stderr.splitlines()
    assert (result.returncode, len(said)) == (1, 1)
    assert b"standard output cannot be written (No space left on device)" in said[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_one_is_one_line_and_no_fault_of_ours(user: User, command: str) -> None:
    result = user.run(*command.split(), stdout=None, preexec_fn=lambda: os.close(1))
    said = result.stderr.splitlines()
    assert (result.returncode, len(said)) == (1, 1)
    assert b"standard output cannot be written" in said[0]


def test_a_job_needs_none(user: User) -> None:
    words = ("run", "--now", "--no-meter", "--", "sh", "-c", "exit 5")
    assert user.run(*words, stdout=None, preexec_fn=lambda: os.close(1)).returncode == 5
