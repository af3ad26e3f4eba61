"""The JSON documents: names, units and nesting as they are promised to programs.

Here is what several of them are made of, and a run as `runs`, `show` and `export` have it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from carbonwait.core.labels import kind_of
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
)
from carbonwait.core.units import format_instant

SCHEMA = 1

Document = dict[str, Any]


def instant(at: Instant | None) -> str | None:
    """As JSON has it: ISO 8601 in UTC, null where it is not known."""
    return None if at is None else format_instant(at)


def seconds(span_s: float | None) -> float | None:
    """To the millisecond, as instants are."""
    return None if span_s is None else round(span_s, 3)


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
        "submitted": instant(run.submitted),
        "planned_start": instant(run.planned_start),
        "latest_start": instant(run.latest_start),
        "static_start": instant(run.static_start),
        "static_assumed": run.static_assumed,
        "dynamic_start": instant(run.dynamic_start),
        "started": instant(run.started),
        "ended": instant(run.ended),
        "wait_s": seconds(run.wait_s),
        "paused_s": seconds(run.paused_s),
        "pauses": [{"start": instant(p.start), "end": instant(p.end)} for p in pauses],
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
        "emissions_g": emissions_document(run.emissions),
        "saving_g": run.emissions.saving_g,
        "cost": None if run.cost.currency is None else cost_document(run.cost),
        "accounting": run.accounting,
        "estimated": run.estimated,
        "deadline": instant(run.deadline),
        "deadline_met": run.deadline_met,
        "intensity_basis": run.basis,
        "uncovered_s": seconds(run.uncovered_s),
        "decisions": [
            {
                "at": instant(decision.at),
                "start": instant(decision.start),
                "rung": decision.rung,
                "issued": instant(decision.issued),
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
            "start": instant(slot.start),
            "end": instant(slot.end),
            "cpu_j": slot.energy.cpu_j,
            "gpu_j": slot.energy.gpu_j,
            "ram_j": slot.energy.ram_j,
        }
        for slot in slots
    ]
    document = run_document(run, decisions, pauses)
    return {"schema": SCHEMA, **document, "energy_slots": energy_slots}


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


def cost_document(cost: Cost) -> Document:
    """Money in units of its currency."""
    return asdict(cost)


def _energy(energy: Energy) -> Document:
    return {
        "cpu": energy.cpu_j,
        "gpu": energy.gpu_j,
        "ram": energy.ram_j,
        "total": energy.total_j,
    }


def emissions_document(emissions: Emissions) -> Document:
    """Grams by the start that they are of."""
    return {
        "actual": emissions.actual_g,
        "if_now": emissions.if_now_g,
        "if_static": emissions.if_static_g,
        "if_dynamic": emissions.if_dynamic_g,
        "best": emissions.best_g,
        "waiting": emissions.waiting_g,
    }
