"""Where text goes: messages to stderr, one line each; documents and tables to stdout."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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


def printable(text: str) -> str:
    """The text without control characters, which a terminal would act upon."""
    return "".join(char if char.isprintable() else "?" for char in text)


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
