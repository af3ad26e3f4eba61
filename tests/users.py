"""Running the installed program as users do, in a home of its own."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

PROGRAM = [sys.executable, "-P", "-m", "carbonwait"]


def installed(program: str) -> str:
    """The path of a program that a test needs beside Python."""
    if program == "faketime":
        _sweep_up_after_faketime()
    return shutil.which(program) or missing(program)


def _sweep_up_after_faketime() -> None:
    """Remove what processes that are gone have left in shared memory.

    libfaketime leaves files named by its pid behind, and one that gets that pid again fails.
    """
    for left in Path("/dev/shm").glob("*faketime_s*_*"):
        pid = left.name.rpartition("_")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            with suppress(OSError):
                left.unlink()


def missing(what: str) -> NoReturn:
    """Skip a test for want of something, but not under CI, where it has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing; .ci/run installs it")
    pytest.skip(f"{what} is not installed")


class User:
    """Somebody with an empty home, a quiet machine and no network."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ledger = home / "ledger.db"
        self.environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "CARBONWAIT_LEDGER": str(self.ledger),
            "CARBONWAIT_CACHE": str(home / "cache"),
            "CARBONWAIT_CONFIG": str(home / "config.toml"),
        }
        self.configure("")

    def configure(self, toml: str) -> None:
        """Write the config file."""
        (self.home / "config.toml").write_text(toml, encoding="utf-8")

    def start(self, *arguments: str | bytes, **options: object) -> "subprocess.Popen[bytes]":
        """Start the program; its streams are pipes unless the test says otherwise."""
        settings: dict[str, object] = {
            "env": self.environ,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": self.home,
        }
        return subprocess.Popen([*PROGRAM, *arguments], **(settings | options))  # type: ignore[call-overload, no-any-return]

    def run(
        self, *arguments: str | bytes, timeout: float = 60, **options: object
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run the program to its end."""
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def job(self, *command: str | bytes, **options: object) -> "subprocess.CompletedProcess[bytes]":
        """Run a command at once and unmetered."""
        return self.run("run", "--now", "-q", "--no-meter", "--", *command, **options)  # type: ignore[arg-type]
