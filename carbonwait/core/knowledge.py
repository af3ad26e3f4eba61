"""What can be known of a grid at one moment, and what follows from it for the hours ahead.

`run`, which has one moment, and `compare`, which walks through years, ask the same questions here.
The trap is the future: nothing that has not ended, and no forecast that was not issued by then, may
be looked at.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from carbonwait.core.fading import FADED_H
from carbonwait.core.forecaster import (
    HOUR_S,
    LOOK_BACK_S,
    HistoryModel,
    ObservedHour,
    forecast_of,
    observed_hours,
)
from carbonwait.core.issues import Blended, IssueModel
from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot

# An issue is taken for what was known until so long after it was made.
_IN_FORCE_S = 24 * HOUR_S
# Long enough to tell how good forecasts are, short enough to be read before a plan.
_LEARN_FROM_S = 30 * 86400.0
# What a forecast has to show before a plan corrects it. Looking further back, or at every hour,
# would tell little more, and a plan is not to take its time.
JUDGED_FROM_S = 56 * 86400.0
JUDGED_EVERY_H = 7


class IssuedHours(NamedTuple):
    """Forecasts as they were issued. All functions are asked for `now`, and know no later issue.

    `hours(now, first, count)` are the means of the hours from `first` on, counted from the epoch;
    `series(now, until)` are its steps from `now` on. `news(now)` is when to look again.
    """

    hours: Callable[[Instant, int, int], Sequence[float | None]]
    series: Callable[[Instant, Instant], Series]
    news: Callable[[Instant], Instant] = lambda _now: inf


def known_at(actuals: Series, at: Instant) -> Instant:
    """When all is known that was observed before `at`: the slot that it may lie in must end."""
    slot = actuals.slot_at(at)
    return at if slot is None or slot.start == at else slot.end


class Issue(NamedTuple):
    """A forecast as it was once issued: the means of the hours from `first` on."""

    made: Instant
    first: int
    means: Sequence[float | None]


def issue_of(made: Instant, series: Series) -> Issue:
    """A forecast by its hours; those that it does not cover are None."""
    first = int(-(-made // HOUR_S))
    last = int(series.edges[-1] // HOUR_S) if series else first
    hours = range(first, max(first, last))
    return Issue(made, first, [series.mean(h * HOUR_S, (h + 1) * HOUR_S) for h in hours])


def issued_by(issues: Sequence[Issue], current: Series) -> IssuedHours:
    """Issues, ascending, to learn from how good they were, and the current one to plan on."""
    made = [issue.made for issue in issues]

    def hours(now: Instant, first: int, count: int) -> list[float | None]:
        index = bisect_right(made, now) - 1
        if index < 0 or now - made[index] > _IN_FORCE_S:
            return [None] * count
        issue = issues[index]
        offset = first - issue.first
        begin = max(offset, 0)
        found = [None] * (begin - offset) + list(issue.means[begin : offset + count])
        return (found + [None] * count)[:count]

    def series(now: Instant, until: Instant) -> Series:
        return current.between(now, until)

    return IssuedHours(hours, series)


class Knowledge:
    """What has been observed up to some moment, and learnt from it; moments are ascending.

    `observed` are the hours in ascending order; no hour is taken before it has ended. Where slots
    may end later than the hours that they lie in, take `Knowledge.of`. How good forecasts are is
    judged by one in `judged_every_h` hours: all of them tell little more, and take their time.
    """

    def __init__(
        self,
        observed: Iterator[ObservedHour],
        issued: IssuedHours | None = None,
        *,
        judged_every_h: int = 1,
    ) -> None:
        self._judged_every_h = judged_every_h
        self._observed = ((start + HOUR_S, start, mean) for start, mean in observed)
        self._next = next(self._observed, None)
        self._issued = issued
        self._history = HistoryModel()
        self._issues = IssueModel()
        self._blended_at = -1

    @classmethod
    def of(cls, actuals: Series, issued: IssuedHours | None = None) -> "Knowledge":
        """What a walk through a history may know: no slot before its end, however long it is."""
        first, last = (actuals.edges[0], actuals.edges[-1]) if actuals else (0.0, 0.0)
        knowledge = cls(iter(()), issued)
        knowledge._observed = (
            (known_at(actuals, start + HOUR_S), start, mean)
            for start, mean in observed_hours(actuals, first, last)
        )
        knowledge._next = next(knowledge._observed, None)
        return knowledge

    def next_news(self, now: Instant) -> Instant:
        """When to plan again after an `outlook` at `now`: the next hour, observation or issue."""
        hour = (now // HOUR_S + 1) * HOUR_S
        observed = self._next[0] if self._next is not None else inf
        issued = self._issued.news(now) if self._issued is not None else inf
        return min(at for at in (hour, observed, issued) if at > now)

    def outlook(self, now: Instant, until: Instant, *, fill: bool = True) -> Series:
        """The forecast at `now`; empty if neither the past nor an issue says anything.

        To `fill` is to take the forecast from the past where nothing has been issued.
        """
        self._advance(now)
        own = forecast_of(self._history, now, until)
        if self._issued is None:
            return own
        issued = self._issued.series(now, until)
        if not issued:
            return own if fill else Series()
        first = int(now // HOUR_S)
        count = max(0, int(-(-until // HOUR_S)) - first)
        blended = self._blend(now, first, max(count, FADED_H))
        return Series(_steps(issued, own if fill else Series(), first, blended[:count]))

    def _advance(self, now: Instant) -> None:
        """Learn from all hours that are known by `now`."""
        while self._next is not None and self._next[0] <= now:
            _, start, mean = self._next
            self._next = next(self._observed, None)
            if start < now - LOOK_BACK_S:
                continue
            hour = int(start // HOUR_S)
            if self._issued is not None and start >= now - _LEARN_FROM_S:
                if hour % self._judged_every_h == 0:
                    self._blend(start, hour, FADED_H)
                said = self._issued.hours(start, hour, 1)[0]
                self._issues.learn(hour, mean, said)
            self._history.observe(hour, mean)

    def _blend(self, now: Instant, first: int, count: int) -> list[Blended | None]:
        if self._issued is None:
            return []
        own: list[float | None] = [None] * count
        if self._history.knows_enough:
            own = self._history.ahead(first, count)
        remember = first > self._blended_at
        self._blended_at = max(first, self._blended_at)
        return self._issues.blend(
            first, self._issued.hours(now, first, count), own, remember=remember
        )


def _steps(
    issued: Series, own: Series, first: int, blended: Sequence[Blended | None]
) -> Iterator[Slot]:
    """The blended forecast, in the steps of the issue where there is one."""
    for hour, how in enumerate(blended, start=first):
        start, end = hour * HOUR_S, (hour + 1) * HOUR_S
        if how is None:
            yield from issued.between(start, end)
        elif how.share == 0:
            yield from own.between(start, end)
        else:
            for slot in issued.between(start, end):
                value = max(0.0, how.share * slot.g_per_kwh + how.rest)
                yield slot._replace(g_per_kwh=value, sigma_g_per_kwh=how.sigma)
