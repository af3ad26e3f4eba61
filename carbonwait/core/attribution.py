"""From the machine's energy to the job's part of it, slot by slot.

The meter sees the whole machine. What the job is billed:

* CPU, measured: its share of the machine's busy time, of the energy above the idle floor;
* CPU, modelled: its own CPU seconds at the model's power for one logical CPU, since a share of the
  machine's modelled, load-cubed energy would bill it its neighbours;
* RAM: its peak resident memory over the physical memory;
* GPU: what NVML says its processes used; what nobody used, and all of it where NVML does not say,
  is divided among the runs that overlap on the devices.

What no row covers is left out of all of these but the modelled CPU energy. That needs no meter:
the kernel knows every CPU second of the job, and leaving some out would bill too little. So it may
exceed the machine's figure, which is of the time that the meter saw.

The kernel tells a job's CPU time only once, at the end, so one share serves the whole run and is
spread over the slots in proportion to the machine's energy. Where the job was paused it is billed
nothing, whatever the machine did meanwhile: its share is of the time in which it ran.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from carbonwait.core.records import (
    MEASURED_METHODS,
    Energy,
    EnergySlot,
    Instant,
    MeterInfo,
    MeterRow,
    Methods,
    Usage,
)

SLOT_S = 300.0
NOTHING_SEEN = Energy()
NOTHING_METERED = Methods()


@dataclass(frozen=True, slots=True)
class MeteredSlot:
    """`[start, end)` with the machine's energy, the job's part and the machine's busy seconds.

    `covered_s` is for how much of it the CPU was metered; None: all of it. For the parts of the
    GPUs' energy see `MeterRow`.
    """

    start: Instant
    end: Instant
    machine: Energy
    busy_s: float | None = None
    job: Energy = NOTHING_SEEN
    covered_s: float | None = None
    gpu_own_j: float = 0.0
    gpu_others_j: float = 0.0


@dataclass(frozen=True, slots=True)
class Attribution:
    """The job's part. `job_share` is of the machine's busy time, None if either is unknown."""

    slots: Sequence[MeteredSlot]
    job_share: float | None
    energy: Energy
    machine_energy: Energy
    measured_j: float | None


def slots_between(
    rows: Sequence[MeterRow], started: Instant, ended: Instant, edges: Sequence[Instant]
) -> list[MeteredSlot]:
    """The run cut at five-minute UTC marks and at `edges`, with the rows shared out pro rata.

    The slots tile `[started, ended)` without gaps; one that no row touches has no energy.
    """
    first_mark = ceil(started / SLOT_S)
    marks = (mark * SLOT_S for mark in range(first_mark, ceil(ended / SLOT_S)))
    inner = {cut for cut in (*marks, *edges) if started < cut < ended}
    cuts = [started, *sorted(inner), ended] if ended > started else []
    begins = [row.start for row in rows]
    slots = []
    for start, end in pairwise(cuts):
        first = max(0, bisect_right(begins, start) - 1)
        touching = []
        for row in rows[first:]:
            if row.start >= end:
                break
            if row.end > start:
                touching.append(row)
        slots.append(_slot(start, end, touching))
    return slots


def _slot(start: Instant, end: Instant, rows: Sequence[MeterRow]) -> MeteredSlot:
    shares = [_overlap_s(row, start, end) / (row.end - row.start) for row in rows]
    parts = [(row, share) for row, share in zip(rows, shares, strict=True) if share > 0]

    def total(values: list[tuple[float | None, float]]) -> float | None:
        known = [value * share for value, share in values if value is not None]
        return sum(known) if known else None

    machine = Energy(
        total([(row.energy.cpu_j, share) for row, share in parts]),
        total([(row.energy.gpu_j, share) for row, share in parts]),
        total([(row.energy.ram_j, share) for row, share in parts]),
    )
    return MeteredSlot(
        start,
        end,
        machine,
        busy_s=total([(row.busy_s, share) for row, share in parts]),
        covered_s=sum(_overlap_s(row, start, end) for row in rows if row.energy.cpu_j is not None)
        if rows
        else None,
        gpu_own_j=sum(row.gpu_own_j * share for row, share in parts),
        gpu_others_j=sum(row.gpu_others_j * share for row, share in parts),
    )


def _overlap_s(row: MeterRow, start: Instant, end: Instant) -> float:
    return max(0.0, min(row.end, end) - max(row.start, start))


def merged_rows(rows: Sequence[MeterRow], edges: Sequence[Instant]) -> list[MeterRow]:
    """The same rows, those of one slot that follow each other put together.

    `slots_between` gives the same slots for both; a run of weeks keeps few rows this way.
    """
    merged: list[MeterRow] = []
    for row in rows:
        last = merged[-1] if merged else None
        if (
            last is None
            or last.end != row.start
            or _unknown(last) != _unknown(row)
            or _cut_within(last.start, row.end, edges)
        ):
            merged.append(row)
            continue
        energy = Energy(
            _plus(last.energy.cpu_j, row.energy.cpu_j),
            _plus(last.energy.gpu_j, row.energy.gpu_j),
            _plus(last.energy.ram_j, row.energy.ram_j),
        )
        merged[-1] = MeterRow(
            last.start,
            row.end,
            energy,
            _plus(last.busy_s, row.busy_s),
            last.gpu_own_j + row.gpu_own_j,
            last.gpu_others_j + row.gpu_others_j,
        )
    return merged


def _unknown(row: MeterRow) -> tuple[bool, ...]:
    energy = row.energy
    return tuple(one is None for one in (energy.cpu_j, energy.gpu_j, energy.ram_j, row.busy_s))


def _cut_within(start: Instant, end: Instant, edges: Sequence[Instant]) -> bool:
    if start // SLOT_S != end // SLOT_S:
        return True
    index = bisect_right(edges, start)
    return index < len(edges) and edges[index] < end


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def uncovered_s(
    rows: Sequence[MeterRow],
    started: Instant,
    ended: Instant,
    methods: Methods = NOTHING_METERED,
) -> float:
    """How many seconds of the run no row covers in all that is metered; rows do not overlap."""
    covered = sum(_overlap_s(row, started, ended) for row in rows if _is_whole(row, methods))
    return max(0.0, ended - started - covered)


def _is_whole(row: MeterRow, methods: Methods) -> bool:
    """Whether the row has every component that is metered at all."""
    return (
        (row.energy.cpu_j is not None or methods.cpu == "none")
        and (row.energy.gpu_j is not None or methods.gpu == "none")
        and (row.energy.ram_j is not None or methods.ram == "none")
    )


def attribute(
    slots: Sequence[MeteredSlot],
    info: MeterInfo,
    usage: Usage | None,
    *,
    busy_s: float | None,
    idle_floor_w: float | None,
    cpu_at_most_j: float | None = None,
    gpu_shares: Sequence[float] | None = None,
    paused: Sequence[bool] = (),
) -> Attribution:
    """The job's part of each slot.

    `cpu_at_most_j` is what runs that overlapped have left of the machine's; None: no limit.

    `gpu_shares` is its part, by slot, of the GPUs' energy that is nobody's in particular; all of
    it by default.

    `busy_s` is the machine's busy CPU time over the very span of `usage`. `paused` tells of each
    slot whether the job stood still in it; by default it never did.
    """
    paused = paused or [False] * len(slots)
    machine = _sum([slot.machine for slot in slots])
    ran = [slot for slot, still in zip(slots, paused, strict=True) if not still]
    ran_cpu_j = _sum([slot.machine for slot in ran]).cpu_j
    if busy_s is not None and len(ran) < len(slots):
        stood = (slot for slot, still in zip(slots, paused, strict=True) if still)
        busy_s = max(0.0, busy_s - sum(slot.busy_s or 0.0 for slot in stood))
    share = _share(usage, busy_s)
    cpu_j = _job_cpu_j(ran, ran_cpu_j, info, usage, share, idle_floor_w)
    if cpu_j is not None and cpu_at_most_j is not None:
        cpu_j = min(cpu_j, cpu_at_most_j)
    ram_share = None
    if usage is not None and info.physical_ram_bytes > 0:
        ram_share = min(1.0, usage.peak_rss_bytes / info.physical_ram_bytes)
    shared = []
    for index, slot in enumerate(slots):
        gpu_share = 1.0 if gpu_shares is None else gpu_shares[index]
        running = 0.0 if paused[index] else 1.0
        job = Energy(
            _times(_spread(cpu_j, slot.machine.cpu_j, ran_cpu_j), running),
            _times(_job_gpu_j(slot, gpu_share), running),
            _times(_times(slot.machine.ram_j, ram_share), running),
        )
        shared.append(replace(slot, job=job))
    energy = _sum([slot.job for slot in shared])
    return Attribution(shared, share, energy, machine, measured(energy, info.methods))


def measured(energy: Energy, methods: Methods) -> float | None:
    """How much of it was measured rather than estimated, None if nothing is known."""
    if energy.total_j is None:
        return None
    parts = (
        (energy.cpu_j, methods.cpu),
        (energy.gpu_j, methods.gpu),
        (energy.ram_j, methods.ram),
    )
    return sum(j for j, method in parts if j is not None and method in MEASURED_METHODS)


def job_slots(slots: Sequence[MeteredSlot]) -> list[EnergySlot]:
    """The job's part alone."""
    return [EnergySlot(slot.start, slot.end, slot.job) for slot in slots]


def _share(usage: Usage | None, busy_s: float | None) -> float | None:
    if usage is None or busy_s is None:
        return None
    # The kernel counts the machine in hundredths of a second and the job more finely: a short
    # job can seem busier than the machine.
    return 1.0 if usage.cpu_s >= busy_s else usage.cpu_s / busy_s


def _job_cpu_j(
    slots: Sequence[MeteredSlot],
    machine_j: float | None,
    info: MeterInfo,
    usage: Usage | None,
    share: float | None,
    idle_floor_w: float | None,
) -> float | None:
    if machine_j is None or usage is None:
        return None
    if info.methods.cpu == "tdp_model":
        if info.tdp_w is None or info.logical_cpus < 1:
            return None
        return usage.cpu_s * info.tdp_w / info.logical_cpus
    if share is None:
        return None
    metered_s = sum(
        slot.end - slot.start if slot.covered_s is None else slot.covered_s
        for slot in slots
        if slot.machine.cpu_j is not None
    )
    return share * max(0.0, machine_j - (idle_floor_w or 0.0) * metered_s)


def _job_gpu_j(slot: MeteredSlot, share: float) -> float | None:
    if slot.machine.gpu_j is None:
        return None
    own_j = min(slot.gpu_own_j, slot.machine.gpu_j)
    return own_j + share * max(0.0, slot.machine.gpu_j - own_j - slot.gpu_others_j)


def _spread(job_j: float | None, slot_j: float | None, machine_j: float | None) -> float | None:
    if job_j is None or slot_j is None or machine_j is None:
        return None
    return job_j * slot_j / machine_j if machine_j > 0 else 0.0


def _times(value: float | None, share: float | None) -> float | None:
    return None if value is None or share is None else value * share


def _sum(energies: Sequence[Energy]) -> Energy:
    def total(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    return Energy(
        total([energy.cpu_j for energy in energies]),
        total([energy.gpu_j for energy in energies]),
        total([energy.ram_j for energy in energies]),
    )
