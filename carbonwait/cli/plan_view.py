"""A plan on a terminal: the forecast as a chart, the starts weighed up, and why in a sentence.

Elsewhere `carbonwait.cli.texts.plan_lines` says the same in plain lines.
"""

import sys
from shutil import get_terminal_size
from textwrap import wrap
from typing import NamedTuple

from rich.text import Text

from carbonwait.cli.chart import LABEL_WIDTH, Mark, chart_lines, columns_of
from carbonwait.cli.output import ascii_only, printable
from carbonwait.cli.screen import Screen
from carbonwait.cli.texts import duration_line, further_facts, start_line, zone_line
from carbonwait.core.alternatives import Expectation, expectation, runner_up, static_window
from carbonwait.core.records import Instant
from carbonwait.core.units import format_local, format_span
from carbonwait.stories.planning import Forethought

# A terminal of 24 lines is to show it all at once.
_LOW_LINES = 30
_ROWS, _FEW_ROWS = 8, 5
_CHOSEN_STYLE, _STATIC_STYLE = "green", "yellow"


class _Row(NamedTuple):
    """A line of the table, with the mark that its start has in the chart."""

    mark: str
    name: str
    short_name: str
    start: Instant
    g_per_kwh: float | None
    saving_pct: float | None
    remark: str = ""
    style: str = ""


def print_plan(thought: Forethought, *, verbose: bool = False) -> None:
    """Show a plan on the terminal that stdout is."""
    size = get_terminal_size()
    console = Screen(sys.stdout, width=size.columns)
    for line in plan_view(
        thought,
        width=size.columns,
        height=size.lines,
        plain=ascii_only(sys.stdout),
        verbose=verbose,
    ):
        console.print(Text(line.plain) if console.no_color else line, soft_wrap=True)


def plan_view(
    thought: Forethought, *, width: int, height: int, plain: bool, verbose: bool = False
) -> list[Text]:
    """The lines to show on a terminal of this size; `plain` uses ASCII alone."""
    rows = _FEW_ROWS if height < _LOW_LINES else _ROWS
    lines = _chart(thought, width, rows, plain=plain)
    table = _table(thought, wide=True)
    if max(map(len, table)) > width:
        table = _table(thought, wide=False)
    lines += table
    lines.append(Text())
    sentence = f"Start {_when(thought)}: {thought.plan.reason}."
    lines += [Text(line, style="bold") for line in wrap(printable(sentence), width)]
    facts = _facts(thought)
    if verbose:
        facts.append(("weighed", f"{len(thought.plan.candidates)} possible starts"))
    for name, text in facts:
        lines += [Text(line) for line in _folded(name, printable(text), width)]
    return lines


def _chart(thought: Forethought, width: int, rows: int, *, plain: bool) -> list[Text]:
    plan, now = thought.plan, thought.now
    end = _reach(thought)
    series = thought.outlook.series.between(now, end)
    if not series:
        return []
    # The last column stays free: some terminals wrap there.
    width -= 1
    static = static_window(thought.task, now)
    chosen = (plan.start, plan.end)
    marks = [Mark("~", *static)] if static else []
    if plan.latest_start >= now:
        marks.append(Mark("!", plan.latest_start, plan.latest_start))
    drawn = chart_lines(
        series,
        now,
        end,
        width=width,
        zone=thought.local,
        now=now,
        window=chosen,
        marks=marks,
        rows=rows,
        plain=plain,
    )
    lines = [Text(line) for line in drawn]
    for text in lines[: rows + 1]:
        for running in plan.segments or (chosen,):
            _colour(text, columns_of((running[0], running[1]), now, end, width), _CHOSEN_STYLE)
    if static:
        _colour(lines[rows + 1], columns_of(static, now, end, width), _STATIC_STYLE)
    return [*lines, Text()]


def _reach(thought: Forethought) -> Instant:
    """Where the chart ends: at the deadline, or later if the static window is not far behind it."""
    plan, now = thought.plan, thought.now
    needed = max(thought.task.deadline, plan.end, now + thought.task.durations.expected_s)
    static = static_window(thought.task, now)
    if static is None or static[1] > now + 2 * (needed - now):
        return needed
    return max(needed, static[1])


def _colour(text: Text, columns: range, style: str) -> None:
    text.stylize(style, LABEL_WIDTH + columns.start, LABEL_WIDTH + columns.stop)


def _table(thought: Forethought, *, wide: bool) -> list[Text]:
    """A line for each start; where it must not be wide, without spans and remarks."""
    rows = _rows(thought)
    names = [row.name if wide else row.short_name for row in rows]
    starts = [format_local(row.start, thought.local, thought.now) for row in rows]
    name_width, start_width = max(map(len, names)), max(map(len, starts))
    unit, gap = ("gCO2eq/kWh", "  ") if wide else ("g/kWh", " ")
    heads = [" " * (name_width + 2), " " * start_width, f"{unit:>{len(unit)}}", "est. saving"]
    if wide:
        heads.insert(2, f"{'wait':<8}")
    lines = [Text(gap.join(heads), style="dim")]
    for row, name, start in zip(rows, names, starts, strict=True):
        cells = [
            f"{row.mark} {name:<{name_width}}",
            f"{start:<{start_width}}",
            f"{_rate(row.g_per_kwh):>{len(unit)}}",
            f"{_percent(row.saving_pct):>11}",
        ]
        if wide:
            cells.insert(2, f"{_wait(row.start - thought.now):<8}")
            cells.append(row.remark)
        lines.append(Text(gap.join(cells).rstrip(), style=row.style))
    return lines


def _rows(thought: Forethought) -> list[_Row]:
    """Now, the static window, the chosen start, the runner-up and the latest start."""
    plan, task, now = thought.plan, thought.task, thought.now
    series = thought.outlook.series
    at_once = _expected(thought, now)
    then = _expected(thought, plan.static_start)
    rows = [
        _Row("^", "now", "now", *at_once),
        _Row(
            "~",
            "static window",
            "static",
            *then,
            remark=_static_remark(thought),
            style=_STATIC_STYLE,
        ),
        _Row(
            "=",
            "chosen",
            "chosen",
            plan.start,
            plan.intensities.chosen,
            plan.saving_pct,
            style=f"bold {_CHOSEN_STYLE}",
        ),
    ]
    second = runner_up(task, plan)
    if second is not None:
        rows.append(_Row(" ", "runner-up", "runner-up", *_expected(thought, second.start)))
    late = "is past" if plan.latest_start < now else ""
    last = expectation(task, series, now, plan.latest_start)
    rows.append(_Row("!", "latest start", "latest", *last, remark=late))
    return rows


def _expected(thought: Forethought, start: Instant) -> Expectation:
    return expectation(thought.task, thought.outlook.series, thought.now, start)


def _static_remark(thought: Forethought) -> str:
    plan = thought.plan
    remarks = ["assumed"] if plan.static_assumed else []
    if plan.static_start > plan.latest_start:
        remarks.append("too late")
    return ", ".join(remarks)


def _facts(thought: Forethought) -> list[tuple[str, str]]:
    outlook = thought.outlook
    deadline = format_local(thought.task.deadline, thought.local, thought.now)
    return [
        ("job", f"{thought.name or 'any'}, {duration_line(thought)}, by {deadline}"),
        ("forecast", _forecast(thought)),
        ("zone", zone_line(outlook)),
        *further_facts(thought),
        *(("note", note) for note in outlook.notes),
    ]


def _forecast(thought: Forethought) -> str:
    """Provider, rung, age and signal."""
    outlook = thought.outlook
    if outlook.provider is None:
        return "none"
    parts = [outlook.provider, outlook.rung]
    if outlook.issued is not None:
        issued = format_local(outlook.issued, thought.local, thought.now)
        parts.append(f"issued {issued}, {format_span(max(0.0, thought.now - outlook.issued))} old")
    elif outlook.rung != "typical":
        parts.append("of unknown age")
    return ", ".join((*parts, f"{outlook.signal} signal"))


def _folded(name: str, text: str, width: int) -> list[str]:
    label = f"{name + ':':<11}"
    return wrap(text, width, initial_indent=label, subsequent_indent=" " * len(label))


def _when(thought: Forethought) -> str:
    when = start_line(thought)
    return when if when == "now" else f"at {when}"


def _rate(g_per_kwh: float | None) -> str:
    return "?" if g_per_kwh is None else f"{g_per_kwh:.0f}"


def _percent(saving_pct: float | None) -> str:
    return "?" if saving_pct is None else f"{saving_pct:z.0f} %"


def _wait(wait_s: float) -> str:
    return format_span(wait_s) if wait_s > 0 else "-"
