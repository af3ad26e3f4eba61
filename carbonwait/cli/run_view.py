"""One run in full: what it used, emitted and would have, and its decisions."""

import sys
from datetime import tzinfo

from rich.text import Text

from carbonwait.cli.console import new_console
from carbonwait.cli.decision_log import log_lines
from carbonwait.cli.output import printable
from carbonwait.cli.texts import status_words
from carbonwait.core.labels import cpu_label, gpu_label, ram_label
from carbonwait.core.objective import named
from carbonwait.core.records import Decision, Instant, Run
from carbonwait.core.units import (
    JOULES_PER_KWH,
    format_grams,
    format_instant,
    format_kwh,
    format_money,
    format_span,
)
from carbonwait.stories.history import Entry


def print_run(entry: Entry, now: Instant, local: tzinfo, *, verbose: bool = False) -> None:
    """Everything about one run; on a terminal a long log is shortened unless `verbose`."""
    console = new_console()
    for name, text in _facts(entry):
        console.print(Text(f"{name + ':':<20}{text}"))
    console.print(Text(f"{'machine shared:':<20}{_shared(entry)}"))
    if sys.stdout.isatty():
        lines = log_lines(entry, now, local, width=console.width, every=verbose)
    else:
        lines = ["decisions:", *map(_decision, entry.decisions)]
    for line in lines:
        console.print(Text(line))
    known = [slot for slot in entry.slots if slot.energy.total_j is not None]
    console.print(Text(f"energy slots:       {len(entry.slots)}, {len(known)} of them metered"))


def _decision(decision: Decision) -> str:
    """One line for a script."""
    at, start = format_instant(decision.at), format_instant(decision.start)
    return f"  {at}  start {start}, {decision.rung}: {printable(decision.reason)}"


def _facts(entry: Entry) -> list[tuple[str, str]]:
    run = entry.run
    emissions = run.emissions
    estimated = " (estimated)" if run.estimated else ""
    floor = "unknown, taken as 0" if run.idle_floor_w is None else f"{run.idle_floor_w:.1f} W"
    machine_energy = _kwh(run.machine_energy.total_j)
    facts = [
        ("run", run.id),
        ("job", printable(run.name)),
        ("command", printable(run.command) if run.command is not None else "not recorded"),
        ("state", _state(run)),
        ("submitted", format_instant(run.submitted)),
        ("started", _reached(run.started, "not yet" if run.state == "waiting" else "never")),
        ("ended", _reached(run.ended, "unknown" if run.state == "lost" else "not yet")),
        ("waited", "unknown" if run.wait_s is None else format_span(run.wait_s)),
        *([("paused", _paused(entry))] if entry.pauses else []),
        ("deadline", f"{format_instant(run.deadline)}{_met(run)}"),
        ("zone", f"{run.zone or 'none'} ({run.zone_source or 'unknown'})"),
        ("source", f"{run.provider or 'none'}, {run.rung}, {run.signal_kind} signal"),
        ("energy", f"{_kwh(run.energy.total_j)} of the machine's {machine_energy}"),
        ("of it CPU", f"{_kwh(run.energy.cpu_j)}; {cpu_label(run.methods, run.labels)}"),
        ("of it GPU", f"{_kwh(run.energy.gpu_j)}; {gpu_label(run.methods, run.labels)}"),
        ("of it RAM", f"{_kwh(run.energy.ram_j)}; {ram_label(run.methods)}"),
        ("idle floor", floor),
        ("not covered", format_span(run.uncovered_s or 0.0)),
        ("emitted", format_grams(emissions.actual_g)),
        ("if at once", format_grams(emissions.if_now_g)),
        ("if in window", format_grams(emissions.if_static_g)),
        ("if dynamic", format_grams(emissions.if_dynamic_g)),
        ("best in hindsight", format_grams(emissions.best_g)),
        ("estimated saving", format_grams(emissions.saving_g)),
        *_cost_facts(run),
        ("accounting", f"{run.accounting}{estimated}, intensities: {run.basis or 'none'}"),
    ]
    if run.static_assumed:
        facts.append(("static window", "assumed, 01:00-05:00"))
    return facts


def _reached(instant: Instant | None, otherwise: str) -> str:
    return otherwise if instant is None else format_instant(instant)


def _state(run: Run) -> str:
    ran = run.started is not None and run.ended is not None
    return f"{run.state}, {status_words(run)}" if ran else run.state


def _cost_facts(run: Run) -> list[tuple[str, str]]:
    cost = run.cost
    objective = named(run.objective)
    text = objective if isinstance(objective, str) else f"{objective:g} carbon, rest price"
    facts = [("objective", text)]
    if cost.currency is None:
        return [*facts, ("cost", "unknown")]
    figures = (
        ("cost at once", cost.if_now),
        ("cost in window", cost.if_static),
        ("cost if dynamic", cost.if_dynamic),
        ("least in hindsight", cost.best),
        ("est. cost saving", cost.saving),
    )
    paid = f"{format_money(cost.actual, cost.currency)} at {cost.kind} prices"
    rest = [(name, format_money(amount, cost.currency)) for name, amount in figures]
    return [*facts, ("cost", paid), *rest]


def _paused(entry: Entry) -> str:
    pauses = entry.pauses
    spans = (
        f"{format_instant(p.start)} to {'now' if p.end is None else format_instant(p.end)}"
        for p in pauses
    )
    return f"{format_span(entry.run.paused_s)}: {', '.join(spans)}"


def _shared(entry: Entry) -> str:
    """How the machine's energy was divided, where there was somebody to divide it with."""
    if not entry.overlapping:
        return "with no other run"
    others = "another run" if entry.overlapping == 1 else f"{entry.overlapping} other runs"
    share = entry.run.job_share
    part = "" if share is None else f", of its busy CPU time {100 * share:.0f} % are this one's"
    return f"with {others}{part}"


def _met(run: Run) -> str:
    if run.deadline_met is None:
        return ""
    return ", met" if run.deadline_met else ", missed"


def _kwh(j: float | None) -> str:
    return "unknown" if j is None else format_kwh(j / JOULES_PER_KWH)
