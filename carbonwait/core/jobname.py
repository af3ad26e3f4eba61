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
_INTERPRETERS = _SHELLS | {"python", "pypy", "perl", "ruby", "node", "Rscript", "php", "lua"}
_WITH_SCRIPT = _INTERPRETERS | {"julia", "java", "deno", "bun", "torchrun"}
_VERSION = re.compile(r"(?<=[A-Za-z])-?\d+(\.\d+)*$")
# The letters of options that take the next word with them, if they are the last of their word.
_TAKING_A_VALUE = {**dict.fromkeys(_SHELLS, "oO"), "python": "WX", "pypy": "WX"}
_INLINE = {**dict.fromkeys(_SHELLS, "c"), "python": "c", "pypy": "c"}


def job_name(command: Sequence[str]) -> str:
    """`python train.py` for `python3.11 -u train.py --lr 3`; one line of at most 80 characters."""
    program = basename(command[0]) or command[0]
    bare = _VERSION.sub("", program)
    name = program
    if bare in _WITH_SCRIPT:
        name = f"{bare} {_script(bare, command[1:])}".rstrip()
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable[:_LONGEST] or "?"


def _script(interpreter: str, arguments: Sequence[str]) -> str:
    """The first word that is no option, `-m module`, or `-c` and a checksum; else nothing."""
    values = _TAKING_A_VALUE.get(interpreter, "")
    inline = _INLINE.get(interpreter, "e")
    words = iter(arguments)
    for word in words:
        if word == "-":
            return ""
        if not word.startswith("-"):
            return basename(word) or word
        letters = "" if word.startswith("--") else word[1:]
        if letters.startswith("m") and interpreter in {"python", "pypy"}:
            return f"-m {letters[1:] or next(words, '')}"
        if inline in letters and (interpreter in _SHELLS or letters.startswith(inline)):
            code = next(words, "") if letters.endswith(inline) else letters
            return f"-{inline} {zlib.crc32(code.encode(errors='surrogateescape')):08x}"
        if letters and letters[-1] in values:
            next(words, None)
    return ""
