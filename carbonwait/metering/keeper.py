"""A meter for the whole of a run: looked after, and started again once if it fails.

A meter that has died, that hangs or that writes nonsense is told of by `faults`, and replaced;
what passes until the next one is ready has no rows. One that fails as well is the last, unless the
one before has done its work for an hour.

The trap: a parent that was itself stopped or frozen finds a meter that seems to have been silent.
So silence counts only while the parent keeps looking.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import Energy, MeterInfo, MeterRow, Methods
from carbonwait.metering.meter import Meter
from carbonwait.metering.wire import LONGEST_PERIOD_S

# Importing CodeCarbon and finding the hardware takes half a second to two, on a busy machine more.
_READY_WITHIN_S = 15.0
# A busy machine can keep a meter from its row for longer than a very short period.
_SHORTEST_PERIOD_S = 1.0
# In periods: rows end at full ones of the wall clock and are looked for a little later, once more
# shortly before the next one if there was none. By then silence of one and a half is found, within
# two of the last row.
_LOOK_AT = 0.1
_LOOK_AGAIN_AT = 0.9
_SILENCE = 1.5
_SOUND_AFTER_S = 3600.0


class Keeper:
    """The meter of a run.

    `info` is None until it is ready; `rows` are all that have been read, and may be put together
    in place. `dead`: no more rows will come.
    """

    def __init__(
        self,
        meter: Meter,
        period_s: float,
        environ: Mapping[bytes, bytes],
        signal_mask: Iterable[int],
        argv: Sequence[str] | None,
    ) -> None:
        self.info: MeterInfo | None = None
        self.rows: list[MeterRow] = []
        self._meter = meter
        self._how = (period_s, environ, signal_mask, argv)
        self._period_s = min(max(period_s, _SHORTEST_PERIOD_S), LONGEST_PERIOD_S)
        self._faults: list[str] = []
        self._restarted = False
        self._missed = False
        self._begun_s = self._heard_s = self._looked_s = time.monotonic()

    @classmethod
    def start(
        cls,
        period_s: float,
        environ: Mapping[bytes, bytes],
        signal_mask: Iterable[int] = (),
        argv: Sequence[str] | None = None,
    ) -> "Keeper":
        """Start a meter as `Meter.start` does. Raises MeterUnavailable."""
        meter = Meter.start(period_s, environ, signal_mask, argv)
        return cls(meter, period_s, environ, signal_mask, argv)

    @property
    def dead(self) -> bool:
        """True once no more rows will come."""
        return self._meter.dead

    @property
    def pid(self) -> int:
        """The process that meters at present."""
        return self._meter.pid

    @property
    def look_within_s(self) -> float | None:
        """How soon `poll` wants to be called again, None if there is nothing to look after."""
        if self.dead:
            return None
        look_at_s = self._period_s * (_LOOK_AGAIN_AT if self._missed else _LOOK_AT)
        wait_s = (look_at_s - time.time()) % self._period_s
        # Woken a moment early, it would look twice.
        return wait_s if wait_s > _LOOK_AT * self._period_s / 2 else wait_s + self._period_s

    def faults(self) -> list[str]:
        """What has failed since this was asked the last time, a line each."""
        told, self._faults = self._faults, []
        return told

    def poll(self) -> None:
        """Take in what the meter has written; see to it that there is one. Does not wait."""
        if self.dead:
            return
        now_s = time.monotonic()
        ready = self._meter.info is not None
        self._meter.poll()
        seen = self._take()
        # Looks that come late say nothing about the silence in between.
        late = now_s - self._looked_s > _SILENCE * self._period_s
        self._missed = not seen
        if seen or late or ready != (self._meter.info is not None):
            self._heard_s = now_s
        self._looked_s = now_s
        silent_s = now_s - self._heard_s
        patience_s = _SILENCE * self._period_s if self._meter.info else _READY_WITHIN_S
        if self._meter.fault is None and silent_s >= patience_s:
            what = "is silent" if self._meter.info else "is not ready"
            self._meter.fail(f"the meter process {what} after {silent_s:.0f} s")
        if self._meter.fault is not None:
            self._replace(self._meter.fault)

    def mark(self) -> None:
        """Have a row end now, as when the job starts."""
        self._meter.mark()

    def finish(self) -> None:
        """Have the meter write its last row and end; waits for a bounded time."""
        if self.dead:
            return
        self._meter.finish()
        self._take()
        if self._meter.fault is not None:
            self._faults.append(f"{self._meter.fault}; what is left of the run is not metered")

    def abandon(self) -> None:
        """End the meter now, whatever it is doing."""
        self._meter.abandon()

    def _take(self) -> bool:
        """Keep what the meter has told; True if that is anything."""
        told = self._meter.info
        if told is None:
            return False
        self.info = promised = self.info or told
        methods = told.methods
        if told.gpu_count != promised.gpu_count:
            # Fewer devices are not the run's devices.
            methods = replace(methods, gpu="none")
        rows, self._meter.rows = self._meter.rows, []
        covered_until = self.rows[-1].end if self.rows else 0.0
        # The clock may have been set back between two meters.
        self.rows += [
            as_promised(row, methods, promised.methods)
            for row in rows
            if row.start >= covered_until
        ]
        return bool(rows)

    def _replace(self, fault: str) -> None:
        now_s = time.monotonic()
        sound = now_s - self._begun_s >= _SOUND_AFTER_S
        if self._meter.hopeless or (self._restarted and not sound):
            self._faults.append(f"{fault}; the run goes on without it")
            return
        self._restarted = True
        self._begun_s = self._heard_s = now_s
        try:
            self._meter = Meter.start(*self._how)
        except MeterUnavailable as unavailable:
            self._faults.append(f"{fault}; {unavailable}; the run goes on without it")
        else:
            self._faults.append(f"{fault}; another one is started")


def as_promised(row: MeterRow, methods: Methods, promised: Methods) -> MeterRow:
    """A row without the components that are not metered as the run's figures say.

    A GPU may be gone, or counters unreadable, when a second meter starts.
    """
    if methods == promised:
        return row
    energy = Energy(
        row.energy.cpu_j if methods.cpu == promised.cpu else None,
        row.energy.gpu_j if methods.gpu == promised.gpu else None,
        row.energy.ram_j if methods.ram == promised.ram else None,
    )
    if energy.gpu_j is None:
        return replace(row, energy=energy, gpu_own_j=0.0, gpu_others_j=0.0)
    return replace(row, energy=energy)
