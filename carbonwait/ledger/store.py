"""The ledger: every run from its submission on, in one SQLite file.

    with Ledger.open(path) as ledger:
        ledger.save(run)

Each call is a transaction of its own; `transaction` puts several into one. Whatever SQLite or the
system raises comes out as LedgerUnavailable, in one line with a remedy.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import Mistake
from carbonwait.core.prices import Prices
from carbonwait.core.records import Accounting, Decision, Instant, Pause, Run
from carbonwait.ledger import rows, settling, totals, trail
from carbonwait.ledger.connection import connect, in_words, understood
from carbonwait.ledger.costs import CostTotals, cost_totals
from carbonwait.ledger.past_forecasts import PastForecast, past_forecasts
from carbonwait.ledger.totals import UTC, By, Offsets

if TYPE_CHECKING:
    from carbonwait.ledger.merge import Merged

BUSY_TIMEOUT_S = 10.0

_RUN = ", ".join(rows.RUN_COLUMNS)
_SAVED = (*rows.RUN_COLUMNS, *rows.DERIVED_COLUMNS)
# The statements are put together from names that are constants of this package.
_SAVE = (
    f"INSERT INTO runs ({', '.join(_SAVED)}) VALUES ({', '.join('?' * len(_SAVED))})"
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _SAVED[1:])}"
)
_SLOT = ", ".join(rows.SLOT_COLUMNS)
_DECISION = ", ".join(rows.DECISION_COLUMNS)
_SOURCE = ", ".join(rows.SOURCE_COLUMNS)
_PRICED = ", ".join(rows.PRICE_COLUMNS)

# Older builds of SQLite take 999 parameters.
_MOST_PARAMETERS = 500
# Counters and clocks are too coarse for the mean power of less.
_SHORTEST_IDLE_S = 5.0


class Ledger:
    """An open ledger; a context manager that closes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        read_only: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """The ledger at `path`, made if there is none and `create`. Raises LedgerUnavailable."""
        connection = connect(
            path, create=create, read_only=read_only, busy_timeout_s=busy_timeout_s
        )
        return cls(path, connection)

    def close(self) -> None:
        """Close the file; whatever was not committed is undone."""
        self._connection.close()

    def wait_at_most(self, busy_timeout_s: float) -> None:
        """How long from now on to wait for another process that writes."""
        with in_words(self.path):
            self._connection.execute(f"PRAGMA busy_timeout = {int(1000 * busy_timeout_s)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within lands together or not at all; may be nested."""
        with in_words(self.path):
            if self._connection.in_transaction:
                yield
                return
            # Taken at once: a reader that wants to write later may have to give way.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _write(self, statement: str, *parameters: Any) -> int:
        with self.transaction():
            values = [rows.storable(value) for value in parameters]
            return int(self._connection.execute(statement, values).lastrowid or 0)

    def _read(
        self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[Any]:
        with in_words(self.path):
            return self._connection.execute(statement, parameters).fetchall()

    # --- writing ---

    def save(self, run: Run) -> None:
        """Insert a run, or bring its row up to date."""
        self._write(_SAVE, *rows.values_of(run), *rows.derived_of(run))

    def add_decision(self, run_id: str, decision: Decision, series_id: int | None = None) -> None:
        """Add to a run's log; `series_id` is the forecast that was decided on."""
        with self.transaction():
            self._write(
                f"INSERT INTO decisions (run_id, series_id, {_DECISION})"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                run_id,
                series_id,
                *rows.values_of_decision(decision),
            )
            if series_id is not None:
                self._write("UPDATE runs SET planned_series = ? WHERE id = ?", series_id, run_id)

    def save_series(self, stored: rows.StoredSeries) -> int:
        """Keep a series and return its number; one that is there already is not kept twice."""
        digest, points = rows.packed(stored)
        marks = ", ".join("?" * (len(rows.SOURCE_COLUMNS) + 2))
        with self.transaction():
            found = self._read("SELECT id FROM series WHERE digest = ?", (digest,))
            if found:
                return int(found[0][0])
            return self._write(
                f"INSERT INTO series (digest, points, {_SOURCE}) VALUES ({marks})",
                digest,
                points,
                *stored[1:],
            )

    def account_with(self, run_id: str, series_id: int) -> None:
        """Note which series a run was accounted with."""
        self._write("UPDATE runs SET accounted_series = ? WHERE id = ?", series_id, run_id)

    def price_with(self, run_id: str, prices: Prices) -> None:
        """Keep prices, once only, and note that a run's account stands on them."""
        digest, points = rows.packed(prices)
        marks = ", ".join("?" * (len(rows.PRICE_COLUMNS) + 2))
        with self.transaction():
            self._write(
                f"INSERT INTO prices (digest, points, {_PRICED}) VALUES ({marks})"
                " ON CONFLICT (digest) DO NOTHING",
                digest,
                points,
                *prices[1:],
            )
            self._write(
                "UPDATE runs SET cost_prices = (SELECT id FROM prices WHERE digest = ?)"
                " WHERE id = ?",
                digest,
                run_id,
            )

    def replace_energy(self, run_id: str, slots: Sequence[MeteredSlot]) -> None:
        """Put these slots of energy in place of a run's earlier ones."""
        marks = ", ".join("?" * (len(rows.SLOT_COLUMNS) + 1))
        statement = f"INSERT INTO energy (run_id, {_SLOT}) VALUES ({marks})"
        with self.transaction():
            self._connection.execute("DELETE FROM energy WHERE run_id = ?", (run_id,))
            values = ((run_id, *rows.values_of_slot(slot)) for slot in slots)
            self._connection.executemany(statement, values)

    def replace_pauses(self, run_id: str, pauses: Sequence[Pause]) -> None:
        """Put these pauses in place of a run's earlier ones."""
        with self.transaction():
            self._connection.execute("DELETE FROM pauses WHERE run_id = ?", (run_id,))
            values = ((run_id, pause.start, pause.end) for pause in pauses)
            self._connection.executemany("INSERT OR REPLACE INTO pauses VALUES (?, ?, ?)", values)

    def mark_lost(self, run_id: str) -> None:
        """The process that looked after a run is gone; what was metered until then stays."""
        with self.transaction():
            self._write(
                "UPDATE runs SET state = 'lost',"
                " machine_cpu_j = (SELECT SUM(cpu_j) FROM energy WHERE run_id = runs.id),"
                " machine_gpu_j = (SELECT SUM(gpu_j) FROM energy WHERE run_id = runs.id),"
                " machine_ram_j = (SELECT SUM(ram_j) FROM energy WHERE run_id = runs.id)"
                " WHERE id = ? AND state IN ('waiting', 'running', 'paused')",
                run_id,
            )

    def settle(
        self, run: Run, was: Accounting, stored: rows.StoredSeries, prices: Prices | None = None
    ) -> bool:
        """Write a run's new figures with what they rest on; False if its account has changed.

        `was` is the state of the account that they were computed from.
        """
        with self.transaction():
            if not settling.write_figures(self._connection, run, was):
                return False
            self.account_with(run.id, self.save_series(stored))
            if prices is not None:
                self.price_with(run.id, prices)
            return True

    def require_sound(self) -> None:
        """Raises LedgerUnavailable if the file is damaged anywhere; reads all of it."""
        from carbonwait.ledger.merge import require_sound

        require_sound(self._connection, self.path)

    def take_in(self, theirs: "Ledger") -> "Merged":
        """Take in what another ledger has more of, all or nothing; see `ledger.merge`."""
        from carbonwait.ledger.merge import merge

        with self.transaction():
            return merge(self._connection, theirs._connection, theirs.path)

    # --- reading ---

    def run(self, run_id: str) -> Run:
        """The run whose ID this is, or begins with this if no other does. Raises Mistake."""
        # Text comparison, not LIKE: an ID as typed may hold wildcards.
        found = self._read(
            f"SELECT {_RUN} FROM runs WHERE id >= ? AND substr(id, 1, ?) = ? ORDER BY id LIMIT 2",
            (rows.storable(run_id), len(run_id), rows.storable(run_id)),
        )
        runs = self._runs(found) if run_id else []
        if not runs:
            raise Mistake(f"no run {run_id!r}; carbonwait runs lists them")
        if len(runs) > 1 and runs[0].id != run_id:
            raise Mistake(f"{run_id!r} is the beginning of several IDs; write more of it")
        return runs[0]

    def _runs(self, found: list[Any]) -> list[Run]:
        with understood(self.path):
            return [rows.run_from(rows.loaded(row)) for row in found]

    def state_of(self, run_id: str) -> str | None:
        """The state of the run with this very ID, None if there is none."""
        found = self._read("SELECT state FROM runs WHERE id = ?", (rows.storable(run_id),))
        return str(found[0][0]) if found else None

    def runs(
        self,
        *,
        states: Collection[str] | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """Runs, newest first; only those in one of the states and of a name, where given."""
        conditions, values = ["1"], []
        if states is not None:
            conditions.append(f"state IN ({', '.join('?' * len(states))})")
            values += list(states)
        if name is not None:
            conditions.append("name = ?")
            values.append(rows.storable(name))
        statement = (
            f"SELECT {_RUN} FROM runs WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
        )
        return self._runs(self._read(statement, (*values, -1 if limit is None else limit)))

    def decisions(self, run_id: str) -> list[Decision]:
        """A run's log, in order."""
        return self.decisions_of([run_id]).get(run_id, [])

    def decisions_of(self, run_ids: Collection[str]) -> dict[str, list[Decision]]:
        """The logs of several runs at once."""
        found: dict[str, list[Decision]] = {}
        wanted = sorted(set(run_ids))
        for first in range(0, len(wanted), _MOST_PARAMETERS):
            some = wanted[first : first + _MOST_PARAMETERS]
            statement = (
                f"SELECT run_id, {_DECISION} FROM decisions"
                f" WHERE run_id IN ({', '.join('?' * len(some))}) ORDER BY position"
            )
            with understood(self.path):
                for row in self._read(statement, some):
                    run_id, *values = rows.loaded(row)
                    found.setdefault(run_id, []).append(rows.decision_from(values))
        return found

    def providers_of_decisions(self, run_id: str) -> list[str | None]:
        """Whose forecast each decision of a run rests on, in order; None: nobody's."""
        statement = (
            "SELECT provider FROM decisions LEFT JOIN series ON series.id = series_id"
            " WHERE run_id = ? ORDER BY position"
        )
        return [provider for (provider,) in self._read(statement, (run_id,))]

    def energy(self, run_id: str) -> list[MeteredSlot]:
        """A run's slots of energy, in order."""
        statement = f"SELECT {_SLOT} FROM energy WHERE run_id = ? ORDER BY slot_start"
        with understood(self.path):
            return [rows.slot_from(row) for row in self._read(statement, (run_id,))]

    def pauses(self, run_id: str) -> list[Pause]:
        """A run's pauses, in order."""
        return self.pauses_of([run_id]).get(run_id, [])

    def pauses_of(self, run_ids: Collection[str]) -> dict[str, list[Pause]]:
        """The pauses of several runs at once; those that had none are left out."""
        found: dict[str, list[Pause]] = {}
        wanted = sorted(set(run_ids))
        for first in range(0, len(wanted), _MOST_PARAMETERS):
            some = wanted[first : first + _MOST_PARAMETERS]
            statement = (
                "SELECT run_id, begun, ended FROM pauses"
                f" WHERE run_id IN ({', '.join('?' * len(some))}) ORDER BY run_id, begun"
            )
            with understood(self.path):
                for run_id, *values in self._read(statement, some):
                    found.setdefault(run_id, []).append(rows.pause_from(values))
        return found

    def series_of(self, run_id: str) -> tuple[rows.StoredSeries | None, rows.StoredSeries | None]:
        """What a run was planned on and what it was accounted with."""
        found = self._read(
            "SELECT planned_series, accounted_series FROM runs WHERE id = ?", (run_id,)
        )
        planned, accounted = found[0] if found else (None, None)
        return self._series(planned), self._series(accounted)

    def series(self, series_id: int | None) -> rows.StoredSeries | None:
        """A series by its number."""
        return self._series(series_id)

    def prices_of(self, run_id: str) -> Prices | None:
        """What a run was priced with."""
        found = self._read(
            f"SELECT points, {_PRICED} FROM prices"
            " WHERE id = (SELECT cost_prices FROM runs WHERE id = ?)",
            (run_id,),
        )
        return rows.unpacked_prices(found[0]) if found else None

    def _series(self, series_id: int | None) -> rows.StoredSeries | None:
        statement = f"SELECT points, {_SOURCE} FROM series WHERE id = ?"
        found = self._read(statement, (series_id,))
        with understood(self.path):
            return rows.unpacked(found[0]) if found else None

    def all_records(self) -> tuple[int, Iterator[trail.Record]]:
        """How many runs there are, and each with what it rests on; see `ledger.trail`."""
        return trail.all_records(self._connection, self.path)

    def past_runs(self, name: str, limit: int = 20) -> list[Run]:
        """Earlier runs of a job that tell how long it takes, newest first.

        One that failed or was killed tells only that it takes at least that long.
        """
        found = self._read(
            f"SELECT {_RUN} FROM runs WHERE name = ? AND state = 'finished'"
            " AND started IS NOT NULL AND exit_code = 0 ORDER BY started DESC LIMIT ?",
            (rows.storable(name), limit),
        )
        return self._runs(found)

    def idle_floor_w(self, host: str, logical_cpus: int, since: Instant) -> float | None:
        """The lowest mean measured CPU power of any slot of this host that was all but idle.

        All but idle: less than 5 % of the time of its logical CPUs was busy. What the meter did
        not see of a run counts as missing from each of its slots, for nobody knows from which, and
        a floor that is too low would bill later jobs what the machine draws by itself.
        """
        found = self._read(
            "SELECT MIN(joules / seen_s) FROM ("
            "  SELECT slot.cpu_j AS joules, slot.busy_s AS busy,"
            "  slot_end - slot_start - COALESCE(uncovered_s, 0) AS seen_s"
            "  FROM runs JOIN energy AS slot ON run_id = id"
            "  WHERE owner_host = ? AND ended >= ? AND method_cpu = 'rapl')"
            " WHERE seen_s >= ? AND busy < 0.05 * ? * seen_s",
            (rows.storable(host), since, _SHORTEST_IDLE_S, logical_cpus),
        )
        floor: float | None = found[0][0]
        return floor

    def overlapping(self, host: str, start: Instant, end: Instant, exclude_id: str) -> list[Run]:
        """Other runs whose command ran on this host within `[start, end)`."""
        statement = f"SELECT {_RUN} FROM runs WHERE owner_host = ? AND started < ? AND id != ?"
        among = (rows.storable(host), end, exclude_id)
        # Asked one by one, each has an index that passes over what lies far back.
        found = self._read(f"{statement} AND ended > ?", (*among, start))
        found += self._read(
            f"{statement} AND ended IS NULL AND state IN ('running', 'paused')", among
        )
        return self._runs(found)

    def totals(
        self,
        by: totals.By = "name",
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        offsets: Offsets = UTC,
        attribution: totals.Attribution = "job",
    ) -> list[totals.Cell]:
        """Sums over the runs submitted in `[since, until)`; see `carbonwait.ledger.totals`."""
        with in_words(self.path), understood(self.path):
            return totals.cells(
                self._connection,
                by,
                since=since,
                until=until,
                offsets=offsets,
                attribution=attribution,
            )

    def costs(
        self,
        by: By = "name",
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        offsets: Offsets = UTC,
    ) -> list[CostTotals]:
        """What the runs submitted in `[since, until)` have cost; see `carbonwait.ledger.costs`."""
        with in_words(self.path), understood(self.path):
            return cost_totals(self._connection, by, since=since, until=until, offsets=offsets)

    def past_forecasts(
        self, *, since: Instant | None = None, until: Instant | None = None
    ) -> list[PastForecast]:
        """What the newest settled runs were decided on, beside what was."""
        with in_words(self.path), understood(self.path):
            return list(past_forecasts(self._connection, since=since, until=until))

    def unsettled_groups(self, since: Instant) -> list[settling.Group]:
        """Groups with runs that are pending, or that were settled and came due since then."""
        with in_words(self.path), understood(self.path):
            return settling.groups(self._connection, since)

    def pending(
        self,
        group: settling.Group,
        *,
        after: str = "",
        due_by: Instant | None = None,
        newest: bool = False,
        limit: int,
    ) -> list[settling.Open]:
        """Pending runs of a group, a page of them; see `carbonwait.ledger.settling`."""
        with in_words(self.path), understood(self.path):
            return settling.pending(
                self._connection, group, after=after, due_by=due_by, newest=newest, limit=limit
            )

    def recently_settled(
        self, group: settling.Group, since: Instant, *, after: str = "", limit: int
    ) -> list[settling.Open]:
        """Settled runs of a group that came due since then, a page of them."""
        with in_words(self.path), understood(self.path):
            return settling.recent(self._connection, group, since, after=after, limit=limit)

    def count_pending(self, zone: str | None = None) -> int:
        """How many runs are pending, in one zone or in all."""
        with in_words(self.path):
            return settling.count_pending(self._connection, zone)
