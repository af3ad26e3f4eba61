"""What a quick answer does not wait for."""

import subprocess
import sys

import pytest
from users import PROGRAM, User

from carbonwait import __version__

SLOW = ("rich", "httpx", "codecarbon", "pandas", "pydantic", "typer", "numpy", "click")


def told(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """What the program says, with a line on stderr for each module that it imports."""
    command = [sys.executable, "-X", "importtime", "-m", "carbonwait", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)


def imported(stderr: str) -> set[str]:
    return {line.rpartition("|")[2].strip() for line in stderr.splitlines()}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told_without_importing_anything_slow(option: str) -> None:
    modules = imported(told(option).stderr)
    assert "carbonwait" in modules
    assert modules.isdisjoint(SLOW)


def test_the_version_is_the_packages() -> None:
    assert told("--version").stdout == f"carbonwait {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--now", "--no-meter", "--", "true"],
        # It plans and has no room to wait, whatever the time of day.
        ["run", "-p", "typical", "-z", "GB", "-d", "1m", "--no-meter", "--duration", "1m", "true"],
        ["plan", "-p", "typical", "-z", "GB"],
        ["runs", "--json"],
    ],
)
def test_a_command_does_not_load_what_it_does_not_need(user: User, arguments: list[str]) -> None:
    # `runs --json` prints no table, `run` on no terminal draws nothing and asks no service.
    command = [PROGRAM[0], "-X", "importtime", *PROGRAM[1:], *arguments]
    result = subprocess.run(
        command, env=user.environ, capture_output=True, text=True, timeout=20, check=True
    )
    assert imported(result.stderr).isdisjoint(set(SLOW) - {"typer", "click"})
