"""GPUs of a known power, metered by the real pynvml and the real CodeCarbon."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from machines import FakeGpus, covered_s, metered
from users import User

from carbonwait.core.records import MeterRow
from carbonwait.metering.gpu_use import sees_host_pids
from carbonwait.metering.meter import Meter

POWER_W = 100.0


@pytest.fixture
def gpus(tmp_path: Path) -> FakeGpus:
    """Two GPUs, of 100 W and 50 W."""
    folder = tmp_path / "gpus"
    folder.mkdir()
    return FakeGpus(folder, POWER_W, 50.0)


class Metered:
    """A meter of such GPUs, ready."""

    def __init__(self, gpus: FakeGpus, visible: str | None) -> None:
        environ = gpus.environ(os.environ)
        environ.pop("CUDA_VISIBLE_DEVICES", None)
        if visible is not None:
            environ["CUDA_VISIBLE_DEVICES"] = visible
        encoded = {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
        self.meter = Meter.start(0.5, encoded)
        self.wait(0)
        assert self.meter.info is not None
        self.info = self.meter.info

    def wait(self, rows: int) -> list[MeterRow]:
        """Wait for so many more rows."""
        count = len(self.meter.rows) + rows
        until = time.monotonic() + 30
        while self.meter.info is None or len(self.meter.rows) < count:
            assert not self.meter.dead, self.meter.fault
            assert time.monotonic() < until
            time.sleep(0.02)
            self.meter.poll()
        return self.meter.rows[count - rows :]


@pytest.fixture
def meter(gpus: FakeGpus, request: pytest.FixtureRequest) -> Iterator[Metered]:
    """A meter of the devices that the test names; of all of them if it names none."""
    metered = Metered(gpus, getattr(request, "param", None))
    yield metered
    metered.meter.abandon()


only_first = pytest.mark.parametrize("meter", ["0"], indirect=True)


def power_w(rows: list[MeterRow]) -> float:
    joules = sum(row.energy.gpu_j or 0.0 for row in rows)
    return joules / sum(row.end - row.start for row in rows)


def test_the_joules_are_the_known_power_times_time(meter: Metered) -> None:
    assert power_w(meter.wait(5)) == pytest.approx(POWER_W + 50, rel=0.01)


def test_it_says_that_counters_were_read(meter: Metered) -> None:
    info = meter.info
    assert (info.methods.gpu, info.gpu_reading, info.gpu_count) == ("nvml", "counter", 2)


@pytest.mark.parametrize(
    ("meter", "watts"), [("1", 50.0), ("GPU-fake-0", POWER_W)], indirect=["meter"]
)
def test_only_devices_that_the_job_sees_are_counted(meter: Metered, watts: float) -> None:
    assert power_w(meter.wait(4)) == pytest.approx(watts, rel=0.01)


@pytest.mark.parametrize("meter", [""], indirect=True)
def test_an_empty_choice_is_no_device(meter: Metered) -> None:
    assert (meter.info.methods.gpu, meter.wait(1)[0].energy.gpu_j) == ("none", None)


def test_a_device_without_a_counter_has_its_power_read(gpus: FakeGpus) -> None:
    gpus.say(0, "counter 0")
    metered = Metered(gpus, "0")
    rows = metered.wait(4)
    metered.meter.abandon()
    assert metered.info.gpu_reading == "power"
    assert power_w(rows) == pytest.approx(POWER_W, rel=0.01)


def test_a_device_that_falls_off_makes_the_figure_unknown_and_not_smaller(
    meter: Metered, gpus: FakeGpus
) -> None:
    meter.wait(1)
    gpus.say(0, "lost 1")
    assert [row.energy.gpu_j for row in meter.wait(4)][1:] == [None, None, None]


@only_first
def test_what_comes_back_is_not_counted_twice(meter: Metered, gpus: FakeGpus) -> None:
    rows = meter.wait(1)
    gpus.say(0, "lost 1")
    rows += meter.wait(2)
    gpus.say(0, "lost 0")
    rows += meter.wait(3)
    assert rows[-1].energy.gpu_j is not None
    joules = sum(row.energy.gpu_j or 0.0 for row in rows)
    assert joules <= 1.01 * POWER_W * (rows[-1].end - rows[0].start)


@only_first
def test_a_counter_that_jumps_back_is_neither_negative_nor_huge(
    meter: Metered, gpus: FakeGpus
) -> None:
    rows = meter.wait(1)
    gpus.say(0, "reset 1")
    rows += meter.wait(3)
    assert all((row.energy.gpu_j or 1) > 0 for row in rows)
    assert power_w(rows) <= 1.01 * POWER_W


def test_without_nvidia_smi_there_is_no_gpu(gpus: FakeGpus) -> None:
    (gpus.folder / "nvidia-smi").unlink()
    metered = Metered(gpus, None)
    metered.meter.abandon()
    assert metered.info.methods.gpu == "none"


# --- through the whole program ------------------------------------------------------------------


@pytest.fixture
def gamer(user: User, gpus: FakeGpus) -> User:
    """Somebody whose machine has one of these GPUs."""
    gpus.device(1).unlink()
    user.environ = gpus.environ(user.environ)
    return user


def test_the_recorded_joules_are_the_known_power_times_time(gamer: User) -> None:
    show = metered(gamer, "sleep", "6")
    assert show["machine_energy_j"]["gpu"] == pytest.approx(POWER_W * covered_s(show), rel=0.01)
    assert show["energy_j"]["gpu"] == pytest.approx(show["machine_energy_j"]["gpu"])


def test_recorded_joules_of_a_gpu_are_measured(gamer: User) -> None:
    show = metered(gamer, "sleep", "5")
    assert show["energy_method"]["gpu"] == "nvml"
    share = show["energy_j"]["gpu"] / show["energy_j"]["total"]
    assert show["measured_share"] == pytest.approx(share)


needs_host_pids = pytest.mark.skipif(
    not sees_host_pids(), reason="NVML's pids mean nothing in a pid namespace"
)


def uses(gpus: FakeGpus, percent: int, seconds: int) -> tuple[str, ...]:
    """A command that tells the fake how busy it keeps the device."""
    return "sh", "-c", f"echo process $$ {percent} >> {gpus.device(0)}; exec sleep {seconds}"


@needs_host_pids
def test_a_job_is_billed_what_its_processes_used(gamer: User, gpus: FakeGpus) -> None:
    other = subprocess.Popen(["sleep", "60"])
    gpus.say(0, f"process {other.pid} 20")
    show = metered(gamer, *uses(gpus, 60, 6))
    other.kill()
    other.wait()
    share = show["energy_j"]["gpu"] / show["machine_energy_j"]["gpu"]
    assert share == pytest.approx(0.75, rel=0.01)


def started(gamer: User, *command: str) -> "subprocess.Popen[bytes]":
    """A run that is under way."""
    process = gamer.start("run", "--now", "--sample", "1s", "--", *command)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + 30
    while not children.read_text("ascii"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


@needs_host_pids
def test_two_runs_on_one_gpu_get_what_each_used(gamer: User, gpus: FakeGpus) -> None:
    busy = started(gamer, *uses(gpus, 60, 9))
    show = metered(gamer, *uses(gpus, 20, 6))
    busy.communicate(timeout=60)
    assert show["energy_j"]["gpu"] / show["machine_energy_j"]["gpu"] == pytest.approx(
        0.25, abs=0.03
    )


def test_two_runs_on_an_idle_gpu_are_never_billed_more_than_it_drew(gamer: User) -> None:
    first = started(gamer, "sleep", "9")
    show = metered(gamer, "sleep", "5")
    first.communicate(timeout=60)
    assert show["energy_j"]["gpu"] == pytest.approx(show["machine_energy_j"]["gpu"] / 2)
