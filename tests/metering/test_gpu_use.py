"""Which processes descend from the job, and the names of devices as numbers."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from carbonwait.metering import gpu_choice
from carbonwait.metering.gpu_use import GpuUse, Parts


def use(parent: int) -> GpuUse:
    return GpuUse(SimpleNamespace(_hardware=[]), parent)


def test_without_a_device_everything_is_nobodys() -> None:
    assert use(os.getpid()).look() == Parts(0.0, 0.0)


def test_a_grandchild_descends_from_the_job() -> None:
    script = (
        "import subprocess as s; p = s.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    found = use(os.getpid())._is_mine(grandchild)
    os.kill(grandchild, 9)
    child.communicate()
    assert found is True


def test_somebody_elses_process_does_not() -> None:
    assert use(os.getpid())._is_mine(os.getppid()) is False


def test_of_a_process_that_was_never_seen_nothing_is_known() -> None:
    assert use(os.getpid())._is_mine(2**31 - 1) is None


def test_a_process_that_has_ended_is_remembered() -> None:
    looked = use(os.getpid())
    child = subprocess.Popen(["sleep", "60"])
    before = looked._is_mine(child.pid)
    child.kill()
    child.wait()
    assert (before, looked._is_mine(child.pid)) == (True, True)


@pytest.mark.parametrize(
    ("chosen", "numbered"),
    [
        ("0,1", "0,1"),
        ("GPU-8a1f", "1"),
        ("GPU-8a", "1"),
        ("0, GPU-8a1f-77", "0,GPU-8a1f-77"),
        ("MIG-GPU-77/1/0", "0"),
        ("MIG-77", "MIG-77"),
        ("none", "none"),
        ("-1", "-1"),
        ("0,-1,1", "0"),
        ("GPU-8a,-1,0", "1"),
    ],
)
def test_names_of_devices_become_numbers(
    chosen: str, numbered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_choice, "_uuids", lambda: ["GPU-77b", "GPU-8a1f"])
    environ = {"CUDA_VISIBLE_DEVICES": chosen}
    gpu_choice.number_the_chosen(environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == numbered


def test_no_choice_stays_none() -> None:
    environ: dict[str, str] = {}
    gpu_choice.number_the_chosen(environ)
    assert environ == {}
