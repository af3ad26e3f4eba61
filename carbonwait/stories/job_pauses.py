"""The pauses of one job while its command runs, and the signals that are passed on to it.

A job that may not be paused has none. Whatever fails in here is told in one line, and the command
runs on.
"""

from collections.abc import Sequence
from math import inf
from signal import struct_siginfo
from typing import TYPE_CHECKING

from carbonwait.core.records import Decision, Instant, Pause
from carbonwait.process.child import Child, Environment, stop_like_the_child
from carbonwait.process.clock import Clock
from carbonwait.process.signals import SignalQueue, meant_for_the_wait, sent_by_a_process
from carbonwait.stories.job_record import JobRecord
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Preparation
from carbonwait.stories.voice import Voice

if TYPE_CHECKING:
    # Few runs may be paused, and none of the others is to wait for it.
    from carbonwait.stories.pauses import Pauses


class JobPauses:
    """Pauses the command that has begun, if it may be paused, and keeps its record of that.

    `outlook` is what its start was planned on. With `never` it is only signals that are looked
    after.
    """

    def __init__(
        self,
        preparation: Preparation,
        outlook: Outlook,
        record: JobRecord,
        child: Child,
        environment: Environment,
        queue: SignalQueue,
        clock: Clock,
        voice: Voice,
        *,
        never: bool,
    ) -> None:
        self._record, self._child, self._clock, self._voice = record, child, clock, voice
        self._pauses: Pauses | None = None
        if preparation.interruption is not None:
            from carbonwait.stories import pauses

            self._pauses = pauses.Pauses(
                preparation,
                preparation.interruption,
                outlook,
                child,
                environment,
                queue,
                clock,
                voice,
                on_change=self._changed,
                on_outlook=record.seen,
                never=never,
            )

    @property
    def found(self) -> Sequence[Pause]:
        """The pauses so far."""
        return self._pauses.found if self._pauses else ()

    def step(self) -> float:
        """Pause or resume if it is time to; after how many seconds to come again."""
        if self._pauses is None:
            return inf
        try:
            return self._pauses.step()
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self._give_up(self._pauses, error)
            return inf

    def take(self, info: struct_siginfo) -> None:
        """Pass a signal on."""
        if self._pauses is None:
            if sent_by_a_process(info) and not meant_for_the_wait(info):
                self._child.send(info.si_signo)
            return
        try:
            self._pauses.take(info)
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self._give_up(self._pauses, error)
            self._child.send(info.si_signo)

    def stopped(self) -> None:
        """Something has stopped the command."""
        if self._pauses is not None:
            self._pauses.stopped()
        else:
            stop_like_the_child()

    def end(self) -> None:
        """The command has ended, or this process is about to: nothing may be left stopped."""
        if self._pauses is not None:
            self._pauses.end()

    def _give_up(self, pauses: "Pauses", error: Exception) -> None:
        self._voice.fault(f"pausing failed ({error!r}); the command runs on")
        try:
            pauses.give_up()
        except Exception as failure:  # noqa: BLE001 (a fault of ours never touches the job)
            self._voice.fault(f"resuming failed ({failure!r}); the job is not affected")

    def _changed(self, why: str, start: Instant) -> None:
        """Record a pause or a resume, and tell of it."""
        if self._pauses is None:
            return
        outlook = self._pauses.outlook
        decision = Decision(self._clock.wall(), start, outlook.rung, outlook.issued, why)
        self._record.changed(self.found, decision, outlook)
        self._voice.changed(self._record.run, why)
