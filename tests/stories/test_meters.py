"""The doctor's findings on the meters, for machines that are not at hand."""

from dataclasses import replace
from importlib.metadata import requires

import pytest

from carbonwait.core.records import MeterInfo, Methods
from carbonwait.metering.probe import Counters, Surroundings
from carbonwait.stories.meters import Check, findings, unusable

BARE = MeterInfo(
    Methods("tdp_model", "none", "ram_model"), 8.0, 2, 2**34, machine="physical", sockets=1
)
GOOD = replace(
    BARE, methods=Methods("rapl", "nvml", "ram_model"), gpu_count=1, gpu_reading="counter"
)
NOTHING = Surroundings("absent", None, nvidia_smi=False, amd_gpu=False, rocm_smi=False)


def cpu(info: MeterInfo = BARE, counters: Counters = "absent") -> Check:
    return findings(info, replace(NOTHING, counters=counters), None)[0]


def gpu(here: Surroundings, visible: str | None = None, info: MeterInfo = BARE) -> Check:
    return findings(info, here, visible)[1]


def test_each_component_has_a_finding() -> None:
    names = [finding.name for finding in findings(BARE, NOTHING, None)]
    assert names == ["cpu meter", "gpu meter", "ram meter"]


def test_what_is_measured_needs_no_remedy() -> None:
    found = findings(GOOD, NOTHING, None)
    assert [(finding.ok, finding.remedy) for finding in found] == [(True, "")] * 3


def test_an_estimate_says_what_it_assumes() -> None:
    assert "8 W x 1 socket / 2 logical CPUs = 4 W each" in cpu().detail


@pytest.mark.parametrize(
    ("counters", "remedy"),
    [
        ("unreadable", "sudo chmod -R a+r /sys/class/powercap/intel-rapl*"),
        ("hidden", "docker run --security-opt systempaths=unconfined"),
        ("absent", "sudo modprobe intel_rapl_msr"),
    ],
)
def test_how_to_get_a_measured_cpu_depends_on_what_hinders(counters: Counters, remedy: str) -> None:
    assert remedy in cpu(counters=counters).remedy


def test_a_virtual_machine_without_counters_is_not_told_to_load_a_module() -> None:
    assert cpu(replace(BARE, machine="virtual")).remedy.startswith("none here")


def test_without_any_gpu_nothing_is_wrong() -> None:
    assert (gpu(NOTHING).ok, gpu(NOTHING).remedy) == (True, "")


def test_a_driver_without_nvidia_smi_names_the_package_of_its_version() -> None:
    found = gpu(replace(NOTHING, nvidia_driver="535.129.03"))
    assert not found.ok
    assert "sudo apt install nvidia-utils-535" in found.remedy


def test_an_nvidia_smi_without_a_device_is_a_driver_to_mend() -> None:
    assert "run nvidia-smi" in gpu(replace(NOTHING, nvidia_smi=True)).remedy


@pytest.mark.parametrize(("rocm_smi", "remedy"), [(False, "install ROCm"), (True, "amdsmi")])
def test_an_amd_gpu_needs_two_things(rocm_smi: bool, remedy: str) -> None:
    assert remedy in gpu(replace(NOTHING, amd_gpu=True, rocm_smi=rocm_smi)).remedy


@pytest.mark.parametrize("visible", ["", "-1", "none"])
def test_devices_that_the_user_hides_are_no_fault(visible: str) -> None:
    found = gpu(replace(NOTHING, nvidia_smi=True), visible)
    assert (found.ok, "hides all" in found.detail) == (True, True)


def test_without_a_meter_the_doctor_does_not_send_to_the_doctor() -> None:
    found = unusable("CodeCarbon cannot be started; see carbonwait doctor")
    assert (found.detail, found.ok) == ("CodeCarbon cannot be started", False)


def test_the_remedy_installs_a_codecarbon_that_this_package_takes() -> None:
    (wanted,) = [one for one in requires("carbonwait") or () if one.startswith("codecarbon")]
    version = wanted.removeprefix("codecarbon")
    assert all(part in unusable("").remedy for part in version.split(","))
