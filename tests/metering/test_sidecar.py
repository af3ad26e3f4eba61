"""The meter process: its parts, a CodeCarbon that fails at will, and the real one.

Processes are real. What fails at will is a package of that name that stands before the real one.
"""

import ast
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import carbonwait
from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import MeterInfo, MeterRow, Methods
from carbonwait.metering import meter, sidecar, wire
from carbonwait.metering.hardware import (
    cpu_fields,
    cpu_in_doubt,
    gpu_in_doubt,
    info_of,
    methods_of,
)

ROOT = str(Path(carbonwait.__file__).parents[1])


class Sidecar:
    """A meter process and the two ends of its pipes."""

    def __init__(
        self, argv: list[str], environ: dict[bytes, bytes], cwd: Path, *, descriptor: int = 2
    ) -> None:
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=meter.environment(environ),
            cwd=cwd,
            pass_fds=[descriptor],
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.control, self.rows = self.process.stdin, self.process.stdout

    def said(self) -> MeterInfo | MeterRow:
        assert select.select([self.rows], [], [], 15)[0], "it says nothing"
        return wire.decode(self.rows.readline())

    def info(self) -> MeterInfo:
        said = self.said()
        assert isinstance(said, MeterInfo)
        return said

    def row(self) -> MeterRow:
        said = self.said()
        assert isinstance(said, MeterRow)
        return said

    def stop(self) -> list[MeterRow]:
        """Tell it to stop; the rows that were not read yet, the last one at the end."""
        rest, _ = self.process.communicate(b"stop\n", timeout=10)
        said = [wire.decode(line) for line in rest.splitlines()]
        return [row for row in said if isinstance(row, MeterRow)]

    def status(self) -> int:
        return self.process.wait(timeout=10)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.control.close()
        self.rows.close()


# --- its parts ----------------------------------------------------------------------------------


def test_a_kilowatt_hour_is_3_6_megajoules() -> None:
    assert sidecar.joules(2.0) == 7.2e6


@pytest.mark.parametrize("kwh", [0.0, -1e-9, math.nan, math.inf])
def test_what_no_sensor_says_is_unknown_and_not_zero(kwh: float) -> None:
    assert sidecar.joules(kwh) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2e9), st.floats(1e-3, 60)), max_size=20))
def test_rows_take_time_whatever_the_wall_clock_does(clocks: list[tuple[float, float]]) -> None:
    ends = [1.8e9]
    for wall, elapsed_s in clocks:
        ends.append(sidecar.row_end(ends[-1], wall, elapsed_s))
    assert all(start < end for start, end in pairwise(ends))


def test_a_row_ends_by_the_wall_clock() -> None:
    assert sidecar.row_end(1000.0, 1005.25, 5.0) == 1005.25


def test_a_row_takes_its_elapsed_time_if_the_clock_is_set_back() -> None:
    assert sidecar.row_end(1000.0, 400.0, 5.0) == 1005.0


def test_a_row_begins_where_the_one_before_ended() -> None:
    assert sidecar.row_start(1000.0, 1005.3, 5.0) == 1000.0


def test_a_row_claims_no_time_that_has_not_passed() -> None:
    # The machine was suspended for a night, or the clock put forward.
    assert sidecar.row_start(1000.0, 31_000.0, 5.0) == 30_995.0


@settings(deadline=None)
@given(st.floats(1e9, 2e9), st.sampled_from([1.0, 5.0, 7.0, 60.0]))
def test_rows_end_at_full_periods(now: float, period_s: float) -> None:
    wait_s = sidecar.until_row_s(period_s, now)
    assert 0.05 < wait_s <= period_s + 0.07
    assert abs((now + wait_s + period_s / 2) % period_s - period_s / 2) < 1e-5


def test_busy_time_is_unknown_if_it_shrinks() -> None:
    before, after = sidecar.Moment(), sidecar.Moment()
    before.busy_s, after.busy_s = 10.0, 9.0
    assert after.busy_since(before) is None


def test_an_outlet_does_not_wait_for_a_parent_that_does_not_read() -> None:
    reader, writer = os.pipe()
    outlet = sidecar.Outlet(writer)
    lines = [b"%07d\n" % number for number in range(50_000)]
    for line in lines:
        outlet.write(line)
    received = bytearray()
    while len(received) < 8 * len(lines):
        received += os.read(reader, 2**20)
        outlet.write(b"")
    os.close(reader)
    os.close(writer)
    assert received == b"".join(lines)


def test_an_outlet_is_drained_to_the_last_line() -> None:
    reader, writer = os.pipe()
    received = bytearray()

    def read() -> None:
        while chunk := os.read(reader, 2**16):
            received.extend(chunk)

    outlet = sidecar.Outlet(writer)
    outlet.write(b"x" * 500_000)
    parent = threading.Thread(target=read)
    parent.start()
    outlet.drain()
    os.close(writer)
    parent.join()
    os.close(reader)
    assert len(received) == 500_000


# --- what it calls a tracker's methods, on hardware that is not at hand --------------------------


def thing(kind: str, **fields: object) -> Any:
    return type(kind, (), fields)()


def tracker(*hardware: Any) -> Any:
    return SimpleNamespace(_hardware=list(hardware))


def gpus(*devices: Any, chosen: list[int] | None = None) -> Any:
    holder = SimpleNamespace(devices=list(devices))
    return thing("GPU", devices=holder, gpu_ids=chosen, num_gpus=len(devices))


def nvidia(index: int) -> Any:
    return thing("NvidiaGPUDevice", gpu_index=index)


@pytest.mark.parametrize(
    ("hardware", "methods"),
    [
        (thing("CPU", _mode="intel_rapl"), Methods(cpu="rapl")),
        (thing("CPU", _mode="cpu_load"), Methods(cpu="tdp_model")),
        (thing("CPU", _mode="constant"), Methods(cpu="tdp_model")),
        (thing("CPU", _mode="a mode of the future"), Methods()),
        (thing("CPU"), Methods()),
        (thing("RAM"), Methods(ram="ram_model")),
        (gpus(nvidia(0)), Methods(gpu="nvml")),
        (gpus(thing("AMDGPUDevice", gpu_index=0)), Methods(gpu="rocm")),
        (gpus(), Methods()),
        (gpus(nvidia(0), nvidia(1), chosen=[]), Methods()),
        (thing("GPU"), Methods()),
        (thing("AppleSiliconChip", chip_part="CPU"), Methods(cpu="powermetrics")),
        (thing("AppleSiliconChip", chip_part="GPU"), Methods(gpu="powermetrics")),
        (thing("Raspberry", chip_part="CPU"), Methods(cpu="powermetrics")),
        (thing("Raspberry", chip_part="RAM"), Methods(ram="ram_model")),
        (thing("Abacus"), Methods()),
    ],
)
def test_each_kind_of_hardware_has_its_method(hardware: Any, methods: Methods) -> None:
    assert methods_of(tracker(hardware)) == methods


def test_a_tracker_that_is_not_as_expected_meters_nothing() -> None:
    assert methods_of(object()) == Methods()


def test_each_component_has_a_method_of_its_own() -> None:
    mixed = tracker(thing("RAM"), thing("CPU", _mode="intel_rapl"), gpus(nvidia(0)))
    assert methods_of(mixed) == Methods("rapl", "nvml", "ram_model")


def test_only_the_gpus_that_the_job_sees_are_counted() -> None:
    assert info_of(tracker(gpus(nvidia(0), nvidia(1), chosen=[1]))).gpu_count == 1


def test_all_gpus_count_if_none_is_chosen() -> None:
    assert info_of(tracker(gpus(nvidia(0), nvidia(1)))).gpu_count == 2


def test_a_modelled_cpu_has_a_tdp() -> None:
    assert info_of(tracker(thing("CPU", _mode="cpu_load", _tdp=280))).tdp_w == 280.0


def test_a_measured_cpu_has_no_tdp() -> None:
    assert info_of(tracker(thing("CPU", _mode="intel_rapl", _tdp=280))).tdp_w is None


@pytest.mark.parametrize("tdp", [None, 0, "280"])
def test_a_tdp_that_is_none_is_unknown(tdp: object) -> None:
    assert info_of(tracker(thing("CPU", _mode="cpu_load", _tdp=tdp))).tdp_w is None


@pytest.mark.parametrize(
    ("tdp", "sockets", "generic", "source"),
    [
        (280, 1, False, "list"),
        (4 * (os.cpu_count() or 1), 1, False, "per_thread"),
        (8 * (os.cpu_count() or 1), 2, False, "per_thread"),
        (85, 1, True, "constant"),
    ],
)
def test_the_source_of_a_tdp_is_told(tdp: float, sockets: int, generic: bool, source: str) -> None:
    one = tracker(thing("CPU", _mode="cpu_load", _tdp=tdp, _is_generic_tdp=generic))
    one._conf = {"cpu_physical_count": sockets}
    assert (info_of(one).tdp_source, info_of(one).sockets) == (source, sockets)


def test_of_a_measured_cpu_no_tdp_is_told() -> None:
    assert info_of(tracker(thing("CPU", _mode="intel_rapl"))).tdp_source is None


def test_gpus_whose_power_is_read_are_told() -> None:
    device = thing("NvidiaGPUDevice", gpu_index=0, _use_power_fallback=True)
    assert info_of(tracker(gpus(device))).gpu_reading == "power"


def counted(delta_j: float, *, skipped: bool = False) -> Any:
    """A tracker with one energy counter whose last sample is of so many joules."""
    delta = SimpleNamespace(kWh=delta_j / 3.6e6)
    file = thing("RAPLFile", energy_delta=delta, sample_skipped=skipped)
    return tracker(thing("CPU", _intel_interface=SimpleNamespace(_rapl_files=[file])))


@pytest.mark.parametrize(
    ("sample", "in_doubt"),
    [
        (counted(200.0), False),
        (counted(60_000.0), True),  # It was reset, or comes back from that.
        (counted(0.0, skipped=True), True),
    ],
)
def test_a_counter_that_was_reset_or_not_read_is_in_doubt(sample: Any, in_doubt: bool) -> None:
    assert cpu_in_doubt(sample, 5.0) is in_doubt


def test_a_counter_that_may_have_wrapped_twice_is_in_doubt() -> None:
    assert cpu_in_doubt(counted(200.0), 600.0)


def test_a_tracker_that_is_not_as_expected_is_in_no_doubt() -> None:
    assert (cpu_in_doubt(object(), 5.0), gpu_in_doubt(object())) == (False, False)


# --- a CodeCarbon that fails at will ------------------------------------------------------------

# Each sample of the first tracker is 60 J of CPU, of the second one 120 J and so on; no GPU. GIVES
# says which sample of which tracker has figures; its first two are the baseline.
FAKE = """
class OfflineEmissionsTracker:
    trackers = 0

    def __init__(self, output_handlers, **options):
        OfflineEmissionsTracker.trackers += 1
        self.number, self.samples, self.handler = self.trackers, 0, output_handlers[0]
        self._hardware = [CPU(), RAM()]

    def start(self):
        pass

    def flush(self):
        self.samples += 1
        tracker, sample = self.number, self.samples
        if GIVES:
            self.handler.out(None, Delta(tracker))

    def stop(self):
        self.handler.out(None, Delta(self.number))

class CPU:
    _mode, _tdp = "cpu_load", 8

class RAM:
    pass

class Delta:
    gpu_energy, ram_energy = 0.0, 120 / 3.6e6

    def __init__(self, tracker):
        self.cpu_energy = 60 * tracker / 3.6e6
"""


class Bench:
    """Starts meter processes with a CodeCarbon of the test's choice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Sidecar] = []

    def package(
        self, source: str, period_s: float = 60.0, *, before: str = "pass", descriptor: int = 2
    ) -> Sidecar:
        package = self.folder / "codecarbon"
        (package / "output_methods").mkdir(parents=True)
        (package / "__init__.py").write_text(source)
        (package / "output_methods" / "base_output.py").write_text("class BaseOutput: pass\n")
        code = (
            f"import sys; sys.path[:0] = [{str(self.folder)!r}, {ROOT!r}];"
            f"from carbonwait.metering import sidecar; {before}; sidecar.main({period_s})"
        )
        argv = [sys.executable, "-I", "-c", code]
        self.started.append(Sidecar(argv, dict(os.environb), self.folder, descriptor=descriptor))
        return self.started[-1]

    def tracker(
        self, gives: str = "True", period_s: float = 60.0, *, before: str = "pass"
    ) -> Sidecar:
        return self.package(FAKE.replace("GIVES", gives), period_s, before=before)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for one in bench.started:
        one.close()


def test_it_says_what_it_meters_before_any_row(bench: Bench) -> None:
    assert bench.tracker(period_s=0.1).info().methods == Methods("tdp_model", "none", "ram_model")


def test_it_says_how_large_the_machine_is(bench: Bench) -> None:
    info = bench.tracker().info()
    ram_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert (info.logical_cpus, info.physical_ram_bytes) == (os.cpu_count(), ram_bytes)


def test_rows_come_by_themselves(bench: Bench) -> None:
    running = bench.tracker(period_s=0.1)
    running.info()
    assert len([running.row() for _ in range(3)]) == 3


def test_a_row_carries_joules(bench: Bench) -> None:
    running = bench.tracker()
    running.info()
    assert running.stop()[-1].energy.cpu_j == pytest.approx(60.0)


def test_a_component_that_is_not_tracked_is_null_and_not_zero(bench: Bench) -> None:
    running = bench.tracker()
    running.info()
    assert running.stop()[-1].energy.gpu_j is None


def test_stop_brings_one_last_row_and_a_clean_end(bench: Bench) -> None:
    running = bench.tracker()
    running.info()
    assert (len(running.stop()), running.status()) == (1, 0)


def test_stop_at_once_still_brings_a_row(bench: Bench) -> None:
    # CodeCarbon gives no energy for the first 50 ms after a sample.
    running = bench.tracker()
    running.info()
    row = running.stop()[-1]
    assert row.end - row.start >= 0.05


def test_a_row_can_be_had_at_once_and_metering_goes_on(bench: Bench) -> None:
    running = bench.tracker()
    running.info()
    os.write(running.control.fileno(), b"row\n")
    first = running.row()
    assert first.end == running.stop()[-1].start


def test_a_call_that_hangs_ends_it_though_the_parent_is_gone(bench: Bench) -> None:
    hang = "(__import__('time').sleep(60) or True) if sample == 3 else True"
    running = bench.tracker(hang, before="sidecar._LONGEST_CALL_S = 0.5")
    running.info()
    running.control.close()
    assert running.status() == -signal.SIGALRM


def test_rows_go_on_when_the_clock_is_set_back(bench: Bench) -> None:
    set_back = (
        "import time; real, begun = time.time, time.monotonic();"
        "time.time = lambda: real() - 3600 * (time.monotonic() > begun + 0.5)"
    )
    running = bench.tracker(period_s=0.1, before=set_back)
    running.info()
    rows = [running.row() for _ in range(10)]
    assert all(one.end == other.start for one, other in pairwise(rows))
    assert rows[-1].end - rows[0].start < 5


def test_end_of_file_ends_it_after_a_last_row(bench: Bench) -> None:
    running = bench.tracker()
    running.info()
    running.control.close()
    assert running.status() == 0
    assert running.row().energy.cpu_j == pytest.approx(60)


def test_it_ends_when_nobody_reads_its_rows_any_more(bench: Bench) -> None:
    running = bench.tracker(period_s=0.1)
    running.info()
    running.rows.close()
    assert running.status() == 0


def test_a_package_that_cannot_be_imported_is_no_meter_and_says_why(bench: Bench) -> None:
    running = bench.package("raise ImportError('no wheels for this machine')")
    with pytest.raises(MeterUnavailable, match="no wheels for this machine"):
        running.info()


def test_a_tracker_that_cannot_be_made_is_no_meter_and_says_why(bench: Bench) -> None:
    source = "class OfflineEmissionsTracker:\n    def __init__(self, **options): options['none']\n"
    with pytest.raises(MeterUnavailable, match="KeyError"):
        bench.package(source).info()


@pytest.mark.parametrize("gives", ["False", "sample == 1", "sample == 2"])
def test_a_tracker_without_a_baseline_is_no_meter(bench: Bench, gives: str) -> None:
    with pytest.raises(MeterUnavailable, match="gives no figures"):
        bench.tracker(gives).info()


def test_no_meter_ends_the_process_with_an_error(bench: Bench) -> None:
    assert bench.tracker("False").status() == 1


def test_a_sample_without_figures_is_missing_and_metering_goes_on(bench: Bench) -> None:
    running = bench.tracker("not (tracker == 1 and sample == 4)", period_s=0.1)
    running.info()
    before, after = running.row(), running.row()
    assert after.start > before.end


@pytest.mark.parametrize("kwh", ["float('nan')", "float('inf')", "1e24"])
def test_figures_that_are_none_do_not_spoil_those_after(bench: Bench, kwh: str) -> None:
    # The third sample of the first tracker is nonsense, and so is all that it says from then on.
    fake = FAKE.replace("GIVES", "True").replace(
        "Delta(tracker))", f"Delta(tracker if tracker > 1 or sample < 3 else {kwh}))"
    )
    running = bench.package(fake, period_s=0.1)
    running.info()
    assert running.row().energy.cpu_j == pytest.approx(120)


def test_a_tracker_that_has_died_ends_the_process_with_an_error(bench: Bench) -> None:
    running = bench.tracker("tracker == 1 and sample < 4", period_s=0.1)
    running.info()
    running.row()
    assert (running.status(), running.rows.read()) == (1, b"")


def test_a_last_sample_without_figures_is_an_error(bench: Bench) -> None:
    running = bench.tracker("sample < 3")
    running.info()
    assert (running.stop(), running.status()) == ([], 1)


def test_a_tracker_is_renewed_before_it_remembers_too_much(bench: Bench) -> None:
    running = bench.tracker(period_s=0.1, before="sidecar._TRACKER_LIFE_S = 0.25")
    running.info()
    joules = [round(running.row().energy.cpu_j or 0) for _ in range(5)]
    assert (joules[0], joules[-1] > 60, joules) == (60, True, sorted(joules))


def test_rows_of_a_renewed_tracker_do_not_overlap_those_before(bench: Bench) -> None:
    running = bench.tracker(period_s=0.1, before="sidecar._TRACKER_LIFE_S = 0.05")
    running.info()
    rows = [running.row() for _ in range(3)]
    assert all(one.end <= other.start for one, other in pairwise(rows))


def test_what_codecarbon_prints_is_not_taken_for_rows(bench: Bench) -> None:
    source = "print('hello', flush=True)\n" + FAKE.replace("GIVES", "True")
    assert bench.package(source).info().tdp_w == 8.0


def test_codecarbon_cannot_take_what_the_parent_says(bench: Bench) -> None:
    source = "import sys; sys.stdin.readline()\n" + FAKE.replace("GIVES", "True")
    running = bench.package(source)
    assert len(running.stop()) == 1


def test_no_inherited_descriptor_is_kept_open(bench: Bench) -> None:
    reader, writer = os.pipe()
    running = bench.package(FAKE.replace("GIVES", "True"), descriptor=writer)
    os.close(writer)
    running.info()
    at_its_end = select.select([reader], [], [], 0)[0]
    os.close(reader)
    assert at_its_end


# --- the real one -------------------------------------------------------------------------------

# Notes every attempt to reach the network, every file opened for writing and every configuration
# file looked for, and tells at the end.
WATCHED = """
import os, sys
log, seen, leave = sys.argv.pop(), [], os._exit
def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect", "socket.sendto"):
        seen.append((event, str(arguments[1])))
    elif event == "open" and str(arguments[0]).endswith(".config"):
        seen.append(("config", str(arguments[0])))
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE:
        seen.append((event, str(arguments[0])))
def tell(status):
    told = list(seen)
    with open(log, "w") as file:
        file.write(repr(told))
    leave(status)
sys.addaudithook(note)
os._exit = tell
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A current folder, and home, that would change the figures or the code if it were read."""
    folder = tmp_path_factory.mktemp("project")
    (folder / ".codecarbon.config").write_text("[codecarbon]\nforce_ram_power=5000\n")
    for name in ("amdsmi", "codecarbon", "cpuinfo", "json", "pandas", "psutil", "pynvml"):
        (folder / f"{name}.py").write_text("raise SystemExit(3)\n")
    return folder


@pytest.fixture(scope="module")
def seen(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the real meter said and did, started by the very command line that Meter uses."""
    words = meter.command(0.2)
    log = tmp_path_factory.mktemp("log") / "events"
    boot = words.index("-c") + 1
    words[boot] = f"{WATCHED}\n{words[boot]}"
    environ = {
        b"PATH": os.environb[b"PATH"],
        b"TMPDIR": os.fsencode(tempfile.gettempdir()),
        b"HOME": os.fsencode(project),
        b"PYTHONPATH": os.fsencode(project),
        b"CODECARBON_FORCE_RAM_POWER": b"5000",
        b"codecarbon_force_ram_power": b"5000",
    }
    before = set(project.iterdir())
    running = Sidecar([*words, str(log)], environ, project)
    info = running.info()
    rows = [running.row(), running.row(), *running.stop()]
    status = running.status()
    running.close()
    return {
        "info": info,
        "rows": rows,
        "status": status,
        "events": ast.literal_eval(log.read_text()),
        "new": set(project.iterdir()) - before,
    }


def test_the_real_one_meters_cpu_and_ram(seen: dict[str, Any]) -> None:
    assert seen["info"].methods.cpu in {"rapl", "tdp_model"}
    assert seen["info"].methods.ram == "ram_model"


def test_the_real_one_gives_rows_and_a_clean_end(seen: dict[str, Any]) -> None:
    assert (len(seen["rows"]), seen["status"]) == (3, 0)


def test_the_rows_of_the_real_one_tile_time(seen: dict[str, Any]) -> None:
    assert all(one.end == other.start for one, other in pairwise(seen["rows"]))


def test_every_row_of_the_real_one_has_cpu_energy(seen: dict[str, Any]) -> None:
    assert all(row.energy.cpu_j > 0 for row in seen["rows"])


def test_every_row_of_the_real_one_has_the_same_ram_power(seen: dict[str, Any]) -> None:
    # The model is a constant: a row that carried start-up energy, or none, would stand out.
    powers = [row.energy.ram_j / (row.end - row.start) for row in seen["rows"]]
    assert max(powers) < 1.2 * min(powers)


def test_no_setting_of_the_folder_the_home_or_the_environment_counts(seen: dict[str, Any]) -> None:
    row = seen["rows"][0]
    assert row.energy.ram_j / (row.end - row.start) < 2500


def test_configuration_files_are_looked_for_where_none_can_be(seen: dict[str, Any]) -> None:
    looked_for = {path for event, path in seen["events"] if event == "config"}
    assert looked_for == {"/proc/.codecarbon.config"}


def test_a_row_of_the_real_one_says_how_busy_the_machine_was(seen: dict[str, Any]) -> None:
    # The kernel counts in hundredths of a second on each CPU.
    cpus = seen["info"].logical_cpus
    assert all(0 <= row.busy_s <= cpus * (row.end - row.start + 0.05) for row in seen["rows"])


def test_the_real_one_never_reaches_for_the_network(seen: dict[str, Any]) -> None:
    assert [event for event in seen["events"] if event[0].startswith("socket")] == []


def test_the_real_one_writes_no_file_but_probes_the_temporary_folder(seen: dict[str, Any]) -> None:
    written = {path for event, path in seen["events"] if event == "open" and path != os.devnull}
    written = {path for path in written if not path.isdigit()}  # Ends of pipes.
    assert {str(Path(path).parent) for path in written} <= {tempfile.gettempdir()}


def test_nothing_appears_in_the_current_folder(seen: dict[str, Any]) -> None:
    assert seen["new"] == set()


def test_the_cpu_has_the_name_that_codecarbon_would_have_found() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import cpuinfo; print(cpuinfo.get_cpu_info()['brand_raw'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert cpu_fields().get("model name") in {told.stdout.strip(), None}
