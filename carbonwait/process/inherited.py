"""What this process inherited as ignored, but cannot see itself.

Python ignores SIGPIPE and SIGXFSZ from its start on, and what they were before leaves no trace.
"""

import os
import signal
from contextlib import suppress

_IGNORED_BY_PYTHON = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
_SHELLS = frozenset("ash bash busybox dash ksh ksh93 mksh posh sh yash zsh".split())


def ignored_by_python_alone() -> set[int]:
    """The signals that the command must not inherit as ignored, as far as that can be told.

    A shell that ignores a signal (`trap '' PIPE`) passes that on to what it starts. Of any other
    parent it is assumed that it does not: most ignore SIGPIPE, if at all, for themselves.
    """
    parent = f"/proc/{os.getppid()}"
    with suppress(OSError, ValueError):
        if os.path.basename(os.readlink(f"{parent}/exe")) in _SHELLS:
            with open(f"{parent}/status", "rb") as file:
                rows = (row.split() for row in file)
                mask = next((int(row[1], 16) for row in rows if row[0] == b"SigIgn:"), 0)
            return {signum for signum in _IGNORED_BY_PYTHON if not mask >> (signum - 1) & 1}
    return set(_IGNORED_BY_PYTHON)
