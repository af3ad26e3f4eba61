"""Recording a run while it is under way, whatever becomes of the ledger.

What cannot be written is kept and tried again with the next write and at the end. If the ledger is
still out of reach then, the complete record is spooled to a file, and if no file can be had
either, one line says what would have stood there. There is one line at most, at the end, when it
can say what became of the record; none of it ever raises.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import LedgerBusy, LedgerUnavailable
from carbonwait.core.prices import Prices
from carbonwait.core.records import Decision, Instant, Pause, Run
from carbonwait.core.series import Series
from carbonwait.ledger import spool
from carbonwait.ledger.rows import Role, StoredSeries
from carbonwait.ledger.spool import SpoolRecord
from carbonwait.ledger.store import Ledger
from carbonwait.settings import ledger_path
from carbonwait.stories.intensities import Outlook
from carbonwait.stories.upkeep import spool_folders
from carbonwait.stories.voice import Voice

_IDLE_FLOOR_S = 90 * 86400.0
# The job is not to wait long for another process that holds the ledger.
_PATIENCE_S = 2.0

Write = Callable[[Ledger], None]


class Recorder:
    """The record of one run, in memory and as far as possible in the ledger."""

    def __init__(self, environ: Mapping[str, str], voice: Voice) -> None:
        self._environ = environ
        self._voice = voice
        self._ledger: Ledger | None = None
        self._record: SpoolRecord | None = None
        self._unwritten: dict[str, Write] = {}
        self._fault = ""
        self._only_busy = False

    def save(self, run: Run) -> None:
        """Bring the run's row up to date."""
        self._keep(run)
        self._write("run", lambda ledger: ledger.save(run))

    def decide(self, run: Run, decision: Decision, outlook: Outlook) -> None:
        """Add to the run's log, with the forecast that it rests on."""
        record = self._keep(run)
        stored = _stored(outlook.series, outlook, "forecast", decision.at)
        self._record = record._replace(decisions=[*record.decisions, decision], planned_on=stored)

        def write(ledger: Ledger) -> None:
            ledger.save(run)
            series_id = ledger.save_series(stored) if stored.series else None
            ledger.add_decision(run.id, decision, series_id)

        self._write(f"decision {decision.at}", write)

    def energy(self, run: Run, slots: Sequence[MeteredSlot]) -> None:
        """Put these slots in place of the run's earlier ones."""
        self._record = self._keep(run)._replace(slots=slots)
        self._write("energy", lambda ledger: ledger.replace_energy(run.id, slots))

    def pauses(self, run: Run, pauses: Sequence[Pause]) -> None:
        """Put these pauses in place of the run's earlier ones, and save the run."""
        self._record = self._keep(run)._replace(pauses=list(pauses))

        def write(ledger: Ledger) -> None:
            ledger.save(run)
            ledger.replace_pauses(run.id, pauses)

        self._write("pauses", write)

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

        self._write("account", write)

    def idle_floor_w(self, run: Run, logical_cpus: int) -> float | None:
        """The power of this host when it was all but idle, None if that is not known."""
        if self._ledger is None:
            return None
        since = run.submitted - _IDLE_FLOOR_S
        with suppress(LedgerUnavailable):
            return self._ledger.idle_floor_w(run.owner.host, logical_cpus, since)
        return None

    def others(self, run: Run) -> list[Run]:
        """Other runs on this host while this one ran."""
        if self._ledger is None or run.started is None or run.ended is None:
            return []
        with suppress(LedgerUnavailable):
            return self._ledger.overlapping(run.owner.host, run.started, run.ended, run.id)
        return []

    def with_ledger(self, work: Callable[[Ledger], object]) -> None:
        """Do what is good to have done, if the ledger is at hand."""
        if self._ledger is not None and not self._unwritten:
            with suppress(LedgerUnavailable):
                work(self._ledger)

    def close(self) -> None:
        """Write what is left, to a spool file if need be, and close the ledger."""
        self._flush()
        if self._unwritten and self._record is not None:
            path = spool.spool(self._record, spool_folders(self._environ))
            where = _last_words(self._record.run) if path is None else f"the run is kept in {path}"
            # Many runs at once are no fault: whoever looks next into the ledger takes it in.
            if path is None or not self._only_busy:
                self._voice.fault(f"{self._fault}; {where}")
        elif self._ledger is not None:
            with suppress(LedgerUnavailable):
                spool.collect(self._ledger, spool_folders(self._environ))
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _keep(self, run: Run) -> SpoolRecord:
        record = SpoolRecord(run) if self._record is None else self._record._replace(run=run)
        self._record = record
        return record

    def _write(self, what: str, write: Write) -> None:
        """Do a write, and before it all that have failed so far; a later one of a kind counts."""
        self._unwritten.pop(what, None)
        self._unwritten[what] = write
        self._flush()

    def _flush(self) -> None:
        if not self._unwritten:
            return
        try:
            if self._ledger is None:
                path = ledger_path(self._environ)
                self._ledger = Ledger.open(path, busy_timeout_s=_PATIENCE_S)
            with self._ledger.transaction():
                for write in self._unwritten.values():
                    write(self._ledger)
        except LedgerUnavailable as unavailable:
            self._fault = str(unavailable)
            self._only_busy = isinstance(unavailable, LedgerBusy)
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self._fault = f"the ledger cannot be written ({error!r})"
            self._only_busy = False
        else:
            self._unwritten.clear()


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
