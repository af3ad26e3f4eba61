from dataclasses import replace

import pytest

from carbonwait.core.labels import cpu_label, gpu_label, kind_of, ram_label
from carbonwait.core.records import GpuReading, MeterLabels, Method, Methods, TdpSource

MODELLED = Methods("tdp_model", "none", "ram_model")
LABELS = MeterLabels(560.0, "list", "EPYC 7763", 2, 8, "virtual")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("rapl", "measured"),
        ("nvml", "measured"),
        ("rocm", "measured"),
        ("powermetrics", "measured"),
        ("tdp_model", "estimated"),
        ("ram_model", "estimated"),
        ("none", "not metered"),
    ],
)
def test_each_method_is_measured_or_estimated(method: Method, kind: str) -> None:
    assert kind_of(method) == kind


def test_a_measured_cpu_needs_no_power() -> None:
    assert cpu_label(Methods(cpu="rapl"), LABELS) == "rapl, measured"


def test_a_modelled_cpu_tells_its_power_and_how_it_was_scaled() -> None:
    label = cpu_label(MODELLED, LABELS)
    assert label.startswith(
        "tdp_model, estimated: 280 W x 2 sockets / 8 logical CPUs = 70 W each; EPYC 7763 ("
    )


def test_a_virtual_machine_is_told_that_it_is_billed_whole_sockets() -> None:
    assert "billed the whole of the sockets" in cpu_label(MODELLED, LABELS)


def test_a_physical_machine_is_billed_what_it_has() -> None:
    assert "billed" not in cpu_label(MODELLED, replace(LABELS, machine="physical"))


@pytest.mark.parametrize(
    ("source", "words"),
    [("list", "by CodeCarbon's list"), ("per_thread", "4 W a thread"), ("constant", "constant")],
)
def test_the_source_of_the_power_is_told(source: TdpSource, words: str) -> None:
    assert words in cpu_label(MODELLED, replace(LABELS, tdp_source=source))


def test_what_is_not_known_of_a_model_is_said_to_be_unknown() -> None:
    label = cpu_label(MODELLED, MeterLabels(tdp_w=8.0))
    assert label == "tdp_model, estimated: 8 W x 1 socket; unknown CPU (source unknown)"


def test_an_earlier_run_without_labels_has_its_method() -> None:
    assert cpu_label(MODELLED, MeterLabels()) == "tdp_model, estimated"


@pytest.mark.parametrize(
    ("reading", "words"), [("counter", "energy counter"), ("power", "power read every second")]
)
def test_a_gpu_tells_what_was_read(reading: GpuReading, words: str) -> None:
    labels = MeterLabels(gpu_count=2, gpu_reading=reading)
    assert gpu_label(Methods(gpu="nvml"), labels) == f"nvml, measured: 2 seen, {words}"


def test_no_gpu_is_not_metered() -> None:
    assert gpu_label(MODELLED, LABELS) == "none, not metered"


def test_ram_is_estimated_and_kept_apart() -> None:
    assert ram_label(MODELLED) == "ram_model, estimated, in no measured total"
