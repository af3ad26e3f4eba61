"""Processes as the kernel shows them, and waiting for what it tells nobody of."""

import os
import time
from collections.abc import Callable
from pathlib import Path

# Only how long a failure takes: what is waited for comes at once on a quiet machine.
PATIENCE_S = float(os.environ.get("CONFORMANCE_PATIENCE_S", "40"))


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds that no event tells of."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def state_of(pid: int) -> str:
    """A process's state as the kernel's letter, empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # The name before it may hold anything.
    return text.rpartition(")")[2].split()[0]
