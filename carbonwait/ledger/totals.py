"""Sums over runs, made by SQLite, so that a million runs never meet in memory.

What counts are runs that have started and are no longer under way. A figure is the sum over the
runs that have it. A saving is added up run by run and its percentage is of the very same runs, so
that a run without one of two figures makes no unlike sums.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, Literal, NamedTuple

from carbonwait.core.records import MEASURED_METHODS, Emissions, Instant, Signal
from carbonwait.core.units import JOULES_PER_KWH
from carbonwait.ledger.rows import loaded

By = Literal["name", "day", "week", "zone", "provider", "strategy", "rung", "host"]
Attribution = Literal["job", "machine"]


class Totals(NamedTuple):
    """Sums of the runs of one key; None where no run has the figure.

    Savings are estimates and may be negative: `saving_g` against starting at once,
    `static_saving_g` against the static window. `..._of_g` is the baseline of the same runs.
    `unmetered` runs have no energy and so no figures; `uncovered_s` is how long of all runs no
    meter looked.
    `dirtier_than_now` runs would have emitted less at once. `regret_g` is how much more they
    emitted than at the best start in hindsight. Of the `dynamic_runs` that planned their start
    themselves `dynamic_saving_g` is the saving against the static window; of the `missed_runs` that
    were told to start at once or in the window, `missed_g` is what planning would have saved them.
    `key` is None where the runs have no zone or provider, and for all runs together.
    """

    key: str | None
    runs: int
    energy_j: float | None
    measured_j: float | None
    emissions: Emissions
    saving_g: float | None
    saving_of_g: float | None
    static_saving_g: float | None
    static_saving_of_g: float | None
    settled: int
    pending: int
    deadline_missed: int
    static_assumed: int
    unmetered: int
    uncovered_s: float | None
    dirtier_than_now: int
    regret_g: float | None
    dynamic_runs: int
    dynamic_saving_g: float | None
    dynamic_saving_of_g: float | None
    missed_runs: int
    missed_g: float | None
    missed_of_g: float | None

    @property
    def energy_kwh(self) -> float | None:
        """The energy in kWh."""
        return None if self.energy_j is None else self.energy_j / JOULES_PER_KWH

    @property
    def saving_pct(self) -> float | None:
        """The estimated saving against starting at once, of what that would have emitted."""
        return _pct(self.saving_g, self.saving_of_g)

    @property
    def static_saving_pct(self) -> float | None:
        """The estimated saving against the static window, of what that would have emitted."""
        return _pct(self.static_saving_g, self.static_saving_of_g)

    @property
    def dynamic_saving_pct(self) -> float | None:
        """The saving of dynamic runs, of what they would have emitted in the static window."""
        return _pct(self.dynamic_saving_g, self.dynamic_saving_of_g)

    @property
    def missed_pct(self) -> float | None:
        """What planning would have saved the runs that were told when to start."""
        return _pct(self.missed_g, self.missed_of_g)

    @property
    def measured_share(self) -> float | None:
        """How much of the energy was measured rather than estimated."""
        if self.measured_j is None or not self.energy_j:
            return None
        return self.measured_j / self.energy_j

    @property
    def settled_share(self) -> float | None:
        """How many of the runs that have an account have a final one."""
        accounts = self.settled + self.pending
        return self.settled / accounts if accounts else None


def _pct(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole


# From which second on, and how many seconds local time is ahead of UTC; oldest first.
Offsets = Sequence[tuple[int, int]]
UTC: Offsets = ((0, 0),)


def _local(offsets: Offsets) -> str:
    """When a run started, by the wall clock of then."""
    # The newest first: most runs are recent.
    later = [f"WHEN started >= {at} THEN {ahead_s}" for at, ahead_s in reversed(offsets[1:])]
    first_s = offsets[0][1]
    return (
        f"started + CASE {' '.join(later)} ELSE {first_s} END" if later else f"started + {first_s}"
    )


def _day(offsets: Offsets) -> str:
    return f"date({_local(offsets)}, 'unixepoch')"


def key_of(by: By, offsets: Offsets) -> str:
    """The SQL expression of what runs are grouped by."""
    if by == "day":
        return _day(offsets)
    if by == "week":
        # A week by ISO 8601 is that of its Thursday.
        thursday = f"{_local(offsets)}, 'unixepoch', '-3 days', 'weekday 4'"
        week = f"(strftime('%j', {thursday}) + 6) / 7"
        return f"strftime('%Y-W', {thursday}) || printf('%02d', {week})"
    if by == "host":
        # Behind the stroke stands what tells machines of the same name apart.
        return "substr(owner_host, 1, instr(owner_host || '/', '/') - 1)"
    return by


# The cells are as fine as any table of a report needs, so that the runs are read only once.
_CELL = "rung, method_cpu, signal_kind"

_SUMS = """
    COUNT(*), SUM(energy_j), SUM(measured_j),
    SUM(actual_g), SUM(if_now_g), SUM(if_static_g), SUM(if_dynamic_g), SUM(best_g), SUM(waiting_g),
    SUM(saving_g), SUM(CASE WHEN saving_g IS NOT NULL THEN if_now_g END),
    SUM(if_static_g - actual_g - waiting_g),
    SUM(CASE WHEN actual_g + waiting_g IS NOT NULL THEN if_static_g END),
    SUM(accounting = 'settled'), SUM(accounting = 'pending'),
    SUM(COALESCE(ended > deadline, 0)), SUM(static_assumed AND if_static_g IS NOT NULL),
    SUM(energy_j IS NULL), SUM(uncovered_s),
    SUM(COALESCE(saving_g < -1e-9 * if_now_g, 0)), SUM(actual_g - best_g),
    COUNT(CASE WHEN strategy = 'dynamic' THEN if_static_g - actual_g - waiting_g END),
    SUM(CASE WHEN strategy = 'dynamic' THEN if_static_g - actual_g - waiting_g END),
    SUM(CASE WHEN strategy = 'dynamic' AND actual_g + waiting_g IS NOT NULL THEN if_static_g END),
    COUNT(CASE WHEN strategy != 'dynamic' THEN actual_g + waiting_g - if_dynamic_g END),
    SUM(CASE WHEN strategy != 'dynamic' THEN actual_g + waiting_g - if_dynamic_g END),
    SUM(CASE WHEN strategy != 'dynamic' AND if_dynamic_g IS NOT NULL THEN actual_g + waiting_g END)
"""

# The sums again, over the machine's energy: what the job emitted, times the machine's energy by
# the job's. The wait is the machine's own already.
_MACHINE_J = """(
    CASE WHEN COALESCE(machine_cpu_j, machine_gpu_j, machine_ram_j) IS NOT NULL THEN
    COALESCE(machine_cpu_j, 0) + COALESCE(machine_gpu_j, 0) + COALESCE(machine_ram_j, 0) END
)"""
_MEASURED = ", ".join(f"'{method}'" for method in sorted(MEASURED_METHODS))
_MEASURED_J = " + ".join(
    f"CASE WHEN method_{part} IN ({_MEASURED}) THEN COALESCE(machine_{part}_j, 0) ELSE 0 END"
    for part in ("cpu", "gpu", "ram")
)
_SCALED = ("actual_g", "if_now_g", "if_static_g", "if_dynamic_g", "best_g")
_MACHINE = f"""
    SELECT {_MEASURED_J} AS measured_j,
    {", ".join(f"{column} * machine_j / energy_j AS {column}" for column in _SCALED)},
    (if_now_g - actual_g) * machine_j / energy_j - waiting_g AS saving_g, machine_j AS energy_j,
    waiting_g, accounting, ended, deadline, static_assumed, uncovered_s, started, submitted, state,
    rung, method_cpu, signal_kind, name, zone, provider, strategy, owner_host
    FROM (SELECT *, {_MACHINE_J} AS machine_j FROM runs)
"""
_FROM: dict[Attribution, str] = {"job": "runs", "machine": f"({_MACHINE})"}

WHERE = """
    state IN ('finished', 'lost') AND started IS NOT NULL
    AND submitted >= :since AND submitted < :until
"""


def bounds(since: Instant | None, until: Instant | None) -> dict[str, float]:
    """The parameters of `WHERE`; None: no bound."""
    return {
        "since": float("-inf") if since is None else since,
        "until": float("inf") if until is None else until,
    }


class Cell(NamedTuple):
    """The sums of the runs that have all of these in common, as they come from SQLite."""

    key: str | None
    day: str
    rung: str
    method: str
    signal_kind: Signal
    sums: tuple[float | None, ...]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return int(self.sums[0] or 0)

    @property
    def emitted_g(self) -> float | None:
        """What they emitted, None if that is known of none."""
        return self.sums[3]


def cells(
    connection: sqlite3.Connection,
    by: By,
    *,
    since: Instant | None,
    until: Instant | None,
    offsets: Offsets = UTC,
    attribution: Attribution = "job",
) -> list[Cell]:
    """The runs submitted in `[since, until)`, added up by key, local day, rung, meter, signal.

    Energy and emissions are the job's, or those of the whole machine while it ran.
    """
    values = bounds(since, until)
    statement = (
        f"SELECT {_day(offsets)}, {_CELL}, {key_of(by, offsets)}, {_SUMS}"
        f" FROM {_FROM[attribution]} WHERE {WHERE} GROUP BY 1, 2, 3, 4, 5"
    )
    return [_cell(loaded(row)) for row in connection.execute(statement, values)]


def _cell(row: list[Any]) -> Cell:
    day, rung, method, signal_kind, key, *sums = row
    texts = (day, rung, method, signal_kind, "" if key is None else key)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(row)
    if not all(value is None or isfinite(value) for value in sums):
        raise ValueError(row)
    return Cell(key, day, rung, method, signal_kind, tuple(sums))


def added(cells: Iterable[Cell], key: str | None = None) -> Totals | None:
    """The sums of several cells; None of none. What no run has stays unknown."""
    total: Sequence[float | None] | None = None
    for cell in cells:
        if total is None:
            total = cell.sums
        else:
            total = [
                b if a is None else a if b is None else a + b
                for a, b in zip(total, cell.sums, strict=True)
            ]
    return None if total is None else _totals(key, total)


def _totals(key: str | None, sums: Sequence[Any]) -> Totals:
    runs, energy_j, measured_j, *rest = sums
    return Totals(key, runs, energy_j, measured_j, Emissions(*rest[:6]), *rest[6:])
