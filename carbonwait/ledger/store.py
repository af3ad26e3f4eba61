"""The ledger: every run from its submission on, in one SQLite file.

    with Ledger.open(path) as ledger:
        ledger.save(run)

Each call is a transaction of its own; `transaction` puts several into one. Whatever SQLite or the
system raises comes out as LedgerUnavailable, in one line with a remedy.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import Mistake
from carbonwait.core.prices import Prices
from carbonwait.core.records import Accounting, Decision, Instant, Pause, Run
from carbonwait.ledger import parts, past, rows, sources
from carbonwait.ledger.connection import connect, in_words, understood

if TYPE_CHECKING:
    # For those that look back at many runs. A job has one, and is not to wait for them.
    from carbonwait.ledger.costs import CostTotals
    from carbonwait.ledger.merge import Merged
    from carbonwait.ledger.past_forecasts import PastForecast
    from carbonwait.ledger.settling import Group, Open
    from carbonwait.ledger.totals import Attribution, By, Cell, Offsets
    from carbonwait.ledger.trail import Record

BUSY_TIMEOUT_S = 10.0
_UTC = ((0, 0),)

_RUN = ", ".join(rows.RUN_COLUMNS)
_SAVED = (*rows.RUN_COLUMNS, *rows.DERIVED_COLUMNS)
# The statements are put together from names that are constants of this package.
_SAVE = (
    f"INSERT INTO runs ({', '.join(_SAVED)}) VALUES ({', '.join('?' * len(_SAVED))})"
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _SAVED[1:])}"
)


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

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with in_words(self.path), understood(self.path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self.transaction():
            yield self._connection

    # --- writing ---

    def save(self, run: Run) -> None:
        """Insert a run, or bring its row up to date."""
        values = (*rows.values_of(run), *rows.derived_of(run))
        with self._writing() as connection:
            connection.execute(_SAVE, [rows.storable(value) for value in values])

    def add_decision(self, run_id: str, decision: Decision, series_id: int | None = None) -> None:
        """Add to a run's log; `series_id` is the forecast that was decided on."""
        with self._writing() as connection:
            parts.add_decision(connection, run_id, decision, series_id)

    def save_series(self, stored: rows.StoredSeries) -> int:
        """Keep a series and return its number; one that is there already is not kept twice."""
        with self._writing() as connection:
            return sources.save_series(connection, stored)

    def account_with(self, run_id: str, series_id: int) -> None:
        """Note which series a run was accounted with."""
        with self._writing() as connection:
            sources.account_with(connection, run_id, series_id)

    def price_with(self, run_id: str, prices: Prices) -> None:
        """Keep prices, once only, and note that a run's account stands on them."""
        with self._writing() as connection:
            sources.price_with(connection, run_id, prices)

    def replace_energy(self, run_id: str, slots: Sequence[MeteredSlot]) -> None:
        """Put these slots of energy in place of a run's earlier ones."""
        with self._writing() as connection:
            parts.replace_energy(connection, run_id, slots)

    def replace_pauses(self, run_id: str, pauses: Sequence[Pause]) -> None:
        """Put these pauses in place of a run's earlier ones."""
        with self._writing() as connection:
            parts.replace_pauses(connection, run_id, pauses)

    def mark_lost(self, run_id: str) -> None:
        """The process that looked after a run is gone; what was metered until then stays."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE runs SET state = 'lost',"
                " machine_cpu_j = (SELECT SUM(cpu_j) FROM energy WHERE run_id = runs.id),"
                " machine_gpu_j = (SELECT SUM(gpu_j) FROM energy WHERE run_id = runs.id),"
                " machine_ram_j = (SELECT SUM(ram_j) FROM energy WHERE run_id = runs.id)"
                " WHERE id = ? AND state IN ('waiting', 'running', 'paused')",
                (run_id,),
            )

    def settle(
        self, run: Run, was: Accounting, stored: rows.StoredSeries, prices: Prices | None = None
    ) -> bool:
        """Write a run's new figures with what they rest on; False if its account has changed.

        `was` is the state of the account that they were computed from.
        """
        from carbonwait.ledger.settling import write_figures

        with self._writing() as connection:
            if not write_figures(connection, run, was):
                return False
            sources.account_with(connection, run.id, sources.save_series(connection, stored))
            if prices is not None:
                sources.price_with(connection, run.id, prices)
            return True

    def require_sound(self) -> None:
        """Raises LedgerUnavailable if the file is damaged anywhere; reads all of it."""
        from carbonwait.ledger.merge import require_sound

        require_sound(self._connection, self.path)

    def take_in(self, theirs: "Ledger") -> "Merged":
        """Take in what another ledger has more of, all or nothing; see `ledger.merge`."""
        from carbonwait.ledger.merge import merge

        with self._writing() as connection:
            return merge(connection, theirs._connection, theirs.path)

    # --- reading ---

    def run(self, run_id: str) -> Run:
        """The run whose ID this is, or begins with this if no other does. Raises Mistake."""
        # Text comparison, not LIKE: an ID as typed may hold wildcards.
        statement = (
            f"SELECT {_RUN} FROM runs WHERE id >= ? AND substr(id, 1, ?) = ? ORDER BY id LIMIT 2"
        )
        values = (rows.storable(run_id), len(run_id), rows.storable(run_id))
        runs = self._runs(statement, values) if run_id else []
        if not runs:
            raise Mistake(f"no run {run_id!r}; carbonwait runs lists them")
        if len(runs) > 1 and runs[0].id != run_id:
            raise Mistake(f"{run_id!r} is the beginning of several IDs; write more of it")
        return runs[0]

    def runs(self, *, states: Collection[str] | None = None, limit: int | None = None) -> list[Run]:
        """Runs, newest first; only those in one of the states, where given."""
        among = "" if states is None else f" WHERE state IN ({', '.join('?' * len(states))})"
        statement = f"SELECT {_RUN} FROM runs{among} ORDER BY id DESC LIMIT ?"
        return self._runs(statement, (*(states or ()), -1 if limit is None else limit))

    def _runs(self, statement: str, values: Sequence[Any]) -> list[Run]:
        with self._reading() as connection:
            return rows.runs_from(connection.execute(statement, values))

    def state_of(self, run_id: str) -> str | None:
        """The state of the run with this very ID, None if there is none."""
        statement = "SELECT state FROM runs WHERE id = ?"
        with self._reading() as connection:
            found = connection.execute(statement, (rows.storable(run_id),)).fetchone()
        return None if found is None else str(found[0])

    def decisions(self, run_id: str) -> list[Decision]:
        """A run's log, in order."""
        return self.decisions_of([run_id]).get(run_id, [])

    def decisions_of(self, run_ids: Collection[str]) -> dict[str, list[Decision]]:
        """The logs of several runs at once; those that have none are left out."""
        with self._reading() as connection:
            return parts.decisions_of(connection, run_ids)

    def providers_of_decisions(self, run_id: str) -> list[str | None]:
        """Whose forecast each decision of a run rests on, in order; None: nobody's."""
        statement = (
            "SELECT provider FROM decisions LEFT JOIN series ON series.id = series_id"
            " WHERE run_id = ? ORDER BY position"
        )
        with self._reading() as connection:
            return [provider for (provider,) in connection.execute(statement, (run_id,))]

    def energy(self, run_id: str) -> list[MeteredSlot]:
        """A run's slots of energy, in order."""
        with self._reading() as connection:
            return parts.energy_of(connection, run_id)

    def pauses(self, run_id: str) -> list[Pause]:
        """A run's pauses, in order."""
        return self.pauses_of([run_id]).get(run_id, [])

    def pauses_of(self, run_ids: Collection[str]) -> dict[str, list[Pause]]:
        """The pauses of several runs at once; those that had none are left out."""
        with self._reading() as connection:
            return parts.pauses_of(connection, run_ids)

    def series_of(self, run_id: str) -> tuple[rows.StoredSeries | None, rows.StoredSeries | None]:
        """What a run was planned on and what it was accounted with."""
        with self._reading() as connection:
            return sources.series_of(connection, run_id)

    def series(self, series_id: int | None) -> rows.StoredSeries | None:
        """A series by its number."""
        with self._reading() as connection:
            return sources.series(connection, series_id)

    def prices_of(self, run_id: str) -> Prices | None:
        """What a run was priced with."""
        with self._reading() as connection:
            return sources.prices_of(connection, run_id)

    def all_records(self) -> "tuple[int, Iterator[Record]]":
        """How many runs there are, and each with what it rests on; see `ledger.trail`."""
        from carbonwait.ledger.trail import all_records

        return all_records(self._connection, self.path)

    def past_runs(self, name: str, limit: int = 20) -> list[Run]:
        """Earlier runs of a job that tell how long it takes, newest first."""
        with self._reading() as connection:
            return past.past_runs(connection, name, limit)

    def idle_floor_w(self, host: str, logical_cpus: int, since: Instant) -> float | None:
        """The lowest mean CPU power of this host when it was all but idle, None if not known."""
        with self._reading() as connection:
            return past.idle_floor_w(connection, host, logical_cpus, since)

    def overlapping(self, host: str, start: Instant, end: Instant, exclude_id: str) -> list[Run]:
        """Other runs whose command ran on this host within `[start, end)`."""
        with self._reading() as connection:
            return past.overlapping(connection, host, start, end, exclude_id)

    # --- looking back at many runs ---

    def totals(
        self,
        by: "By" = "name",
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        offsets: "Offsets" = _UTC,
        attribution: "Attribution" = "job",
    ) -> "list[Cell]":
        """Sums over the runs submitted in `[since, until)`; see `carbonwait.ledger.totals`."""
        from carbonwait.ledger.totals import cells

        with self._reading() as connection:
            return cells(
                connection,
                by,
                since=since,
                until=until,
                offsets=offsets,
                attribution=attribution,
            )

    def costs(
        self,
        by: "By" = "name",
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        offsets: "Offsets" = _UTC,
    ) -> "list[CostTotals]":
        """What the runs submitted in `[since, until)` have cost; see `carbonwait.ledger.costs`."""
        from carbonwait.ledger.costs import cost_totals

        with self._reading() as connection:
            return cost_totals(connection, by, since=since, until=until, offsets=offsets)

    def past_forecasts(
        self, *, since: Instant | None = None, until: Instant | None = None
    ) -> "list[PastForecast]":
        """What the newest settled runs were decided on, beside what was."""
        from carbonwait.ledger.past_forecasts import past_forecasts

        with self._reading() as connection:
            return list(past_forecasts(connection, since=since, until=until))

    def unsettled_groups(self, since: Instant) -> "list[Group]":
        """Groups with runs that are pending, or that were settled and came due since then."""
        from carbonwait.ledger.settling import groups

        with self._reading() as connection:
            return groups(connection, since)

    def pending(
        self,
        group: "Group",
        *,
        after: str = "",
        due_by: Instant | None = None,
        newest: bool = False,
        limit: int,
    ) -> "list[Open]":
        """Pending runs of a group, a page of them; see `carbonwait.ledger.settling`."""
        from carbonwait.ledger.settling import pending

        with self._reading() as connection:
            return pending(
                connection, group, after=after, due_by=due_by, newest=newest, limit=limit
            )

    def recently_settled(
        self, group: "Group", since: Instant, *, after: str = "", limit: int
    ) -> "list[Open]":
        """Settled runs of a group that came due since then, a page of them."""
        from carbonwait.ledger.settling import recent

        with self._reading() as connection:
            return recent(connection, group, since, after=after, limit=limit)

    def count_pending(self, zone: str | None = None) -> int:
        """How many runs are pending, in one zone or in all."""
        from carbonwait.ledger.settling import count_pending

        with self._reading() as connection:
            return count_pending(connection, zone)
