"""From meter rows to the job's part of the machine's energy."""

from collections.abc import Sequence
from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT, meter_rows

from carbonwait.core.attribution import (
    MeteredSlot,
    attribute,
    job_slots,
    measured,
    merged_rows,
    slots_between,
    uncovered_s,
)
from carbonwait.core.records import (
    Energy,
    EnergySlot,
    Instant,
    MeterInfo,
    MeterRow,
    Method,
    Methods,
    Usage,
)

GIB = 1024**3
MEASURED = MeterInfo(Methods("rapl", "nvml", "ram_model"), None, 4, 16 * GIB)
MODELLED = MeterInfo(Methods("tdp_model", "none", "ram_model"), 60.0, 4, 16 * GIB)
USAGE = Usage(cpu_s=30.0, peak_rss_bytes=4 * GIB)

Metered = tuple[list[MeterRow], Instant, Instant, list[Instant]]


@st.composite
def metered(draw: st.DrawFn) -> Metered:
    """Meter rows, a run that may begin or end among them, and edges of an intensity series."""
    rows = draw(meter_rows())
    first, last = (rows[0].start, rows[-1].end) if rows else (MIDNIGHT, MIDNIGHT + 60)
    started = first + draw(st.one_of(st.just(0.0), st.floats(-400, 400)))
    ended = max(started, last + draw(st.one_of(st.just(0.0), st.floats(-400, 400))))
    edges = draw(st.lists(st.floats(started, ended), max_size=5).map(sorted))
    return rows, started, ended, edges


def inside(row: MeterRow, started: Instant, ended: Instant) -> float:
    overlap_s = min(row.end, ended) - max(row.start, started)
    return max(0.0, overlap_s) / (row.end - row.start)


def component(energy: Energy, name: str) -> float:
    return getattr(energy, name) or 0.0


# --- slots --------------------------------------------------------------------------------------


@given(metered())
def test_the_slots_tile_the_run_without_gaps(case: Metered) -> None:
    rows, started, ended, edges = case
    slots = slots_between(rows, started, ended, edges)
    cuts = [started, *(slot.end for slot in slots)]
    assert [slot.start for slot in slots] == cuts[:-1]
    assert cuts[-1] == ended


@given(metered())
def test_no_slot_is_empty(case: Metered) -> None:
    assert all(slot.start < slot.end for slot in slots_between(*case))


@given(metered())
def test_the_run_is_cut_at_five_minute_marks_and_at_the_edges_of_the_series(case: Metered) -> None:
    rows, started, ended, edges = case
    cuts = {slot.end for slot in slots_between(rows, started, ended, edges)}
    marks = {300.0 * mark for mark in range(int(started // 300), int(ended // 300) + 1)}
    assert {cut for cut in marks | set(edges) if started < cut < ended} == cuts - {ended}


@given(metered(), st.sampled_from(["cpu_j", "gpu_j", "ram_j"]))
def test_the_slots_keep_all_of_the_rows_energy_that_is_within_the_run(
    case: Metered, name: str
) -> None:
    rows, started, ended, edges = case
    slots = slots_between(rows, started, ended, edges)
    expected_j = sum(component(row.energy, name) * inside(row, started, ended) for row in rows)
    found_j = sum(component(slot.machine, name) for slot in slots)
    assert found_j == pytest.approx(expected_j, rel=1e-9, abs=0.01)


@given(metered())
def test_the_slots_keep_the_busy_time(case: Metered) -> None:
    rows, started, ended, edges = case
    slots = slots_between(rows, started, ended, edges)
    expected_s = sum((row.busy_s or 0.0) * inside(row, started, ended) for row in rows)
    assert sum(slot.busy_s or 0.0 for slot in slots) == pytest.approx(expected_s, abs=1e-3)


@given(metered(), st.sampled_from(["cpu_j", "gpu_j", "ram_j"]))
def test_a_component_is_unknown_exactly_where_no_row_knows_it(case: Metered, name: str) -> None:
    rows, started, ended, edges = case
    for slot in slots_between(rows, started, ended, edges):
        known = any(
            getattr(row.energy, name) is not None
            for row in rows
            if row.start < slot.end and slot.start < row.end
        )
        assert (getattr(slot.machine, name) is not None) == known


def test_a_slot_that_no_row_touches_has_no_energy() -> None:
    rows = [MeterRow(MIDNIGHT, MIDNIGHT + 300, Energy(1.0, 2.0, 3.0), 4.0)]
    assert slots_between(rows, MIDNIGHT, MIDNIGHT + 600, [])[1] == MeteredSlot(
        MIDNIGHT + 300, MIDNIGHT + 600, Energy()
    )


def test_a_row_across_a_cut_is_shared_out_by_time() -> None:
    rows = [MeterRow(MIDNIGHT + 270, MIDNIGHT + 310, Energy(cpu_j=40.0))]
    slots = slots_between(rows, MIDNIGHT, MIDNIGHT + 600, [])
    assert [slot.machine.cpu_j for slot in slots] == pytest.approx([30, 10])


def test_what_was_metered_before_the_run_is_not_its_own() -> None:
    rows = [MeterRow(MIDNIGHT - 5, MIDNIGHT + 5, Energy(cpu_j=10.0))]
    (slot,) = slots_between(rows, MIDNIGHT, MIDNIGHT + 60, [])
    assert slot.machine.cpu_j == pytest.approx(5)


def test_a_run_of_no_length_has_no_slots() -> None:
    assert slots_between([], MIDNIGHT, MIDNIGHT, []) == []


def test_a_run_whose_clock_was_set_back_has_no_slots() -> None:
    assert slots_between([], MIDNIGHT, MIDNIGHT - 5, []) == []


def test_a_run_between_two_marks_is_one_slot() -> None:
    assert len(slots_between([], MIDNIGHT + 1, MIDNIGHT + 299, [])) == 1


def test_a_mark_at_the_very_start_or_end_cuts_nothing() -> None:
    assert len(slots_between([], MIDNIGHT, MIDNIGHT + 300, [MIDNIGHT, MIDNIGHT + 300])) == 1


# --- merging ------------------------------------------------------------------------------------


@given(metered())
def test_merged_rows_give_the_same_slots(case: Metered) -> None:
    rows, started, ended, edges = case
    # The run's own bounds are edges too: no energy may move across them.
    merged = merged_rows(rows, sorted({started, *edges, ended}))
    one = slots_between(merged, started, ended, edges)
    other = slots_between(rows, started, ended, edges)
    assert [flat(slot) for slot in one] == [
        pytest.approx(flat(slot), rel=1e-9, abs=0.01, nan_ok=True) for slot in other
    ]


def flat(slot: MeteredSlot) -> list[float]:
    values = [slot.start, slot.end, slot.busy_s, *astuple(slot.machine)]
    return [float("nan") if value is None else value for value in values]


@given(metered())
def test_merging_twice_is_merging_once(case: Metered) -> None:
    rows, _, _, edges = case
    merged = merged_rows(rows, edges)
    assert merged_rows(merged, edges) == merged


@given(metered())
def test_merged_rows_cover_the_same_time(case: Metered) -> None:
    rows, started, ended, edges = case
    merged = merged_rows(rows, edges)
    expected_s = uncovered_s(rows, started, ended)
    assert uncovered_s(merged, started, ended) == pytest.approx(expected_s, abs=1e-3)


def test_the_rows_of_one_slot_become_one() -> None:
    rows = [MeterRow(MIDNIGHT + 5 * i, MIDNIGHT + 5 * (i + 1), Energy(1.0), 2.0) for i in range(59)]
    assert merged_rows(rows, []) == [MeterRow(MIDNIGHT, MIDNIGHT + 295, Energy(59.0), 118.0)]


def test_a_long_run_keeps_at_most_two_rows_a_slot() -> None:
    rows = [MeterRow(MIDNIGHT + 7 * i, MIDNIGHT + 7 * (i + 1), Energy(1.0)) for i in range(1000)]
    assert len(merged_rows(rows, [])) <= 2 * (7000 / 300 + 1)


def test_rows_are_not_merged_across_an_edge() -> None:
    rows = [MeterRow(MIDNIGHT, MIDNIGHT + 5, Energy(1.0))]
    rows += [MeterRow(MIDNIGHT + 5, MIDNIGHT + 10, Energy(9.0))]
    assert merged_rows(rows, [MIDNIGHT + 5]) == rows


def test_rows_are_not_merged_across_what_the_meter_missed() -> None:
    rows = [MeterRow(MIDNIGHT, MIDNIGHT + 5, Energy(1.0))]
    rows += [MeterRow(MIDNIGHT + 6, MIDNIGHT + 10, Energy(9.0))]
    assert merged_rows(rows, []) == rows


def test_without_rows_there_is_nothing_to_merge() -> None:
    assert merged_rows([], [MIDNIGHT]) == []


# --- uncovered ----------------------------------------------------------------------------------


@given(metered())
def test_what_no_row_covers_is_the_run_less_the_rows(case: Metered) -> None:
    rows, started, ended, _ = case
    covered_s = sum(inside(row, started, ended) * (row.end - row.start) for row in rows)
    assert uncovered_s(rows, started, ended) == pytest.approx(ended - started - covered_s, abs=1e-3)


def test_rows_without_a_break_leave_nothing_uncovered() -> None:
    rows = [MeterRow(MIDNIGHT, MIDNIGHT + 60, Energy(1.0))]
    assert uncovered_s(rows, MIDNIGHT + 1, MIDNIGHT + 59) == 0


def test_an_unmetered_run_is_uncovered_throughout() -> None:
    assert uncovered_s([], MIDNIGHT, MIDNIGHT + 60) == 60


# --- the job's part -----------------------------------------------------------------------------


UNSEEN = MeteredSlot(MIDNIGHT + 300, MIDNIGHT + 400, Energy())
TWO = slots_between(
    [
        MeterRow(MIDNIGHT + 100, MIDNIGHT + 200, Energy(1000.0, 500.0, 80.0)),
        MeterRow(MIDNIGHT + 200, MIDNIGHT + 300, Energy(3000.0, 500.0, 80.0)),
    ],
    MIDNIGHT + 100,
    MIDNIGHT + 300,
    [MIDNIGHT + 200],
)


@given(
    metered(),
    st.floats(0, 5000),
    st.one_of(st.none(), st.floats(0, 5000)),
    st.one_of(st.none(), st.floats(0, 300)),
    st.floats(0, 2),
)
def test_the_jobs_part_of_measured_energy_is_at_most_the_machines(
    case: Metered, cpu_s: float, busy_s: float | None, idle_floor_w: float | None, memory: float
) -> None:
    slots = slots_between(*case)
    usage = Usage(cpu_s, int(memory * MEASURED.physical_ram_bytes))
    part = attribute(slots, MEASURED, usage, busy_s=busy_s, idle_floor_w=idle_floor_w)
    for slot in part.slots:
        pairs = zip(astuple(slot.job), astuple(slot.machine), strict=True)
        assert all(mine is None or 0 <= mine <= all_j + 1e-6 for mine, all_j in pairs)


@given(metered(), st.floats(0, 100), st.sampled_from([MEASURED, MODELLED]))
def test_the_slots_add_up_to_the_jobs_energy(case: Metered, cpu_s: float, info: MeterInfo) -> None:
    usage = Usage(cpu_s, GIB)
    part = attribute(slots_between(*case), info, usage, busy_s=100.0, idle_floor_w=None)
    for name in ("cpu_j", "gpu_j", "ram_j"):
        total_j = sum(component(slot.job, name) for slot in part.slots)
        assert total_j == pytest.approx(component(part.energy, name))


@given(metered())
def test_the_machines_energy_is_kept_beside_the_jobs(case: Metered) -> None:
    slots = slots_between(*case)
    part = attribute(slots, MEASURED, USAGE, busy_s=60.0, idle_floor_w=5.0)
    assert [slot.machine for slot in part.slots] == [slot.machine for slot in slots]


def cpu_part(
    slots: Sequence[MeteredSlot] = TWO,
    info: MeterInfo = MEASURED,
    usage: Usage | None = USAGE,
    busy_s: float | None = 60.0,
    idle_floor_w: float | None = None,
) -> float | None:
    return attribute(slots, info, usage, busy_s=busy_s, idle_floor_w=idle_floor_w).energy.cpu_j


def test_of_measured_energy_the_job_gets_its_share_of_the_busy_time() -> None:
    assert cpu_part() == pytest.approx(2000)


def test_of_measured_energy_only_what_is_above_the_idle_floor_is_shared() -> None:
    # 10 W over 200 s are nobody's.
    assert cpu_part(idle_floor_w=10.0) == pytest.approx(1000)


def test_a_floor_above_what_was_metered_leaves_nothing() -> None:
    assert cpu_part(idle_floor_w=1000.0) == 0


def test_the_floor_is_taken_off_only_while_the_meter_looked() -> None:
    # Ten seconds of 100 W in a run of 300 s that the meter otherwise missed.
    rows = [MeterRow(MIDNIGHT, MIDNIGHT + 10, Energy(cpu_j=1000.0))]
    slots = slots_between(rows, MIDNIGHT, MIDNIGHT + 300, [])
    assert cpu_part(slots, busy_s=30.0, idle_floor_w=20.0) == pytest.approx(800)


def test_the_floor_is_not_taken_off_where_the_meter_saw_no_cpu() -> None:
    rows = [
        MeterRow(MIDNIGHT, MIDNIGHT + 10, Energy(cpu_j=1000.0)),
        MeterRow(MIDNIGHT + 10, MIDNIGHT + 40, Energy(gpu_j=1000.0)),
    ]
    slots = slots_between(rows, MIDNIGHT, MIDNIGHT + 40, [])
    assert cpu_part(slots, busy_s=30.0, idle_floor_w=20.0) == pytest.approx(800)


def test_the_energy_is_spread_as_the_machines_was() -> None:
    part = attribute(TWO, MEASURED, USAGE, busy_s=60.0, idle_floor_w=10.0)
    assert [slot.job.cpu_j for slot in part.slots] == pytest.approx([250, 750])


def test_a_job_busier_than_the_kernel_counted_gets_all() -> None:
    part = attribute(TWO, MEASURED, USAGE, busy_s=29.9, idle_floor_w=None)
    assert [part.job_share, part.energy.cpu_j] == pytest.approx([1, 4000])


def test_the_share_is_of_the_machines_busy_time() -> None:
    assert attribute(TWO, MEASURED, USAGE, busy_s=120.0, idle_floor_w=None).job_share == 0.25


def test_without_the_machines_busy_time_measured_energy_is_unknown() -> None:
    assert cpu_part(busy_s=None) is None


def test_modelled_energy_is_the_jobs_own_cpu_time_at_the_models_power() -> None:
    # 30 CPU seconds of 60 W / 4.
    assert cpu_part(info=MODELLED) == pytest.approx(450)


def test_modelled_energy_does_not_depend_on_the_neighbours() -> None:
    assert cpu_part(info=MODELLED, busy_s=None) == cpu_part(info=MODELLED, busy_s=1e6)


def test_the_idle_floor_does_not_touch_modelled_energy() -> None:
    assert cpu_part(info=MODELLED, idle_floor_w=30.0) == cpu_part(info=MODELLED)


def test_modelled_energy_without_a_known_power_is_unknown() -> None:
    assert cpu_part(info=replace(MODELLED, tdp_w=None)) is None


def test_modelled_energy_of_a_machine_without_cpus_is_unknown() -> None:
    assert cpu_part(info=replace(MODELLED, logical_cpus=0)) is None


def test_cpu_energy_that_no_meter_saw_is_unknown_for_the_job_too() -> None:
    assert cpu_part([UNSEEN]) is None


def test_a_slot_that_no_meter_saw_has_no_part_for_the_job() -> None:
    part = attribute([*TWO, UNSEEN], MEASURED, USAGE, busy_s=60.0, idle_floor_w=None)
    assert part.slots[2].job == Energy()


def test_without_usage_the_jobs_cpu_and_memory_are_unknown() -> None:
    part = attribute(TWO, MEASURED, None, busy_s=60.0, idle_floor_w=None)
    assert part.energy == Energy(cpu_j=None, gpu_j=1000.0, ram_j=None)


def test_memory_is_shared_by_peak_use() -> None:
    part = attribute(TWO, MEASURED, USAGE, busy_s=60.0, idle_floor_w=None)
    assert part.energy.ram_j == pytest.approx(160 / 4)


def test_a_peak_above_the_physical_memory_is_all_of_it() -> None:
    swapping = Usage(30.0, 64 * GIB)
    part = attribute(TWO, MEASURED, swapping, busy_s=60.0, idle_floor_w=None)
    assert part.energy.ram_j == 160


def test_without_known_memory_its_energy_is_unknown() -> None:
    unknown = replace(MEASURED, physical_ram_bytes=0)
    part = attribute(TWO, unknown, USAGE, busy_s=60.0, idle_floor_w=None)
    assert part.energy.ram_j is None


def test_the_gpus_are_all_the_jobs_unless_they_are_shared() -> None:
    assert attribute(TWO, MEASURED, USAGE, busy_s=60.0, idle_floor_w=None).energy.gpu_j == 1000


def test_shared_gpus_are_divided_slot_by_slot() -> None:
    part = attribute(TWO, MEASURED, USAGE, busy_s=60.0, idle_floor_w=None, gpu_shares=[0.5, 0.25])
    assert [slot.job.gpu_j for slot in part.slots] == [250, 125]


def gpu_part(share: float | None = None, **parts: float) -> float | None:
    rows = [MeterRow(MIDNIGHT, MIDNIGHT + 300, Energy(gpu_j=1000.0), **parts)]
    slots = slots_between(rows, MIDNIGHT, MIDNIGHT + 300, [])
    shares = None if share is None else [share]
    part = attribute(slots, MEASURED, USAGE, busy_s=60.0, idle_floor_w=None, gpu_shares=shares)
    return part.energy.gpu_j


def test_of_a_gpu_a_job_gets_what_its_processes_used_and_what_nobody_did() -> None:
    assert gpu_part(gpu_own_j=300.0, gpu_others_j=500.0) == pytest.approx(500)


def test_what_nobody_used_of_a_gpu_is_divided() -> None:
    assert gpu_part(0.5, gpu_own_j=300.0, gpu_others_j=500.0) == pytest.approx(400)


def test_parts_of_a_gpu_never_exceed_it() -> None:
    assert gpu_part(0.5, gpu_own_j=600.0, gpu_others_j=400.001) == 600


def test_the_jobs_part_of_a_gpu_never_exceeds_it() -> None:
    slot = MeteredSlot(MIDNIGHT, MIDNIGHT + 10, Energy(gpu_j=5.0), gpu_own_j=9.0)
    part = attribute([slot], MEASURED, USAGE, busy_s=None, idle_floor_w=None)
    assert part.energy.gpu_j == 5.0


def test_modelled_energy_counts_what_the_meter_was_too_late_for() -> None:
    # The kernel knows the CPU seconds of the first minute as well.
    late = [MeterRow(MIDNIGHT + 60, MIDNIGHT + 300, Energy(cpu_j=100.0))]
    slots = slots_between(late, MIDNIGHT, MIDNIGHT + 300, [])
    assert cpu_part(slots, info=MODELLED) == pytest.approx(450)


def test_rows_of_which_one_is_unknown_are_not_put_together() -> None:
    rows = [
        MeterRow(MIDNIGHT, MIDNIGHT + 5, Energy(1.0, None, 1.0)),
        MeterRow(MIDNIGHT + 5, MIDNIGHT + 10, Energy(None, None, 1.0)),
    ]
    assert merged_rows(rows, []) == rows


def test_time_without_a_component_that_is_metered_is_not_covered() -> None:
    rows = [
        MeterRow(MIDNIGHT, MIDNIGHT + 5, Energy(1.0, None, 1.0)),
        MeterRow(MIDNIGHT + 5, MIDNIGHT + 10, Energy(None, None, 1.0)),
    ]
    methods = Methods("rapl", "none", "ram_model")
    assert uncovered_s(rows, MIDNIGHT, MIDNIGHT + 10, methods) == 5


def test_a_run_without_slots_has_unknown_energy() -> None:
    part = attribute([], MEASURED, USAGE, busy_s=60.0, idle_floor_w=None)
    assert (part.energy, part.machine_energy, part.measured_j) == (Energy(), Energy(), None)


def test_the_jobs_slots_hold_its_part_alone() -> None:
    part = attribute(TWO, MEASURED, USAGE, busy_s=60.0, idle_floor_w=None)
    assert job_slots(part.slots) == [EnergySlot(s.start, s.end, s.job) for s in part.slots]


# --- measured or estimated ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["rapl", "nvml", "rocm", "powermetrics"])
def test_energy_from_a_counter_is_measured(method: Method) -> None:
    assert measured(Energy(cpu_j=5.0), Methods(cpu=method)) == 5


@pytest.mark.parametrize("method", ["tdp_model", "ram_model", "none"])
def test_energy_from_a_model_is_not_measured(method: Method) -> None:
    assert measured(Energy(cpu_j=5.0), Methods(cpu=method)) == 0


def test_only_the_measured_components_count_as_measured() -> None:
    assert measured(Energy(1.0, 2.0, 4.0), Methods("rapl", "nvml", "ram_model")) == 3


def test_how_much_of_unknown_energy_was_measured_is_unknown() -> None:
    assert measured(Energy(), Methods("rapl", "nvml", "ram_model")) is None


# --- pauses -------------------------------------------------------------------------------------


def paused_slots() -> list[MeteredSlot]:
    """Three slots of a minute; in the second one only others kept the machine busy."""
    return [
        MeteredSlot(60.0 * i, 60.0 * (i + 1), Energy(joules, 30.0, 40.0), busy_s=busy_s)
        for i, (joules, busy_s) in enumerate([(100.0, 40.0), (900.0, 200.0), (300.0, 80.0)])
    ]


def test_a_paused_job_is_billed_nothing_meanwhile() -> None:
    still = [False, True, False]
    part = attribute(paused_slots(), MEASURED, USAGE, busy_s=320.0, idle_floor_w=None, paused=still)
    assert part.slots[1].job == Energy(0.0, 0.0, 0.0)
    assert part.machine_energy.cpu_j == 1300


def test_the_share_of_a_paused_job_is_of_the_time_in_which_it_ran() -> None:
    still = [False, True, False]
    part = attribute(paused_slots(), MEASURED, USAGE, busy_s=320.0, idle_floor_w=None, paused=still)
    assert part.job_share == 30 / 120
    assert [slot.job.cpu_j for slot in part.slots] == [25, 0, 75]


def test_modelled_energy_is_spread_over_the_time_in_which_a_job_ran() -> None:
    still = [False, True, False]
    part = attribute(paused_slots(), MODELLED, USAGE, busy_s=320.0, idle_floor_w=None, paused=still)
    assert part.energy.cpu_j == pytest.approx(30 * 60 / 4)
    assert part.slots[1].job.cpu_j == 0


@given(metered(), st.floats(0, 100))
def test_never_paused_is_what_is_taken_for_granted(case: Metered, cpu_s: float) -> None:
    slots, usage = slots_between(*case), Usage(cpu_s, GIB)
    given_ = attribute(
        slots, MEASURED, usage, busy_s=50.0, idle_floor_w=1.0, paused=[False] * len(slots)
    )
    assert given_ == attribute(slots, MEASURED, usage, busy_s=50.0, idle_floor_w=1.0)
