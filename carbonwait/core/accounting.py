"""What a run emitted, and what the same energy would have emitted from another start.

Every figure is the same sum, with another shift of the measured profile in time:

    sum over slots of  energy(slot) x mean intensity over [start + shift, end + shift)

The shift is 0 for `actual`, submitted - started for `if_now`, window start - started for
`if_static`. A figure whose profile would overlap a gap of the intensities is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from carbonwait.core import sweep
from carbonwait.core.records import Accounting, Basis, Emissions, EnergySlot, Instant
from carbonwait.core.series import Kind, Series
from carbonwait.core.units import JOULES_PER_KWH

# Looking for the best start in hindsight compares every edge of the series with every edge of the
# profile; past this many pairs a coarser profile is used, so that a job's end is never held up.
_MOST_PAIRS = 100_000
_COARSE_PIECES = 16


@dataclass(frozen=True, slots=True)
class Starts:
    """The starts that are compared; None where a strategy has no start to offer."""

    submitted: Instant
    started: Instant
    ended: Instant
    deadline: Instant
    static: Instant | None
    dynamic: Instant | None


@dataclass(frozen=True, slots=True)
class Account:
    """The figures, whether they are final, and on which kind of intensities `actual` stands."""

    emissions: Emissions
    accounting: Accounting
    basis: Basis | None


def account(
    slots: Sequence[EnergySlot],
    series: Series,
    starts: Starts,
    *,
    idle_watts: float = 0.0,
    final_kinds: frozenset[Kind] = frozenset({"actual"}),
    more_to_come: bool = False,
) -> Account:
    """All figures of design "actual and counterfactual" for one run.

    `final_kinds` are the kinds of intensity that nobody will revise. `more_to_come` says that a
    provider may still publish what the series lacks: an unknown figure then keeps the account
    open; without it what is unknown stays unknown.
    """
    if all(slot.energy.total_j is None for slot in slots):
        return Account(Emissions(), "none", None)
    begun = starts.started
    shifts = [0.0, starts.submitted - begun]
    shifts += [start - begun for start in (starts.static, starts.dynamic) if start is not None]
    figures = {shift: replay(slots, series, shift) for shift in shifts}

    def figure(start: Instant | None) -> float | None:
        return None if start is None else figures[start - begun]

    actual, if_now = figures[0.0], figure(starts.submitted)
    emissions = Emissions(
        actual_g=actual,
        if_now_g=if_now,
        if_static_g=figure(starts.static),
        if_dynamic_g=figure(starts.dynamic),
        best_g=_best(slots, series, starts, [actual, if_now]),
        waiting_g=_waiting(series, starts, idle_watts),
    )
    if actual is None and not more_to_come:
        return Account(emissions, "none", None)
    kinds = {
        kind
        for shift, grams in figures.items()
        if grams is not None
        for kind in series.kinds(begun + shift, starts.ended + shift)
    }
    kinds |= series.kinds(starts.submitted, starts.deadline)
    unknown = None in figures.values()
    settled = kinds <= final_kinds and not (unknown and more_to_come)
    basis = _basis(series.kinds(begun, starts.ended)) if actual is not None else None
    return Account(emissions, "settled" if settled else "pending", basis)


def replay(slots: Sequence[EnergySlot], series: Series, shift_s: float) -> float | None:
    """Grams of the profile moved by `shift_s`; None if a slot with energy meets a gap."""
    joule_intensity = 0.0
    for slot in slots:
        joules = slot.energy.total_j
        if joules is None:
            continue
        mean = series.mean(slot.start + shift_s, slot.end + shift_s)
        if mean is None:
            return None
        joule_intensity += joules * mean
    return joule_intensity / JOULES_PER_KWH


def _basis(kinds: set[Kind]) -> Basis | None:
    if not kinds:
        return None
    return next(iter(kinds)) if len(kinds) == 1 else "mixed"


def _waiting(series: Series, starts: Starts, idle_watts: float) -> float | None:
    wait_s = starts.started - starts.submitted
    if idle_watts == 0 or wait_s <= 0:
        return 0.0
    mean = series.mean(starts.submitted, starts.started)
    return None if mean is None else idle_watts * wait_s * mean / JOULES_PER_KWH


def _best(
    slots: Sequence[EnergySlot], series: Series, starts: Starts, known: list[float | None]
) -> float | None:
    """The least that any start from submission on could have emitted and still met the deadline.

    The start that was taken counts even if it missed the deadline.
    """
    length_s = starts.ended - starts.started
    first, last = starts.submitted, starts.deadline - length_s
    found = [grams for grams in known if grams is not None]
    if last > first and length_s > 0:
        around = series.between(first, last + length_s)
        weights = _weights(slots, starts.started, len(around.edges))
        gaps = around.gaps(first, last + length_s)
        candidates = [
            start
            for start in sweep.breakpoints(around.edges, weights, first, last)
            if not any(start < end and begin < start + length_s for begin, end in gaps)
        ]
        if candidates:
            lowest = min(sweep.values(around, weights, candidates)) / JOULES_PER_KWH
            found.append(max(0.0, lowest))
    return min(found, default=None)


def _weights(slots: Sequence[EnergySlot], started: Instant, edges: int) -> sweep.Weights:
    """The profile as steps of power: a rise in power at an offset weighs the integral before it."""
    pieces = [
        (slot.start - started, slot.end - started, slot.energy.total_j or 0.0) for slot in slots
    ]
    if edges * len(pieces) > _MOST_PAIRS:
        pieces = _coarse(pieces)
    weights = []
    power_w = 0.0
    for begin, end, joules in pieces:
        weights.append((begin, power_w - joules / (end - begin)))
        power_w = joules / (end - begin)
    return [*weights, (pieces[-1][1], power_w)]


def _coarse(pieces: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    length_s = pieces[-1][1]
    cuts = [length_s * piece / _COARSE_PIECES for piece in range(_COARSE_PIECES + 1)]
    joules = [0.0] * _COARSE_PIECES
    for begin, _, slot_j in pieces:
        joules[min(int(begin / length_s * _COARSE_PIECES), _COARSE_PIECES - 1)] += slot_j
    return [(a, b, j) for (a, b), j in zip(pairwise(cuts), joules, strict=True)]
