"""The meter of one job while it is under way, which the job does not depend on.

Whatever fails here is told in one line, and the job goes on without energies.
"""

from collections.abc import Callable, Sequence, Set
from math import inf

from carbonwait.core.attribution import MeteredSlot, merged_rows, slots_between
from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import Instant, MeterInfo, MeterRow
from carbonwait.metering.keeper import Keeper
from carbonwait.process.child import Environment
from carbonwait.stories.voice import Voice

# What has been metered is stored often at first and once a minute in the long run, so that a
# process that is killed loses a fifth of it at the most.
_KEEP_FIRST_S = 5.0
_KEEP_EVERY_S = 60.0


class JobMeter:
    """Starts the meter process, takes in its rows, and says when to store them.

    `sample_s` is its period, None where no meter is wanted; `mask` is the signal mask for it.
    """

    def __init__(
        self, sample_s: float | None, environment: Environment, mask: Set[int], voice: Voice
    ) -> None:
        self._sample_s, self._environment, self._mask = sample_s, environment, mask
        self._voice = voice
        self._keeper: Keeper | None = None
        self._kept_s = 0.0

    @property
    def rows(self) -> Sequence[MeterRow]:
        """What has been metered so far."""
        return self._keeper.rows if self._keeper else ()

    @property
    def info(self) -> MeterInfo | None:
        """What the meter says of itself, None until it is ready."""
        return self._keeper.info if self._keeper else None

    @property
    def look_within_s(self) -> float:
        """How soon to look after it again."""
        within_s = self._keeper.look_within_s if self._keeper else None
        return inf if within_s is None else within_s

    def start(self) -> None:
        """Start the meter process unless it is not wanted; if it runs, a row ends here."""
        if self._keeper is not None:
            self._keeper.mark()
        elif self._sample_s is not None:
            try:
                self._keeper = Keeper.start(self._sample_s, self._environment, self._mask)
            except MeterUnavailable as unavailable:
                self._voice.fault(f"{unavailable}; the run is not metered")

    def look_after(self, run_s: float, keep: Callable[[], None]) -> None:
        """Take in rows, and `keep` them now and then; do without the meter if that fails.

        `run_s` is how long the command has run so far.
        """
        try:
            self._collect()
            if run_s - self._kept_s >= min(_KEEP_EVERY_S, max(_KEEP_FIRST_S, run_s / 5)):
                self._kept_s = run_s
                if self._keeper is not None:
                    keep()
        except Exception as error:  # noqa: BLE001 (a fault of ours never touches the job)
            self._voice.fault(f"metering failed ({error!r}); the run goes on without it")
            self.abandon()

    def slots(self, start: Instant, end: Instant, edges: Sequence[Instant]) -> list[MeteredSlot]:
        """The energy of `[start, end)`; rows between the same edges are put together for good."""
        if self._keeper is None:
            return []
        self._keeper.rows[:] = merged_rows(self._keeper.rows, edges)
        return slots_between(self._keeper.rows, start, end, edges)

    def finish(self) -> None:
        """Have a last row, and take it in."""
        if self._keeper is not None:
            self._keeper.finish()
            self._collect()

    def abandon(self) -> None:
        """Do without the meter from now on."""
        if self._keeper is not None:
            self._keeper.abandon()
            self._keeper = None

    def _collect(self) -> None:
        if self._keeper is None:
            return
        self._keeper.poll()
        for fault in self._keeper.faults():
            self._voice.fault(fault)
