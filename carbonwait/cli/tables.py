"""Reports and runs as tables in a terminal, in plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from rich.live import Live
from rich.table import Table
from rich.text import Text

from carbonwait.cli.output import printable
from carbonwait.cli.screen import Screen
from carbonwait.core.records import Energy, Instant, Run
from carbonwait.core.units import (
    JOULES_PER_KWH,
    format_grams,
    format_instant,
    format_kwh,
    format_span,
)
from carbonwait.ledger.totals import Totals
from carbonwait.stories.history import Entry
from carbonwait.stories.report import Report

_PLAIN_WIDTH = 120
_BAR_WIDTH = 30
_DAYS_SHOWN = 31
_WATCH_EVERY_S = 2.0


def _console() -> Screen:
    """As wide as the terminal, or wide enough for a pipe."""
    return Screen(sys.stdout, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def _ascii_only() -> bool:
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return not encoding.startswith("utf")


def _table(*columns: str, left: int = 1) -> Table:
    """A table without lines; the first `left` columns are text, the others figures."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        if index < left:
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right", no_wrap=True)
    return table


# --- report -------------------------------------------------------------------------------------


def print_report(report: Report) -> None:
    """Jobs, days, and what the figures stand on."""
    console = _console()
    if report.total is None and report.marginal is None:
        console.print("No runs yet: carbonwait run -- COMMAND makes the first one.")
        return
    if report.total is not None:
        console.print(_jobs(report.groups, report.total))
        console.print()
        console.print(_days(report.days))
    if report.marginal is not None:
        console.print("\nMarginal signal, not added to the above:")
        console.print(_jobs(report.marginal_groups, report.marginal))
    console.print()
    for line in honest_words(report):
        console.print(Text(line))


def _jobs(groups: Sequence[Totals], total: Totals) -> Table:
    table = _table(
        "job", "runs", "energy", "emitted", "at once", "in window", "est. saving", "", "measured"
    )
    for group in groups:
        table.add_row(*_cells(group))
    if len(groups) > 1:
        table.add_row(*_cells(total, total=True), style="bold")
    return table


def _cells(totals: Totals, *, total: bool = False) -> list[str | Text]:
    kwh = None if totals.energy_j is None else totals.energy_j / JOULES_PER_KWH
    emissions = totals.emissions
    return [
        Text(printable(totals.key or ("all" if total else "none"))),
        f"{totals.runs:,}",
        format_kwh(kwh),
        format_grams(emissions.actual_g),
        format_grams(emissions.if_now_g),
        format_grams(emissions.if_static_g),
        format_grams(totals.saving_g),
        _percent(totals.saving_pct),
        "unknown" if totals.measured_share is None else _percent(100 * totals.measured_share),
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


def _days(days: Sequence[Totals]) -> Table:
    """A bar per day: what was emitted, and behind it what waiting is estimated to have avoided."""
    emitted, avoided = ("#", "-") if _ascii_only() else ("█", "░")
    table = _table("day", "", "emitted", "est. saving", left=2)
    shown = days[-_DAYS_SHOWN:]
    most = max((_most(day) for day in shown), default=0.0)
    for day in shown:
        actual = day.emissions.actual_g or 0.0
        saving = max(0.0, day.saving_g or 0.0)
        full = round(_BAR_WIDTH * actual / most) if most else 0
        rest = round(_BAR_WIDTH * (actual + saving) / most) - full if most else 0
        bar = emitted * full + avoided * rest
        grams = format_grams(day.emissions.actual_g)
        table.add_row(str(day.key), bar, grams, format_grams(day.saving_g))
    return table


def _most(day: Totals) -> float:
    return (day.emissions.actual_g or 0.0) + max(0.0, day.saving_g or 0.0)


def honest_words(report: Report) -> list[str]:
    """What the figures are, and what they are not."""
    lines = [
        "Savings are estimated: each run's energy replayed from its submission on the same data.",
        "Location-based, operational emissions in CO2eq; average intensities.",
    ]
    rungs = ", ".join(f"{rung} {count:,}" for rung, count in sorted(report.rungs.items()))
    methods = ", ".join(f"{method} {count:,}" for method, count in sorted(report.methods.items()))
    if rungs:
        lines.append(f"Planned on (runs): {rungs}. CPU energy by (runs): {methods}.")
    total = report.total
    if total is None:
        return lines
    if total.settled_share is not None and total.settled_share < 1:
        share = 100 * total.settled_share
        lines.append(f"Settled with actual intensities: {share:.0f} %; the rest is provisional.")
    if total.static_assumed:
        lines.append(
            f"The static window is assumed (01:00-05:00) in {total.static_assumed:,} of the runs; "
            "set [static] windows to compare with yours."
        )
    if total.unmetered:
        lines.append(f"Energy is unknown in {total.unmetered:,} of the runs, and not in the sums.")
    if total.deadline_missed:
        lines.append(f"Deadlines missed: {total.deadline_missed:,}.")
    return lines


# --- runs and show ------------------------------------------------------------------------------


def print_runs(runs: Sequence[Run], now: Instant) -> None:
    """One line a run, newest first."""
    _console().print(_runs(runs, now))


def watch_runs(look: Callable[[], Sequence[Run]]) -> NoReturn:
    """The same, anew every two seconds until interrupted."""
    with Live(console=_console(), auto_refresh=False) as live:
        while True:
            live.update(_runs(look(), time.time()), refresh=True)
            time.sleep(_WATCH_EVERY_S)


def _runs(runs: Sequence[Run], now: Instant) -> Table | Text:
    if not runs:
        return Text("No such runs.")
    table = _table("id", "state", "job", "when", "emitted", "est. saving", left=4)
    for run in runs:
        table.add_row(
            run.id,
            run.state,
            Text(printable(run.name)),
            _when(run, now),
            format_grams(run.emissions.actual_g),
            format_grams(run.emissions.saving_g),
        )
    return table


def _when(run: Run, now: Instant) -> str:
    if run.started is None:
        if run.state == "waiting" and run.planned_start is not None:
            return f"starts in {format_span(max(0.0, run.planned_start - now))}"
        return f"submitted {format_span(now - run.submitted)} ago"
    if run.ended is None:
        return f"started {format_span(now - run.started)} ago"
    return f"ended {format_span(now - run.ended)} ago, took {format_span(run.ended - run.started)}"


def print_run(entry: Entry, now: Instant) -> None:
    """Everything about one run."""
    run = entry.run
    console = _console()
    for name, text in _facts(run):
        console.print(Text(f"{name + ':':<20}{text}"))
    console.print(Text(f"{'machine shared:':<20}{_shared(entry)}"))
    console.print(Text("decisions:"))
    for decision in entry.decisions:
        start = format_instant(decision.start)
        console.print(
            Text(
                f"  {format_instant(decision.at)}  start {start}, {decision.rung}: "
                f"{printable(decision.reason)}"
            )
        )
    known = [slot for slot in entry.slots if slot.energy.total_j is not None]
    console.print(Text(f"energy slots:       {len(entry.slots)}, {len(known)} of them metered"))


def _facts(run: Run) -> list[tuple[str, str]]:
    emissions = run.emissions
    status = f"killed by SIG{run.term_signal}" if run.term_signal else f"exit {run.exit_code}"
    floor = "unknown, taken as 0" if run.idle_floor_w is None else f"{run.idle_floor_w:.1f} W"
    facts = [
        ("run", run.id),
        ("job", printable(run.name)),
        ("command", printable(run.command) if run.command is not None else "not recorded"),
        ("state", run.state if run.ended is None or not run.started else f"{run.state}, {status}"),
        ("submitted", format_instant(run.submitted)),
        ("started", "not yet" if run.started is None else format_instant(run.started)),
        ("ended", "not yet" if run.ended is None else format_instant(run.ended)),
        ("waited", "unknown" if run.wait_s is None else format_span(run.wait_s)),
        ("deadline", f"{format_instant(run.deadline)}{_met(run)}"),
        ("zone", f"{run.zone or 'none'} ({run.zone_source or 'unknown'})"),
        ("source", f"{run.provider or 'none'}, {run.rung}, {run.signal_kind} signal"),
        ("energy", f"{_joules(run.energy)} of the machine's {_joules(run.machine_energy)}"),
        ("meters", f"CPU {run.methods.cpu}, GPU {run.methods.gpu}, RAM {run.methods.ram}"),
        ("idle floor", floor),
        ("not covered", format_span(run.uncovered_s or 0.0)),
        ("emitted", format_grams(emissions.actual_g)),
        ("if at once", format_grams(emissions.if_now_g)),
        ("if in window", format_grams(emissions.if_static_g)),
        ("if dynamic", format_grams(emissions.if_dynamic_g)),
        ("best in hindsight", format_grams(emissions.best_g)),
        ("estimated saving", format_grams(emissions.saving_g)),
        ("accounting", f"{run.accounting}, intensities: {run.basis or 'none'}"),
    ]
    if run.static_assumed:
        facts.append(("static window", "assumed, 01:00-05:00"))
    return facts


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


def _joules(energy: Energy) -> str:
    return "unknown" if energy.total_j is None else format_kwh(energy.total_j / JOULES_PER_KWH)
