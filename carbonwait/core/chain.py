"""Rows that vouch for each other: a SHA-256 chain over a file of runs, written and checked.

The `sha256` of a row is the SHA-256, in hexadecimal, of that of the row before it followed by the
row's own text without its `sha256`; before the first row stands the one of the heading line, and
before that 64 zeros. So no row can be changed, moved, added or left out without every later
`sha256` changing. The trap: rows missing at the end leave a chain that is sound, so every row says
how many there are.

Whoever alters a file can make a new chain. The last `sha256`, noted elsewhere, tells the two apart.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple, get_args

Format = Literal["csv", "json", "jsonl"]
FORMATS: tuple[str, ...] = get_args(Format)
SEED = "0" * 64

JSON_HEADING = '{"schema":1,"runs":['
JSON_ENDING = "]}"

Row = Mapping[str, Any]
"""A run as JSON can hold it; begins with `schema`, `row` (from 1) and `rows`."""

# A spreadsheet takes a cell that begins so for a formula. The apostrophe itself is among them, so
# that taking one away gives back every text as it was.
_RISKY = frozenset("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")
_QUOTED = re.compile('[",\r\n]')

# Numbers of so many digits as Python would not read are none of ours.
_CSV_ROW = re.compile(rb"1,([0-9]{1,12}),([0-9]{1,12}),.*,([0-9a-f]{64})", re.DOTALL)
_JSON_ROW = re.compile(
    rb'\{"schema":1,"row":([0-9]{1,12}),"rows":([0-9]{1,12}),.*,"sha256":"([0-9a-f]{64})"'
)
# Made once: json.dumps would make one for every row.
_in_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_JSON_TAIL = len(',"sha256":""') + 64


def link(previous: str, text: bytes) -> str:
    """The link of a text to the one before it, 64 hexadecimal digits."""
    return sha256(previous.encode() + text).hexdigest()


# --- writing ------------------------------------------------------------------------------------


def written(kind: Format, rows: Iterable[Row], template: Row) -> Iterator[bytes]:
    """A file of rows, piece by piece; `template` is a row that has every field, for its names."""
    if kind == "csv":
        return _written_csv(rows, [name for name, _ in flat(template)])
    return _written_json(rows, in_one_document=kind == "json")


def _written_json(rows: Iterable[Row], *, in_one_document: bool) -> Iterator[bytes]:
    previous, comma = SEED, ""
    if in_one_document:
        previous = link(previous, JSON_HEADING.encode())
        yield JSON_HEADING.encode() + b"\n"
    for row in rows:
        text = _in_json(row)
        previous = link(previous, text.encode())
        yield f'{comma}{text[:-1]},"sha256":"{previous}"}}'.encode()
        if in_one_document:
            comma = ",\n"
        else:
            yield b"\n"
    if in_one_document:
        yield f"\n{JSON_ENDING}\n".encode() if comma else f"{JSON_ENDING}\n".encode()


def _written_csv(rows: Iterable[Row], names: list[str]) -> Iterator[bytes]:
    heading = ",".join([*names, "sha256"]).encode()
    previous = link(SEED, heading)
    yield heading + b"\n"
    for row in rows:
        # A command line may hold bytes that are no UTF-8.
        text = ",".join(_cells(row)).encode(errors="backslashreplace")
        previous = link(previous, text)
        yield text + b"," + previous.encode() + b"\n"


def flat(row: Row, before: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a row and of what is nested in it: `emissions_g_actual`."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}_")
        else:
            yield before + name, value


def _cells(row: Row) -> Iterator[str]:
    """The cells of `flat`; most are of a kind that is quickly told."""
    for value in row.values():
        kind = type(value)
        if value is None:
            yield ""
        elif kind is float:
            yield repr(value)
        elif kind is dict:
            yield from _cells(value)
        else:
            yield cell(value)


def cell(value: Any) -> str:
    """A value as CSV has it: nothing for what is unknown, a list as JSON, a text harmless."""
    if value is None:
        return ""
    if not isinstance(value, str):
        text = repr(value) if type(value) is float else _in_json(value)
    elif value[:1] in _RISKY:
        text = "'" + value
    else:
        text = value
    if _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


# --- checking -----------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """Whether a file is whole: its rows, the last `sha256`, and else what is wrong with it."""

    rows: int
    sha256: str
    fault: str | None = None


def verdict(lines: Iterable[bytes]) -> Verdict:
    """Whether a file of rows is whole, in any of the formats; `lines` keep their ends."""
    lines = iter(lines)
    first = next(lines, b"")
    heading = _stripped(first)
    if heading == JSON_HEADING.encode():
        return _checked(lines, _json_item, link(SEED, heading), JSON_ENDING.encode())
    if heading.startswith(b'{"schema":1,"row":'):
        return _checked(_put_back(first, lines), _json_row, SEED, None)
    if heading.startswith(b"schema,row,rows,") and heading.endswith(b",sha256"):
        return _checked(_records(lines), _csv_row, link(SEED, heading), None)
    return Verdict(0, SEED, "this is no file that carbonwait export has written")


class _Parts(NamedTuple):
    """What a row says of itself, and the text that its `sha256` is of."""

    row: int
    rows: int
    sha256: str
    text: bytes


def _checked(
    records: Iterable[bytes],
    parts_of: Callable[[bytes], _Parts | None],
    previous: str,
    ending: bytes | None,
) -> Verdict:
    count, rows = 0, 0
    ended = ending is None
    for record in records:
        stripped = _stripped(record)
        if ending is not None and ended:
            return Verdict(count, previous, "something follows its end")
        if not record.endswith(b"\n"):
            break
        if stripped == ending:
            ended = True
            continue
        parts = parts_of(stripped)
        if parts is None:
            return Verdict(count, previous, f"row {count + 1} is damaged")
        expected = link(previous, parts.text)
        if parts.row != count + 1 or (count and parts.rows != rows) or parts.sha256 != expected:
            return Verdict(count, previous, f"row {count + 1} is not the one that was written")
        previous, rows, count = expected, parts.rows, count + 1
    else:
        if not count:
            return Verdict(0, previous, "it holds no rows")
        if count == rows and ended:
            return Verdict(count, previous)
    return Verdict(count, previous, f"it ends after row {count} of {rows or 'an unknown number'}")


def _json_item(line: bytes) -> _Parts | None:
    """A row within one document, where all but the last have a comma behind them."""
    parts = _json_row(line.removesuffix(b","))
    if parts is None or line.endswith(b",") != (parts.row < parts.rows):
        return None
    return parts


def _json_row(line: bytes) -> _Parts | None:
    found = _JSON_ROW.fullmatch(line[:-1])
    if found is None or not line.endswith(b"}"):
        return None
    text = line[: -_JSON_TAIL - 1] + b"}"
    return _Parts(int(found[1]), int(found[2]), found[3].decode(), text)


def _csv_row(record: bytes) -> _Parts | None:
    found = _CSV_ROW.fullmatch(record)
    if found is None:
        return None
    return _Parts(int(found[1]), int(found[2]), found[3].decode(), record[:-65])


def _records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """CSV records: within quotes a line may end without its record ending."""
    parts: list[bytes] = []
    quotes = 0
    for line in lines:
        parts.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            yield b"".join(parts)
            parts, quotes = [], 0
    if parts:
        # What lacks the closing quote: all of it is one damaged row.
        yield b"".join(parts)


def _stripped(line: bytes) -> bytes:
    """Without its end, which a transfer may have changed to that of another system."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _put_back(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
