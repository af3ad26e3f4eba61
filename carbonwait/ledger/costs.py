"""Sums of what runs have cost, made by SQLite, beside those of `carbonwait.ledger.totals`.

Money is added up only where it is the same: one currency, and either retail or wholesale prices.
Runs that have no price are not looked at: an index knows the others.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from carbonwait.core.records import Cost, Instant, PriceKind, Signal
from carbonwait.ledger.rows import loaded
from carbonwait.ledger.totals import UTC, WHERE, By, Offsets, bounds, key_of


class CostTotals(NamedTuple):
    """The costs of the runs of one key that have a price, by currency and kind of price.

    A figure is the sum over the runs that have it, None if none has; `saving` is the sum over the
    runs that have all of what it is made of, and `saving_of` what those would have cost at once.
    `static_runs` is how many runs the figure of the static window is of.
    """

    key: str | None
    signal_kind: Signal
    cost: Cost
    runs: int
    static_runs: int
    saving: float | None
    saving_of: float | None

    @property
    def saving_pct(self) -> float | None:
        """The saving, of what starting at once would have cost; None where that is no cost."""
        if self.saving is None or self.saving_of is None or self.saving_of <= 0:
            return None
        return 100 * self.saving / self.saving_of


_SAVING = "cost_if_now - cost_actual - cost_waiting"
_SUMS = f"""
    COUNT(*), COUNT(cost_if_static), SUM({_SAVING}),
    SUM(CASE WHEN {_SAVING} IS NOT NULL THEN cost_if_now END),
    SUM(cost_actual), SUM(cost_if_now), SUM(cost_if_static), SUM(cost_if_dynamic), SUM(cost_best),
    SUM(cost_waiting)
"""


def cost_totals(
    connection: sqlite3.Connection,
    by: By,
    *,
    since: Instant | None,
    until: Instant | None,
    offsets: Offsets = UTC,
) -> list[CostTotals]:
    """The costs of the runs submitted in `[since, until)`, by key, signal, currency and kind."""
    values = bounds(since, until)
    statement = (
        f"SELECT {key_of(by, offsets)}, signal_kind, cost_currency, cost_kind, {_SUMS}"
        # Left to itself SQLite would rather look at every run that has ended.
        " FROM runs INDEXED BY runs_by_cost"
        f" WHERE cost_currency IS NOT NULL AND {WHERE} GROUP BY 1, 2, 3, 4 ORDER BY 3, 4, 1"
    )
    return [_totals(loaded(row)) for row in connection.execute(statement, values)]


def _totals(row: list[object]) -> CostTotals:
    key, signal_kind, currency, kind, runs, static_runs, saving, saving_of, *figures = row
    cost = Cost(currency, kind, *figures)  # type: ignore[arg-type]
    return CostTotals(key, signal_kind, cost, runs, static_runs, saving, saving_of)  # type: ignore[arg-type]


def all_keys(groups: Iterable[CostTotals]) -> list[CostTotals]:
    """The costs of all keys together, still apart by signal, currency and kind."""
    found: dict[tuple[Signal, str | None, PriceKind | None], CostTotals] = {}
    for group in groups:
        unit = group.signal_kind, group.cost.currency, group.cost.kind
        found[unit] = _added(found[unit], group) if unit in found else group._replace(key=None)
    return list(found.values())


def _added(one: CostTotals, other: CostTotals) -> CostTotals:
    a, b = one.cost, other.cost
    cost = Cost(
        a.currency,
        a.kind,
        *(
            _sum(getattr(a, name), getattr(b, name))
            for name in ("actual", "if_now", "if_static", "if_dynamic", "best", "waiting")
        ),
    )
    return CostTotals(
        None,
        one.signal_kind,
        cost,
        one.runs + other.runs,
        one.static_runs + other.static_runs,
        _sum(one.saving, other.saving),
        _sum(one.saving_of, other.saving_of),
    )


def _sum(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
