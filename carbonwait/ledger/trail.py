"""Every run with what it rests on, oldest first, a few hundred at a time.

The trap: a lock held over a million rows would keep running jobs from writing. Each few hundred
are read by themselves, and runs that were added meanwhile are left out, so that the number of rows
that was told at first is the number that comes.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from carbonwait.core.records import Decision, Instant, Pause, Run
from carbonwait.ledger import rows
from carbonwait.ledger.connection import in_words, understood
from carbonwait.ledger.parts import decisions_of, pauses_of
from carbonwait.ledger.soundness import is_sound

_AT_ONCE = 400


class Provenance(NamedTuple):
    """Where intensities are from; `version` is a digest of them and of these other fields."""

    version: str
    provider: str | None
    zone: str | None
    rung: str
    signal: str
    scope: str
    issued: Instant | None
    retrieved: Instant


class PriceProvenance(NamedTuple):
    """Where prices are from; `version` as in `Provenance`."""

    version: str
    provider: str
    zone: str | None
    currency: str
    kind: str
    retrieved: Instant


_Source = TypeVar("_Source", Provenance, PriceProvenance)


class Record(NamedTuple):
    """A run, its decisions and pauses, and where its intensities and prices are from."""

    run: Run
    decisions: Sequence[Decision]
    pauses: Sequence[Pause]
    planned_on: Provenance | None
    accounted_with: Provenance | None
    priced_with: PriceProvenance | None


_RUN = ", ".join(f"runs.{column}" for column in rows.RUN_COLUMNS)
_PROVENANCE = ", ".join(["lower(hex(digest))", *Provenance._fields[1:]])
_PRICES = ", ".join(["lower(hex(digest))", *PriceProvenance._fields[1:]])


def all_records(connection: sqlite3.Connection, path: Path) -> tuple[int, Iterator[Record]]:
    """How many runs there are, and one record of each. Both raise LedgerUnavailable."""
    with in_words(path):
        found = connection.execute("SELECT COUNT(*), COALESCE(MAX(rowid), 0) FROM runs").fetchone()
    count, last_row = found
    return count, _records(connection, path, last_row)


def _records(connection: sqlite3.Connection, path: Path, last_row: int) -> Iterator[Record]:
    statement = (
        f"SELECT {_RUN}, planned_series, accounted_series, cost_prices FROM runs"
        f" WHERE id > ? AND rowid <= ? ORDER BY id LIMIT {_AT_ONCE}"
    )
    after: Any = ""
    while True:
        with in_words(path), understood(path):
            found = connection.execute(statement, (after, last_row)).fetchall()
            few = _completed(connection, found)
        if not found:
            return
        yield from few
        after = found[-1][0]


def _completed(connection: sqlite3.Connection, found: Sequence[rows.Row]) -> list[Record]:
    ids = [row[0] for row in found]
    decisions, pauses = decisions_of(connection, ids), pauses_of(connection, ids)
    used = {number for row in found for number in row[-3:-1]}
    known = _by_number(connection, f"id, {_PROVENANCE} FROM series", used)
    series = {number: _sound(Provenance(*values)) for number, values in known.items()}
    known = _by_number(connection, f"id, {_PRICES} FROM prices", {row[-1] for row in found})
    prices = {number: _sound(PriceProvenance(*values)) for number, values in known.items()}
    records = []
    for row in found:
        *values, planned, accounted, priced = row
        records.append(
            Record(
                rows.run_from(rows.loaded(values)),
                decisions.get(row[0], ()),
                pauses.get(row[0], ()),
                series.get(planned),
                series.get(accounted),
                prices.get(priced),
            )
        )
    return records


def _sound(source: _Source) -> _Source:
    if not is_sound(source):
        raise ValueError(source)
    return source


def _by_number(
    connection: sqlite3.Connection, what: str, numbers: Collection[int | None]
) -> dict[int, list[Any]]:
    wanted = sorted(number for number in numbers if number is not None)
    found: dict[int, list[Any]] = {}
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for number, *values in connection.execute(f"SELECT {what} WHERE id IN ({marks})", some):
            found[number] = rows.loaded(values)
    return found
