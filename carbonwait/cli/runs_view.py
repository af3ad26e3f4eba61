"""The list of runs, once or anew every two seconds."""

import time
from collections.abc import Callable, Sequence

from rich.live import Live
from rich.table import Table
from rich.text import Text

from carbonwait.cli.console import new_console, new_table
from carbonwait.cli.output import printable
from carbonwait.core.errors import Mistake
from carbonwait.core.records import Instant
from carbonwait.core.units import format_grams, format_span
from carbonwait.process.signals import ENDING, SignalQueue
from carbonwait.stories.history import Entry

_WATCH_EVERY_S = 2.0
# Below this, runs are listed without their figures.
_NARROW = 70


def print_runs(entries: Sequence[Entry], now: Instant) -> None:
    """One line a run, newest first."""
    console = new_console()
    console.print(_runs(entries, now, console.width))


def watch_runs(look: Callable[[], Sequence[Entry]], queue: SignalQueue) -> int:
    """The same in place, anew every two seconds; returns the signal that ended it.

    Raises Mistake where nothing can be shown in place.
    """
    console = new_console()
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


def _runs(entries: Sequence[Entry], now: Instant, width: int) -> Table | Text:
    if not entries:
        return Text("No such runs.")
    figures = ("emitted", "est. saving") if width >= _NARROW else ()
    table = new_table("id", "state", "job", "when", *figures, left=4)
    # An ID is there to be copied, and broken in two it cannot be.
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for entry in entries:
        run = entry.run
        grams = (format_grams(run.emissions.actual_g), format_grams(run.emissions.saving_g))
        table.add_row(
            run.id,
            run.state,
            Text(printable(run.name)),
            _when(entry, now),
            *grams[: len(figures)],
        )
    return table


def _when(entry: Entry, now: Instant) -> str:
    run = entry.run
    if run.started is None:
        if run.state == "waiting" and run.planned_start is not None:
            return f"starts in {format_span(max(0.0, run.planned_start - now))}"
        return f"submitted {format_span(now - run.submitted)} ago"
    if run.state == "paused" and entry.decisions and entry.decisions[-1].start > now:
        return f"resumes in {format_span(entry.decisions[-1].start - now)}"
    if run.ended is None:
        return f"started {format_span(now - run.started)} ago"
    return f"ended {format_span(now - run.ended)} ago, took {format_span(run.ended - run.started)}"
