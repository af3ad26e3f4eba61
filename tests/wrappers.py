"""What the conformance suite puts before its commands: carbonwait with and without metering, nice.

`nice` runs through the same checks as a check on the checks. Two variables of the environment are
for `tests/bench/conformance.py`: with CONFORMANCE_FULL nothing is left out to save time, and
CONFORMANCE_PEER holds another wrapper that is tried in place of these.

The trap: a wrapper that fails may leave its command behind, so every command ends by itself.
"""

import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from processes import PATIENCE_S
from users import PROGRAM, User

FULL = bool(os.environ.get("CONFORMANCE_FULL"))
PEER = os.environ.get("CONFORMANCE_PEER")

# Two of a kind that arrive before a process looks count as one, so a signal is sent some times.
TIMES = 5

UNMETERED = (*PROGRAM, "run", "--now", "-q", "--no-meter", "--")
METERED = (*PROGRAM, "run", "--now", "-q", "--")
NICE = ("nice", "-n", "0")
WRAPPERS = {"nice": NICE, "unmetered": UNMETERED, "metered": METERED}
if PEER:
    WRAPPERS = {"peer": tuple(shlex.split(PEER))}

# For what a meter, which starts after the command, can do nothing about.
metering_is_no_matter = pytest.mark.parametrize(
    "wrapper", [name for name in WRAPPERS if name != "metered" or FULL], indirect=True
)

_COUNTER = f"""
import os, signal, sys
counted, last = (getattr(signal, "SIG" + name) for name in sys.argv[1:])
signal.pthread_sigmask(signal.SIG_BLOCK, {{counted, last}})
signal.alarm({PATIENCE_S:.0f})
print("ready", os.getpid(), flush=True)
count = 0
while signal.sigwait({{counted, last}}) == counted:
    count += 1
    print("heard", count, flush=True)
print("count", count + (counted in signal.sigpending()), flush=True)
os._exit(7)
"""


def counter(counted: str, last: str = "TERM") -> list[str]:
    """A command that says `ready PID`, `heard N` at each signal, and ends with 7 at the last one.

    Whoever passes signals on does so in turn: what a wrapper had passed on twice has arrived when
    the last one does, and no time has to be waited for what must not come.
    """
    return [sys.executable, "-I", "-S", "-c", _COUNTER, counted, last]


class Wrapper:
    """Something that runs a command; without any words of its own, the command by itself."""

    def __init__(self, user: User, *argv: str) -> None:
        self.user = user
        self.argv = argv

    def typed(self, *command: str) -> str:
        """The wrapped command as it is typed at a prompt."""
        return shlex.join([*self.argv, *command])

    @contextmanager
    def start(
        self, *command: str | bytes, script: str = "", **options: object
    ) -> "Iterator[subprocess.Popen[bytes]]":
        """Start the wrapped command, in a shell script as "$@" if there is one.

        Its streams are pipes unless a test says otherwise, and it does not outlive the `with`.
        """
        program: list[str | bytes] = [*self.argv, *command]
        if script:
            program = ["sh", "-c", script, "sh", *program]
        settings: dict[str, object] = {
            "env": self.user.environ,
            "cwd": self.user.home,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        with subprocess.Popen(program, **(settings | options)) as process:  # type: ignore[call-overload]
            try:
                yield process
            finally:
                process.kill()

    def run(
        self, *command: str | bytes, script: str = "", stdin_bytes: bytes | None = None,
        **options: object,
    ) -> "subprocess.CompletedProcess[bytes]":  # fmt: skip
        """Run the wrapped command to its end."""
        if stdin_bytes is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*command, script=script, **options) as process:
            out, err = process.communicate(stdin_bytes, timeout=PATIENCE_S)
        return subprocess.CompletedProcess([], process.returncode, out, err)


def line(process: "subprocess.Popen[bytes]") -> str:
    """The next line of a process's stdout, empty at its end."""
    assert process.stdout is not None
    return str(process.stdout.readline().decode()).strip()


def rest(process: "subprocess.Popen[bytes]") -> str:
    """What is left of a process's stdout, once it has ended."""
    assert process.stdout is not None
    text = str(process.stdout.read().decode()).strip()
    process.wait(timeout=PATIENCE_S)
    return text


def metered_slots(ledger: Path) -> int:
    """How many slots of energy are in a ledger: as soon as there is one, the meter is at work."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM energy").fetchone()
    return int(count)


def is_ignored(pid: int, signum: int) -> bool:
    """Whether a process ignores a signal."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    (mask,) = (row.split()[1] for row in text.splitlines() if row.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (signum - 1) & 1)
