"""The parent's handle on the meter process.

The meter writes by itself and the parent looks at the pipe when it likes: no call here waits for
the meter, but `finish` for a bounded time. The traps: the parent waits for signals with some of
them blocked, so the child is started with a mask and dispositions of its own; and the meter is a
child like the job, so nothing here may reap any other.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import Instant, MeterInfo, MeterRow
from carbonwait.metering import wire

_LONGEST_LINE = 65_536
_READS_PER_POLL = 16
# How long a process may take to go, once its pipe is closed and once it has been killed.
_GOING_S = 0.1
_KILLED_S = 1.0
_REAP_STEP_S = 0.002

# This very package first, whichever other version is installed; then the installed packages, and
# behind them the folder in which this process would find CodeCarbon.
_BOOT = """
import sys
sys.path.append(sys.argv[2])
from carbonwait.metering.sidecar import main
sys.path.pop()
import site
site.main()
sys.path += sys.argv[4:]
main(float(sys.argv[1]), float(sys.argv[3]))
"""

# All that the meter is given of the environment: where to find programs and libraries, and which
# GPUs the job sees. Anything else could change its figures (CODECARBON_*), its code (PYTHON*) or
# make it ask a batch system over the network (SLURM_*).
_KEPT = frozenset({b"PATH", b"LD_LIBRARY_PATH", b"TMPDIR", b"GPU_DEVICE_ORDINAL"})
_KEPT_FAMILIES = (b"CUDA_", b"NVIDIA_", b"ROCM_", b"ROCR_", b"HIP_")
_FIXED = {
    b"CODECARBON_LOG_LEVEL": b"CRITICAL",
    b"CODECARBON_TELEMETRY": b"disabled",
    # numpy comes with CodeCarbon and would start a thread per core.
    b"OPENBLAS_NUM_THREADS": b"1",
    b"OMP_NUM_THREADS": b"1",
}


class Meter:
    """A meter process.

    `info` is None until it is ready, `rows` are those that have been read so far. `dead`: no more
    rows will come; `fault`: why not, None if that was asked for. `hopeless`: it has said itself
    that it cannot meter, and another one could not either.
    """

    def __init__(self, pid: int, rows: int, control: int) -> None:
        self.pid = pid
        self.info: MeterInfo | None = None
        self.rows: list[MeterRow] = []
        self.dead = False
        self.fault: str | None = None
        self.hopeless = False
        self._pipe = rows
        self._control = control
        self._unfinished = b""
        self._covered_until: Instant = 0.0
        self._stopping = False
        self._status: int | None = None

    @classmethod
    def start(
        cls,
        period_s: float,
        environ: Mapping[bytes, bytes],
        signal_mask: Iterable[int] = (),
        argv: Sequence[str] | None = None,
    ) -> "Meter":
        """Start a meter that writes a row every `period_s`, and do not wait for it.

        `environ` is the job's environment, `signal_mask` what the child shall block. Raises
        MeterUnavailable.
        """
        words = list(argv or command(period_s))
        descriptors: list[int] = []
        try:
            descriptors += os.pipe()
            descriptors += os.pipe()
            control_end, control, rows, rows_end = descriptors
            pid = os.posix_spawn(
                words[0],
                words,
                environment(environ),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, control_end, 0),
                    (os.POSIX_SPAWN_DUP2, rows_end, 1),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                # Ctrl-C, Ctrl-Z and the end of the terminal are not for the meter.
                setsid=True,
                setsigmask=signal_mask,
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
        except (OSError, TypeError, ValueError, NotImplementedError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            raise MeterUnavailable(
                f"the meter process cannot be started: {error}; see carbonwait doctor"
            ) from None
        os.close(control_end)
        os.close(rows_end)
        os.set_blocking(rows, False)
        return cls(pid, rows, control)

    def fileno(self) -> int:
        """The pipe that the rows come through, for select(2), as long as it is not dead."""
        return self._pipe

    def poll(self) -> None:
        """Take in what the meter has written, without waiting."""
        for _ in range(_READS_PER_POLL):
            if self.dead:
                return
            try:
                chunk = os.read(self._pipe, _LONGEST_LINE)
            except BlockingIOError:
                return
            if chunk:
                self._take(chunk)
            else:
                self._ended()

    def mark(self) -> None:
        """Have the meter end a row now and start the next one."""
        if not self.dead:
            with suppress(OSError):  # If it has died, the end of file in its pipe will tell.
                os.write(self._control, b"row\n")

    def finish(self, within_s: float = 2.0) -> None:
        """Have the meter write its last row and end; wait no longer than `within_s` for it.

        A meter that is not ready yet has nothing to say and is ended at once.
        """
        self.poll()
        if self.info is None:
            self.abandon()
        if self.dead:
            return
        self._stopping = True
        with suppress(OSError):  # If it has died, the end of file in its pipe will tell.
            os.write(self._control, b"stop\n")
        poller = select.poll()
        poller.register(self, select.POLLIN)
        until = time.monotonic() + within_s
        while not self.dead:
            left_s = until - time.monotonic()
            if left_s <= 0:
                self.fail(f"the meter process did not end within {within_s:g} s")
            elif poller.poll(left_s * 1000):
                self.poll()

    def abandon(self) -> None:
        """End the meter now, whatever it is doing."""
        if self.dead:
            return
        self.dead = True
        running = self._reaped(within_s=0) is None
        if running:
            # Not reaped yet, so the number is still its own. The subprocesses by which CodeCarbon
            # looks for hardware go as well: before the pipes are closed, which may end it alone.
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        os.close(self._pipe)
        os.close(self._control)
        if running:
            self._reaped(within_s=_KILLED_S)

    def _take(self, chunk: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        try:
            for line in lines:
                self._understand(line)
            if len(self._unfinished) > _LONGEST_LINE:
                raise wire.Garbled("the meter process wrote a line without end")
        except MeterUnavailable as unavailable:
            self.hopeless = not isinstance(unavailable, wire.Garbled)
            self.fail(str(unavailable))

    def _understand(self, line: bytes) -> None:
        said = wire.decode(line)
        if isinstance(said, MeterInfo) and self.info is None:
            self.info = said
        elif isinstance(said, MeterRow) and self.info and said.start >= self._covered_until:
            self.rows.append(said)
            self._covered_until = said.end
        else:
            raise wire.Garbled("the meter process wrote its rows out of order")

    def _ended(self) -> None:
        status = self._reaped(within_s=_GOING_S)
        # On a busy machine it may have said all that it had to, and not be gone yet.
        if self._stopping and not status:
            self.abandon()
            return
        how = "closed its pipe"
        if status is not None:
            died = status < 0
            how = f"died of {_signal_name(-status)}" if died else f"ended with status {status}"
        when = "" if self.info else " before it was ready"
        self.fail(f"the meter process {how}{when}")

    def fail(self, fault: str) -> None:
        """End the meter now, for this reason."""
        self.fault = fault
        self.abandon()

    def _reaped(self, within_s: float) -> int | None:
        """Its exit status, or minus the signal it died of; None if it has not ended in time."""
        until = time.monotonic() + within_s
        while self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._status = 0  # Reaped by somebody else; how it ended is lost.
            else:
                if pid:
                    self._status = os.waitstatus_to_exitcode(status)
                elif time.monotonic() >= until:
                    break
                else:
                    # time.sleep() raises where libfaketime has set the clock.
                    select.select((), (), (), _REAP_STEP_S)
        return self._status


def command(period_s: float) -> list[str]:
    """The command line of the meter: isolated from the current folder and from PYTHONPATH."""
    own = str(Path(__file__).parents[2])
    # An isolated interpreter does not see the user's own site-packages, where CodeCarbon may be.
    # The last folder counts: what PYTHONPATH names comes before what is installed.
    holders = [folder for folder in sys.path if Path(folder, "codecarbon/__init__.py").is_file()]
    now = repr(time.time())
    return [sys.executable, "-I", "-S", "-c", _BOOT, repr(period_s), own, now, *holders[-1:]]


def environment(environ: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The meter's environment, from the job's."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in _KEPT or name.startswith(_KEPT_FAMILIES)
    }
    # CodeCarbon does not know the third of the variables that choose GPUs.
    if b"HIP_VISIBLE_DEVICES" in kept:
        kept.setdefault(b"ROCR_VISIBLE_DEVICES", kept[b"HIP_VISIBLE_DEVICES"])
    # To CUDA an empty list means no device, to CodeCarbon every device.
    if kept.get(b"CUDA_VISIBLE_DEVICES") == b"":
        kept[b"CUDA_VISIBLE_DEVICES"] = b"none"
    return kept | _FIXED


def _signal_name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
