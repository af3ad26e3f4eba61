"""The default name of a job: the program and its script, without versions and options.

Inline code (`sh -c '...'`) goes in as a checksum, so that two jobs do not share one name.

>>> job_name(["/usr/bin/python3.11", "-u", "train.py", "--lr", "3"])
'python train.py'
>>> job_name(["make", "-j8"])
'make'
"""

import re
import zlib
from collections.abc import Sequence
from posixpath import basename

_LONGEST = 80
_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "fish"})
_PYTHONS = frozenset({"python", "pypy"})
# The letters of options that are followed by code instead of the name of a script.
_INLINE = {
    **dict.fromkeys(_SHELLS | _PYTHONS, "c"),
    "perl": "eE",
    "ruby": "e",
    "Rscript": "e",
    "lua": "e",
    "node": "ep",
    "php": "rBRE",
    "julia": "eE",
    "java": "",
    "deno": "",
    "bun": "e",
    "torchrun": "",
}
# The letters of options whose value is the rest of their word, or the next word if that is empty.
_TAKING_A_VALUE = {
    **dict.fromkeys(_SHELLS, "oO"),
    **dict.fromkeys(_PYTHONS, "WX"),
    "perl": "IMm",
    "ruby": "ICEr",
    "node": "rC",
    "php": "dc",
    "lua": "l",
}
_INLINE_WORDS = frozenset({"--eval", "--print", "--command"})
_VERSION = re.compile(r"(?<=[A-Za-z])-?\d+(\.\d+)*$")


def job_name(command: Sequence[str]) -> str:
    """`python train.py` for `python3.11 -u train.py --lr 3`; one line of at most 80 characters."""
    program = basename(command[0]) or command[0]
    bare = _VERSION.sub("", program)
    name = program
    if bare in _INLINE:
        name = f"{bare} {_script(bare, list(command[1:]))}".rstrip()
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable[:_LONGEST] or "?"


def _script(interpreter: str, words: list[str]) -> str:
    """The first word that is no option, `-m module`, or `-c` and a checksum; else nothing."""
    inline = ""
    while words:
        word = words.pop(0)
        if word == "-":
            return ""
        if not word.startswith("-"):
            return _inline(inline, word) if inline else basename(word) or word
        letters = "" if word.startswith("--") else word[1:]
        if interpreter in _PYTHONS and letters.startswith("m"):
            return f"-m {letters[1:] or (words[0] if words else '')}"
        # What follows the letter of an option with a value is no option.
        values = _TAKING_A_VALUE.get(interpreter, "")
        end = next((at for at, letter in enumerate(letters) if letter in values), len(letters))
        options, needs_value = letters[:end], end == len(letters) - 1
        found = next((letter for letter in options if letter in _INLINE[interpreter]), "")
        if found and interpreter not in _SHELLS and not letters.endswith(found):
            # The code is glued to its option.
            return _inline(found, letters)
        if found or word in _INLINE_WORDS:
            inline = found or "e"
            if interpreter not in _SHELLS:
                return _inline(inline, words[0] if words else "")
        if needs_value and words:
            words.pop(0)
    return ""


def _inline(letter: str, code: str) -> str:
    return f"-{letter} {zlib.crc32(code.encode(errors='surrogateescape')):08x}"
