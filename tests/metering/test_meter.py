"""The parent's handle, with meter processes that misbehave in every way, and with the real one.

The misbehaving ones are small scripts in real processes.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import carbonwait
from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import MeterInfo, Methods
from carbonwait.metering import meter, wire
from carbonwait.metering.meter import Meter

ROOT = str(Path(carbonwait.__file__).parents[1])
INFO = MeterInfo(Methods("tdp_model", "none", "ram_model"), 8.0, 2, 2**34)

# What every script can say: that it is ready, and row N, of the seconds from N to N + 1.
PREAMBLE = f"""
import os, signal, sys, time
def say(line):
    os.write(1, line)
def ready():
    say({wire.encode_info(INFO)!r})
def row(number, cpu="8.0"):
    line = '{{"t0":%d,"t1":%d,"cpu_j":%s,"gpu_j":null,"ram_j":20.0,"busy_s":null}}'
    say((line % (number, number + 1, cpu)).encode() + bytes([10]))
def unavailable(reason):
    say(('{{"unavailable":"%s"}}' % reason).encode() + bytes([10]))
def told():
    return sys.stdin.readline()
"""

Start = Callable[..., Meter]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a script in place of the meter process."""
    started: list[Meter] = []

    def start(script: str, signal_mask: Iterable[int] = ()) -> Meter:
        argv = [sys.executable, "-I", "-S", "-c", PREAMBLE + script]
        started.append(Meter.start(5.0, os.environb, signal_mask, argv))
        return started[-1]

    yield start
    for one in started:
        one.abandon()


def wait_until(running: Meter, condition: Callable[[], bool]) -> None:
    """Poll whenever the meter has written something or died, until the condition holds."""
    until = time.monotonic() + 15
    while not condition():
        left_s = until - time.monotonic()
        assert not running.dead, running.fault
        assert left_s > 0, "it did not come to that in time"
        select.select([running], [], [], left_s)
        running.poll()


def ready(running: Meter) -> Meter:
    wait_until(running, lambda: running.info is not None)
    return running


def dead(running: Meter) -> Meter:
    wait_until(running, lambda: running.dead)
    return running


def with_rows(running: Meter, count: int) -> Meter:
    wait_until(running, lambda: len(running.rows) >= count)
    return running


def starts(running: Meter) -> list[float]:
    return [row.start for row in running.rows]


# --- a meter that behaves -----------------------------------------------------------------------


def test_nothing_is_known_before_the_meter_has_spoken(start: Start) -> None:
    running = start("told()")
    running.poll()
    assert (running.info, running.rows, running.dead, running.fault) == (None, [], False, None)


def test_the_ready_line_tells_what_is_metered(start: Start) -> None:
    assert ready(start("ready(); told()")).info == INFO


def test_rows_are_kept_in_their_order(start: Start) -> None:
    assert starts(with_rows(start("ready(); row(1); row(2); told()"), 2)) == [1.0, 2.0]


def test_a_line_that_comes_in_pieces_is_put_together(start: Start) -> None:
    whole = wire.encode_info(INFO)
    running = start(f"say({whole[:20]!r}); told(); say({whole[20:]!r}); told()")
    select.select([running], [], [], 15)
    running.poll()
    os.write(running._control, b"go on\n")
    assert ready(running).info == INFO


def test_null_is_unknown_and_not_zero(start: Start) -> None:
    running = with_rows(start("ready(); row(1, 'null'); told()"), 1)
    assert running.rows[0].energy.cpu_j is None


def test_a_gap_between_rows_is_no_fault(start: Start) -> None:
    assert with_rows(start("ready(); row(1); row(5); told()"), 2).fault is None


def test_rows_may_be_put_together_by_the_caller(start: Start) -> None:
    running = with_rows(start("ready(); row(1); row(2); told(); row(3)"), 2)
    running.rows[:] = running.rows[:1]
    running.finish()
    assert starts(running) == [1.0, 3.0]


def test_finish_brings_the_last_row(start: Start) -> None:
    running = ready(start("ready(); told() == 'stop\\n' and row(7)"))
    running.finish()
    assert starts(running) == [7.0]


def test_finish_leaves_no_fault(start: Start) -> None:
    running = ready(start("ready(); told(); row(7)"))
    running.finish()
    assert (running.dead, running.fault) == (True, None)


def test_finish_leaves_no_process(start: Start) -> None:
    running = ready(start("ready(); told(); row(7)"))
    running.finish()
    assert not Path(f"/proc/{running.pid}").exists()


def test_finish_reads_all_that_the_meter_had_to_say(start: Start) -> None:
    running = ready(start("ready(); [row(n) for n in range(30_000)]; told(); row(30_000)"))
    running.finish(within_s=15)
    assert starts(running) == list(range(30_001))


def test_everything_may_be_called_again_after_the_end(start: Start) -> None:
    running = start("told()")
    for call in (running.abandon, running.finish, running.poll, running.abandon):
        call()
    assert (running.dead, running.fault) == (True, None)


def test_no_descriptor_is_left_after_the_end(start: Start) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    start("told()").abandon()
    assert sorted(Path("/proc/self/fd").iterdir()) == before


# --- a meter that misbehaves --------------------------------------------------------------------


def test_a_program_that_is_not_there_is_no_meter() -> None:
    with pytest.raises(MeterUnavailable, match="'/no/such/python'; see carbonwait doctor"):
        Meter.start(5.0, {}, argv=["/no/such/python"])


def test_a_program_that_is_not_there_leaves_no_descriptor() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(MeterUnavailable):
        Meter.start(5.0, {}, argv=["/no/such/python"])
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_one_that_ends_before_it_is_ready_is_a_fault(start: Start) -> None:
    fault = dead(start("sys.exit(3)")).fault
    assert fault == "the meter process ended with status 3 before it was ready"


def test_one_that_ends_unasked_is_a_fault(start: Start) -> None:
    assert dead(start("ready()")).fault == "the meter process ended with status 0"


def test_one_that_is_killed_is_a_fault_that_names_the_signal(start: Start) -> None:
    running = ready(start("ready(); told()"))
    os.kill(running.pid, signal.SIGKILL)
    assert dead(running).fault == "the meter process died of SIGKILL"


def test_one_that_closes_its_pipe_and_stays_is_killed(start: Start) -> None:
    running = dead(start("ready(); os.close(1); told()"))
    assert running.fault == "the meter process closed its pipe"
    assert not Path(f"/proc/{running.pid}").exists()


def test_one_that_says_why_it_cannot_meter_is_a_fault_of_that_reason(start: Start) -> None:
    assert dead(start("unavailable('no sensor')")).fault == "no sensor"


def test_rows_that_came_before_a_fault_are_kept(start: Start) -> None:
    assert starts(dead(start("ready(); row(1); say(b'nonsense\\n'); told()"))) == [1.0]


def test_one_that_writes_nonsense_is_killed(start: Start) -> None:
    running = dead(start("ready(); say(b'nonsense\\n'); told()"))
    assert running.fault is not None
    assert "nonsense" in running.fault
    assert not Path(f"/proc/{running.pid}").exists()


def test_a_row_from_one_that_is_not_ready_is_a_fault(start: Start) -> None:
    running = dead(start("row(1); told()"))
    assert (running.rows, running.fault is None) == ([], False)


def test_rows_that_overlap_are_a_fault_and_not_counted_twice(start: Start) -> None:
    running = dead(start("ready(); row(5); row(5); told()"))
    assert starts(running) == [5.0]


def test_a_row_without_its_end_is_dropped(start: Start) -> None:
    running = dead(start('ready(); row(1); say(b\'{"t0":2,"t1":3,"cpu_j":1\'); sys.exit(0)'))
    assert starts(running) == [1.0]


def test_a_line_without_end_is_a_fault(start: Start) -> None:
    running = dead(start("ready(); [say(b'x' * 4096) for _ in range(1000)]"))
    assert running.fault == "the meter process wrote a line without end"


def test_a_flood_of_rows_does_not_hold_the_parent_up(start: Start) -> None:
    collect = "write, lines = say, []; say = lines.append; ready()\n"
    flood = "[row(n) for n in range(100_000)]; write(b''.join(lines)); told()"
    running = start(collect + flood)
    select.select([running], [], [], 15)
    running.poll()
    assert len(running.rows) < 50_000


def test_one_that_is_not_ready_is_ended_at_once(start: Start) -> None:
    running = start("signal.pause()")
    began = time.monotonic()
    running.finish(within_s=15)
    assert time.monotonic() - began < 5


def test_one_that_is_not_ready_at_the_end_is_no_fault(start: Start) -> None:
    running = start("signal.pause()")
    running.finish()
    assert running.fault is None


def test_one_that_hangs_at_the_end_is_waited_for_no_longer_than_agreed(start: Start) -> None:
    running = ready(start("ready(); signal.pause()"))
    began = time.monotonic()
    running.finish(within_s=0.2)
    assert 0.2 <= time.monotonic() - began < 5
    assert running.fault == "the meter process did not end within 0.2 s"


def test_one_that_hangs_at_the_end_is_killed(start: Start) -> None:
    running = ready(start("ready(); signal.pause()"))
    running.finish(within_s=0.1)
    assert not Path(f"/proc/{running.pid}").exists()


def test_one_that_has_died_before_the_end_is_a_fault_and_no_broken_pipe(start: Start) -> None:
    running = ready(start("ready(); told()"))
    os.kill(running.pid, signal.SIGKILL)
    os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
    running.finish()
    assert running.fault == "the meter process died of SIGKILL"


def test_one_whose_last_sample_fails_is_a_fault(start: Start) -> None:
    running = ready(start("ready(); told(); sys.exit(1)"))
    running.finish()
    assert running.fault == "the meter process ended with status 1"


def test_one_that_somebody_else_has_reaped_does_no_harm(start: Start) -> None:
    running = ready(start("ready(); told()"))
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    running.finish()
    assert running.dead


def test_its_own_children_are_killed_with_it(start: Start) -> None:
    fork = "child = os.fork()\nif child == 0: signal.pause()\n"
    running = start(fork + "ready(); row(child); told()")
    child = int(with_rows(running, 1).rows[0].start)
    watched = os.pidfd_open(child)
    running.abandon()
    gone = select.select([watched], [], [], 15)[0]
    os.close(watched)
    assert gone


def test_another_child_is_left_to_be_reaped_by_its_owner(start: Start) -> None:
    job = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 7"], {})
    os.waitid(os.P_PID, job, os.WEXITED | os.WNOWAIT)
    running = ready(start("ready(); told()"))
    running.finish()
    assert os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]) == 7


# --- what surrounds the meter -------------------------------------------------------------------


def said_by(start: Start, expression: str, signal_mask: Iterable[int] = ()) -> str:
    """What an expression is worth in the meter process."""
    return str(dead(start(f"unavailable({expression})", signal_mask)).fault)


def test_it_has_a_session_of_its_own(start: Start) -> None:
    assert said_by(start, "os.getsid(0) == os.getpid()") == "True"


def test_it_blocks_no_signal_though_the_parent_does(start: Start) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    try:
        blocked = said_by(start, "signal.pthread_sigmask(signal.SIG_BLOCK, [])")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert blocked == "set()"


def test_it_blocks_what_it_shall_block(start: Start) -> None:
    blocked = said_by(start, "len(signal.pthread_sigmask(0, []))", {signal.SIGUSR1})
    assert blocked == "1"


def test_it_ignores_no_signal_though_the_parent_does(start: Start) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ignored = said_by(start, "signal.getsignal(signal.SIGHUP) == signal.SIG_IGN")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ignored == "False"


def test_its_standard_error_goes_nowhere(start: Start) -> None:
    assert said_by(start, "os.readlink('/proc/self/fd/2')") == "/dev/null"


def test_the_job_sees_no_descriptor_of_the_meter(start: Start) -> None:
    listing = ["ls", "/proc/self/fd"]
    without = subprocess.run(listing, capture_output=True, close_fds=False, check=True)
    ready(start("ready(); told()"))
    beside = subprocess.run(listing, capture_output=True, close_fds=False, check=True)
    assert beside.stdout == without.stdout


JOB = {
    b"PATH": b"/usr/bin",
    b"HOME": b"/home/somebody",
    b"CODECARBON_FORCE_CPU_POWER": b"1",
    b"codecarbon_pue": b"9",
    b"PYTHONPATH": b".",
    b"SLURM_JOB_ID": b"1",
    b"ELECTRICITYMAPS_TOKEN": b"secret",
    b"CUDA_VISIBLE_DEVICES": b"1",
}


def test_of_the_jobs_environment_only_programs_and_devices_are_kept() -> None:
    kept = {name for name in meter.environment(JOB) if name in JOB}
    assert kept == {b"PATH", b"CUDA_VISIBLE_DEVICES"}


def test_codecarbon_is_told_to_be_silent() -> None:
    given = meter.environment(JOB)
    names = {name: given[name] for name in given if name.startswith(b"CODECARBON_")}
    assert names == {
        b"CODECARBON_LOG_LEVEL": b"CRITICAL",
        b"CODECARBON_TELEMETRY": b"disabled",
    }


def test_no_cuda_device_is_no_device_and_not_every_device() -> None:
    assert meter.environment({b"CUDA_VISIBLE_DEVICES": b""})[b"CUDA_VISIBLE_DEVICES"] == b"none"


def test_a_choice_of_devices_for_hip_is_one_for_codecarbon() -> None:
    assert meter.environment({b"HIP_VISIBLE_DEVICES": b"2"})[b"ROCR_VISIBLE_DEVICES"] == b"2"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of carbonwait beside the installed one, with a file that must not be imported."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(Path(ROOT, "carbonwait"), folder / "carbonwait")
    (folder / "codecarbon.py").write_text("raise SystemExit(3)\n")
    return folder


def printed_by_a_meter_in(folder: Path, expression: str) -> str:
    """What an expression is worth where the meter process of this folder's carbonwait starts."""
    script = (
        "import os; from carbonwait.metering import meter; words = meter.command(1.0);"
        "call = words[4].splitlines()[-1];"
        f"words[4] = words[4].replace(call, {f'print({expression})'!r});"
        "os.execv(words[0], words)"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()


def test_the_meter_is_of_the_same_version_whatever_is_installed(checkout: Path) -> None:
    told = printed_by_a_meter_in(checkout, "sys.modules['carbonwait'].__file__")
    assert told == str(checkout / "carbonwait/__init__.py")


def test_the_meter_takes_no_codecarbon_from_beside_it(checkout: Path) -> None:
    assert printed_by_a_meter_in(checkout, "__import__('codecarbon').__name__") == "codecarbon"


def test_starting_it_loads_nothing_heavy() -> None:
    script = (
        "import os, sys; from carbonwait.metering.meter import Meter;"
        "Meter.start(5.0, os.environb).abandon();"
        "heavy = {'codecarbon', 'subprocess', 'tempfile', 'json', 'psutil', 'asyncio'};"
        "sys.exit(' '.join(heavy & set(sys.modules)))"
    )
    started = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )
    assert started.stderr.strip() == ""


# --- the real one -------------------------------------------------------------------------------

# A parent that blocks signals and waits for one, as the wrapper does; it says the meter's pid once
# that is ready, and how many rows it has each time it is sent SIGUSR1.
PARENT = """
import os, select, signal, sys
handled = {signal.SIGINT, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, handled)
from carbonwait.metering.meter import Meter
meter = Meter.start(0.1, os.environb, set())
while meter.info is None and not meter.dead:
    select.select([meter], [], [])
    meter.poll()
print(meter.pid, flush=True)
while True:
    if signal.sigwait(handled) == signal.SIGUSR1:
        meter.poll()
        print(len(meter.rows), meter.fault, flush=True)
"""


class Parent:
    """A process with a real meter."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT],
            env={**os.environ, "PYTHONPATH": ROOT},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.meter_pid = int(self.line())
        self.meter = os.pidfd_open(self.meter_pid)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def rows(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGUSR1)
        count, fault = self.line().split(maxsplit=1)
        return int(count), fault.strip()

    def meter_ends_within(self, seconds: float) -> bool:
        return bool(select.select([self.meter], [], [], seconds)[0])


@pytest.fixture
def parent() -> Iterator[Parent]:
    parent = Parent()
    yield parent
    parent.process.kill()
    parent.process.communicate()
    parent.meter_ends_within(15)
    os.close(parent.meter)


def test_ctrl_c_does_not_reach_the_meter(parent: Parent) -> None:
    os.killpg(parent.process.pid, signal.SIGINT)
    before, fault = count, _ = parent.rows()
    while fault == "None" and count < before + 2:
        count, fault = parent.rows()
    assert fault == "None"


def test_the_meter_leaves_within_a_second_of_its_parents_death(parent: Parent) -> None:
    parent.process.kill()
    assert parent.meter_ends_within(1.0)


def test_the_parent_survives_the_death_of_the_meter(parent: Parent) -> None:
    os.kill(parent.meter_pid, signal.SIGKILL)
    assert parent.meter_ends_within(15)
    assert parent.rows()[1] == "the meter process died of SIGKILL"


def test_a_codecarbon_that_cannot_be_imported_is_a_fault_and_no_exception(tmp_path: Path) -> None:
    (tmp_path / "codecarbon.py").write_text("raise RuntimeError('broken')\n")
    words = meter.command(0.1)
    boot = words.index("-c") + 1
    words[boot] = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{words[boot]}"
    running = dead(Meter.start(0.1, os.environb, argv=words))
    assert running.fault is not None
    assert "RuntimeError('broken')" in running.fault


def test_the_real_meter_gives_rows_that_tile_time_up_to_the_end() -> None:
    running = with_rows(Meter.start(0.2, os.environb), 2)
    asked = time.time()
    running.finish()
    assert all(one.end == other.start for one, other in pairwise(running.rows))
    assert running.rows[-1].end >= asked
    assert running.fault is None
