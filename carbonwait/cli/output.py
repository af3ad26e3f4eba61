"""Where text goes: messages to stderr, one line each; lines, documents and tables to stdout.

The rest of the face writes through this module and `carbonwait.cli.screen` alone. Much of the text
is somebody else's (a command's name, a file's, what a provider answered), and a terminal would act
upon the control characters in it: they are shown as escapes instead.
"""

import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from carbonwait.core.errors import Mistake


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


def say_at_length(text: str) -> None:
    """Several lines of our own on stderr, as they are."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # a stderr that is full is no reason to fail
            sys.stderr.write(f"{text}\n")


def put(line: str) -> None:
    """One line on stdout."""
    sys.stdout.write(f"{printable(line)}\n")


def printable(text: str) -> str:
    r"""The text with an escape (`\x1b`) for each character that a terminal would not just show."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def ascii_only(stream: TextIO) -> bool:
    """True if no more than ASCII may be sure to arrive: no bars, no sparklines."""
    encoding = (stream.encoding or "ascii").lower().replace("-", "")
    return not encoding.startswith("utf")


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
