"""What a run emitted, and what the same energy would have emitted from another start.

Every figure is the same sum, with another shift of the measured profile in time:

    sum over slots of  energy(slot) x mean intensity over [start + shift, end + shift)

The shift is 0 for `actual`, submitted - started for `if_now`, window start - started for
`if_static`. A figure whose profile would overlap a gap of the intensities is unknown.

Of a run that was paused, `actual` is that of the time in which it ran. The others are of a run in
one piece, for a start at once or in a fixed window would not have been paused: the pauses are
closed up first, and the shifts are applied to what is left. What the pauses are worth is therefore
in the saving. `best` is the best start of a run in one piece, or `actual` where pausing beat it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isclose

from carbonwait.core import sweep
from carbonwait.core.records import Accounting, Basis, Emissions, EnergySlot, Instant
from carbonwait.core.series import Kind, Series
from carbonwait.core.units import JOULES_PER_KWH

# Looking for the best start in hindsight compares every edge of the series with every step of the
# profile; past this many pairs a coarser profile is used, so that a job's end is never held up.
_MOST_PAIRS = 100_000
_COARSE_PIECES = 16


Interval = tuple[Instant, Instant]


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
    pauses: Sequence[Interval] = (),
) -> Account:
    """All figures of one run.

    `pauses` are in order of time within the run, and edges of slots. `final_kinds` are the kinds
    of intensity that nobody will revise. `more_to_come` says that a provider may still publish
    what the series lacks: an unknown figure then keeps the account open; without it what is
    unknown stays unknown.
    """
    if all(slot.energy.total_j is None for slot in slots):
        return Account(Emissions(), "none", None)
    begun, ended = starts.started, starts.ended
    ran = slots if not pauses else [slot for slot in slots if slot.energy.total_j != 0]
    actual = replay(ran, series, 0.0)
    slots = closed_up(slots, pauses)
    starts = replace(starts, ended=ended - sum(end - start for start, end in pauses))
    shifts = [0.0, starts.submitted - begun]
    shifts += [start - begun for start in (starts.static, starts.dynamic) if start is not None]
    figures = {shift: replay(slots, series, shift) for shift in shifts}

    def figure(start: Instant | None) -> float | None:
        return None if start is None else figures[start - begun]

    emissions = Emissions(
        actual_g=actual,
        if_now_g=figure(starts.submitted),
        if_static_g=figure(starts.static),
        if_dynamic_g=figure(starts.dynamic),
        best_g=_best(slots, series, starts, [actual, *_feasible(figures, starts)]),
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
    if pauses:
        kinds |= series.kinds(begun, ended)
    last = max(starts.deadline, ended)
    unknown = None in figures.values() or not series.covers(starts.submitted, last)
    settled = kinds <= final_kinds and not (unknown and more_to_come)
    basis = _basis(series.kinds(begun, ended)) if actual is not None else None
    return Account(emissions, "settled" if settled else "pending", basis)


def _feasible(figures: Mapping[float, float | None], starts: Starts) -> list[float | None]:
    """The figures of starts that met the deadline, and those of now and of the start taken."""
    first, last = starts.submitted, starts.deadline - (starts.ended - starts.started)
    allowed = {starts.submitted, starts.started}
    allowed.update(
        s for s in (starts.static, starts.dynamic) if s is not None and first <= s <= last
    )
    return [figures[start - starts.started] for start in allowed]


def closed_up(slots: Sequence[EnergySlot], pauses: Sequence[Interval]) -> Sequence[EnergySlot]:
    """The profile with the pauses taken out, what followed them moved to an earlier time."""
    if not pauses:
        return slots
    closed = []
    for slot in slots:
        if any(start <= slot.start and slot.end <= end for start, end in pauses):
            continue
        before_s = sum(end - start for start, end in pauses if end <= slot.start)
        closed.append(replace(slot, start=slot.start - before_s, end=slot.end - before_s))
    return closed


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

    The start that was taken counts even if it missed the deadline; `known` are such figures. For a
    profile of many steps against a series of many, it is the least found, not the least there is.
    """
    found = [grams for grams in known if grams is not None]
    length_s = starts.ended - starts.started
    first, last = starts.submitted, starts.deadline - length_s
    pieces = _pieces(slots, starts.started)
    if last <= first or not pieces:
        return min(found, default=None)
    around = series.between(first, last + length_s)
    if len(around.edges) * len(pieces) > _MOST_PAIRS:
        pieces = _coarse(pieces)
    gaps = around.gaps(first, last + length_s)
    weights = _weights(pieces)
    candidates = [
        start
        for start in sweep.breakpoints(around.edges, weights, first, last)
        if not _meets_a_gap(start, pieces, gaps)
    ]
    if candidates:
        values = sweep.values(around, weights, candidates)
        start = candidates[values.index(min(values))]
        # A coarse profile is good enough to find the start, not to say what it emits.
        grams = replay(slots, series, start - starts.started)
        found += [] if grams is None else [grams]
    return min(found, default=None)


Piece = tuple[float, float, float]
"""Beginning and end after the start in seconds, and watts in between."""


def _pieces(slots: Sequence[EnergySlot], started: Instant) -> list[Piece]:
    """The profile as steps of power, those of equal power put together; unknown ones left out."""
    pieces: list[Piece] = []
    for slot in slots:
        if slot.energy.total_j is None or slot.end <= slot.start:
            continue
        begin, end = slot.start - started, slot.end - started
        watts = slot.energy.total_j / (slot.end - slot.start)
        before = pieces[-1] if pieces else None
        if before is not None and before[1] == begin and isclose(before[2], watts, rel_tol=1e-9):
            pieces[-1] = (before[0], end, before[2])
        else:
            pieces.append((begin, end, watts))
    return pieces


def _weights(pieces: Sequence[Piece]) -> sweep.Weights:
    """Power at an offset weighs the integral up to the end of its piece less that before it."""
    weights: dict[float, float] = {}
    for begin, end, watts in pieces:
        weights[begin] = weights.get(begin, 0.0) - watts
        weights[end] = weights.get(end, 0.0) + watts
    return list(weights.items())


def _meets_a_gap(
    start: Instant, pieces: Sequence[Piece], gaps: Sequence[tuple[Instant, Instant]]
) -> bool:
    return any(
        start + begin < gap_end and gap_start < start + end
        for gap_start, gap_end in gaps
        for begin, end, _ in pieces
    )


def _coarse(pieces: list[Piece]) -> list[Piece]:
    """At most so many pieces of equal length, if that is fewer, with the same energy."""
    if len(pieces) <= _COARSE_PIECES:
        return pieces
    first, last = pieces[0][0], pieces[-1][1]
    step_s = (last - first) / _COARSE_PIECES
    joules = [0.0] * _COARSE_PIECES
    for begin, end, watts in pieces:
        middle = (begin + end) / 2 - first
        joules[min(int(middle / step_s), _COARSE_PIECES - 1)] += watts * (end - begin)
    cuts = [first + step_s * index for index in range(_COARSE_PIECES + 1)]
    return [(a, b, j / step_s) for (a, b), j in zip(pairwise(cuts), joules, strict=True)]
