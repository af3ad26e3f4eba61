"""The account of one run: the job's part of the energy, and what it emitted and would have."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from carbonwait.core.accounting import Interval, Starts, account
from carbonwait.core.attribution import (
    MeteredSlot,
    attribute,
    job_slots,
    slots_between,
    uncovered_s,
)
from carbonwait.core.gpus import GpuUser, devices_of, shares
from carbonwait.core.overlap import unbilled_j
from carbonwait.core.prices import Prices
from carbonwait.core.records import (
    Cost,
    Instant,
    MeterInfo,
    MeterRow,
    Methods,
    Pause,
    Run,
    Usage,
)
from carbonwait.core.series import Kind, Series


@dataclass(frozen=True, slots=True)
class Metered:
    """What was seen of a run that has ended.

    `busy_s` is the machine's busy CPU time from start to end; `info` is None where no meter was
    ready in time, and there are no `rows` then. `others` are runs that overlapped on this host, and
    `billed` the slots of those that have ended; `pauses` are those of the run, all of them over.
    """

    rows: Sequence[MeterRow]
    info: MeterInfo | None
    usage: Usage | None
    busy_s: float | None
    idle_floor_w: float | None = None
    others: Sequence[Run] = ()
    billed: Sequence[Sequence[MeteredSlot]] = ()
    pauses: Sequence[Pause] = ()


def settle(
    run: Run,
    metered: Metered,
    series: Series,
    *,
    final_kinds: frozenset[Kind],
    more_to_come: bool,
) -> list[MeteredSlot]:
    """Write energies and figures into `run`, which has started and ended; return its slots."""
    if run.started is None or run.ended is None:
        raise ValueError(f"run {run.id} has not ended")
    pauses = _standing(metered.pauses, run.ended)
    edges = [*series.between(run.started, run.ended).edges, *chain(*pauses)]
    slots = slots_between(metered.rows, run.started, run.ended, edges)
    methods = metered.info.methods if metered.info is not None else Methods()
    run.uncovered_s = uncovered_s(metered.rows, run.started, run.ended, methods)
    run.busy_s = metered.busy_s
    run.idle_floor_w = metered.idle_floor_w
    if metered.usage is not None:
        run.cpu_s = metered.usage.cpu_s
        run.peak_rss_bytes = metered.usage.peak_rss_bytes
    if metered.info is not None and metered.rows:
        part = attribute(
            slots,
            metered.info,
            metered.usage,
            busy_s=metered.busy_s,
            idle_floor_w=metered.idle_floor_w,
            cpu_at_most_j=_cpu_at_most_j(run, slots, metered.info, metered),
            gpu_shares=_gpu_shares(run, slots, metered.others),
            paused=[_within(slot, pauses) for slot in slots],
        )
        slots = list(part.slots)
        run.methods, run.labels = methods, metered.info.labels
        run.energy, run.machine_energy = part.energy, part.machine_energy
        run.measured_j, run.job_share = part.measured_j, part.job_share
    count(
        run,
        slots,
        series,
        metered.pauses,
        final_kinds=final_kinds,
        more_to_come=more_to_come,
    )
    return slots


def count(
    run: Run,
    slots: Sequence[MeteredSlot],
    series: Series,
    pauses: Sequence[Pause],
    *,
    final_kinds: frozenset[Kind],
    more_to_come: bool,
) -> None:
    """Write into `run`, which has started and ended, the figures that its energy and `series` make.

    `slots` and `pauses` are all of its own.
    """
    if run.started is None or run.ended is None:
        raise ValueError(f"run {run.id} has not ended")
    figures = account(
        job_slots(slots),
        series,
        _starts(run, run.started, run.ended),
        idle_watts=run.idle_watts,
        final_kinds=final_kinds,
        more_to_come=more_to_come,
        pauses=_standing(pauses, run.ended),
    )
    run.emissions, run.accounting, run.basis = figures.emissions, figures.accounting, figures.basis


def price(
    run: Run,
    slots: Sequence[MeteredSlot],
    prices: Prices | None,
    pauses: Sequence[Pause] = (),
) -> None:
    """Write into `run`, which has been settled, what it cost and would have cost.

    The same sums as those of the emissions, over prices. What a run cost is not known unless all
    of its time has a price.
    """
    if prices is None or run.started is None or run.ended is None:
        return
    figures = account(
        job_slots(slots),
        prices.series,
        _starts(run, run.started, run.ended),
        idle_watts=run.idle_watts,
        pauses=_standing(pauses, run.ended),
    ).emissions
    if figures.actual_g is None:
        return
    run.cost = Cost(
        currency=prices.currency,
        kind=prices.kind,
        actual=figures.actual_g,
        if_now=figures.if_now_g,
        if_static=figures.if_static_g,
        if_dynamic=figures.if_dynamic_g,
        best=figures.best_g,
        waiting=figures.waiting_g,
    )


def _starts(run: Run, started: Instant, ended: Instant) -> Starts:
    return Starts(run.submitted, started, ended, run.deadline, run.static_start, run.dynamic_start)


def _standing(pauses: Sequence[Pause], ended: Instant) -> list[Interval]:
    """When the command stood still, up to its end."""
    return [(pause.start, pause.end or ended) for pause in pauses]


def _within(slot: MeteredSlot, pauses: Sequence[Interval]) -> bool:
    return any(start <= slot.start and slot.end <= end for start, end in pauses)


def _cpu_at_most_j(
    run: Run, slots: Sequence[MeteredSlot], info: MeterInfo, metered: Metered
) -> float | None:
    """What runs that overlapped have left of the machine's CPU energy or time; None: no limit."""
    if info.methods.cpu != "tdp_model":
        return unbilled_j(slots, metered.billed) if metered.billed else None
    # A run within this one may be of a job of its job: then its CPU seconds are in both.
    within = [other.energy.cpu_j for other in metered.others if _is_within(other, run)]
    if not any(within) or metered.busy_s is None or info.tdp_w is None or info.logical_cpus < 1:
        return None
    all_j = metered.busy_s * info.tdp_w / info.logical_cpus
    return max(0.0, all_j - sum(cpu_j or 0.0 for cpu_j in within))


def _is_within(other: Run, run: Run) -> bool:
    if None in (run.started, run.ended, other.started, other.ended):
        return False
    return run.started <= other.started and other.ended <= run.ended  # type: ignore[operator]


def _gpu_shares(
    run: Run, slots: Sequence[MeteredSlot], others: Sequence[Run]
) -> Sequence[float] | None:
    if not others or all(slot.machine.gpu_j is None for slot in slots):
        return None
    own, *rest = (_gpu_user(one, run.ended) for one in (run, *others))
    return shares([(slot.start, slot.end) for slot in slots], own, rest)


def _gpu_user(run: Run, until: Instant | None) -> GpuUser:
    """A run that has not ended goes on at least until now."""
    end = run.ended or until or run.submitted
    return GpuUser(run.started or run.submitted, end, devices_of(run.gpus))
