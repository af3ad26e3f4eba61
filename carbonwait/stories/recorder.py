"""Recording a run while it is under way, whatever becomes of the ledger.

What cannot be written is spooled to a file at once, should this process be killed, and the complete
record is tried again with the next write and at the end. If no file can be had either, one line
says what would have stood there. There is one line at most, at the end, when it can say what became
of the record; none of it ever raises.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import LedgerBusy, LedgerUnavailable
from carbonwait.core.prices import Prices
from carbonwait.core.records import MEASURED_METHODS, Decision, Instant, Pause, Run
from carbonwait.core.series import Series
from carbonwait.ledger import spool
from carbonwait.ledger.rows import Role, StoredSeries
from carbonwait.ledger.spool import SpoolRecord
from carbonwait.ledger.store import Ledger
from carbonwait.settings import ledger_path
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.upkeep import is_lost, spool_folders
from carbonwait.stories.voice import Voice

_IDLE_FLOOR_S = 90 * 86400.0
# How long to wait for other processes that write to the ledger. While the command runs there is
# hardly any need to: what is not written then goes with the next write.
_PATIENCE_S = 0.25
_PATIENCE_WHILE_RUNNING_S = 0.02
_PATIENCE_AT_THE_END_S = 0.5

Write = Callable[[Ledger], object]


class Recorder:
    """The record of one run, in memory and as far as possible in the ledger."""

    def __init__(self, environ: Mapping[str, str], voice: Voice) -> None:
        self._environ = environ
        self._voice = voice
        self._ledger: Ledger | None = None
        self._record: SpoolRecord | None = None
        # Why the ledger lacks something of the record, None if it is up to date.
        self._fault: LedgerUnavailable | None = None
        self._spooled: Path | None = None
        self._spooled_all = False
        self._recorded = False

    def save(self, run: Run) -> None:
        """Bring the run's row up to date."""
        self._keep(run)
        self._write(lambda ledger: ledger.save(run))

    def decide(self, run: Run, decision: Decision, outlook: Outlook) -> None:
        """Add to the run's log, with the forecast that it rests on."""
        record = self._keep(run)
        stored = _stored(outlook.series, outlook, "forecast", decision.at)
        self._record = record._replace(decisions=[*record.decisions, decision], planned_on=stored)

        def write(ledger: Ledger) -> None:
            ledger.save(run)
            series_id = ledger.save_series(stored) if stored.series else None
            ledger.add_decision(run.id, decision, series_id)

        self._write(write)

    def energy(self, run: Run, slots: Sequence[MeteredSlot]) -> None:
        """Put these slots in place of the run's earlier ones."""
        self._record = self._keep(run)._replace(slots=slots)
        self._write(lambda ledger: ledger.replace_energy(run.id, slots))

    def pauses(self, run: Run, pauses: Sequence[Pause]) -> None:
        """Put these pauses in place of the run's earlier ones, and save the run."""
        self._record = self._keep(run)._replace(pauses=list(pauses))

        def write(ledger: Ledger) -> None:
            ledger.save(run)
            ledger.replace_pauses(run.id, pauses)

        self._write(write)

    def account(
        self,
        run: Run,
        slots: Sequence[MeteredSlot],
        series: Series,
        outlook: Outlook,
        prices: Prices | None = None,
    ) -> None:
        """Record the end of a run: its slots, and the intensities and prices of its account."""
        at = run.ended or run.submitted
        stored = _stored(series, outlook, "actual", at)
        self._record = self._keep(run)._replace(
            slots=slots, accounted_with=stored, priced_with=prices
        )

        def write(ledger: Ledger) -> None:
            ledger.save(run)
            ledger.replace_energy(run.id, slots)
            if stored.series:
                ledger.account_with(run.id, ledger.save_series(stored))
            if prices is not None:
                ledger.price_with(run.id, prices)

        self._write(write)

    def idle_floor_w(self, run: Run, logical_cpus: int) -> float | None:
        """The power of this host when it was all but idle, None if that is not known."""
        since = run.submitted - _IDLE_FLOOR_S
        with suppress(LedgerUnavailable):
            return self._opened().idle_floor_w(run.owner.host, logical_cpus, since)
        return None

    def others(self, run: Run, *, alive: bool = False) -> list[Run]:
        """Other runs on this host while this one ran.

        With `alive`, those that have not ended are looked for, one by one: of one that was killed
        long ago nobody may have found out yet.
        """
        if run.started is None or run.ended is None:
            return []
        with suppress(LedgerUnavailable):
            found = self._opened().overlapping(run.owner.host, run.started, run.ended, run.id)
            return [one for one in found if one.ended or not alive or not is_lost(one, run.ended)]
        return []

    def billed(self, others: Sequence[Run]) -> list[list[MeteredSlot]]:
        """The slots of those of these runs whose measured CPU energy has been shared out."""
        ended = [run for run in others if run.energy.cpu_j and run.methods.cpu in MEASURED_METHODS]
        with suppress(LedgerUnavailable):
            ledger = self._opened()
            return [ledger.energy(run.id) for run in ended]
        return []

    def with_ledger(self, work: Callable[[Ledger], object]) -> None:
        """Do what is good to have done, if the ledger is at hand."""
        if self._ledger is not None and self._fault is None:
            with suppress(LedgerUnavailable):
                work(self._ledger)

    def close(self) -> None:
        """Write what is left, to a spool file if need be, and close the ledger."""
        if self._record is not None and self._fault is not None:
            self._write(lambda ledger: None)
            self._tell(self._record)
        if self._ledger is not None:
            with suppress(LedgerUnavailable):
                spool.collect(self._ledger, spool_folders(self._environ))
            self._ledger.close()
            self._ledger = None

    def _tell(self, record: SpoolRecord) -> None:
        """Say what has become of a record that did not get into the ledger."""
        if self._fault is None:
            return
        kept = self._spooled if self._spooled_all else None
        if kept is not None and isinstance(self._fault, LedgerBusy):
            # Where many runs end at once this is nothing unusual, and the next one takes it in.
            return
        words = _last_words(record.run) if kept is None else f"the run is kept in {kept}"
        self._voice.fault(f"{self._fault}; {words}")

    def _keep(self, run: Run) -> SpoolRecord:
        record = SpoolRecord(run) if self._record is None else self._record._replace(run=run)
        self._record = record
        return record

    def _write(self, write: Write) -> None:
        """Do a write, or after one that failed write the whole record; spool it if that fails."""
        record = self._record
        if record is None:
            return
        if self._fault is not None:
            write = partial(spool.put, record=record)
        if self._done(write):
            self._fault, self._recorded = None, True
            self._spool(None)
        elif not (self._recorded and self._is_running() and isinstance(self._fault, LedgerBusy)):
            self._spool(record)

    def _done(self, write: Write) -> bool:
        """Try a write; False and a fault to tell of if it fails."""
        try:
            ledger = self._opened()
            with ledger.transaction():
                write(ledger)
        except LedgerUnavailable as unavailable:
            self._fault = unavailable
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self._fault = LedgerUnavailable(f"the ledger cannot be written ({error!r})")
        else:
            return True
        if self._ledger is not None:
            # By the next time the file may be another one, or there again.
            self._ledger.close()
            self._ledger = None
        return False

    def _opened(self) -> Ledger:
        """The ledger, with as much patience as is due. Raises LedgerUnavailable."""
        if self._ledger is None:
            path = ledger_path(self._environ)
            self._ledger = Ledger.open(path, busy_timeout_s=self._patience_s())
        else:
            self._ledger.wait_at_most(self._patience_s())
        return self._ledger

    def _patience_s(self) -> float:
        if self._is_running():
            return _PATIENCE_WHILE_RUNNING_S if self._recorded else _PATIENCE_S
        waiting = self._record is not None and self._record.run.state == "waiting"
        return _PATIENCE_S if waiting else _PATIENCE_AT_THE_END_S

    def _is_running(self) -> bool:
        return self._record is not None and self._record.run.state in {"running", "paused"}

    def _spool(self, record: SpoolRecord | None) -> None:
        """Keep a record in a file in place of an earlier one; None: it is needed no longer."""
        earlier, newer = self._spooled, None
        if record is not None:
            with suppress(Exception):
                newer = spool.spool(record, spool_folders(self._environ))
            self._spooled_all = newer is not None
            if newer is None:
                # The earlier one does not say all, but it is better than none.
                return
        self._spooled = newer
        if earlier is not None and earlier != newer:
            with suppress(OSError):
                earlier.unlink(missing_ok=True)


def _stored(series: Series, outlook: Outlook, role: Role, at: Instant) -> StoredSeries:
    return StoredSeries(
        series=series,
        zone=outlook.zone,
        provider=outlook.provider,
        rung=outlook.rung,
        signal=outlook.signal,
        scope=outlook.scope,
        role=role,
        issued=outlook.issued,
        retrieved=at,
    )


def _last_words(run: Run) -> str:
    """What would have stood in the ledger, in one line."""
    status = f"SIG{run.term_signal}" if run.term_signal else f"status {run.exit_code}"
    joules = "unknown" if run.energy.total_j is None else f"{run.energy.total_j:.1f}"
    return f"not recorded: run {run.id}: {run.state}, {status}, {joules} J"
