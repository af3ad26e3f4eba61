"""Standard output whose failures are told apart from all others.

A full disk or a closed descriptor shows only when something is written, at times deep inside a
library. And a standard output that was closed must stay so: a file that is opened later gets its
number.
"""

import io
import os
import sys
from typing import TYPE_CHECKING

from carbonwait.core.errors import Unavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_DESCRIPTOR = 1


class OutputLost(Unavailable):
    """What was to be printed cannot be, or not all of it."""


class Output(io.RawIOBase):
    """The descriptor, or none where it was closed; `lost` says what became of what was written."""

    def __init__(self, *, gone: bool) -> None:
        self._gone = gone
        self.lost: str | None = None

    def writable(self) -> bool:
        """True: the buffer above it asks."""
        return True

    def isatty(self) -> bool:
        """True for a terminal."""
        return not self._gone and os.isatty(_DESCRIPTOR)

    def fileno(self) -> int:
        """The descriptor, for those that ask how wide the terminal is."""
        if self._gone:
            raise io.UnsupportedOperation("standard output is closed")
        return _DESCRIPTOR

    def write(self, piece: "ReadableBuffer") -> int:
        """Write some of it and say how much. Raises OutputLost."""
        if self._gone:
            self.lost = "standard output is closed; nothing can be printed"
            raise OutputLost(self.lost)
        while True:
            try:
                return os.write(_DESCRIPTOR, piece)
            except BlockingIOError:
                # Somebody who shares the terminal or pipe has asked it not to block.
                import select

                select.select([], [_DESCRIPTOR], [])
            except OSError as error:
                reason = error.strerror or type(error).__name__
                self.lost = f"standard output cannot be written ({reason}); it is not whole"
                raise OutputLost(self.lost) from None


def guard() -> Output:
    """Put it into the place of `sys.stdout`, with the same encoding."""
    there = sys.stdout if isinstance(sys.stdout, io.TextIOWrapper) else None
    raw = Output(gone=there is None)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if there is None else there.encoding,
        # A job's name may hold what the terminal's encoding does not.
        errors="backslashreplace",
        line_buffering=raw.isatty(),
    )
    return raw
