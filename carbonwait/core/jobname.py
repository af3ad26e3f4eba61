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
_INTERPRETERS = frozenset(
    {
        "python",
        "pypy",
        "bash",
        "sh",
        "dash",
        "zsh",
        "ksh",
        "fish",
        "perl",
        "ruby",
        "node",
        "Rscript",
    }
    | {"php", "lua", "julia", "java", "deno", "bun", "torchrun"}
)
_VERSION = re.compile(r"(?<=[A-Za-z])-?\d+(\.\d+)*$")
_INLINE = frozenset({"-c", "-e"})
# Options of interpreters that take the next word with them.
_WITH_VALUE = frozenset({"-W", "-X", "-Q", "-I", "-C"})


def job_name(command: Sequence[str]) -> str:
    """`python train.py` for `python3.11 -u train.py --lr 3`; one line of at most 80 characters."""
    program = basename(command[0]) or command[0]
    bare = _VERSION.sub("", program)
    if bare in _INTERPRETERS:
        script = _script(command[1:])
        name = f"{bare} {script}" if script else bare
    else:
        name = program
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable[:_LONGEST] or "?"


def _script(arguments: Sequence[str]) -> str | None:
    """The first word that is no option, `-m module`, or `-c` and a checksum."""
    skip = False
    for position, word in enumerate(arguments):
        if skip:
            skip = False
        elif word in _INLINE and position + 1 < len(arguments):
            code = arguments[position + 1].encode(errors="surrogateescape")
            return f"{word} {zlib.crc32(code):08x}"
        elif word == "-m" and position + 1 < len(arguments):
            return f"-m {arguments[position + 1]}"
        elif word in _WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            return basename(word) or word
    return None
