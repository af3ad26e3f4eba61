"""Sums over runs, made by SQLite, so that a million runs never meet in memory.

What counts are runs that have started and are no longer under way. A figure is the sum over the
runs that have it. A saving is added up run by run and its percentage is of the very same runs, so
that a run without one of two figures makes no unlike sums.
"""

import sqlite3
from typing import Any, Literal, NamedTuple

from carbonwait.core.records import Emissions, Instant, Signal
from carbonwait.ledger.rows import loaded

By = Literal["name", "day", "zone", "provider", "strategy", "rung", "method"]

DAY_S = 86400


class Totals(NamedTuple):
    """Sums of the runs of one key; None where no run has the figure.

    Savings are estimates and may be negative: `saving_g` against starting at once,
    `static_saving_g` against the static window. `..._of_g` is the baseline of the same runs.
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

    @property
    def saving_pct(self) -> float | None:
        """The estimated saving against starting at once, of what that would have emitted."""
        return _pct(self.saving_g, self.saving_of_g)

    @property
    def static_saving_pct(self) -> float | None:
        """The estimated saving against the static window, of what that would have emitted."""
        return _pct(self.static_saving_g, self.static_saving_of_g)

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


_KEYS: dict[By, str] = {
    "name": "name",
    "day": f"CAST(floor_day AS INTEGER)",
    "zone": "zone",
    "provider": "provider",
    "strategy": "strategy",
    "rung": "rung",
    "method": "method_cpu",
}


def _pct(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole
