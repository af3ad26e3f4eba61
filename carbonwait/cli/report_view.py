"""The report on a terminal: groups and days as tables, and what they stand on in sentences."""

import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from carbonwait.cli.answers import honest_words
from carbonwait.cli.console import new_console, new_table
from carbonwait.cli.output import ascii_only, printable
from carbonwait.cli.sparks import sparkline
from carbonwait.core.units import format_grams, format_instant, format_kwh
from carbonwait.ledger.totals import Totals
from carbonwait.stories.report import Report

_BAR_WIDTH = 30
_DAYS_SHOWN = 31


def print_report(report: Report) -> None:
    """Jobs, days, and what the figures stand on."""
    console = new_console()
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
    plain = ascii_only(sys.stdout)
    shows_trend = bool(trends) and total is report.total
    table = new_table(*headings, *(["by day"] if shows_trend else []))
    for group in groups:
        trend = [sparkline(trends.get(group.key, []), ascii_only=plain)]
        table.add_row(*_cells(group), *(trend if shows_trend else []))
    if len(groups) > 1:
        table.add_row(*_cells(total, total=True), style="bold")
    return table


def _cells(totals: Totals, *, total: bool = False) -> list[str | Text]:
    emissions = totals.emissions
    return [
        Text(printable(totals.key or ("all" if total else "none"))),
        f"{totals.runs:,}",
        format_kwh(totals.energy_kwh),
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
    emitted, avoided = ("#", "-") if ascii_only(sys.stdout) else ("█", "░")
    table = new_table("day", "", "emitted", "est. saving", left=2)
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
