"""Every start worth looking at on one forecast, and which of them to choose.

The expected cost of a start is piecewise linear in it, so that only breakpoints matter
(`carbonwait.core.sweep`). One landscape serves every job of the same durations, whatever its
latest start: a replay asks it thousands of times, a plan asks it once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from math import inf
from typing import Literal, NamedTuple

from carbonwait.core import sweep
from carbonwait.core.durations import Durations
from carbonwait.core.records import Instant
from carbonwait.core.series import ROUNDING_S, Series, Slot

# A forecast that is unsure of itself has to promise a little more: the weight was chosen on two
# years of grid data, where more of it cost savings and less of it cost nothing.
SIGMA_WEIGHT = 0.1

# A start that has been planned is left for another one only if that is expected to be better by
# this: on eight zones and two years it halves the changes of mind and costs no savings.
HYSTERESIS_PCT = 0.2

# No forecast is good to a millionth of a gram: closer than this is a tie.
_TIE_G_PER_KWH = 1e-6

Why = Literal["cleanest", "kept", "now", "too little", "gap now", "nothing covered"]


class Candidate(NamedTuple):
    """A possible start and the mean intensity of the expected run from there."""

    start: Instant
    g_per_kwh: float


class Choice(NamedTuple):
    """The start to take, why, and the expected saving against a start at once, None: unknown."""

    start: Instant
    why: Why
    saving_pct: float | None


class Landscape:
    """The starts within `[first, last]` from which the expected run overlaps no gap.

    `starts` are ascending, `means` are the mean intensities of the expected run from each of them
    and `scores` what is minimised: the means with the doubts in them and what the wait costs.
    `asked` are starts that will be asked for as `latest` or `planned`; `last` need not be among
    them. `idle_ratio` is the power drawn while waiting over that drawn while running.
    """

    def __init__(
        self,
        series: Series,
        durations: Durations,
        first: Instant,
        last: Instant,
        *,
        idle_ratio: float = 0.0,
        asked: Iterable[Instant] = (),
    ) -> None:
        share = 1 / len(durations.support_s)
        weights = [(0.0, -1.0), *((span_s, share) for span_s in durations.support_s)]
        until = last + max(*durations.support_s, durations.expected_s)
        series = series.between(first, until)
        gaps = series.gaps(first, until)
        # The expected run must end before a gap does begin: a bound that no edge gives.
        further = {begin - durations.expected_s for begin, _ in gaps}.union(asked)
        starts = sweep.breakpoints(series.edges, weights, first, last)
        for start in further:
            # There are few of them, and thousands of starts are in order already.
            index = bisect_left(starts, start)
            if first <= start <= last and starts[index] != start:
                starts.insert(index, start)
        if gaps:
            starts = _clear_of(gaps, starts, durations.expected_s)
        self.first = first
        self.starts = starts
        self._mean_s = sum(durations.support_s) / len(durations.support_s)
        covered_s = _covered_s(series, weights, starts, uneven=bool(gaps))
        self.means = _means(series, weights, starts, covered_s)
        self.scores = self.means
        self._idle: Sequence[float] = ()
        if any(slot.sigma_g_per_kwh for slot in series):
            doubts = _means(_doubts(series), weights, starts, covered_s)
            self.scores = [
                mean + SIGMA_WEIGHT * doubt for mean, doubt in zip(self.means, doubts, strict=True)
            ]
        if idle_ratio:
            # What the wait itself costs, as if it were part of the run.
            idle = idle_ratio / self._mean_s
            self._idle = [idle * series.integral(first, start) for start in starts]
            self.scores = [a + b for a, b in zip(self.scores, self._idle, strict=True)]

    @property
    def candidates(self) -> list[Candidate]:
        """Every start with its mean."""
        return [Candidate(*pair) for pair in zip(self.starts, self.means, strict=True)]

    def best(self, latest: Instant) -> Candidate | None:
        """The start with the least score by `latest`, the earliest of them if there are several."""
        index = self._best_index(latest)
        return None if index is None else Candidate(self.starts[index], self.means[index])

    def choose(
        self, latest: Instant, *, min_saving_pct: float, planned: Instant | None = None
    ) -> Choice:
        """The start to take, `first` being the present.

        Before the wait it must save at least `min_saving_pct`. Once `planned`, waiting has been
        decided on, and the plan moves only where that is worth it.
        """
        index = self._best_index(latest)
        if index is None:
            return Choice(self.first, "nothing covered", None)
        kept = self._kept(index, latest, planned)
        chosen = index if kept is None else kept
        start = self.starts[chosen]
        gain = self._gain(chosen)
        saving_pct = self._saving_pct(gain)
        if start <= self.first:
            return Choice(self.first, "now", saving_pct)
        if kept is not None:
            return Choice(start, "kept", saving_pct)
        if gain is None:
            return Choice(start, "gap now", None)
        too_little = saving_pct is not None and saving_pct < min_saving_pct
        if planned is None and (gain <= 0 or too_little):
            return Choice(self.first, "too little", saving_pct)
        return Choice(start, "cleanest", saving_pct)

    def _kept(self, best: int, latest: Instant, planned: Instant | None) -> int | None:
        """Where the planned start stands, if nothing is enough of an improvement on it."""
        if planned is None or not self.first <= planned <= latest:
            return None
        index = bisect_right(self.starts, planned) - 1
        if index == best or index < 0 or self.starts[index] != planned:
            return None
        score = self.scores[index]
        worth_it = score - self.scores[best] > abs(score) * HYSTERESIS_PCT / 100
        return None if worth_it else index

    def _gain(self, index: int) -> float | None:
        """What a start saves of a start at once, the wait counted; None if that is not covered."""
        if not self.starts or self.starts[0] > self.first:
            return None
        waiting = self._idle[index] if self._idle else 0.0
        return self.means[0] - self.means[index] - waiting

    def _saving_pct(self, gain: float | None) -> float | None:
        """The same as a share; of what is not above zero, as a price may be, one of its size."""
        if gain is None:
            return None
        if self.means[0] == 0:
            return 100.0 if gain > 0 else 0.0
        return 100 * gain / abs(self.means[0])

    def _best_index(self, latest: Instant) -> int | None:
        reach = bisect_right(self.starts, latest)
        if reach == len(self.starts):
            return self._best_of_all
        return self._best_up_to[reach - 1] if reach else None

    @cached_property
    def _best_of_all(self) -> int | None:
        """What `_best_up_to` ends with, found faster: most plans ask for nothing else."""
        if not self.scores:
            return None
        highest = min(self.scores) + _TIE_G_PER_KWH
        return next(index for index, score in enumerate(self.scores) if score <= highest)

    @cached_property
    def _best_up_to(self) -> list[int]:
        """For each start the earliest with the least score up to there."""
        scores = self.scores
        lowest, index = inf, 0
        found = []
        for at, score in enumerate(scores):
            if score < lowest:
                lowest = score
                while scores[index] > lowest + _TIE_G_PER_KWH:
                    index += 1
            found.append(min(index, at))
        return found


def _clear_of(
    gaps: list[tuple[Instant, Instant]], starts: list[Instant], length_s: float
) -> list[Instant]:
    """The starts, ascending, from which a run of this length overlaps no gap."""
    clear = []
    upcoming = iter(gaps)
    begin, end = next(upcoming, (inf, inf))
    for start in starts:
        while end <= start:
            begin, end = next(upcoming, (inf, inf))
        if start + length_s <= begin + ROUNDING_S:
            clear.append(start)
    return clear


def _doubts(series: Series) -> Series:
    """The errors to be expected, as a series of their own.

    They change less often than the intensities, hour by hour at the most, so that few breakpoints
    have to be added up.
    """
    return Series(slot._replace(g_per_kwh=slot.sigma_g_per_kwh) for slot in series)


def _covered_s(
    series: Series, weights: sweep.Weights, starts: Sequence[Instant], *, uneven: bool
) -> list[float]:
    """Expected covered time of the run from each start."""
    if not uneven:
        return [sum(offset * weight for offset, weight in weights)] * len(starts)
    coverage = Series(Slot(slot.start, slot.end, 1.0) for slot in series)
    return sweep.values(coverage, weights, starts)


def _means(
    series: Series, weights: sweep.Weights, starts: Sequence[Instant], covered_s: Sequence[float]
) -> list[float]:
    """Expected mean intensity from each start: expected integral over expected covered time."""
    integrals = sweep.values(series, weights, starts)
    return [integral / span_s for integral, span_s in zip(integrals, covered_s, strict=True)]
