"""An intensity series: a step function of time with gaps.

    >>> series = Series([Slot(0, 1800, 100.0), Slot(1800, 3600, 200.0)])
    >>> series.mean(0, 3600)
    150.0

What no slot covers is a gap: missing, never zero. Every integral is a difference of prefix sums,
so a mean costs O(log n) whatever the span.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

from carbonwait.core.records import Instant

Kind = Literal["forecast", "actual", "typical"]

# The spans of a run are sums and differences of epoch seconds held as floats, whose resolution is
# about 0.2 microseconds: anything shorter than this is rounding, not a gap.
ROUNDING_S = 1e-5


class Slot(NamedTuple):
    """`g_per_kwh` holds over `[start, end)`; `sigma_g_per_kwh` is the forecast's expected error."""

    start: Instant
    end: Instant
    g_per_kwh: float
    kind: Kind = "forecast"
    sigma_g_per_kwh: float = 0.0


class Series:
    """Slots in order of time that do not overlap.

    Raises ValueError for a slot that is empty, reversed or overlaps another one.
    """

    __slots__ = ("__dict__", "slots")

    def __init__(self, slots: Iterable[Slot] = ()) -> None:
        self.slots = tuple(sorted(slots))
        for slot in self.slots:
            if not slot.start < slot.end:
                raise ValueError(f"a slot must end after it starts, got {slot.start} to {slot.end}")
        for before, after in pairwise(self.slots):
            if after.start < before.end:
                raise ValueError(f"slots overlap at {after.start}")

    def __bool__(self) -> bool:
        return bool(self.slots)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self.slots)

    def __len__(self) -> int:
        return len(self.slots)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and self.slots == other.slots

    def __hash__(self) -> int:
        return hash(self.slots)

    @cached_property
    def _starts(self) -> list[Instant]:
        return [slot.start for slot in self.slots]

    @cached_property
    def _grams_before(self) -> list[float]:
        lengths = (slot.g_per_kwh * (slot.end - slot.start) for slot in self.slots)
        return list(accumulate(lengths, initial=0.0))

    @cached_property
    def _covered_before(self) -> list[float]:
        return list(accumulate((slot.end - slot.start for slot in self.slots), initial=0.0))

    @cached_property
    def edges(self) -> list[Instant]:
        """Every instant at which the value may change, ascending."""
        return sorted({edge for slot in self.slots for edge in (slot.start, slot.end)})

    def _until(self, at: Instant) -> tuple[float, float]:
        """Integral (g/kWh x s) and covered seconds from the beginning of the series to `at`."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0.0, 0.0
        slot = self.slots[index]
        inside = min(at, slot.end) - slot.start
        grams = self._grams_before[index] + slot.g_per_kwh * inside
        return grams, self._covered_before[index] + inside

    def integral(self, start: Instant, end: Instant) -> float:
        """The integral over what is covered of `[start, end)`, in g/kWh x s."""
        return self._until(end)[0] - self._until(start)[0]

    def covered_s(self, start: Instant, end: Instant) -> float:
        """How much of `[start, end)` no gap touches, in seconds."""
        return self._until(end)[1] - self._until(start)[1]

    def covers(self, start: Instant, end: Instant) -> bool:
        """True if `[start, end)` overlaps no gap; an empty interval asks for its instant."""
        if end <= start:
            return self.at(start) is not None
        return self.covered_s(start, end) >= (end - start) - ROUNDING_S

    def mean(self, start: Instant, end: Instant) -> float | None:
        """The time-weighted mean over `[start, end)`, None if it overlaps a gap.

        The mean over an empty interval is the value at its instant.
        """
        if end - start <= ROUNDING_S:
            return self.at(start)
        if not self.covers(start, end):
            return None
        grams_start, covered_start = self._until(start)
        grams_end, covered_end = self._until(end)
        return (grams_end - grams_start) / (covered_end - covered_start)

    def at(self, instant: Instant) -> float | None:
        """The value at an instant, None in a gap."""
        slot = self.slot_at(instant)
        return None if slot is None else slot.g_per_kwh

    def slot_at(self, instant: Instant) -> Slot | None:
        """The slot that holds at an instant, None in a gap."""
        index = bisect_right(self._starts, instant) - 1
        if index < 0 or self.slots[index].end <= instant:
            return None
        return self.slots[index]

    def between(self, start: Instant, end: Instant) -> "Series":
        """The part within `[start, end)`; slots are cut at its bounds."""
        if start >= end:
            return Series()
        first = max(0, bisect_right(self._starts, start) - 1)
        kept = list(self.slots[first : bisect_left(self._starts, end)])
        if kept and kept[0].end <= start:
            del kept[0]
        if kept:
            kept[0] = kept[0]._replace(start=max(kept[0].start, start))
            kept[-1] = kept[-1]._replace(end=min(kept[-1].end, end))
        return Series(kept)

    def gaps(self, start: Instant, end: Instant) -> list[tuple[Instant, Instant]]:
        """The intervals within `[start, end)` that no slot covers."""
        found = []
        covered_to = start
        for slot in self.between(start, end):
            if slot.start - covered_to > ROUNDING_S:
                found.append((covered_to, slot.start))
            covered_to = slot.end
        if end - covered_to > ROUNDING_S:
            found.append((covered_to, end))
        return found

    def over(self, other: "Series") -> "Series":
        """This series, and the other one where this one has gaps."""
        if not self.slots or not other.slots:
            return self if self.slots else other
        first = min(self.slots[0].start, other.slots[0].start)
        last = max(self.slots[-1].end, other.slots[-1].end)
        filling = (slot for gap in self.gaps(first, last) for slot in other.between(*gap))
        return Series([*self.slots, *filling])

    def kinds(self, start: Instant, end: Instant) -> set[Kind]:
        """The kinds of the slots that `[start, end)` touches."""
        return {slot.kind for slot in self.between(start, end)}
