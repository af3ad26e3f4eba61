"""Forecasts that were issued, corrected by how they have erred and blended with the history.

A forecast that is issued once a day carries its error along: what it was off by in the last hours
says what it will be off by in the next ones (`carbonwait.core.fading`). Averaged with the forecast
from the zone's own past, each weighted by its own past errors so many hours ahead, it saves more
than either of them.
"""

from collections import deque
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from carbonwait.core.fading import FADED_H, Fading

# Fewer errors than this say nothing.
_LEAST_ERRORS = 24
_SCALE_RATE = 0.02
_ERROR_RATE = 1 / 720
# Both forecasts are held to be equally good until so many hours say otherwise.
_PRIOR_H = 24.0


class Blended(NamedTuple):
    """One hour: `value` = `share` x issued + `rest`, with the error to be expected of it.

    The parts are given so that an issue of a finer step than an hour keeps its shape.
    """

    share: float
    rest: float
    sigma: float


class _Made(NamedTuple):
    first: int
    corrected: Sequence[float | None]
    history: Sequence[float | None]


class IssueModel:
    """How issued forecasts of a zone have erred, hour by hour; hours count from the Unix epoch.

    For each hour in ascending order first `learn` what was observed in it, then `blend` what is
    known of the following ones.
    """

    def __init__(self) -> None:
        self._fading = Fading()
        self._scale2, self._seen = 0.0, 0
        self._last: int | None = None
        self._made: deque[_Made] = deque(maxlen=FADED_H)
        self._corrected2, self._corrected_n = [0.0] * FADED_H, [0] * FADED_H
        self._history2, self._history_n = [0.0] * FADED_H, [0] * FADED_H

    def learn(self, hour: int, observed: float, issued: float | None) -> None:
        """Take in an hour: what was observed, and what the last issue before it had said."""
        for made in self._made:
            ahead = hour - made.first
            if 0 <= ahead < FADED_H:
                _note(self._corrected2, self._corrected_n, ahead, made.corrected, observed)
                _note(self._history2, self._history_n, ahead, made.history, observed)
        if issued is None:
            return
        if self._last is not None:
            self._fading.skip(hour - self._last - 1)
        self._last = hour
        error = observed - issued
        scale = sqrt(self._scale2)
        self._fading.learn(error / scale if scale else 0.0)
        self._seen += 1
        self._scale2 += max(_SCALE_RATE, 1 / self._seen) * (error * error - self._scale2)

    def blend(
        self,
        first: int,
        issued: Sequence[float | None],
        history: Sequence[float | None],
        *,
        remember: bool = True,
    ) -> list[Blended | None]:
        """How to put the two together in each hour from `first` on; None where neither speaks.

        Until a day's errors have been seen, what was issued is left as it is. To `remember` is to
        learn later how good both were.
        """
        count = len(issued)
        skipped = 0 if self._last is None else first - self._last - 1
        fading = [0.0] * count
        if self._seen >= _LEAST_ERRORS:
            scale = sqrt(self._scale2)
            fading = [scale * surprise for surprise in self._fading.ahead(skipped, count)]
        corrected = [None if i is None else i + f for i, f in zip(issued, fading, strict=True)]
        if remember:
            self._made.append(_Made(first, corrected[:FADED_H], history[:FADED_H]))
        return [
            self._blended(min(ahead, FADED_H - 1), i, f, h)
            for ahead, (i, f, h) in enumerate(zip(issued, fading, history, strict=True))
        ]

    def _blended(
        self, ahead: int, issued: float | None, fading: float, history: float | None
    ) -> Blended | None:
        own2, other2 = self._corrected2[ahead], self._history2[ahead]
        if issued is None:
            return None if history is None else Blended(0.0, history, sqrt(other2))
        if self._seen < _LEAST_ERRORS:
            return Blended(1.0, 0.0, 0.0)
        if history is None:
            return Blended(1.0, fading, sqrt(own2))
        share = self._share(ahead)
        sigma = sqrt(share * own2 + (1 - share) * other2)
        return Blended(share, share * fading + (1 - share) * history, sigma)

    def _share(self, ahead: int) -> float:
        """The weight of the issued forecast, by the inverse of the mean squared errors."""
        own2, other2 = self._corrected2[ahead], self._history2[ahead]
        seen = min(self._corrected_n[ahead], self._history_n[ahead])
        level = (own2 + other2) / 2
        if not seen or not level:
            return 0.5
        own2 = (seen * own2 + _PRIOR_H * level) / (seen + _PRIOR_H)
        other2 = (seen * other2 + _PRIOR_H * level) / (seen + _PRIOR_H)
        return other2 / (own2 + other2)


def _note(
    squares: list[float],
    counts: list[int],
    ahead: int,
    said: Sequence[float | None],
    observed: float,
) -> None:
    value = said[ahead] if ahead < len(said) else None
    if value is None:
        return
    counts[ahead] += 1
    rate = max(_ERROR_RATE, 1 / counts[ahead])
    squares[ahead] += rate * ((observed - value) ** 2 - squares[ahead])
