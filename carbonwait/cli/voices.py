"""What `run` says on stderr, by where that goes and how much was asked for."""

import os
import re
from contextlib import suppress
from typing import Any, TextIO

from carbonwait.cli.output import printable, say
from carbonwait.cli.texts import (
    ended_line,
    intensity,
    plan_lines,
    saving_line,
)
from carbonwait.core.records import Instant, Run
from carbonwait.core.units import format_local, format_span
from carbonwait.stories.planning import Forethought
from carbonwait.stories.voice import Voice

_LAST_MINUTE_S = 60.0
# Ages, spans and statuses, which differ each time that a service fails.
_FIGURES = r"(\d[\d.]*[a-z]*\s?)+"
# A start at once is a moment later each time: that is no move.
_SAME_START_S = 1.0


def voice_for(stderr: TextIO | None, *, quiet: bool, verbose: bool) -> Voice:
    """The voice that fits: lines where stderr is no terminal, a live status line where it is."""
    if quiet:
        return LineVoice(warnings=False)
    if stderr is not None and stderr.isatty():
        return TerminalVoice(stderr, verbose=verbose)
    return LineVoice(verbose=verbose)


class LineVoice:
    """One line each for warnings and faults; with `verbose` for everything."""

    def __init__(self, *, warnings: bool = True, verbose: bool = False) -> None:
        self._warnings = warnings
        self._verbose = verbose
        self._told: set[str] = set()

    def warning(self, text: str) -> None:
        """Tell a warning once, however often it comes up while waiting with other figures."""
        gist = re.sub(_FIGURES, "", text)
        if self._warnings and gist not in self._told:
            self._told.add(gist)
            self._line(text)

    def fault(self, text: str) -> None:
        """Tell a fault, whatever was asked for."""
        self._line(text)

    def planned(self, thought: Forethought) -> None:
        """Tell what is wrong with the plan, and the plan itself if everything is to be said."""
        for warning in thought.outlook.warnings:
            self.warning(warning)
        if thought.plan.deadline_at_risk:
            self.warning(_at_risk(thought))
        elif _passed_over(thought):
            self.warning(f"{thought.plan.reason}; starting at once")
        if self._verbose:
            for line in plan_lines(thought, verbose=True):
                self._line(line)

    def waiting(self, thought: Forethought, now: Instant) -> float:
        """Stay silent."""
        return float("inf")

    def started(self, run: Run) -> None:
        """Tell that the command has begun, if everything is to be said."""
        if self._verbose:
            self._line(f"run {run.id} has started")

    def changed(self, run: Run, why: str) -> None:
        """Tell of a pause or a resume, if everything is to be said."""
        if self._verbose:
            self._line(why)

    def ended(self, run: Run) -> None:
        """Tell the outcome, if everything is to be said."""
        if self._verbose:
            self._line(ended_line(run))

    def _line(self, text: str) -> None:
        say(text)


class TerminalVoice(LineVoice):
    """The plan, a live status line while waiting, one line at the end.

    The line is drawn on demand, by no thread: a thread would take signals and CPU time.
    """

    def __init__(self, stderr: TextIO, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._stderr = stderr
        self._live: Any = None
        self._shown: Forethought | None = None

    def planned(self, thought: Forethought) -> None:
        """Show the plan, and later on only that the start has moved and why."""
        super().planned(thought)
        before, self._shown = self._shown, thought
        if before is not None:
            if abs(thought.plan.start - before.plan.start) >= _SAME_START_S:
                self._line(_cut(_moved(before, thought), self._stderr))
        elif not self._verbose:
            self._line(_summary(thought))

    def waiting(self, thought: Forethought, now: Instant) -> float:
        """Draw the countdown; in minutes until the last one."""
        left_s = max(0.0, thought.plan.start - now)
        self._draw(_status(thought, now, left_s))
        if left_s <= _LAST_MINUTE_S:
            return left_s % 1 or 1.0
        return left_s % 60 or 60.0

    def started(self, run: Run) -> None:
        """Leave the terminal to the command."""
        self._erase()
        super().started(run)

    def changed(self, run: Run, why: str) -> None:
        """One line."""
        self._line(why)

    def ended(self, run: Run) -> None:
        """One line."""
        self._line(ended_line(run))

    def _line(self, text: str) -> None:
        self._erase()
        say(text)

    def _draw(self, text: str) -> None:
        try:
            if self._live is None:
                from rich.live import Live
                from rich.text import Text

                from carbonwait.cli.screen import Screen

                self._text = Text
                console = Screen(self._stderr)
                self._live = Live(console=console, auto_refresh=False, transient=True)
                self._live.start()
                # Rich hides it, and whoever is stopped or killed cannot bring it back.
                console.show_cursor(True)
            line = self._text(printable(text), no_wrap=True, overflow="ellipsis")
            self._live.update(line, refresh=True)
        except Exception:  # noqa: BLE001 (whatever ails the terminal, the wait goes on)
            self._live = None

    def _erase(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            with suppress(Exception):
                live.stop()


def _passed_over(thought: Forethought) -> bool:
    """True if the static window opens too late, or if the forecast covers no start at all."""
    plan, outlook = thought.plan, thought.outlook
    if thought.task.strategy == "static" or outlook.rung == "static":
        return plan.static_start > plan.start
    return thought.task.strategy == "dynamic" and bool(outlook.series) and not plan.candidates


def _at_risk(thought: Forethought) -> str:
    deadline = format_local(thought.task.deadline, thought.local, thought.now)
    return f"the deadline {deadline} leaves no room to wait; starting at once"


def _summary(thought: Forethought) -> str:
    outlook, plan = thought.outlook, thought.plan
    where = f"{outlook.zone or 'no zone'} ({outlook.zone_source})"
    source = f"{outlook.provider}, {outlook.rung}" if outlook.provider else "no forecast"
    if plan.start <= thought.now:
        return f"{where}, {source}: starting now, {plan.reason}"
    start = format_local(plan.start, thought.local, thought.now)
    return f"{where}, {source}: starting at {start}, {plan.reason}"


def _moved(before: Forethought, thought: Forethought) -> str:
    was, start = (
        format_local(at, thought.local, thought.now)
        for at in (before.plan.start, thought.plan.start)
    )
    if thought.plan.start <= thought.now:
        start = "now"
    news = ""
    if thought.outlook.rung != before.outlook.rung:
        news = f" ({thought.outlook.rung} forecast)"
    elif thought.outlook.issued != before.outlook.issued:
        news = " (new forecast)"
    return f"start moved from {was} to {start}{news}: {thought.plan.reason}"


def _cut(text: str, terminal: TextIO) -> str:
    """What fits into one line of a terminal."""
    try:
        room = os.get_terminal_size(terminal.fileno()).columns - len("carbonwait: ") - 1
    except (OSError, ValueError):
        return text
    return text if len(text) <= room or room < 20 else f"{text[: room - 3]}..."


def _status(thought: Forethought, now: Instant, left_s: float) -> str:
    means = thought.plan.intensities
    start = format_local(thought.plan.start, thought.local, now)
    # A minute that is not over yet counts in full: "in 0m" would look stuck.
    shown_s = left_s if left_s <= _LAST_MINUTE_S else -(-left_s // 60) * 60
    return (
        f"waiting until {start}, {format_span(shown_s)} left | {intensity(means.now)} now, "
        f"{intensity(means.chosen)} then | estimated saving {saving_line(thought)}"
        f" | Ctrl-C cancels, kill -USR1 {os.getpid()} starts now"
    )
