"""The meter process: runs CodeCarbon and writes a row of energy every period, unasked.

Rows end at full periods of the wall clock, so that the meters of runs that overlap look at the same
moments. Nobody has to ask for one, so that the parent never waits. "row" on standard input asks for
one at once, as when the job starts, and "stop" for the last one; end of file there means that the
parent is gone, and is the same as "stop".

CodeCarbon's flush() calls our handler with the energy since the call before; that and nothing else
carries figures, and never CodeCarbon's emissions.

The trap: CodeCarbon's start(), flush() and stop() swallow every exception. Whether they did
anything can only be told by whether the handler was called; a sample without a call is missing, and
what that tracker says later counts some of it twice.
"""

import math
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.procstat import busy_s
from carbonwait.core.records import Energy, Instant, MeterRow
from carbonwait.core.units import JOULES_PER_KWH
from carbonwait.metering import wire
from carbonwait.metering.gpu_choice import number_the_chosen
from carbonwait.metering.gpu_use import GpuUse
from carbonwait.metering.hardware import cpu_fields, cpu_in_doubt, gpu_in_doubt, info_of

# CodeCarbon measures anew only if its last measurement is older than 50 ms.
_SHORTEST_S = 0.06
# A call into a driver can hang for good. The parent kills such a meter, but it may be gone itself.
_LONGEST_CALL_S = 60.0
# What the wall clock may run ahead of the elapsed time within a row. More is a clock that was set,
# or a suspended machine, and the row is of the time that has passed alone.
_CLOCK_SLACK_S = 1.0
# A parent's wall clock that is off by so much is another one than ours, such as a faked one. To
# start takes less.
_OTHER_CLOCK_S = 60.0
# A tracker keeps every second of its life and averages over all of them at each sample.
_TRACKER_LIFE_S = 86_400.0
# A counter that says nonsense once spoils the sums that CodeCarbon keeps, for good.
_MOST_KWH = 1e6
# CodeCarbon reads configuration files in the home and the current folder, but here nobody, not
# even root, can put one.
_BARREN = "/proc"


def main(period_s: float, parents_now: Instant | None = None) -> NoReturn:
    """Meter until told to stop, then end the process: with 0 if nothing is missing, else with 1.

    Rows are of the parent's time, which it was `parents_now` of when it started this process.
    """
    status = 1
    try:
        if parents_now is not None and abs(parents_now - time.time()) > _OTHER_CLOCK_S:
            Clock.ahead_s = parents_now - time.time()
        control, rows = _take_pipes()
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_CALL_S)
        os.chdir(_BARREN)
        os.environ["HOME"] = _BARREN
        status = serve(control, Outlet(rows), min(period_s, wire.LONGEST_PERIOD_S))
    except BrokenPipeError:
        status = 0  # The parent is gone.
    finally:
        # The ordinary way out runs exit handlers of libraries, which can hang. There is nobody to
        # show an exception to; the parent sees the status.
        os._exit(status)


def _take_pipes() -> tuple[int, int]:
    """Keep the two pipes from CodeCarbon, its subprocesses and anything printed; close the rest.

    A descriptor of the job's kept open here could keep its reader waiting for the end of file.
    """
    for inherited in Path("/proc/self/fd").iterdir():
        if int(inherited.name) > 2:
            with suppress(OSError):  # The listing's own descriptor is closed already.
                os.close(int(inherited.name))
    control, rows = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    return control, rows


class Outlet:
    """Writes lines without blocking: a parent stopped by Ctrl-Z may read nothing for hours."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._backlog = bytearray()
        os.set_blocking(descriptor, False)

    def write(self, line: bytes) -> None:
        """Write what the pipe takes and keep the rest. Raises BrokenPipeError if nobody reads."""
        self._backlog += line
        try:
            while self._backlog:
                del self._backlog[: os.write(self._descriptor, self._backlog)]
        except BlockingIOError:
            return

    def drain(self) -> None:
        """Write all that is left, however long it takes."""
        os.set_blocking(self._descriptor, True)
        self.write(b"")


def serve(control: int, outlet: Outlet, period_s: float) -> int:
    """Write rows until "stop" or end of file; returns the exit status."""
    try:
        sampler = Sampler(Moment())
    except Exception as error:  # noqa: BLE001 (the parent is told, whatever it was)
        reason = f"CodeCarbon cannot be started ({error!r}); see carbonwait doctor"
        outlet.write(wire.encode_unavailable(reason))
        outlet.drain()
        return 1
    info = sampler.info
    outlet.write(wire.encode_info(info))
    renew_at = time.monotonic() + _TRACKER_LIFE_S
    while True:
        signal.setitimer(signal.ITIMER_REAL, 0)
        command = _command_within(control, until_row_s(period_s, Clock.wall()))
        # SIGALRM ends a process that has made no arrangement for it.
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_CALL_S)
        row = sampler.sample()
        if row is not None:
            outlet.write(wire.encode_row(row))
        if command is not None and (b"stop" in command or not command):
            outlet.drain()
            return 0 if row is not None else 1
        if row is None or time.monotonic() >= renew_at:
            sampler = sampler.renewed()
            renew_at = time.monotonic() + _TRACKER_LIFE_S
            found = sampler.info
            if (found.methods, found.gpu_count) != (info.methods, info.gpu_count):
                return 1


def until_row_s(period_s: float, now: Instant) -> float:
    """How long until the next row is to end: at a full period of the wall clock."""
    wait_s = period_s - now % period_s
    return wait_s if wait_s >= _SHORTEST_S else wait_s + period_s


def _command_within(control: int, wait_s: float) -> bytes | None:
    """What the parent says; b"" once it is gone, None if it says nothing for so long."""
    poller = select.poll()
    poller.register(control, select.POLLIN)
    if not poller.poll(max(0, math.ceil(wait_s * 1000))):
        return None
    return os.read(control, 64)


class Clock:
    """The parent's wall clock; `ahead_s` is how far it is ahead of ours."""

    ahead_s = 0.0

    @classmethod
    def wall(cls) -> Instant:
        """The time by it."""
        return time.time() + cls.ahead_s


class Moment:
    """An instant at which a row ends and the next one starts."""

    def __init__(self, previous: "Moment | None" = None) -> None:
        self.elapsed_s = time.monotonic()
        self.at = Clock.wall()
        if previous is not None:
            self.at = row_end(previous.at, self.at, self.elapsed_s - previous.elapsed_s)
        self.busy_s = machine_busy_s()

    def busy_since(self, previous: "Moment") -> float | None:
        """Busy seconds of all logical CPUs in between, None where the kernel does not tell."""
        if self.busy_s is None or previous.busy_s is None or self.busy_s < previous.busy_s:
            return None
        return self.busy_s - previous.busy_s


def row_start(previous: Instant, end: Instant, elapsed_s: float) -> Instant:
    """The end of the row before, or later if there is more time in between than has passed."""
    return previous if end - previous <= elapsed_s + _CLOCK_SLACK_S else end - elapsed_s


def row_end(start: Instant, wall: Instant, elapsed_s: float) -> Instant:
    """The wall clock, or the elapsed time after `start` if the clock has been set back past it."""
    return wall if wall > start else start + elapsed_s


def machine_busy_s() -> float | None:
    """Busy seconds of all logical CPUs since boot, None where the kernel does not tell."""
    try:
        with open("/proc/stat", "rb") as file:  # noqa: PTH123 (read at every sample)
            return busy_s(file.readline(), os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return None


class Sampler:
    """CodeCarbon, started and past its baseline; `info` is what it meters.

    Raises MeterUnavailable if it gives no figures, or whatever CodeCarbon's import raises.
    """

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._delta: Any = None
        self._tracker = _tracker(self._take)
        self._tracker.start()
        # The first figures are those of starting up, the second ones are the baseline.
        for _ in range(2):
            if not self._flush():
                raise MeterUnavailable("its tracker gives no figures")
        self.info = info_of(self._tracker)
        self._gpu_use = GpuUse(self._tracker, os.getppid())

    def sample(self) -> MeterRow | None:
        """The row since the last sample, None if CodeCarbon gave no figures."""
        before = self._moment
        if not self._flush():
            return None
        moment, methods, delta = self._moment, self.info.methods, self._delta
        elapsed_s = moment.elapsed_s - before.elapsed_s
        cpu_known = methods.cpu != "none" and not cpu_in_doubt(self._tracker, elapsed_s)
        gpu_known = methods.gpu != "none" and not gpu_in_doubt(self._tracker)
        energy = Energy(
            joules(delta.cpu_energy) if cpu_known else None,
            joules(delta.gpu_energy) if gpu_known else None,
            joules(delta.ram_energy) if methods.ram != "none" else None,
        )
        own, others = self._gpu_use.look()
        gpu_j = energy.gpu_j or 0.0
        return MeterRow(
            row_start(before.at, moment.at, elapsed_s),
            moment.at,
            energy,
            moment.busy_since(before),
            gpu_own_j=gpu_j * own,
            gpu_others_j=gpu_j * others,
        )

    def renewed(self) -> "Sampler":
        """A fresh tracker from a baseline of its own; what passes meanwhile is missing."""
        self._tracker.stop()
        # CodeCarbon would take the hardware that it has found the first time, and of an empty
        # choice of GPUs it remembers that there was none, which to it means all of them.
        with suppress(ImportError, AttributeError):
            from codecarbon.core import hardware_cache

            hardware_cache.clear_cache()
        return Sampler(self._moment)

    def _flush(self) -> bool:
        wait_s = self._moment.elapsed_s + _SHORTEST_S - time.monotonic()
        # A clock that never goes back may do so all the same where clocks are faked.
        time.sleep(min(max(0.0, wait_s), _SHORTEST_S))
        self._delta = None
        self._tracker.flush()
        return self._delta is not None and _is_sane(self._delta)

    def _take(self, delta: Any) -> None:
        self._delta = delta
        self._moment = Moment(self._moment)


def _is_sane(delta: Any) -> bool:
    """Whether these are figures at all; comparisons with NaN are false."""
    figures = (delta.cpu_energy, delta.gpu_energy, delta.ram_energy)
    return all(abs(float(kwh)) < _MOST_KWH for kwh in figures)


def joules(kwh: float) -> float | None:
    """CodeCarbon's figure in joules; None for 0, which is what it says of a sensor that failed."""
    j = float(kwh) * JOULES_PER_KWH
    return j if math.isfinite(j) and j > 0 else None


def _tracker(take: Callable[[Any], None]) -> Any:
    """A tracker of the whole machine that is silent, offline and runs only when told to."""
    _spare_the_cpu_probe()
    number_the_chosen(os.environ)
    from codecarbon import OfflineEmissionsTracker
    from codecarbon.output_methods.base_output import BaseOutput

    class Handler(BaseOutput):
        def out(self, total: Any, delta: Any) -> None:
            take(delta)

    # Given one by one, since what is not given is looked up in configuration files.
    return OfflineEmissionsTracker(
        output_methods=[],
        output_handlers=[Handler()],
        output_dir=_BARREN,
        # Longer than any run: CodeCarbon's own schedule would race with ours.
        measure_power_secs=10**9,
        api_call_interval=-1,
        tracking_mode="machine",
        allow_multiple_runs=True,
        log_level="critical",
        pue=1.0,
        country_iso_code="",
        force_carbon_intensity_g_co2e_kwh=0.0,
        electricitymaps_api_token="",
        emissions_endpoint=False,
    )


def _spare_the_cpu_probe() -> None:
    """Tell CodeCarbon the CPU's name, which is all that it asks py-cpuinfo for.

    py-cpuinfo takes the name from the same place, but then keeps a core spinning for a second to
    find the clock rate.
    """
    name = cpu_fields().get("model name")
    if name is not None:
        import cpuinfo  # type: ignore[import-untyped]

        cpuinfo.get_cpu_info = lambda: {"brand_raw": name}
