"""The JSON documents of what lies ahead: `plan` and `forecast`."""

from dataclasses import asdict

from carbonwait.cli.documents import SCHEMA, Document, instant, seconds
from carbonwait.core.alternatives import expectation, runner_up
from carbonwait.core.landscape import Candidate
from carbonwait.core.objective import named
from carbonwait.stories.forecast import ForecastView
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Forethought


def plan_document(thought: Forethought) -> Document:
    """What `plan --json` prints."""
    plan, outlook, task = thought.plan, thought.outlook, thought.task
    return {
        "schema": SCHEMA,
        "submitted": instant(task.submitted),
        "name": thought.name or None,
        **_source(outlook),
        "age_s": None if outlook.issued is None else seconds(thought.now - outlook.issued),
        "strategy": task.strategy,
        "objective": named(task.carbon_weight),
        "duration_s": seconds(task.durations.expected_s),
        "duration_basis": task.durations.basis,
        "deadline": instant(task.deadline),
        "latest_start": instant(plan.latest_start),
        "start": instant(plan.start),
        "end": instant(plan.end),
        "wait_s": seconds(plan.start - task.submitted),
        "deadline_at_risk": plan.deadline_at_risk,
        "intensity_g_per_kwh": asdict(plan.intensities),
        "price_per_kwh": _prices(thought),
        "static_start": instant(plan.static_start),
        "runner_up": _runner_up(thought),
        "static_assumed": plan.static_assumed,
        "saving_pct": plan.saving_pct,
        "reason": plan.reason,
        "segments": [
            {"start": instant(start), "end": instant(end)}
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
        "start": instant(candidate.start),
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
        "start": instant(second.start),
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
        "issued": instant(outlook.issued),
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
                "start": instant(slot.start),
                "end": instant(slot.end),
                "g_per_kwh": slot.g_per_kwh,
                "kind": slot.kind,
            }
            for slot in view.points
        ],
    }
    if view.plan is not None:
        window = {"start": instant(view.plan.start), "end": instant(view.plan.end)}
        document["window"] = window
    return document
