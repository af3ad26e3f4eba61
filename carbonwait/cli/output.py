"""Where text goes: messages to stderr, one line each; documents and tables to stdout."""

import json
import sys
from typing import Any


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
