"""Pausing a command through dirty hours and resuming it, as the plan says and signals allow.

    pauses = Pauses(...)
    while the command runs:
        queue.next(pauses.step())

A pause is SIGTSTP to the command's group, for those that want to put things in order, and two
seconds later SIGSTOP, which nobody can refuse. Before it the user's pause hook is run, and a
watcher process is started that continues the command should this process die.

Whatever goes wrong in here, the command runs: it is never left stopped.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from signal import SIGCONT, SIGSTOP, SIGTSTP, SIGUSR1, struct_siginfo

from carbonwait.core.interrupting import Course, course, latest_finish
from carbonwait.core.records import Instant, Pause
from carbonwait.core.units import format_local
from carbonwait.process.child import Child, Environment, stop_like_the_child
from carbonwait.process.clock import Clock
from carbonwait.process.signals import (
    ENDING,
    SignalQueue,
    meant_for_the_wait,
    sent_by_a_process,
)
from carbonwait.process.watcher import Watcher
from carbonwait.stories.hooks import Hooks
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Interruption, Preparation
from carbonwait.stories.voice import Voice

_NOTICE_S = 2.0
_LONGEST_SLEEP_S = 30.0
# Whatever the edges do to each other, this process is not to spin.
_SHORTEST_SLEEP_S = 0.02


class _State(Enum):
    RUNNING = auto()
    SAVING = auto()  # the pause hook is under way
    NOTIFIED = auto()  # SIGTSTP has been sent
    PAUSED = auto()


class Pauses:
    """The pauses of one command that has begun.

    `on_change` is told of each pause and resume, and why; `on_outlook` of each new look at the
    grid. With `never` it is only signals that are looked after.
    """

    def __init__(
        self,
        preparation: Preparation,
        interruption: Interruption,
        outlook: Outlook,
        child: Child,
        environment: Environment,
        queue: SignalQueue,
        clock: Clock,
        voice: Voice,
        *,
        on_change: Callable[[str, Instant], None],
        on_outlook: Callable[[Outlook], None],
        never: bool = False,
    ) -> None:
        self.found: list[Pause] = []
        self.outlook = outlook
        self._preparation, self._interruption = preparation, interruption
        self._child, self._environment = child, environment
        self._clock, self._voice = clock, voice
        self._on_change, self._on_outlook = on_change, on_outlook
        self._state = _State.RUNNING
        self._over = never
        self._reason = ""
        self._course: Course | None = None
        self._since = clock.elapsed()
        self._paused_s = 0.0
        self._paused_since = self._begun = clock.elapsed()
        self._watcher: Watcher | None = None
        mask = queue.inherited_mask
        self._hooks = Hooks(interruption, child.pid, environment, mask, clock, voice)
        # Should the wall clock be set back, the latest finish is kept all the same.
        left_s = latest_finish(preparation.task) - clock.wall()
        self._cap = clock.elapsed() + left_s

    @property
    def paused(self) -> bool:
        """True while the command stands still."""
        return self._state is _State.PAUSED

    def step(self) -> float:
        """Do what is due; after how many seconds at the latest there is something again."""
        self._tend_hook()
        if self._over:
            return _LONGEST_SLEEP_S if self._hooks.under_way else float("inf")
        now = self._clock.wall()
        if self._state is _State.NOTIFIED and self._clock.elapsed() >= self._since + _NOTICE_S:
            self._stop()
        if self.paused and not (self._watcher and self._watcher.watches()) and not self._watched():
            self.resume("it cannot be watched over while it is paused")
            self._over = True
            return float("inf")
        if self._clock.elapsed() + self._left_s() >= self._cap or self._left_s() <= 0:
            self.resume("it has to go on to be finished in time")
            self._over = True
            return float("inf")
        # Asked once: a file that has been read again is news no more.
        if self._has_news(now):
            self._look(now)
        if self._course is None or now >= self._course.until:
            self._decide(now)
        return self._wake_s(now)

    def take(self, info: struct_siginfo) -> None:
        """Pass a signal on, or heed it."""
        signum = info.si_signo
        if signum == SIGUSR1 and self._state is not _State.RUNNING:
            self.resume("told to go on")
            self._over = True
        elif meant_for_the_wait(info):
            return
        elif signum == SIGTSTP:
            self._stop_with_us()
        else:
            if signum in ENDING:
                # A command that has been told to end has to be left to it.
                self.resume(f"signal {signum}")
                self._over = True
            if sent_by_a_process(info):
                self._child.send(signum)
            else:
                # From a terminal: it means the whole group, which is not the terminal's own.
                self._child.send_to_group(signum)

    def stopped(self) -> None:
        """The command has been stopped; if it was not by us, stop too and go on with it."""
        if self._state is _State.RUNNING and stop_like_the_child():
            self._child.send_to_group(SIGCONT)

    def resume(self, why: str) -> None:
        """Have the command run, whatever it was about to do."""
        state, self._state = self._state, _State.RUNNING
        if state is _State.SAVING:
            self._hooks.drop()
        if state in {_State.NOTIFIED, _State.PAUSED}:
            self._child.send_to_group(SIGCONT)
            if state is _State.PAUSED:
                self._end_pause(why)
            self._hooks.start("resume")

    def give_up(self) -> None:
        """Have the command run and never pause it again."""
        self._over = True
        self.resume("pausing has failed")

    def end(self) -> None:
        """The command has ended, or this process is about to: nothing may be left stopped."""
        if self._state in {_State.NOTIFIED, _State.PAUSED}:
            self._child.send_to_group(SIGCONT)
        if self.paused:
            self._close_pause()
        self._state, self._over = _State.RUNNING, True
        if self._watcher is not None:
            self._watcher.dismiss()
            self._watcher = None

    # --- deciding ---

    def _look(self, now: Instant) -> None:
        """Look at the grid anew; what was decided on the last look holds no longer."""
        until = max(self._preparation.task.deadline, now)
        room_s = self._cap - self._left_s() - self._clock.elapsed()
        self.outlook = self._preparation.intensities.outlook(now, until, room_s=room_s)
        self._on_outlook(self.outlook)
        self._course = None

    def _decide(self, now: Instant) -> None:
        task = self._preparation.task
        made = course(
            task,
            self._preparation.minimised(self.outlook.series, now),
            now,
            ran_s=self._ran_s(),
            phase="running" if self._state is _State.RUNNING else "paused",
            resume_cost_s=self._interruption.resume_cost_s,
        )
        self._course = made
        if made.runs:
            self.resume("it is cleaner now" if made.until > now else "no pause pays any more")
        elif self._state is _State.RUNNING:
            until = format_local(made.resumes, self._preparation.local, now)
            self._reason = f"paused until {until}"
            if made.saving_pct is not None:
                self._reason += f", expected to save {made.saving_pct:.0f} %"
            self._pause()

    def _has_news(self, now: Instant) -> bool:
        return self._preparation.intensities.has_news(now, float("inf"))

    def _wake_s(self, now: Instant) -> float:
        elapsed = self._clock.elapsed()
        look = self._preparation.intensities.next_look(now, self.outlook.series)
        wakes = [_LONGEST_SLEEP_S, look - now, self._cap - self._left_s() - elapsed]
        wakes.append(self._hooks.until_s - elapsed)
        if self._course is not None:
            wakes.append(self._course.until - now)
        if self._state is _State.NOTIFIED:
            wakes.append(self._since + _NOTICE_S - elapsed)
        return max(_SHORTEST_SLEEP_S, min(wakes))

    def _ran_s(self) -> float:
        now = self._clock.elapsed()
        standing_s = now - self._paused_since if self.paused else 0.0
        return now - self._begun - self._paused_s - standing_s

    def _left_s(self) -> float:
        return self._preparation.task.durations.expected_s - self._ran_s()

    # --- doing ---

    def _pause(self) -> None:
        if not self._watched():
            # A machine that is too busy now may not be so in a moment.
            self._skip(self._clock.wall() + _LONGEST_SLEEP_S)
            return
        if self._interruption.pause_command:
            if self._hooks.start("pause"):
                self._state = _State.SAVING
            else:
                self._skip()
            return
        self._notify()

    def _skip(self, until: Instant | None = None) -> None:
        """This pause is not made; the next one, or this one at a later time, may be."""
        self._state = _State.RUNNING
        if self._course is not None:
            until = self._course.resumes if until is None else until
            self._course = replace(self._course, runs=True, until=until)

    def _notify(self) -> None:
        self._state, self._since = _State.NOTIFIED, self._clock.elapsed()
        self._child.send_to_group(SIGTSTP)

    def _stop(self) -> None:
        self._child.send_to_group(SIGSTOP)
        self._open_pause()
        resumes = self._course.resumes if self._course else self._clock.wall()
        self._on_change(self._reason, resumes)

    def _stop_with_us(self) -> None:
        """Ctrl-Z: what it says goes for the command as well, and `fg` goes for both."""
        if self._state is _State.NOTIFIED:
            self.resume("")
        planned = self.paused
        if not planned:
            self._watched()
            self._child.send_to_group(SIGSTOP)
            self._open_pause()
            self._on_change("stopped together with carbonwait", self._clock.wall())
        os.kill(os.getpid(), SIGSTOP)
        if not planned:
            self._state = _State.RUNNING
            self._child.send_to_group(SIGCONT)
            self._end_pause("continued together with carbonwait")
        self._course = None

    def _open_pause(self) -> None:
        self._state, self._paused_since = _State.PAUSED, self._clock.elapsed()
        self.found.append(Pause(self._clock.wall()))

    def _close_pause(self) -> None:
        self._paused_s += self._clock.elapsed() - self._paused_since
        begun = self.found[-1].start
        self.found[-1] = Pause(begun, max(begun, self._clock.wall()))

    def _end_pause(self, why: str) -> None:
        self._close_pause()
        self._on_change(f"resumed: {why}", self._clock.wall())

    def _watched(self) -> bool:
        """Make sure of the watcher; without one nothing is paused."""
        if self._watcher is not None and self._watcher.watches():
            return True
        try:
            self._watcher = Watcher(self._child.pid, self._environment)
        except OSError as error:
            self._watcher = None
            self._voice.warning(f"no watcher can be started ({error}); the command is not paused")
        return self._watcher is not None

    def _tend_hook(self) -> None:
        """Look after the hook that is under way; a pause goes on from the end of its hook."""
        ended_well = self._hooks.tend()
        if ended_well is None or self._state is not _State.SAVING:
            return
        if ended_well:
            self._notify()
        else:
            self._skip()
