"""The JSON documents: names, units and nesting as they are promised to programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from carbonwait.core.alternatives import expectation, runner_up
from carbonwait.core.labels import kind_of
from carbonwait.core.landscape import Candidate
from carbonwait.core.objective import named
from carbonwait.core.records import (
    Cost,
    Decision,
    Emissions,
    Energy,
    EnergySlot,
    Instant,
    Pause,
    Run,
    Signal,
)
from carbonwait.core.units import format_instant
from carbonwait.ledger.costs import CostTotals
from carbonwait.ledger.totals import Totals
from carbonwait.stories.doctor import Diagnosis
from carbonwait.stories.forecast import ForecastView
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Forethought
from carbonwait.stories.report import Report

SCHEMA = 1

Document = dict[str, Any]


def _instant(instant: Instant | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _seconds(span_s: float | None) -> float | None:
    return None if span_s is None else round(span_s, 3)


def plan_document(thought: Forethought) -> Document:
    """What `plan --json` prints."""
    plan, outlook, task = thought.plan, thought.outlook, thought.task
    return {
        "schema": SCHEMA,
        "submitted": _instant(task.submitted),
        "name": thought.name or None,
        **_source(outlook),
        "age_s": None if outlook.issued is None else _seconds(thought.now - outlook.issued),
        "strategy": task.strategy,
        "objective": named(task.carbon_weight),
        "duration_s": _seconds(task.durations.expected_s),
        "duration_basis": task.durations.basis,
        "deadline": _instant(task.deadline),
        "latest_start": _instant(plan.latest_start),
        "start": _instant(plan.start),
        "end": _instant(plan.end),
        "wait_s": _seconds(plan.start - task.submitted),
        "deadline_at_risk": plan.deadline_at_risk,
        "intensity_g_per_kwh": asdict(plan.intensities),
        "price_per_kwh": _prices(thought),
        "static_start": _instant(plan.static_start),
        "runner_up": _runner_up(thought),
        "static_assumed": plan.static_assumed,
        "saving_pct": plan.saving_pct,
        "reason": plan.reason,
        "segments": [
            {"start": _instant(start), "end": _instant(end)}
            for start, end in plan.segments or ((plan.start, plan.end),)
        ],
        "candidates": [_candidate(candidate, thought) for candidate in plan.candidates],
    }


def _prices(thought: Forethought) -> Document | None:
    """What electricity is expected to cost, from the same starts as the intensities."""
    prices, plan = thought.prices.prices, thought.plan
    if prices is None:
        return None
    return {
        "currency": prices.currency,
        "kind": prices.kind,
        "provider": prices.provider,
        "now": thought.price(thought.now),
        "chosen": thought.price(plan.start),
        "static": thought.price(plan.static_start),
    }


def _candidate(candidate: Candidate, thought: Forethought) -> Document:
    known: Document = {
        "start": _instant(candidate.start),
        "intensity_g_per_kwh": candidate.g_per_kwh,
    }
    if thought.prices.prices is not None:
        known["price_per_kwh"] = thought.price(candidate.start)
    return known


def _runner_up(thought: Forethought) -> Document | None:
    second = runner_up(thought.task, thought.plan)
    if second is None:
        return None
    expected = expectation(thought.task, thought.outlook.series, thought.now, second.start)
    return {
        "start": _instant(second.start),
        "intensity_g_per_kwh": second.g_per_kwh,
        "saving_pct": expected.saving_pct,
    }


def _source(outlook: Outlook) -> Document:
    """What a plan or a forecast stands on."""
    return {
        "zone": outlook.zone,
        "zone_source": outlook.zone_source,
        "provider": outlook.provider,
        "rung": outlook.rung,
        "signal": outlook.signal,
        "scope": outlook.scope,
        "issued": _instant(outlook.issued),
        "warnings": list(outlook.warnings),
        "notes": list(outlook.notes),
    }


def forecast_document(view: ForecastView) -> Document:
    """What `forecast --json` prints."""
    outlook = view.outlook
    document: Document = {
        "schema": SCHEMA,
        **_source(outlook),
        "points": [
            {
                "start": _instant(slot.start),
                "end": _instant(slot.end),
                "g_per_kwh": slot.g_per_kwh,
                "kind": slot.kind,
            }
            for slot in view.points
        ],
    }
    if view.plan is not None:
        window = {"start": _instant(view.plan.start), "end": _instant(view.plan.end)}
        document["window"] = window
    return document


def doctor_document(diagnosis: Diagnosis) -> Document:
    """What `doctor --json` prints."""
    checks = [asdict(check) for check in diagnosis.checks]
    return {
        "schema": SCHEMA,
        "zone": diagnosis.zone,
        "checks": checks,
        "rung": diagnosis.rung,
    }


def run_document(run: Run, decisions: Sequence[Decision], pauses: Sequence[Pause] = ()) -> Document:
    """One item of `runs --json`, and what `show --json` prints but for its slots."""
    total_j = run.energy.total_j
    share = None if not total_j or run.measured_j is None else run.measured_j / total_j
    return {
        "id": run.id,
        "name": run.name,
        "command": run.command,
        "state": run.state,
        "strategy": run.strategy,
        "objective": named(run.objective),
        "submitted": _instant(run.submitted),
        "planned_start": _instant(run.planned_start),
        "latest_start": _instant(run.latest_start),
        "static_start": _instant(run.static_start),
        "static_assumed": run.static_assumed,
        "dynamic_start": _instant(run.dynamic_start),
        "started": _instant(run.started),
        "ended": _instant(run.ended),
        "wait_s": _seconds(run.wait_s),
        "paused_s": _seconds(run.paused_s),
        "pauses": [{"start": _instant(p.start), "end": _instant(p.end)} for p in pauses],
        "exit_code": run.exit_code,
        "signal": run.term_signal,
        "zone": run.zone,
        "zone_source": run.zone_source,
        "provider": run.provider,
        "rung": run.rung,
        "signal_kind": run.signal_kind,
        "scope": run.scope,
        "energy_j": _energy(run.energy),
        "energy_method": {
            "cpu": run.methods.cpu,
            "gpu": run.methods.gpu,
            "ram": run.methods.ram,
        },
        "energy_label": _labels(run),
        "machine_energy_j": _energy(run.machine_energy),
        "measured_share": share,
        "cpu_s": run.cpu_s,
        "job_share": run.job_share,
        "idle_floor_w": run.idle_floor_w,
        "emissions_g": _emissions(run.emissions),
        "saving_g": run.emissions.saving_g,
        "cost": None if run.cost.currency is None else _cost(run.cost),
        "accounting": run.accounting,
        "estimated": run.estimated,
        "deadline": _instant(run.deadline),
        "deadline_met": run.deadline_met,
        "intensity_basis": run.basis,
        "uncovered_s": _seconds(run.uncovered_s),
        "decisions": [
            {
                "at": _instant(decision.at),
                "start": _instant(decision.start),
                "rung": decision.rung,
                "issued": _instant(decision.issued),
                "reason": decision.reason,
            }
            for decision in decisions
        ],
    }


def show_document(
    run: Run,
    decisions: Sequence[Decision],
    slots: Sequence[EnergySlot],
    pauses: Sequence[Pause] = (),
) -> Document:
    """What `show --json` prints."""
    energy_slots = [
        {
            "start": _instant(slot.start),
            "end": _instant(slot.end),
            "cpu_j": slot.energy.cpu_j,
            "gpu_j": slot.energy.gpu_j,
            "ram_j": slot.energy.ram_j,
        }
        for slot in slots
    ]
    document = run_document(run, decisions, pauses)
    return {"schema": SCHEMA, **document, "energy_slots": energy_slots}


def report_document(report: Report) -> Document:
    """What `report --json` prints; marginal figures stand apart and are never added up."""
    document: Document = {
        "schema": SCHEMA,
        "since": _instant(report.since),
        "until": _instant(report.until),
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
        "emissions_g": _emissions(emissions),
        "saving_g": totals and totals.saving_g,
        "saving_pct": totals and totals.saving_pct,
        "measured_share": totals and totals.measured_share,
        "dirtier_than_now": 0 if totals is None else totals.dirtier_than_now,
        "regret_g": totals and totals.regret_g,
        "settled_share": totals and totals.settled_share,
        "pending": 0 if totals is None else totals.pending,
        "deadline_missed": 0 if totals is None else totals.deadline_missed,
        "unmetered": 0 if totals is None else totals.unmetered,
        "uncovered_s": None if totals is None else _seconds(totals.uncovered_s),
        "cost": [{**_cost(c.cost), "runs": c.runs, "saving": c.saving} for c in costs],
        "unpriced_runs": runs - sum(cost.runs for cost in costs),
    }


def _labels(run: Run) -> Document:
    """What each component's figure rests on."""
    labels = run.labels
    return {
        "cpu": {
            "kind": kind_of(run.methods.cpu),
            "tdp_w": labels.tdp_w,
            "tdp_source": labels.tdp_source,
            "cpu_name": labels.cpu_name,
            "sockets": labels.sockets,
            "logical_cpus": labels.logical_cpus,
            "machine": labels.machine,
        },
        "gpu": {
            "kind": kind_of(run.methods.gpu),
            "count": labels.gpu_count,
            "reading": labels.gpu_reading,
        },
        "ram": {"kind": kind_of(run.methods.ram)},
    }


def _cost(cost: Cost) -> Document:
    """Money in units of its currency."""
    return asdict(cost)


def _energy(energy: Energy) -> Document:
    return {
        "cpu": energy.cpu_j,
        "gpu": energy.gpu_j,
        "ram": energy.ram_j,
        "total": energy.total_j,
    }


def _emissions(emissions: Emissions) -> Document:
    return {
        "actual": emissions.actual_g,
        "if_now": emissions.if_now_g,
        "if_static": emissions.if_static_g,
        "if_dynamic": emissions.if_dynamic_g,
        "best": emissions.best_g,
        "waiting": emissions.waiting_g,
    }
