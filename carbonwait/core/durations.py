"""How long a job may run: one known span, a few past runs, or a broad prior.

The distribution is a handful of equally likely spans (`support_s`); averaging over them weights
every second of a run with the chance that the job is still running then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp
from statistics import NormalDist, fmean
from typing import Literal

DurationBasis = Literal["option", "history", "prior"]

_SUPPORT_POINTS = 8
_PRIOR_MEDIAN_S = 3600.0
# Sigma of the logarithm: a median of one hour and a 95th percentile of about eight and a half.
_PRIOR_SIGMA = 1.3
_ENOUGH_FOR_A_PERCENTILE = 5
_SHORTEST_S = 0.1


@dataclass(frozen=True, slots=True)
class Durations:
    """Equally likely run times; `expected_s` is the one that plans speak of."""

    support_s: tuple[float, ...]
    expected_s: float
    longest_s: float
    basis: DurationBasis

    def guard_s(self, span_to_deadline_s: float) -> float:
        """How long before the deadline the job must have started.

        A given duration and a few past runs get a fifth on top; five or more past runs speak for
        themselves; with nothing known it is a quarter of the span, at least an hour where it fits.
        """
        if self.basis != "prior":
            return self.longest_s
        quarter_s = span_to_deadline_s / 4
        return quarter_s if span_to_deadline_s < 3600 else max(quarter_s, 3600.0)


def known_duration(duration_s: float) -> Durations:
    """The user said how long the job runs."""
    duration_s = max(duration_s, _SHORTEST_S)
    return Durations((duration_s,), duration_s, 1.2 * duration_s, "option")


def durations_from(past_s: Sequence[float]) -> Durations:
    """What past runs of the same job say; the prior if there are none."""
    past = sorted(max(span_s, _SHORTEST_S) for span_s in past_s)
    if not past:
        return prior()
    if len(past) >= _ENOUGH_FOR_A_PERCENTILE:
        # The next higher of two ranks: with few runs the higher one is the honest 90th percentile.
        longest_s = past[ceil(0.9 * (len(past) - 1))]
    else:
        longest_s = 1.2 * past[-1]
    return Durations(_thinned(past), fmean(past), longest_s, "history")


def prior() -> Durations:
    """Nothing is known: a lognormal with a median of one hour."""
    normal = NormalDist()
    shares = [(point + 0.5) / _SUPPORT_POINTS for point in range(_SUPPORT_POINTS)]
    support = tuple(_PRIOR_MEDIAN_S * exp(_PRIOR_SIGMA * normal.inv_cdf(p)) for p in shares)
    return Durations(support, _PRIOR_MEDIAN_S, support[-1], "prior")


def _thinned(past: list[float]) -> tuple[float, ...]:
    """At most eight quantiles: more of them cost time and change no plan."""
    if len(past) <= _SUPPORT_POINTS:
        return tuple(past)
    step = len(past) / _SUPPORT_POINTS
    return tuple(past[int((point + 0.5) * step)] for point in range(_SUPPORT_POINTS))
