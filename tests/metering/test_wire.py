"""The line protocol: what is written is read again, and nothing else is taken for energy."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonwait.core.errors import MeterUnavailable
from carbonwait.core.records import Energy, MeterInfo, MeterRow, Methods
from carbonwait.metering import wire

# A busy machine must not fail a property that holds.
quick = settings(deadline=None, max_examples=80)

ROW: dict[str, object] = {
    "t0": 10.0,
    "t1": 15.0,
    "cpu_j": 8.0,
    "gpu_j": None,
    "ram_j": 100.0,
    "busy_s": 0.5,
}
READY = {
    "cpu": "tdp_model",
    "gpu": "none",
    "ram": "ram_model",
    "tdp_w": 8.0,
    "logical_cpus": 2,
    "physical_ram_bytes": 2**34,
    "gpu_count": 0,
}

joules = st.none() | st.floats(min_value=0, max_value=1e15)
instants = st.floats(min_value=0, max_value=1e10)
methods = st.builds(
    Methods,
    st.sampled_from(["rapl", "powermetrics", "tdp_model", "none"]),
    st.sampled_from(["nvml", "rocm", "none"]),
    st.sampled_from(["ram_model", "none"]),
)
infos = st.builds(
    MeterInfo,
    methods,
    joules,
    st.integers(1, 4096),
    st.integers(1, 2**50),
    st.integers(0, 64),
    tdp_source=st.sampled_from([None, "list", "per_thread", "constant"]),
    cpu_name=st.none() | st.sampled_from(["AMD EPYC", "Intel(R) Xeon(R) CPU @ 2.20GHz", "龙芯"]),
    sockets=st.none() | st.integers(1, 64),
    machine=st.sampled_from([None, "physical", "virtual"]),
    gpu_reading=st.sampled_from([None, "counter", "power"]),
)


@st.composite
def rows(draw: st.DrawFn) -> MeterRow:
    start = draw(instants)
    end = draw(st.floats(min_value=math.nextafter(start, math.inf), max_value=2e10))
    energy = Energy(draw(joules), draw(joules), draw(joules))
    parts = st.floats(min_value=0, max_value=1e15)
    return MeterRow(start, end, energy, draw(joules), draw(parts), draw(parts))


def changed(document: dict[str, object], **changes: object) -> bytes:
    return json.dumps(document | changes).encode()


@quick
@given(rows())
def test_a_row_is_read_as_it_was_written(row: MeterRow) -> None:
    assert wire.decode(wire.encode_row(row)) == row


@quick
@given(infos)
def test_what_is_metered_is_read_as_it_was_written(info: MeterInfo) -> None:
    assert wire.decode(wire.encode_info(info)) == info


@quick
@given(rows())
def test_a_row_is_one_line(row: MeterRow) -> None:
    line = wire.encode_row(row)
    assert line.index(b"\n") == len(line) - 1


def test_the_reason_for_having_no_meter_is_passed_on_in_one_line() -> None:
    line = wire.encode_unavailable("no sensor\n  here")
    with pytest.raises(MeterUnavailable, match=r"^no sensor here$"):
        wire.decode(line)


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_no_meter(line: bytes) -> None:
    try:
        said = wire.decode(line)
    except MeterUnavailable:
        return
    assert isinstance(said, MeterInfo | MeterRow)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@quick
@given(st.sampled_from(sorted(ROW)), json_values)
def test_a_row_with_any_value_in_it_is_sound_or_refused(field: str, value: object) -> None:
    try:
        row = wire.decode(changed(ROW, **{field: value}))
    except MeterUnavailable:
        return
    assert isinstance(row, MeterRow)
    assert row.start < row.end
    figures = (row.energy.cpu_j, row.energy.gpu_j, row.energy.ram_j, row.busy_s)
    assert all(j is None or (math.isfinite(j) and j >= 0) for j in figures)


@quick
@given(st.sampled_from(sorted(READY)), json_values)
def test_a_ready_line_with_any_value_in_it_is_sound_or_refused(field: str, value: object) -> None:
    try:
        info = wire.decode(json.dumps({"ready": READY | {field: value}}).encode())
    except MeterUnavailable:
        return
    assert isinstance(info, MeterInfo)


def test_null_joules_are_unknown_and_not_zero() -> None:
    row = wire.decode(changed(ROW, cpu_j=None))
    assert isinstance(row, MeterRow)
    assert row.energy.cpu_j is None


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, 1e308, True, "8", [8], 10**400])
def test_what_is_no_finite_number_is_never_energy(value: object) -> None:
    with pytest.raises(MeterUnavailable):
        wire.decode(changed(ROW, cpu_j=value))


@pytest.mark.parametrize("end", [10.0, 9.0])
def test_a_row_that_takes_no_time_is_refused(end: float) -> None:
    with pytest.raises(MeterUnavailable):
        wire.decode(changed(ROW, t1=end))


@pytest.mark.parametrize("field", sorted(ROW))
def test_a_row_that_lacks_a_field_is_refused(field: str) -> None:
    with pytest.raises(MeterUnavailable):
        wire.decode(json.dumps({key: ROW[key] for key in ROW if key != field}).encode())


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(MeterUnavailable):
        wire.decode(json.dumps({"ready": READY | {"cpu": "guess"}}).encode())


def test_json_nested_beyond_reason_is_refused() -> None:
    with pytest.raises(MeterUnavailable):
        wire.decode(b"[" * 60_000)


def test_the_message_shows_what_was_written_and_what_to_do() -> None:
    with pytest.raises(MeterUnavailable, match=r"'Traceback'.*carbonwait doctor"):
        wire.decode(b"Traceback")


def test_nothing_that_is_no_number_can_be_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.encode_row(MeterRow(1.0, 2.0, Energy(cpu_j=math.nan)))
