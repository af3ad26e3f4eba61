"""A run's decisions as a log for people: when, for when, on which forecast, and why."""

from datetime import tzinfo
from textwrap import wrap

from carbonwait.cli.output import printable
from carbonwait.core.decisions import Step, telling
from carbonwait.core.records import Decision, Instant
from carbonwait.core.units import format_local, format_span
from carbonwait.stories.history import Entry

_INDENT = " " * 6


def log_lines(
    entry: Entry, now: Instant, local: tzinfo, *, width: int, every: bool = False
) -> list[str]:
    """The log in local time; a long one is shortened unless `every` decision is to be seen."""
    steps = telling(entry.decisions, entry.providers, every=every)
    lines = [_heading(len(entry.decisions), len(steps))]
    for step in steps:
        moment = format_local(step.decision.at, local, now)
        lines += _folded(f"  {moment}  {_what(step, local)}", width)
        lines += _folded(f"{_INDENT}{_forecast(step)}: {step.decision.reason}", width)
        if step.alike:
            lines.append(f"{_INDENT}({step.alike} more alike)")
    return lines


def _heading(decisions: int, shown: int) -> str:
    if shown == decisions:
        return f"decisions:          {decisions}, in local time"
    return f"decisions:          {decisions}, in local time; {shown} of them shown, -v shows all"


def _what(step: Step, local: tzinfo) -> str:
    """When to start; if that moved, also from where and how far."""
    decision, before = step.decision, step.moved_from
    start = _start(decision, local)
    if before is None:
        return f"start {start}"
    was = format_local(before, local, decision.at)
    shift_s = decision.start - before
    direction = "later" if shift_s > 0 else "earlier"
    return f"start moved from {was} to {start}, {format_span(abs(shift_s))} {direction}"


def _start(decision: Decision, local: tzinfo) -> str:
    if decision.start <= decision.at:
        return "now"
    return format_local(decision.start, local, decision.at)


def _forecast(step: Step) -> str:
    """Provider, rung, and how old it was then."""
    decision = step.decision
    parts = [step.provider, decision.rung]
    if decision.issued is not None:
        parts.append(f"{format_span(max(0.0, decision.at - decision.issued))} old")
    return ", ".join(part for part in parts if part)


def _folded(text: str, width: int) -> list[str]:
    return wrap(printable(text), width, subsequent_indent=_INDENT)
