"""What settling reads and writes: runs whose account is open, or has only just been closed.

Two indexes hold no more than these, so that a ledger of a million settled runs costs nothing.
Whoever writes a figure says which state it was computed from: of two that settle at the same time
the second one changes nothing.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from carbonwait.core.records import Accounting, Instant, Run, Signal
from carbonwait.ledger import rows

# From then on all that an account needs has happened, as a rule: the indexes know this expression.
DUE = "MAX(ended, deadline)"

_RUN = ", ".join(rows.RUN_COLUMNS)
_FIGURES = tuple(
    column
    for column in (*rows.RUN_COLUMNS, *rows.DERIVED_COLUMNS)
    if column in {"accounting", "basis", "scope"}
    or (column.endswith("_g") or column.startswith("cost_"))
)
_SET = ", ".join(f"{column} = ?" for column in _FIGURES)
_OF_GROUP = "provider IS ? AND zone IS ? AND signal_kind = ?"
# A group is a page of an index; SQLite would not always see that.
_PENDING = "runs INDEXED BY runs_pending WHERE accounting = 'pending'"
_SETTLED = f"runs INDEXED BY runs_settled WHERE accounting = 'settled' AND {DUE} >= ?"


class Group(NamedTuple):
    """Runs that the same intensities settle."""

    provider: str | None
    zone: str | None
    signal: Signal


class Open(NamedTuple):
    """A run that may be settled or revised, and the number of the series it is accounted with."""

    run: Run
    series_id: int | None


def groups(connection: sqlite3.Connection, since: Instant) -> list[Group]:
    """The groups with a pending run, or with a settled one that came due at `since` or later."""
    statement = (
        f"SELECT DISTINCT provider, zone, signal_kind FROM {_PENDING}"
        f" UNION SELECT provider, zone, signal_kind FROM {_SETTLED} ORDER BY 1, 2, 3"
    )
    return [Group(*rows.loaded(row)) for row in connection.execute(statement, (since,))]


def pending(
    connection: sqlite3.Connection,
    group: Group,
    *,
    after: str = "",
    due_by: Instant | None = None,
    newest: bool = False,
    limit: int,
) -> list[Open]:
    """Pending runs of a group with later IDs than `after`, in order; or the newest, those first."""
    order = "DESC" if newest else "ASC"
    statement = (
        f"SELECT {_RUN}, accounted_series FROM {_PENDING} AND {_OF_GROUP} AND id > ?"
        f" AND {DUE} <= ? ORDER BY id {order} LIMIT ?"
    )
    last = float("inf") if due_by is None else due_by
    return _open(connection.execute(statement, (*_stored(group), after, last, limit)))


def recent(
    connection: sqlite3.Connection, group: Group, since: Instant, *, after: str = "", limit: int
) -> list[Open]:
    """Settled runs of a group that came due at `since` or later, with later IDs than `after`."""
    statement = (
        f"SELECT {_RUN}, accounted_series FROM {_SETTLED} AND {_OF_GROUP} AND id > ?"
        " ORDER BY id LIMIT ?"
    )
    return _open(connection.execute(statement, (since, *_stored(group), after, limit)))


def count_pending(connection: sqlite3.Connection, zone: str | None) -> int:
    """How many runs are pending, in one zone or in all."""
    of_zone = "" if zone is None else " AND zone = ?"
    values = () if zone is None else (rows.storable(zone),)
    found = connection.execute(f"SELECT COUNT(*) FROM {_PENDING}{of_zone}", values).fetchone()
    return int(found[0])


def write_figures(connection: sqlite3.Connection, run: Run, was: Accounting) -> bool:
    """Put a run's figures in place of earlier ones; False if its account is not `was` any more."""
    columns = (*rows.RUN_COLUMNS, *rows.DERIVED_COLUMNS)
    values = dict(zip(columns, (*rows.values_of(run), *rows.derived_of(run)), strict=True))
    changed = connection.execute(
        f"UPDATE runs SET {_SET} WHERE id = ? AND accounting = ?",
        (*(rows.storable(values[column]) for column in _FIGURES), run.id, was),
    )
    return changed.rowcount == 1


def _stored(group: Group) -> Sequence[object]:
    return [rows.storable(value) for value in group]


def _open(found: sqlite3.Cursor) -> list[Open]:
    return [Open(rows.run_from(rows.loaded(row[:-1])), row[-1]) for row in found]
