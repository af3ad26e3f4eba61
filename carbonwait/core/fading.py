"""How the surprise of the last hours fades: a linear prediction from their autocorrelation.

The surprise expected `h` hours on is a weighted sum of the last one, the one before it and the mean
of the last twelve. The weights solve the normal equations (Yule-Walker) of the autocorrelation seen
so far, one set for each `h`; what they leave unexplained is the error to be expected.
"""

from collections import deque
from collections.abc import Sequence
from math import sqrt

# From here on a surprise of now says nothing.
FADED_H = 48
_RECENT_H = 12
_LAGS = FADED_H + _RECENT_H
_MEMORY_H = 90 * 24.0
# One odd hour must not outweigh a month of others.
_MOST = 4.0
# Until there is experience surprises are taken to fade by 5 % an hour, as if that had been seen
# for two days.
_PRIOR_WEIGHT_H, _PRIOR_FADING = 48.0, 0.95
_RIDGE = 1e-3
_REFIT_H = 24

Weights = tuple[float, float, float]


class Fading:
    """The surprises of a zone's hours, in units of what is usual; feed it hour by hour."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque([0.0] * _LAGS, _LAGS)
        # Sums of products by lag. What is new weighs ever more, which makes what is old fade
        # without touching it.
        self._products = [0.0] * _LAGS
        self._total, self._gain = 0.0, 1.0
        self._learnt = 0
        # The weights rest on the sums as they were after a whole number of days, so that they do
        # not depend on when they were first asked for.
        self._fitted_to = self._products, self._total, self._gain
        self._weights: list[Weights] = []
        self._errors: list[float] = []

    def learn(self, surprise: float) -> None:
        """Take in the next hour's surprise."""
        surprise = min(max(surprise, -_MOST), _MOST)
        self._recent.append(surprise)
        self._gain *= 1 + 1 / _MEMORY_H
        weighted = surprise * self._gain
        if weighted:
            past = reversed(self._recent)
            self._products = [s + weighted * p for s, p in zip(self._products, past, strict=True)]
        self._total += self._gain
        if self._gain > 1e9:
            self._products = [s / self._gain for s in self._products]
            self._total /= self._gain
            self._gain = 1.0
        self._learnt += 1
        if self._learnt % _REFIT_H == 0:
            self._fitted_to, self._weights = (self._products, self._total, self._gain), []

    def skip(self, hours: int) -> None:
        """Pass over hours that nobody observed: as usual, for all that is known."""
        self._recent.extend([0.0] * min(hours, _LAGS))

    def ahead(self, skipped: int, count: int) -> list[float]:
        """The surprise to be expected in each of `count` hours, after `skipped` unknown ones.

        A negative `skipped` begins that many hours before the end of what has been learnt; those
        are given the value of the first hour after it.
        """
        self._fit()
        recent = list(self._recent)
        one, two, mean = recent[-1], recent[-2], sum(recent[-_RECENT_H:]) / _RECENT_H
        begin = max(skipped, 0)
        found = [a * one + b * two + c * mean for a, b, c in self._weights[begin : begin + count]]
        if skipped < 0:
            found = found[:1] * -skipped + found
        return (found + [0.0] * count)[:count]

    def errors(self, skipped: int, count: int) -> list[float]:
        """The standard deviation of what `ahead` leaves open, hour by hour."""
        self._fit()
        hours = range(skipped, skipped + count)
        return [self._errors[min(max(hour, 0), FADED_H - 1)] for hour in hours]

    def _fit(self) -> None:
        if self._weights:
            return
        products, total, gain = self._fitted_to
        own = [s / gain for s in products]
        total = total / gain + _PRIOR_WEIGHT_H
        r = [(s + _PRIOR_WEIGHT_H * _PRIOR_FADING**k) / total for k, s in enumerate(own)]
        self._weights, self._errors = _prediction(r)


def _prediction(r: Sequence[float]) -> tuple[list[Weights], list[float]]:
    """Weights and errors by hours ahead from the autocovariance by lag."""
    n = _RECENT_H
    one = sum(r[:n]) / n
    two = (sum(r[: n - 1]) + r[1]) / n
    mean = (n * r[0] + 2 * sum((n - k) * r[k] for k in range(1, n))) / n**2
    ridge = 1 + _RIDGE
    inverse = _inverse3((r[0] * ridge, r[1], one), (r[0] * ridge, two), mean * ridge)
    running = [0.0]
    for value in r:
        running.append(running[-1] + value)
    weights, errors = [], []
    for h in range(FADED_H):
        recent = (running[h + n + 1] - running[h + 1]) / n
        y = r[h + 1], r[h + 2], recent
        a, b, c = (sum(i * v for i, v in zip(row, y, strict=True)) for row in inverse)
        weights.append((a, b, c))
        errors.append(sqrt(max(r[0] - a * y[0] - b * y[1] - c * y[2], 0.0)))
    return weights, errors


def _inverse3(
    first: tuple[float, float, float], second: tuple[float, float], third: float
) -> tuple[Weights, Weights, Weights]:
    """The inverse of a symmetric matrix, given by its upper rows."""
    (a, b, c), (d, e), f = first, second, third
    aa, bb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    dd, ee, ff = a * f - c * c, b * c - a * e, a * d - b * b
    det = a * aa + b * bb + c * cc
    return (
        (aa / det, bb / det, cc / det),
        (bb / det, dd / det, ee / det),
        (cc / det, ee / det, ff / det),
    )
