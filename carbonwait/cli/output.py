"""Where text goes: messages to stderr, one line each; lines, documents and tables to stdout.

The rest of the face writes through this module and `carbonwait.cli.screen` alone. Much of the text
is somebody else's (a command's name, a file's, what a provider answered), and a terminal would act
upon the control characters in it: they are shown as escapes instead.
"""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import EBADF, EDQUOT, EFBIG, EIO, ENOSPC
from pathlib import Path
from typing import Any

from carbonwait.core.errors import Mistake, OutputUnavailable

_UNWRITABLE = frozenset({EBADF, EDQUOT, EFBIG, EIO, ENOSPC})


def say(text: str) -> None:
    """One line on stderr; a stderr that is closed or full is no reason to fail."""
    if sys.stderr is None:
        return
    line = " ".join(text.split("\n"))
    try:
        sys.stderr.write(f"carbonwait: {printable(line)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def put(line: str) -> None:
    """One line on stdout."""
    sys.stdout.write(f"{printable(line)}\n")


class ClosedOutput(io.TextIOBase):
    """Stands in for a standard output that is closed; whatever is written to it fails."""

    @property
    def buffer(self) -> "ClosedOutput":
        """The same for bytes."""
        return self

    def write(self, _text: Any) -> int:
        """Raises OSError."""
        raise OSError(EBADF, os.strerror(EBADF))


@contextmanager
def to_stdout() -> Iterator[None]:
    """Turn the OSError of a standard output that takes nothing into OutputUnavailable.

    What is still in the buffer is written as well. Those of files name the file and go through.
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        raise OutputUnavailable(f"standard output cannot be written ({error.strerror})") from None


def printable(text: str) -> str:
    r"""The text with an escape (`\x1b`) for each character that a terminal would not just show."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """A text file that the user has asked for. Raises Mistake if it cannot be written."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no file name"
        raise Mistake(f"{path} cannot be written: {reason}; name another file") from None
