"""Reports and runs as tables in a terminal, in plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo

from rich.live import Live
from rich.table import Table
from rich.text import Text

from carbonwait.cli.answers import in_hindsight
from carbonwait.cli.console import new_console as _console
from carbonwait.cli.console import new_table as _table
from carbonwait.cli.decision_log import log_lines
from carbonwait.cli.output import printable
from carbonwait.cli.sparks import sparkline
from carbonwait.core.errors import Mistake
from carbonwait.core.labels import cpu_label, gpu_label, ram_label
from carbonwait.core.objective import named
from carbonwait.core.records import Decision, Energy, Instant, Run
from carbonwait.core.units import (
    JOULES_PER_KWH,
    format_grams,
    format_instant,
    format_kwh,
    format_money,
    format_span,
)
from carbonwait.ledger.costs import CostTotals
from carbonwait.ledger.totals import Totals
from carbonwait.process.signals import ENDING, SignalQueue
from carbonwait.stories.history import Entry
from carbonwait.stories.report import Report

_BAR_WIDTH = 30
_DAYS_SHOWN = 31
_WATCH_EVERY_S = 2.0
# Below this, runs are listed without their figures.
_NARROW = 70


def _ascii_only() -> bool:
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return not encoding.startswith("utf")


# --- report -------------------------------------------------------------------------------------


def print_report(report: Report) -> None:
    """Jobs, days, and what the figures stand on."""
    console = _console()
    if report.total is None and report.marginal is None:
        console.print(_no_runs(report), soft_wrap=True)
        return
    if report.total is not None:
        console.print(_jobs(report.groups, report.total, report))
        console.print()
        console.print(_days(report.days))
    if report.marginal is not None:
        apart = ", not added to the above" if report.total is not None else ""
        console.print(f"\nMarginal signal{apart}:")
        console.print(_jobs(report.marginal_groups, report.marginal, report))
    console.print()
    for line in honest_words(report):
        console.print(Text(line))


def _no_runs(report: Report) -> str:
    until = format_instant(report.until)
    if report.since is None:
        return f"No runs up to {until}: carbonwait run -- COMMAND makes one."
    span = f"from {format_instant(report.since)} to {until}"
    return f"No runs {span}: carbonwait run -- COMMAND makes one, --since all shows older ones."


def _jobs(groups: Sequence[Totals], total: Totals, report: Report) -> Table:
    by = report.by
    headings = ["job" if by == "name" else by, "runs", "energy", "emitted", "at once", "in window"]
    headings += ["est. saving", "", "measured"]
    # A group that is a day or a week is itself one of the bars.
    trends = {} if by in {"day", "week"} or len(report.days) < 2 else report.trends
    shows_trend = bool(trends) and total is report.total
    table = _table(*headings, *(["by day"] if shows_trend else []))
    for group in groups:
        trend = [sparkline(trends.get(group.key, []), ascii_only=_ascii_only())]
        table.add_row(*_cells(group), *(trend if shows_trend else []))
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
        *_of_signals(report),
    ]
    if report.attribution == "machine":
        lines.append(
            "Of the whole machine: the jobs' emissions in proportion to its energy; where runs "
            "overlap, it is in the figures of each."
        )
    rungs = ", ".join(f"{rung} {count:,}" for rung, count in sorted(report.rungs.items()))
    methods = ", ".join(f"{method} {count:,}" for method, count in sorted(report.methods.items()))
    if rungs:
        lines.append(f"Planned on (runs): {rungs}. CPU energy by (runs): {methods}.")
    lines += [_cost_line(cost, report) for cost in report.costs]
    total = report.total
    pending = sum(part.pending for part in (total, report.marginal) if part is not None)
    if pending:
        runs = "run" if pending == 1 else "runs"
        lines.append(f"{pending:,} {runs} pending: carbonwait settle")
    if total is None:
        return lines
    lines += in_hindsight(report, total)
    if total.settled_share is not None and total.settled_share < 1:
        share = 100 * total.settled_share
        lines.append(f"Settled for good: {share:.0f} % of the runs; the rest is provisional.")
    if total.static_assumed:
        lines.append(
            f"The static window is assumed (01:00-05:00) in {total.static_assumed:,} of the runs; "
            "set [static] windows to compare with yours."
        )
    if total.unmetered:
        lines.append(f"Energy is unknown in {total.unmetered:,} of the runs, and not in the sums.")
    if total.uncovered_s:
        lines.append(f"Not seen by a meter: {format_span(total.uncovered_s)} of the runs in all.")
    if total.deadline_missed:
        lines.append(f"Deadlines missed: {total.deadline_missed:,}.")
    return lines


def _of_signals(report: Report) -> Iterator[str]:
    if report.total is not None or report.marginal is None:
        yield "Location-based, operational emissions in CO2eq; average intensities."
    if report.marginal is not None:
        yield "Marginal emissions in CO2eq are what a change causes, and belong in no inventory."


def _cost_line(costs: CostTotals, report: Report) -> str:
    """What the runs with a price of one currency and kind have cost, and would have."""
    totals = report.marginal if costs.signal_kind == "marginal" else report.total
    cost = costs.cost

    def money(amount: float | None) -> str:
        return format_money(amount, cost.currency)

    parts = [money(cost.actual), f"{money(cost.if_now)} at once"]
    if costs.static_runs == costs.runs:
        parts.append(f"{money(cost.if_static)} in window")
    share = "" if costs.saving_pct is None else f" ({costs.saving_pct:.0f} %)"
    parts.append(f"est. saving {money(costs.saving)}{share}")
    among = f"{costs.runs:,} of {0 if totals is None else totals.runs:,} runs"
    return f"Cost at {cost.kind} prices, where known ({among}): {', '.join(parts)}."


# --- runs and show ------------------------------------------------------------------------------


def print_runs(runs: Sequence[Run], now: Instant) -> None:
    """One line a run, newest first."""
    console = _console()
    console.print(_runs(runs, now, console.width))


def watch_runs(look: Callable[[], Sequence[Run]], queue: SignalQueue) -> int:
    """The same in place, anew every two seconds; returns the signal that ended it.

    Raises Mistake where nothing can be shown in place.
    """
    console = _console()
    if not console.is_terminal or console.is_dumb_terminal:
        raise Mistake("--watch needs a terminal; leave it out, or use --json")
    with Live(console=console, auto_refresh=False) as live:
        # Rich hides it, and whoever is stopped or killed cannot bring it back.
        console.show_cursor(True)
        while True:
            # One line a run, the headings, and the line that the cursor is on.
            shown = look()[: max(1, console.height - 2)]
            live.update(_runs(shown, time.time(), console.width), refresh=True)
            info = queue.next(_WATCH_EVERY_S)
            if info is not None and info.si_signo in ENDING:
                return info.si_signo


def _runs(runs: Sequence[Run], now: Instant, width: int) -> Table | Text:
    if not runs:
        return Text("No such runs.")
    figures = ("emitted", "est. saving") if width >= _NARROW else ()
    table = _table("id", "state", "job", "when", *figures, left=4)
    # An ID is there to be copied, and broken in two it cannot be.
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for run in runs:
        grams = (format_grams(run.emissions.actual_g), format_grams(run.emissions.saving_g))
        table.add_row(
            run.id,
            run.state,
            Text(printable(run.name)),
            _when(run, now),
            *grams[: len(figures)],
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


def print_run(entry: Entry, now: Instant, local: tzinfo, *, verbose: bool = False) -> None:
    """Everything about one run; on a terminal a long log is shortened unless `verbose`."""
    console = _console()
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
    status = f"killed by SIG{run.term_signal}" if run.term_signal else f"exit {run.exit_code}"
    estimated = " (estimated)" if run.estimated else ""
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
        *([("paused", _paused(entry))] if entry.pauses else []),
        ("deadline", f"{format_instant(run.deadline)}{_met(run)}"),
        ("zone", f"{run.zone or 'none'} ({run.zone_source or 'unknown'})"),
        ("source", f"{run.provider or 'none'}, {run.rung}, {run.signal_kind} signal"),
        ("energy", f"{_joules(run.energy)} of the machine's {_joules(run.machine_energy)}"),
        ("of it CPU", f"{_component(run.energy.cpu_j)}; {cpu_label(run.methods, run.labels)}"),
        ("of it GPU", f"{_component(run.energy.gpu_j)}; {gpu_label(run.methods, run.labels)}"),
        ("of it RAM", f"{_component(run.energy.ram_j)}; {ram_label(run.methods)}"),
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


def _component(j: float | None) -> str:
    return "unknown" if j is None else format_kwh(j / JOULES_PER_KWH)


def _joules(energy: Energy) -> str:
    return "unknown" if energy.total_j is None else format_kwh(energy.total_j / JOULES_PER_KWH)
