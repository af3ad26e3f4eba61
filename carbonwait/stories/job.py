"""One job, from submission to account: plan, wait, run, meter, account, record.

Two promises hold throughout. What fails by itself (forecast, meter, ledger) is told in one line
and never stops, delays or changes the job. And once the command has started, its status is the
only thing that this process returns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from signal import SIGCHLD, SIGTSTP, SIGWINCH

from carbonwait.core.errors import CannotRun, Mistake
from carbonwait.core.records import Instant
from carbonwait.process import cpu
from carbonwait.process.child import (
    Child,
    Ended,
    Environment,
    Stopped,
    find_command,
    own_environment,
    spawn,
)
from carbonwait.process.clock import Clock, whole_ms
from carbonwait.process.signals import SignalQueue
from carbonwait.settings import Settings
from carbonwait.stories.allocation import allocation_warning
from carbonwait.stories.job_meter import JobMeter
from carbonwait.stories.job_pauses import JobPauses
from carbonwait.stories.job_record import JobRecord, new_run
from carbonwait.stories.locking import LOCK_HELD, take_lock
from carbonwait.stories.planning import (
    Forethought,
    Interruption,
    Preparation,
    Request,
    prepare,
)
from carbonwait.stories.recorder import Recorder
from carbonwait.stories.voice import Voice
from carbonwait.stories.waiting import Waited, wait

# CodeCarbon needs about two seconds to get ready; on a busy machine a little more.
_METER_LEAD_S = 5.0
# When a short command has ended its caller waits, but a service that is well answers within this.
_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the process has to return: an exit status, or the signal to die of."""

    status: int
    signal: int | None = None


def run(
    request: Request,
    settings: Settings,
    environ: Mapping[str, str],
    queue: SignalQueue,
    clock: Clock,
    voice: Voice,
) -> Outcome:
    """Do the whole job. Raises Mistake or CannotRun before anything has been recorded or run."""
    environment = own_environment()
    find_command(request.command[0], environment)
    preparation = prepare(
        request,
        settings,
        environ,
        now=clock.wall(),
        # A signal, or the end of the command, matters more than an answer of a service.
        give_up=lambda: queue.pending(child_grace_s=_GRACE_S),
    )
    _require_hooks(preparation.interruption, environment)
    for warning in settings.warnings:
        voice.warning(warning)
    if not take_lock(preparation.lock, environ, voice):
        return Outcome(LOCK_HELD)
    recorder = Recorder(environ, voice)
    try:
        job = _Job(
            request, preparation, settings, environ, environment, queue, clock, voice, recorder
        )
        return job.go()
    finally:
        recorder.close()


class _Job:
    """The state of one job while it is under way."""

    def __init__(
        self,
        request: Request,
        preparation: Preparation,
        settings: Settings,
        environ: Mapping[str, str],
        environment: Environment,
        queue: SignalQueue,
        clock: Clock,
        voice: Voice,
        recorder: Recorder,
    ) -> None:
        self.request = request
        self.preparation = preparation
        self.settings = settings
        self.environ = environ
        self.environment = environment
        self.queue = queue
        self.clock = clock
        self.voice = voice
        self.recorder = recorder
        sample_s = request.sample_s if request.meter else None
        self.meter = JobMeter(sample_s, environment, queue.inherited_mask, voice)
        run = new_run(request, preparation, settings, environment)
        self.record = JobRecord(run, preparation, recorder)
        self.started_s = 0.0
        self.told_to_start = False

    def go(self) -> Outcome:
        """Plan, wait, run and account; an immediate start does not wait for its plan."""
        self.record.save()
        thought = None
        if not self.preparation.starts_at_once(self.record.run.submitted):
            thought = self.think()
            if (warning := allocation_warning(thought, self.environ)) is not None:
                self.voice.warning(warning)
            waited = self.wait(thought)
            if waited.aborted_by is not None:
                return self.abort(waited.aborted_by)
            thought = waited.thought
            self.told_to_start = waited.told_to_start
        # What came while nobody listened: a Ctrl-C would reach no one once the command is there.
        signum = self.queue.told_to_end()
        if signum is not None:
            return self.abort(signum)
        child, busy_before = self.start()
        if thought is None:
            thought = self.think()
        if self.told_to_start:
            self.unharmed("the decision log", lambda: self.record.told_to_start(thought.outlook))
        pauses = self.pauses_of(child, thought)
        try:
            ended = self.watch(child, pauses)
        finally:
            pauses.end()
        self.unharmed("accounting", lambda: self.finish(thought, ended, busy_before, pauses))
        return Outcome(ended.exit_code or 0, ended.term_signal)

    def unharmed(self, what: str, work: Callable[[], None]) -> None:
        """Do something that the job does not depend on: a fault of ours never touches it."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 (that is what this is for)
            self.voice.fault(f"{what} failed ({error!r}); the job is not affected")

    def think(self) -> Forethought:
        """Plan as of now and keep the plan; if that fails by a fault of ours, start now."""
        run = self.record.run
        now = run.submitted if run.started else self.clock.wall()
        try:
            thought = self.preparation.think(now)
            self.keep_plan(thought)
        except Exception as error:  # noqa: BLE001 (a fault of ours never stops the job)
            self.voice.fault(f"planning failed ({error!r}); starting at once")
            thought = self.preparation.without_forecast(now)
        return thought

    def keep_plan(self, thought: Forethought) -> None:
        """Record a plan and tell of it."""
        self.record.planned(thought)
        self.voice.planned(thought)

    def wait(self, thought: Forethought) -> Waited:
        """Wait for the start, the meter getting ready a few seconds before it."""
        try:
            return wait(
                self.preparation,
                thought,
                self.queue,
                self.clock,
                self.voice,
                on_plan=self.keep_plan,
                lead_s=_METER_LEAD_S,
                on_lead=self.meter.start,
            )
        except Exception as error:  # noqa: BLE001 (a fault of ours never stops the job)
            self.voice.fault(f"the wait failed ({error!r}); starting at once")
            return Waited(thought)

    def abort(self, signum: int) -> Outcome:
        """End without having run the command, by the signal that said so."""
        self.end_unrun(signum=signum)
        return Outcome(128 + signum, signum)

    def end_unrun(self, *, signum: int | None = None, status: int | None = None) -> None:
        """Record and tell that the command has not run, for a signal or with a status of ours."""
        self.meter.abandon()
        self.record.aborted(self.clock.wall(), signum=signum, status=status)
        self.unharmed("the status line", lambda: self.voice.ended(self.record.run))

    def start(self) -> tuple[Child, float | None]:
        """Start the command, then everything that is not needed for it.

        The machine's busy CPU seconds just before come with it, None if they are not known.
        """
        own_session = self.preparation.interruption is not None
        if own_session:
            # A terminal sends these to us alone.
            self.queue.take_also(SIGTSTP, SIGWINCH)
        run = self.record.run
        busy_s = cpu.busy_s()
        self.started_s = self.clock.elapsed()
        run.started = self.clock.wall()
        try:
            mask = self.queue.inherited_mask
            child = spawn(self.request.command, self.environment, mask, own_session=own_session)
        except CannotRun as error:
            run.started = None
            self.end_unrun(status=error.status)
            raise
        run.state = "running"
        self.unharmed("metering", self.meter.start)
        self.record.save()
        self.unharmed("the status line", lambda: self.voice.started(run))
        return child, busy_s

    def pauses_of(self, child: Child, thought: Forethought) -> JobPauses:
        """The pauses of the command that has just been started."""
        return JobPauses(
            self.preparation,
            thought.outlook,
            self.record,
            child,
            self.environment,
            self.queue,
            self.clock,
            self.voice,
            # Whoever has it start now wants it to run.
            never=self.told_to_start,
        )

    def watch(self, child: Child, pauses: JobPauses) -> Ended:
        """Pass signals on and collect energy until the command ends."""

        def keep_energy() -> None:
            self.record.energy(self.meter, self.now(), pauses.found)

        while True:
            state = child.look()
            if isinstance(state, Ended):
                return state
            if isinstance(state, Stopped):
                pauses.stopped()
            self.meter.look_after(self.clock.elapsed() - self.started_s, keep_energy)
            wake_s = min(self.meter.look_within_s, pauses.step())
            info = self.queue.next(wake_s if wake_s < inf else None)
            if info is not None and info.si_signo != SIGCHLD:
                pauses.take(info)

    def now(self) -> Instant:
        """The wall clock, or the time that has passed since the start if it has been set back."""
        started = self.record.run.started or self.record.run.submitted
        elapsed_s = self.clock.elapsed() - self.started_s
        return max(self.clock.wall(), whole_ms(started + elapsed_s))

    def finish(
        self, thought: Forethought, ended: Ended, busy_before: float | None, pauses: JobPauses
    ) -> None:
        """Record how the command ended, and what it used and emitted."""
        busy_s = _difference(busy_before, cpu.busy_s())
        self.record.ended(self.now(), ended, pauses.found)
        self.unharmed("the end of metering", self.meter.finish)
        try:
            self.record.account(
                thought.outlook,
                self.meter,
                ended,
                busy_s=busy_s,
                pauses=pauses.found,
                now=self.clock.wall(),
            )
        except Exception:
            self.record.save()
            raise
        self.voice.ended(self.record.run)
        if self.preparation.intensities.has_observed:
            self.unharmed("settling earlier runs", self.settle_earlier)

    def settle_earlier(self) -> None:
        """Settle earlier runs with the actual intensities that this one has fetched anyway."""
        from carbonwait.ledger.settling import Group
        from carbonwait.stories.settle import settle_from_history

        run, now = self.record.run, self.clock.wall()
        group = Group(run.provider, run.zone, run.signal_kind)
        self.recorder.with_ledger(
            lambda ledger: settle_from_history(ledger, group, self.settings, self.environ, now)
        )


def _require_hooks(interruption: Interruption | None, environment: Environment) -> None:
    """A hook that is not there is found out before the wait. Raises Mistake."""
    if interruption is None:
        return
    hooks = {"pause": interruption.pause_command, "resume": interruption.resume_command}
    for kind, argv in hooks.items():
        if argv:
            try:
                find_command(argv[0], environment)
            except CannotRun as error:
                raise Mistake(f"--{kind}-command: {error}") from None


def _difference(before: float | None, after: float | None) -> float | None:
    # Some kernels' counters have gone back a little; that says nothing.
    return None if before is None or after is None or after < before else after - before
