"""Command lines without the secrets in them, as they are recorded and shown.

A secret is known by its name (`--password=x`, `PASSWORD=x`, `Authorization: x`) or by its place in
an address (`https://me:x@host`), so this is best effort: what is called `-p` or `--pw` passes. It
errs on the side of hiding, but names that merely contain one of the words (`--tokenizer`,
`--max-tokens`, `--password-file`) are left alone.

>>> masked(["curl", "--token=x", "https://me:x@example.org"])
['curl', '--token=***', 'https://me:***@example.org']
"""

import re
from collections.abc import Sequence

MASK = "***"

# One of these is in every word that is changed. Nearly all command lines have none of them, and
# then no pattern is even compiled.
_HINTS = ("pass", "pwd", "token", "secret", "key", "credential", "auth", "bearer", "://")

# A name's parts, and the names that are secret: by one whole part, or by parts put together.
_PARTS = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]++|[0-9]++"
_WHOLE = frozenset(
    "pass password passwd passphrase passcode pwd token secret secrets credential credentials"
    " bearer authorization".split()
)
_WITHIN = (
    r"password|passwd|passphrase|secret|credential|(api|access|private|auth)key"
    r"|token$|auth$"
)
# `--password-file` names a place and `--token-limit` a number.
_HARMLESS_ENDS = frozenset("file path dir folder fd env stdin name limit count length".split())

# None of the patterns goes back over what it has matched: a word may be very long.
_OPTION = r"--?([A-Za-z][\w.-]+)"
_BEFORE_CODE = r"-[A-Za-z]{0,5}[ce]|--(command|eval)"
_PAIR = r"(?s)(-{0,2}([A-Za-z_][\w.-]*+)(?:=|:\s))(.+)"
_ADDRESS = (
    r"((?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^\s/?#:@'\"]*+:)"
    r"[^\s/?#'\"]*@"
)
# Somewhere in code, as after `sh -c`: a name and what sets it apart from its value; and the value,
# in quotes, after the name of a scheme, or up to what may end it.
_NAME = r"(?<![\w.-])(-{0,2}+)([A-Za-z_][\w.-]*+)(?:[\"']?+\s*+(=|:(?!//))\s*+|\s++(?!-))"
_VALUE = (
    r"\"[^\"]*+\"?+|'[^']*+'?+"
    r"|(?:Bearer|Basic|Digest|Token)\s++[^\s\"']++|[^\s\"'&;,)}]++"
)


def masked(words: Sequence[str]) -> list[str]:
    """The words with `***` in the place of every value that looks like a secret."""
    if not any(_hinted(word) for word in words):
        return list(words)
    shown: list[str] = []
    before = ""
    for word in words:
        option = re.fullmatch(_OPTION, before)
        if option is not None and is_secret(option[1]) and not word.startswith("-"):
            shown.append(MASK)
        elif _hinted(word):
            shown.append(_masked_word(word, is_code=bool(re.fullmatch(_BEFORE_CODE, before))))
        else:
            shown.append(word)
        before = word
    return shown


def is_secret(name: str) -> bool:
    """True if the value of an option, variable or header of this name is likely to be a secret."""
    parts = [part.lower() for part in re.findall(_PARTS, name)]
    if not parts or parts[-1] in _HARMLESS_ENDS:
        return False
    return not _WHOLE.isdisjoint(parts) or bool(re.search(_WITHIN, "".join(parts)))


def without_passwords(text: str) -> str:
    """The text with `***` in the place of every password in an address."""
    return re.sub(_ADDRESS, rf"\1{MASK}@", text)


def _hinted(text: str) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in _HINTS)


def _masked_word(word: str, *, is_code: bool) -> str:
    pair = None if is_code else re.fullmatch(_PAIR, word)
    if pair and is_secret(pair[2]):
        return pair[1] + MASK
    return _masked_code(without_passwords(word))


def _masked_code(code: str) -> str:
    shown: list[str] = []
    done = 0
    value = re.compile(_VALUE)
    for found in re.finditer(_NAME, code):
        dashes, name, equals = found.groups()
        # A blank ends the name of an option alone: "the token is lost" is left as it is.
        if found.start() < done or not (dashes or equals) or not is_secret(name):
            continue
        hidden = value.match(code, found.end())
        if hidden is not None:
            shown += (code[done : found.end()], MASK)
            done = hidden.end()
    return "".join(shown) + code[done:]
