"""The report as one page for a browser: figures, charts, tables and what they stand on.

The page holds all that it needs and asks nobody for anything; there is no script in it, and its own
policy forbids any. Names of jobs may hold anything, so that every text passes through `_text`.
"""

from collections.abc import Iterator, Sequence
from html import escape

from carbonwait.cli import html_charts as charts
from carbonwait.cli.answers import honest_words
from carbonwait.cli.html_style import STYLE
from carbonwait.cli.output import printable
from carbonwait.core.units import format_grams, format_instant, format_kwh
from carbonwait.ledger.totals import Totals
from carbonwait.stories.report import Report

# More groups than anybody compares; the others are told as a number.
_GROUPS_SHOWN = 100
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report) -> Iterator[str]:
    """The lines of the page."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>carbonwait report</title><style>{STYLE}</style></head><body><main>"
    yield "<header><h1>What was emitted, and what shifting avoided</h1>"
    yield f"<p>{_text(_period(report))}</p></header>"
    if report.total is None and report.marginal is None:
        yield "<p>No runs in this time. <code>carbonwait run -- COMMAND</code> makes one.</p>"
    if report.total is not None:
        yield from _part(report.total, report.groups, report, "CO2eq, location-based")
        yield from _days(report.days)
    if report.marginal is not None:
        yield "<hr><h2>Marginal signal</h2>"
        yield "<p>It answers another question and is never added to the average signal.</p>"
        yield from _part(report.marginal, report.marginal_groups, report, "CO2eq, marginal")
    yield '<section class="words"><h2>What these figures are</h2><ul>'
    for line in honest_words(report):
        yield f"<li>{_text(line)}</li>"
    yield "</ul></section></main></body></html>"


def _period(report: Report) -> str:
    until = _day(format_instant(report.until))
    span = f"Runs submitted up to {until}"
    if report.since is not None:
        span = f"Runs submitted from {_day(format_instant(report.since))} to {until}"
    return f"{span}; energy and emissions of the {report.attribution}."


def _day(instant: str) -> str:
    """The minute is enough to read."""
    return instant[:16].replace("T", " ") + " UTC"


def _part(total: Totals, groups: Sequence[Totals], report: Report, kind: str) -> Iterator[str]:
    heading = "job" if report.by == "name" else report.by
    yield '<section class="figures">'
    for name, figure, detail in _figures(total, kind):
        yield f"<div><span>{name}</span><b>{_text(figure)}</b><span>{_text(detail)}</span></div>"
    yield "</section>"
    shown = groups[:_GROUPS_SHOWN]
    yield f"<section><h2>By {_text(heading)}</h2>"
    yield from charts.comparison(
        [(_name(group), _bars(group)) for group in shown[: charts.MOST_ROWS]]
    )
    if len(shown) > charts.MOST_ROWS:
        yield f"<p>The first {charts.MOST_ROWS} are drawn.</p>"
    yield from _table(heading, shown, total)
    if len(groups) > len(shown):
        yield f"<p>The other {len(groups) - len(shown):,} are in the sums and not in the table.</p>"
    yield "</section>"


def _figures(total: Totals, kind: str) -> Iterator[tuple[str, str, str]]:
    emissions = total.emissions
    saving = "" if total.saving_pct is None else f"{total.saving_pct:.1f} % of starting at once"
    static = total.static_saving_pct
    against = "" if static is None else f"{static:.1f} % of the static window's"
    yield "emitted", format_grams(emissions.actual_g), kind
    yield "estimated saving", format_grams(total.saving_g), saving
    yield "against the window", format_grams(total.static_saving_g), against
    yield "energy", format_kwh(total.energy_kwh), f"measured: {_measured(total)}"
    yield "runs", f"{total.runs:,}", f"{total.deadline_missed:,} past their deadline"


def _bars(group: Totals) -> list[float | None]:
    emissions = group.emissions
    return [emissions.actual_g, emissions.if_now_g, emissions.if_static_g]


def _table(heading: str, groups: Sequence[Totals], total: Totals) -> Iterator[str]:
    names = (heading, "runs", "energy", "emitted", "at once", "in window", "est. saving", "")
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f'<th scope="col">{_text(name)}</th>' for name in (*names, "measured"))
    yield "</tr></thead><tbody>"
    for group in groups:
        yield _row(group, _name(group))
    yield "</tbody><tfoot>"
    yield _row(total, "all")
    yield "</tfoot></table></div>"


def _row(totals: Totals, name: str) -> str:
    emissions = totals.emissions
    pct = "" if totals.saving_pct is None else f"{totals.saving_pct:.1f} %"
    cells = (
        f"{totals.runs:,}",
        format_kwh(totals.energy_kwh),
        format_grams(emissions.actual_g),
        format_grams(emissions.if_now_g),
        format_grams(emissions.if_static_g),
        format_grams(totals.saving_g),
        pct,
        _measured(totals),
    )
    figures = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{_text(name)}</th>{figures}</tr>'


def _days(days: Sequence[Totals]) -> Iterator[str]:
    if not days:
        return
    yield "<section><h2>By day</h2>"
    yield from charts.days(
        [(str(day.key), day.emissions.actual_g or 0.0, day.saving_g or 0.0) for day in days]
    )
    yield "</section>"


def _measured(totals: Totals) -> str:
    share = totals.measured_share
    return "unknown" if share is None else f"{100 * share:.0f} %"


def _name(group: Totals) -> str:
    return group.key or "none"


def _text(text: str) -> str:
    """A text as it can stand anywhere in the page."""
    return escape(printable(text), quote=True)
