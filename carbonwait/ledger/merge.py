"""Taking in the runs of another ledger, with all that belongs to them.

Rows are copied as they stand, but not unseen: a file from elsewhere may hold anything, and what no
ledger of ours would have written is refused before it is kept. Series and prices, which the two
files number each in its own way, are known by their digests.
"""

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.records import Run
from carbonwait.ledger import rows
from carbonwait.ledger.connection import in_words

_AT_ONCE = 400

_STATES = {"waiting": 0, "running": 1, "paused": 1, "lost": 2, "aborted": 3, "finished": 3}
_ACCOUNTINGS = {"none": 0, "pending": 1, "settled": 2}

# What belongs to a run, by table: its columns but the run's ID and the numbers of series, and what
# raises ValueError for a row that is not sound.
_PARTS: dict[str, tuple[Sequence[str], Callable[[rows.Row], object]]] = {
    "energy": (rows.SLOT_COLUMNS, rows.slot_from),
    "decisions": (rows.DECISION_COLUMNS, rows.decision_from),
    "pauses": (("begun", "ended"), rows.pause_from),
}
# The columns of a run that hold the number of something, and where it stands.
_NUMBERED = {"planned_series": "series", "accounted_series": "series", "cost_prices": "prices"}
_SOURCES = {"series": rows.SOURCE_COLUMNS, "prices": rows.PRICE_COLUMNS}


class Merged(NamedTuple):
    """How many runs were new, how many replaced a less complete record, how many were left."""

    added: int
    replaced: int
    kept: int


def merge(ours: sqlite3.Connection, theirs: sqlite3.Connection, path: Path) -> Merged:
    """Take in what `theirs`, the file at `path`, has more of; within a transaction of the caller.

    Raises LedgerUnavailable if the file is damaged or holds what no run has.
    """
    try:
        return _Merger(ours, theirs, path).all()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, zlib.error) as error:
        raise LedgerUnavailable(
            f"{path} holds a record that cannot be read; nothing of it was taken in"
        ) from error


def require_sound(theirs: sqlite3.Connection, path: Path) -> None:
    """Raises LedgerUnavailable for a file that was cut short or overwritten in parts."""
    with in_words(path):
        (found,) = theirs.execute("PRAGMA quick_check(1)").fetchone()
        broken = theirs.execute("PRAGMA foreign_key_check").fetchone()
    if found != "ok" or broken is not None:
        raise LedgerUnavailable(f"{path} is damaged; nothing of it was taken in")


class _Merger:
    def __init__(self, ours: sqlite3.Connection, theirs: sqlite3.Connection, path: Path) -> None:
        self._ours = ours
        self._theirs = theirs
        self._path = path
        self._numbers: dict[tuple[str, int], int] = {}
        # All that both have, so that a column which is added later comes along too.
        self._columns = [row[1] for row in ours.execute("PRAGMA table_info(runs)")]
        names, updates = ", ".join(self._columns), [f"{c} = excluded.{c}" for c in self._columns]
        self._save = (
            f"INSERT INTO runs ({names}) VALUES ({_marks(self._columns)})"
            f" ON CONFLICT (id) DO UPDATE SET {', '.join(updates)}"
        )

    def _read(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """What they have; their faults are told from ours."""
        with in_words(self._path):
            return self._theirs.execute(statement, values).fetchall()

    def all(self) -> Merged:
        added = replaced = kept = 0
        statement = (
            f"SELECT {', '.join(self._columns)} FROM runs WHERE id > ? ORDER BY id LIMIT {_AT_ONCE}"
        )
        after: Any = ""
        while found := self._read(statement, (after,)):
            known = self._known([row[0] for row in found])
            taken = []
            for values in found:
                row = dict(zip(self._columns, values, strict=True))
                run = _checked_run(row)
                row.update(zip(rows.DERIVED_COLUMNS, rows.derived_of(run), strict=True))
                rank = _completeness(run)
                if row["id"] not in known:
                    added += 1
                elif rank > known[row["id"]]:
                    replaced += 1
                else:
                    kept += 1
                    continue
                taken.append(row)
            self._take(taken)
            after = found[-1][0]
        return Merged(added, replaced, kept)

    def _known(self, ids: Sequence[Any]) -> dict[Any, tuple[float, ...]]:
        names = ", ".join(rows.RUN_COLUMNS)
        statement = f"SELECT {names} FROM runs WHERE id IN ({_marks(ids)})"
        found = self._ours.execute(statement, ids).fetchall()
        return {row[0]: _completeness(rows.run_from(rows.loaded(row))) for row in found}

    def _take(self, taken: Sequence[dict[str, Any]]) -> None:
        ids = [row["id"] for row in taken]
        for table in _PARTS:
            self._ours.execute(f"DELETE FROM {table} WHERE run_id IN ({_marks(ids)})", ids)
        for row in taken:
            for column, table in _NUMBERED.items():
                row[column] = self._number(table, row[column])
        self._ours.executemany(self._save, ([*row.values()] for row in taken))
        self._take_parts("energy", ids, "run_id, slot_start")
        self._take_parts("pauses", ids, "run_id, begun")
        self._take_parts("decisions", ids, "position")

    def _take_parts(self, table: str, ids: Sequence[Any], order: str) -> None:
        numbered = ["series_id"] if table == "decisions" else []
        part_columns, require_part = _PARTS[table]
        columns = ["run_id", *numbered, *part_columns]
        names = ", ".join(columns)
        statement = f"SELECT {names} FROM {table} WHERE run_id IN ({_marks(ids)}) ORDER BY {order}"
        found = self._read(statement, ids)
        parts = []
        for run_id, *values in found:
            series = [self._number("series", number) for number in values[: len(numbered)]]
            rest = values[len(numbered) :]
            require_part(rows.loaded(rest))
            parts.append((run_id, *series, *rest))
        self._ours.executemany(f"INSERT INTO {table} ({names}) VALUES ({_marks(columns)})", parts)

    def _number(self, table: str, number: int | None) -> int | None:
        """Our number of what they have under this one, which is taken in if it is new."""
        if number is None:
            return None
        if (table, number) not in self._numbers:
            self._numbers[table, number] = self._source(table, number)
        return self._numbers[table, number]

    def _source(self, table: str, number: int) -> int:
        columns = ("digest", "points", *_SOURCES[table])
        names = ", ".join(columns)
        (row,) = self._read(f"SELECT {names} FROM {table} WHERE id = ?", (number,))
        unpacked = rows.unpacked if table == "series" else rows.unpacked_prices
        unpacked(row[1:])  # Raises ValueError for what is not sound.
        if not isinstance(row[0], bytes):
            raise ValueError(number)  # noqa: TRY004 (one kind of error for all that is damaged)
        self._ours.execute(
            f"INSERT INTO {table} ({names}) VALUES ({_marks(columns)})"
            " ON CONFLICT (digest) DO NOTHING",
            row,
        )
        found = self._ours.execute(f"SELECT id FROM {table} WHERE digest = ?", (row[0],))
        return int(found.fetchone()[0])


def _completeness(run: Run) -> tuple[float, ...]:
    """The greater, the more is known of a run: how far it has got, its account, its energy."""
    return (
        _STATES[run.state],
        _ACCOUNTINGS[run.accounting],
        run.started is not None,
        run.energy.total_j is not None,
        run.machine_energy.total_j or 0.0,
    )


def _checked_run(row: dict[str, Any]) -> Run:
    """The run of a row. Raises ValueError for what no run has."""
    run = rows.run_from(rows.loaded([row[column] for column in rows.RUN_COLUMNS]))
    if not run.id:
        raise ValueError(run.id)
    return run


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
