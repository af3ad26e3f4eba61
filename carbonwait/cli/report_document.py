"""The JSON document of `report`."""

from collections.abc import Sequence
from dataclasses import asdict

from carbonwait.cli.documents import (
    SCHEMA,
    Document,
    cost_document,
    emissions_document,
    instant,
    seconds,
)
from carbonwait.core.records import Emissions, Signal
from carbonwait.ledger.costs import CostTotals
from carbonwait.ledger.totals import Totals
from carbonwait.stories.report import Report


def report_document(report: Report) -> Document:
    """What `report --json` prints; marginal figures stand apart and are never added up."""
    document: Document = {
        "schema": SCHEMA,
        "since": instant(report.since),
        "until": instant(report.until),
        "by": report.by,
        "attribution": report.attribution,
        **_totals(report.total, report.costs, "average"),
        "forecast_error": [asdict(error) for error in report.forecast_error],
        "groups": _groups(report.groups, report, "average"),
    }
    if report.marginal is not None:
        document["marginal"] = {
            **_totals(report.marginal, report.costs, "marginal"),
            "forecast_error": [asdict(error) for error in report.marginal_forecast_error],
            "groups": _groups(report.marginal_groups, report, "marginal"),
        }
    return document


def _groups(groups: Sequence[Totals], report: Report, signal: Signal) -> list[Document]:
    return [
        {
            "key": group.key,
            **_totals(group, [c for c in report.group_costs if c.key == group.key], signal),
        }
        for group in groups
    ]


def _totals(totals: Totals | None, costs: Sequence[CostTotals], signal: Signal) -> Document:
    costs = [cost for cost in costs if cost.signal_kind == signal]
    runs = 0 if totals is None else totals.runs
    emissions = Emissions() if totals is None else totals.emissions
    return {
        "runs": runs,
        "energy_kwh": totals and totals.energy_kwh,
        "emissions_g": emissions_document(emissions),
        "saving_g": totals and totals.saving_g,
        "saving_pct": totals and totals.saving_pct,
        "measured_share": totals and totals.measured_share,
        "dirtier_than_now": 0 if totals is None else totals.dirtier_than_now,
        "regret_g": totals and totals.regret_g,
        "settled_share": totals and totals.settled_share,
        "pending": 0 if totals is None else totals.pending,
        "deadline_missed": 0 if totals is None else totals.deadline_missed,
        "unmetered": 0 if totals is None else totals.unmetered,
        "uncovered_s": None if totals is None else seconds(totals.uncovered_s),
        "cost": [{**cost_document(c.cost), "runs": c.runs, "saving": c.saving} for c in costs],
        "unpriced_runs": runs - sum(cost.runs for cost in costs),
    }
