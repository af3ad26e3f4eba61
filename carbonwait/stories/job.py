"""One job, from submission to account: plan, wait, run, meter, account, record.

Two promises hold throughout. What fails by itself (forecast, meter, ledger) is told in one line
and never stops, delays or changes the job. And once the command has started, its status is the
only thing that this process returns.
"""

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from math import inf
from signal import SIGCHLD, SIGTERM, SIGTSTP, SIGWINCH, Signals, struct_siginfo
from typing import TYPE_CHECKING

from carbonwait.core.errors import CannotRun, Mistake
from carbonwait.core.ids import new_id
from carbonwait.core.prices import Prices
from carbonwait.core.records import Decision, Instant, Run
from carbonwait.core.secrets import masked
from carbonwait.core.series import Series
from carbonwait.process import cpu
from carbonwait.process.child import (
    Child,
    Ended,
    Environment,
    Stopped,
    find_command,
    own_environment,
    spawn,
    stop_like_the_child,
)
from carbonwait.process.clock import Clock, whole_ms
from carbonwait.process.owner import this_process
from carbonwait.process.signals import SignalQueue, meant_for_the_wait, sent_by_a_process
from carbonwait.settings import Settings
from carbonwait.stories.accounts import Metered, price, settle
from carbonwait.stories.allocation import allocation_warning
from carbonwait.stories.intensities import Outlook
from carbonwait.stories.job_meter import JobMeter
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

if TYPE_CHECKING:
    # Few runs may be paused, and none of the others is to wait for it.
    from carbonwait.stories.pauses import Pauses

# CodeCarbon needs about two seconds to get ready; on a busy machine a little more.
_METER_LEAD_S = 5.0


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
        give_up=queue.pending,
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
        self.started_s = 0.0
        self.seen = Series()
        self.pauses: Pauses | None = None
        self.told_to_start = False
        self.record = _new_run(request, preparation, settings, environment)

    def go(self) -> Outcome:
        """Plan, wait, run and account; an immediate start does not wait for its plan."""
        self.recorder.save(self.record)
        thought = None
        if self.preparation.task.strategy != "now":
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
        try:
            self.pauses = self.pauses_of(child, thought)
            ended = self.watch(child)
        finally:
            if self.pauses is not None:
                self.pauses.end()
        self.unharmed("accounting", lambda: self.finish(thought, ended, busy_before))
        return Outcome(ended.exit_code or 0, ended.term_signal)

    def unharmed(self, what: str, work: Callable[[], None]) -> None:
        """Do something that the job does not depend on: a fault of ours never touches it."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 (that is what this is for)
            self.voice.fault(f"{what} failed ({error!r}); the job is not affected")

    def think(self) -> Forethought:
        """Plan as of now and keep the plan; if that fails by a fault of ours, start now."""
        now = self.record.submitted if self.record.started else self.clock.wall()
        try:
            thought = self.preparation.think(now)
            self.keep_plan(thought)
        except Exception as error:  # noqa: BLE001 (a fault of ours never stops the job)
            self.voice.fault(f"planning failed ({error!r}); starting at once")
            thought = self.preparation.without_forecast(now)
        return thought

    def keep_plan(self, thought: Forethought) -> None:
        """Record a plan and tell of it."""
        plan, outlook, record = thought.plan, thought.outlook, self.record
        if record.planned_start is None:
            record.dynamic_start = self.from_submission(thought, plan.dynamic_start)
            record.static_start = self.from_submission(thought, plan.static_start)
            record.static_assumed = plan.static_assumed
            record.latest_start = plan.latest_start
        record.planned_start = plan.start
        record.zone, record.zone_source = outlook.zone, outlook.zone_source
        record.provider, record.rung = outlook.provider, outlook.rung
        record.signal_kind, record.scope = outlook.signal, outlook.scope
        # What was forecast for the time that has passed is needed for the account.
        self.seen = outlook.series.over(self.seen)
        reason = "; ".join((plan.reason, *outlook.warnings))
        decision = Decision(thought.now, plan.start, outlook.rung, outlook.issued, reason)
        self.recorder.decide(record, decision, outlook)
        self.voice.planned(thought)

    def from_submission(self, thought: Forethought, start: Instant | None) -> Instant | None:
        """A start that was chosen as recorded; "at once" was at submission, however long ago.

        It is kept as it will be printed, so that its figures can be worked out again.
        """
        if start is None:
            return None
        return self.record.submitted if start <= thought.now else round(start, 3)

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
        self.meter.abandon()
        self.record.state = "aborted"
        self.record.ended = self.clock.wall()
        self.record.term_signal = _name(signum)
        self.recorder.save(self.record)
        self.unharmed("the status line", lambda: self.voice.ended(self.record))
        return Outcome(128 + signum, signum)

    def start(self) -> tuple[Child, float | None]:
        """Start the command, then everything that is not needed for it."""
        own_session = self.preparation.interruption is not None
        if own_session:
            # A terminal sends these to us alone.
            self.queue.take_also(SIGTSTP, SIGWINCH)
        busy_s = cpu.busy_s()
        self.started_s = self.clock.elapsed()
        self.record.started = self.clock.wall()
        try:
            mask = self.queue.inherited_mask
            child = spawn(self.request.command, self.environment, mask, own_session=own_session)
        except CannotRun:
            self.record.started = None
            self.abort(SIGTERM)
            raise
        self.record.state = "running"
        self.unharmed("metering", self.meter.start)
        self.recorder.save(self.record)
        self.unharmed("the status line", lambda: self.voice.started(self.record))
        return child, busy_s

    def watch(self, child: Child) -> Ended:
        """Pass signals on and collect energy until the command ends."""
        while True:
            state = child.look()
            if isinstance(state, Ended):
                return state
            if isinstance(state, Stopped):
                self.stopped()
            self.meter.look_after(self.clock.elapsed() - self.started_s, self.keep_energy)
            wake_s = min(self.meter.look_within_s, self.step())
            info = self.queue.next(wake_s if wake_s < inf else None)
            if info is not None and info.si_signo != SIGCHLD:
                self.take(child, info)

    # --- a command that may be paused ---

    def pauses_of(self, child: Child, thought: Forethought) -> "Pauses | None":
        """The pauses of a command that may be paused."""
        if self.preparation.interruption is None:
            return None
        from carbonwait.stories.pauses import Pauses

        return Pauses(
            self.preparation,
            self.preparation.interruption,
            thought.outlook,
            child,
            self.environment,
            self.queue,
            self.clock,
            self.voice,
            on_change=self.keep_pauses,
            on_outlook=self.keep_outlook,
            # Whoever has it start now wants it to run.
            never=self.told_to_start,
        )

    def step(self) -> float:
        """Pause or resume if it is time to; after how many seconds to come again."""
        if self.pauses is None:
            return inf
        try:
            return self.pauses.step()
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self.voice.fault(f"pausing failed ({error!r}); the command runs on")
            self.unharmed("resuming", self.pauses.give_up)
            return inf

    def take(self, child: Child, info: struct_siginfo) -> None:
        """Pass a signal on."""
        if self.pauses is None:
            if sent_by_a_process(info) and not meant_for_the_wait(info):
                child.send(info.si_signo)
            return
        try:
            self.pauses.take(info)
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self.voice.fault(f"pausing failed ({error!r}); the command runs on")
            self.unharmed("resuming", self.pauses.give_up)
            child.send(info.si_signo)

    def stopped(self) -> None:
        """Something has stopped the command."""
        if self.pauses is not None:
            self.pauses.stopped()
        else:
            stop_like_the_child()

    def keep_outlook(self, outlook: Outlook) -> None:
        """Remember what was forecast, for the account."""
        self.seen = outlook.series.over(self.seen)

    def keep_pauses(self, why: str, start: Instant) -> None:
        """Record a pause or a resume, and tell of it."""
        if self.pauses is None:
            return
        record, outlook = self.record, self.pauses.outlook
        record.state = "paused" if self.pauses.paused else "running"
        record.paused_s = sum(p.end - p.start for p in self.pauses.found if p.end is not None)
        self.recorder.pauses(record, self.pauses.found)
        decision = Decision(self.clock.wall(), start, outlook.rung, outlook.issued, why)
        self.recorder.decide(record, decision, outlook)
        self.voice.changed(record, why)

    # --- its energy ---

    def now(self) -> Instant:
        """The wall clock, or the time that has passed since the start if it has been set back."""
        started = self.record.started or self.record.submitted
        elapsed_s = self.clock.elapsed() - self.started_s
        return max(self.clock.wall(), whole_ms(started + elapsed_s))

    def keep_energy(self) -> None:
        """Store what has been metered so far, should this process not live to the end."""
        if self.record.started is None:
            return
        now = self.now()
        # The meter may have been there before the command: its start is an edge as well.
        edges = [self.record.started, *self.seen.between(self.record.started, now).edges]
        if self.pauses is not None:
            # Rows are put together, but never those of running and of standing still.
            standing = chain(*((p.start, p.end or now) for p in self.pauses.found))
            edges = sorted({*edges, *standing})
        self.recorder.energy(self.record, self.meter.slots(self.record.started, now, edges))

    def finish(self, thought: Forethought, ended: Ended, busy_before: float | None) -> None:
        """Record how the command ended, and what it used and emitted."""
        busy_s = _difference(busy_before, cpu.busy_s())
        self.record.ended = self.now()
        self.record.state = "finished"
        if self.pauses is not None and self.pauses.found:
            pauses = self.pauses.found
            self.record.paused_s = sum(p.end - p.start for p in pauses if p.end is not None)
            self.recorder.pauses(self.record, pauses)
        self.record.exit_code = ended.exit_code
        if ended.term_signal is not None:
            self.record.term_signal = _name(ended.term_signal)
        try:
            self.account(thought, ended, busy_s)
        except Exception:
            self.recorder.save(self.record)
            raise
        self.voice.ended(self.record)
        if self.preparation.intensities.has_observed:
            self.unharmed("settling earlier runs", self.settle_earlier)

    def settle_earlier(self) -> None:
        """Settle earlier runs with the actual intensities that this one has fetched anyway."""
        from carbonwait.ledger.settling import Group
        from carbonwait.stories.settle import settle_from_history

        record, now = self.record, self.clock.wall()
        group = Group(record.provider, record.zone, record.signal_kind)
        self.recorder.with_ledger(
            lambda ledger: settle_from_history(ledger, group, self.settings, self.environ, now)
        )

    def account(self, thought: Forethought, ended: Ended, busy_s: float | None) -> None:
        """Close the meter and write energies and figures into the record."""
        intensities = self.preparation.intensities
        self.meter.finish()
        series = intensities.to_account_with(self.seen, self.clock.wall())
        metered = Metered(
            rows=self.meter.rows,
            info=self.meter.info,
            usage=ended.usage,
            busy_s=busy_s,
            others=self.recorder.others(self.record) if self.meter.rows else (),
            pauses=self.pauses.found if self.pauses else (),
        )
        if metered.info is not None and metered.info.methods.cpu == "rapl":
            floor_w = self.recorder.idle_floor_w(self.record, metered.info.logical_cpus)
            metered = replace(metered, idle_floor_w=floor_w)
        slots = settle(
            self.record,
            metered,
            series,
            final_kinds=intensities.final_kinds(thought.outlook),
            more_to_come=intensities.more_to_come(thought.outlook),
        )
        prices = self.prices()
        price(self.record, slots, prices, metered.pauses)
        self.recorder.account(self.record, slots, series, thought.outlook, prices)

    def prices(self) -> Prices | None:
        """What electricity cost from submission to the deadline, if that is known."""
        record = self.record
        if record.energy.total_j is None or record.ended is None:
            return None
        last = max(record.deadline, record.ended)
        return self.preparation.prices.to_account_with(record.submitted, record.ended, last)


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


def _name(signum: int) -> str:
    """`TERM` for 15; the number of a signal that has no name, as real-time ones."""
    try:
        return Signals(signum).name.removeprefix("SIG")
    except ValueError:
        return str(signum)


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _new_run(
    request: Request, preparation: Preparation, settings: Settings, environment: Environment
) -> Run:
    visible = environment.get(b"CUDA_VISIBLE_DEVICES", environment.get(b"HIP_VISIBLE_DEVICES"))
    task = preparation.task
    command = None
    if settings.config.record_command:
        command = shlex.join(masked(request.command))
    return Run(
        id=new_id(task.submitted, int.from_bytes(os.urandom(4))),
        name=preparation.name,
        command=command,
        submitted=task.submitted,
        deadline=task.deadline,
        strategy=task.strategy,
        owner=this_process(),
        latest_start=task.latest_start,
        idle_watts=settings.config.idle_watts,
        objective=task.carbon_weight,
        gpus=None if visible is None else os.fsdecode(visible),
    )
