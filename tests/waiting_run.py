"""A run that waits for hours, for tests of what ends its wait."""

import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from users import User

from carbonwait.core.records import Run
from carbonwait.ledger.store import Ledger

PATIENCE_S = 30


def far_window(utc_offset_s: int = 0) -> str:
    """A static window that opens two hours from now, by the clock of a time zone."""
    opens = time.time() + 2 * 3600 + utc_offset_s
    clocks = (time.strftime("%H:%M", time.gmtime(at)) for at in (opens, opens + 3600))
    return "-".join(clocks)


def recorded(ledger: Path) -> list[Run]:
    """The runs in a ledger as they stand there, newest first."""
    with Ledger.open(ledger, create=False, read_only=True) as opened:
        return opened.runs()


class WaitingRun(AbstractContextManager["WaitingRun"]):
    """`carbonwait run` from when it has planned; `run` is its record, `said` its stderr so far."""

    def __init__(self, user: User, *arguments: str) -> None:
        self.user = user
        before = {run.id for run in recorded(user.ledger)} if user.ledger.exists() else set()
        options = ("-v", "--no-meter", "--window", far_window())
        # Unbuffered: what is read ahead of a line would be lost to communicate.
        self.process: subprocess.Popen[bytes] = user.start("run", *options, *arguments, bufsize=0)
        assert self.process.stderr is not None
        self.said = b""
        # The last line of a plan; what comes before it has been recorded.
        while b"candidates:" not in self.said:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        (self.run,) = [run for run in recorded(user.ledger) if run.id not in before]

    @property
    def now(self) -> Run:
        """Its record as it stands in the ledger."""
        (run,) = [run for run in recorded(self.user.ledger) if run.id == self.run.id]
        return run

    def end(self) -> tuple[int, bytes, bytes]:
        """Its status and what it wrote to stdout and, from the plan on, stderr."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()
