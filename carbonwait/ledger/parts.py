"""What belongs to a run: the log of its decisions, its slots of energy, its pauses."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.records import Decision, Pause
from carbonwait.ledger import rows

_DECISION = ", ".join(rows.DECISION_COLUMNS)
_SLOT = ", ".join(rows.SLOT_COLUMNS)
# Older builds of SQLite take 999 parameters.
_MOST_PARAMETERS = 500


def add_decision(
    connection: sqlite3.Connection, run_id: str, decision: Decision, series_id: int | None
) -> None:
    """Add to a run's log; `series_id` is the forecast that was decided on."""
    values = (run_id, series_id, *rows.values_of_decision(decision))
    connection.execute(
        f"INSERT INTO decisions (run_id, series_id, {_DECISION}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [rows.storable(value) for value in values],
    )
    if series_id is not None:
        connection.execute("UPDATE runs SET planned_series = ? WHERE id = ?", (series_id, run_id))


def decisions_of(
    connection: sqlite3.Connection, run_ids: Collection[Any]
) -> dict[Any, list[Decision]]:
    """The logs of several runs, each in order; those that have none are left out."""
    found: dict[Any, list[Decision]] = {}
    for run_id, *values in _of_runs(connection, "decisions", _DECISION, "position", run_ids):
        found.setdefault(run_id, []).append(rows.decision_from(rows.loaded(values)))
    return found


def replace_pauses(connection: sqlite3.Connection, run_id: str, pauses: Sequence[Pause]) -> None:
    """Put these pauses in place of a run's earlier ones."""
    connection.execute("DELETE FROM pauses WHERE run_id = ?", (run_id,))
    values = ((run_id, pause.start, pause.end) for pause in pauses)
    connection.executemany("INSERT OR REPLACE INTO pauses VALUES (?, ?, ?)", values)


def pauses_of(connection: sqlite3.Connection, run_ids: Collection[Any]) -> dict[Any, list[Pause]]:
    """The pauses of several runs, each in order; those that had none are left out."""
    found: dict[Any, list[Pause]] = {}
    for run_id, *values in _of_runs(connection, "pauses", "begun, ended", "begun", run_ids):
        found.setdefault(run_id, []).append(rows.pause_from(values))
    return found


def replace_energy(
    connection: sqlite3.Connection, run_id: str, slots: Sequence[MeteredSlot]
) -> None:
    """Put these slots of energy in place of a run's earlier ones."""
    marks = ", ".join("?" * (len(rows.SLOT_COLUMNS) + 1))
    connection.execute("DELETE FROM energy WHERE run_id = ?", (run_id,))
    values = ((run_id, *rows.values_of_slot(slot)) for slot in slots)
    connection.executemany(f"INSERT INTO energy (run_id, {_SLOT}) VALUES ({marks})", values)


def energy_of(connection: sqlite3.Connection, run_id: str) -> list[MeteredSlot]:
    """A run's slots of energy, in order."""
    statement = f"SELECT {_SLOT} FROM energy WHERE run_id = ? ORDER BY slot_start"
    return [rows.slot_from(row) for row in connection.execute(statement, (run_id,))]


def _of_runs(
    connection: sqlite3.Connection, table: str, columns: str, order: str, run_ids: Collection[Any]
) -> Iterator[rows.Row]:
    """The rows of these runs, the run's ID first."""
    wanted = list(dict.fromkeys(run_ids))
    for first in range(0, len(wanted), _MOST_PARAMETERS):
        some = wanted[first : first + _MOST_PARAMETERS]
        yield from connection.execute(
            f"SELECT run_id, {columns} FROM {table}"
            f" WHERE run_id IN ({', '.join('?' * len(some))}) ORDER BY {order}",
            some,
        )
