"""The record of one job while it is under way: what is known of its run so far, and its account.

What is to stand in the record is settled here; that it is kept, whatever becomes of the ledger, is
for the `Recorder`.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from signal import Signals

from carbonwait.core.ids import new_id
from carbonwait.core.prices import Prices
from carbonwait.core.records import Decision, Instant, Pause, Run
from carbonwait.core.secrets import masked
from carbonwait.core.series import Series
from carbonwait.process.child import Ended, Environment
from carbonwait.process.owner import this_process
from carbonwait.settings import Settings
from carbonwait.stories.accounts import Metered, price, settle
from carbonwait.stories.job_meter import JobMeter
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Forethought, Preparation, Request
from carbonwait.stories.recorder import Recorder

# The variables that say which GPUs a job sees, as the meter looks at them.
_GPU_CHOICES = (b"CUDA_VISIBLE_DEVICES", b"ROCR_VISIBLE_DEVICES", b"HIP_VISIBLE_DEVICES")


class JobRecord:
    """The record of one job; `run` is as it stands now."""

    def __init__(self, run: Run, preparation: Preparation, recorder: Recorder) -> None:
        self.run = run
        self._preparation, self._recorder = preparation, recorder
        self._seen = Series()

    def save(self) -> None:
        """Bring the run's row up to date."""
        self._recorder.save(self.run)

    def seen(self, outlook: Outlook) -> None:
        """Remember what was forecast: of the time that has passed by then, the account needs it."""
        self._seen = outlook.series.over(self._seen)

    def planned(self, thought: Forethought) -> None:
        """Record a plan; what the other strategies would have done is that of the first one."""
        plan, outlook, run = thought.plan, thought.outlook, self.run
        if run.planned_start is None:
            run.dynamic_start = _from_submission(run, thought.now, plan.dynamic_start)
            run.static_start = _from_submission(run, thought.now, plan.static_start)
            run.static_assumed = plan.static_assumed
            run.latest_start = plan.latest_start
        run.planned_start = plan.start
        run.zone, run.zone_source = outlook.zone, outlook.zone_source
        run.provider, run.rung = outlook.provider, outlook.rung
        run.signal_kind, run.scope = outlook.signal, outlook.scope
        self.seen(outlook)
        reason = "; ".join((plan.reason, *outlook.warnings))
        decision = Decision(thought.now, plan.start, outlook.rung, outlook.issued, reason)
        self._recorder.decide(run, decision, outlook)

    def told_to_start(self, outlook: Outlook) -> None:
        """Record that somebody has had the command start before its time."""
        at = self.run.started or self.run.submitted
        decision = Decision(at, at, outlook.rung, outlook.issued, "told to start now")
        self._recorder.decide(self.run, decision, outlook)

    def aborted(self, at: Instant, *, signum: int | None, status: int | None) -> None:
        """Record that the command has not run, for a signal or with a status of ours."""
        self.run.state = "aborted"
        self.run.ended = at
        self.run.exit_code = status
        if signum is not None:
            self.run.term_signal = _signal_name(signum)
        self.save()

    def energy(self, meter: JobMeter, now: Instant, pauses: Sequence[Pause]) -> None:
        """Record what has been metered so far, should this process not live to the end."""
        run = self.run
        if run.started is None:
            return
        # The meter may have been there before the command: its start is an edge as well.
        edges = [run.started, *self._seen.between(run.started, now).edges]
        if pauses:
            # Rows are put together, but never those of running and of standing still.
            standing = chain(*((p.start, p.end or now) for p in pauses))
            edges = sorted({*edges, *standing})
        self._recorder.energy(run, meter.slots(run.started, now, edges))

    def changed(self, pauses: Sequence[Pause], decision: Decision, outlook: Outlook) -> None:
        """Record that the command was paused or resumed, and the decision behind it."""
        self.run.state = "paused" if pauses and pauses[-1].end is None else "running"
        self._stood_still(pauses)
        self._recorder.decide(self.run, decision, outlook)

    def ended(self, at: Instant, ended: Ended, pauses: Sequence[Pause]) -> None:
        """Note how the command ended; `account` saves it."""
        self.run.ended = at
        self.run.state = "finished"
        if pauses:
            self._stood_still(pauses)
        self.run.exit_code = ended.exit_code
        if ended.term_signal is not None:
            self.run.term_signal = _signal_name(ended.term_signal)

    def account(
        self,
        outlook: Outlook,
        meter: JobMeter,
        ended: Ended,
        *,
        busy_s: float | None,
        pauses: Sequence[Pause],
        now: Instant,
    ) -> None:
        """Record energies and figures; the meter has ended.

        `busy_s` is the machine's busy CPU time from start to end, None if it is not known.
        """
        run, recorder, intensities = self.run, self._recorder, self._preparation.intensities
        series = intensities.to_account_with(self._seen, now)
        info, others = meter.info, []
        if info is not None and meter.rows:
            # Only GPUs are shared with those that have not ended.
            others = recorder.others(run, alive=info.methods.gpu != "none")
        metered = Metered(
            rows=meter.rows,
            info=info,
            usage=ended.usage,
            busy_s=busy_s,
            others=others,
            pauses=pauses,
        )
        if info is not None and info.methods.cpu == "rapl":
            floor_w = recorder.idle_floor_w(run, info.logical_cpus)
            metered = replace(metered, idle_floor_w=floor_w, billed=recorder.billed(others))
        slots = settle(
            run,
            metered,
            series,
            final_kinds=intensities.final_kinds(outlook),
            more_to_come=intensities.more_to_come(outlook),
        )
        prices = self._prices()
        price(run, slots, prices, metered.pauses)
        recorder.account(run, slots, series, outlook, prices)

    def _stood_still(self, pauses: Sequence[Pause]) -> None:
        self.run.paused_s = sum(p.end - p.start for p in pauses if p.end is not None)
        self._recorder.pauses(self.run, pauses)

    def _prices(self) -> Prices | None:
        """What electricity cost from submission to the deadline, if that is known."""
        run = self.run
        if run.energy.total_j is None or run.ended is None:
            return None
        last = max(run.deadline, run.ended)
        return self._preparation.prices.to_account_with(run.submitted, run.ended, last)


def _from_submission(run: Run, now: Instant, start: Instant) -> Instant:
    """A start that was chosen, as recorded; "at once" was at submission, however long ago.

    It is kept as it will be printed, so that its figures can be worked out again.
    """
    return run.submitted if start <= now else round(start, 3)


def new_run(
    request: Request, preparation: Preparation, settings: Settings, environment: Environment
) -> Run:
    """A run as it is at its submission, looked after by this process."""
    visible = next((environment[name] for name in _GPU_CHOICES if name in environment), None)
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


def _signal_name(signum: int) -> str:
    """`TERM` for 15; the number of a signal that has no name, as real-time ones."""
    try:
        return Signals(signum).name.removeprefix("SIG")
    except ValueError:
        return str(signum)
