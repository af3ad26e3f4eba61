"""What a file of intensities says: actuals, forecasts, and when each of them was known.

The trap is time: with a forecast column, the intensity of a slot that has not ended is known to
nobody yet, so nothing here offers it to a planner.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from carbonwait.core.knowledge import IssuedHours
from carbonwait.core.records import Instant
from carbonwait.core.series import Kind, Series, Slot

_HOUR_S = 3600.0


class Issue(NamedTuple):
    """One forecast of a row and when it was published."""

    at: Instant
    g_per_kwh: float


class Row(NamedTuple):
    """One interval of the file; `g_per_kwh` is its actual, `issues` are in order of time."""

    start: Instant
    end: Instant
    g_per_kwh: float | None
    issues: tuple[Issue, ...] = ()

    def issue_at(self, now: Instant) -> Issue | None:
        """The latest forecast published by `now`."""
        index = bisect_right(self.issues, (now, inf))
        return self.issues[index - 1] if index else None


@dataclass(frozen=True, slots=True)
class IntensityFile:
    """What a file says. `has_forecasts`: it keeps forecasts apart from actuals."""

    rows: tuple[Row, ...]
    has_forecasts: bool

    def actuals(self) -> Series:
        """Every intensity, whatever the time."""
        return Series(
            Slot(row.start, row.end, row.g_per_kwh, "actual")
            for row in self.rows
            if row.g_per_kwh is not None
        )

    def forecast_at(self, now: Instant) -> Series:
        """What may be planned on at `now`.

        A slot that has ended counts with its intensity, else with its forecast; one that has not
        ended only with the latest forecast issued by `now`. Without a forecast column the
        intensities serve as the forecast and are known at once.
        """
        slots = []
        for row in self.rows:
            ended = row.end <= now
            if row.g_per_kwh is not None and (ended or not self.has_forecasts):
                kind: Kind = "actual" if ended else "forecast"
                slots.append(Slot(row.start, row.end, row.g_per_kwh, kind))
            elif (issue := row.issue_at(now)) is not None:
                slots.append(Slot(row.start, row.end, issue.g_per_kwh, "forecast"))
        return Series(slots)

    def issued_at(self, now: Instant) -> Instant | None:
        """The latest issue in force for what lies ahead, None if there is none."""
        ahead = (row.issue_at(now) for row in self.rows if row.end > now)
        return max((issue.at for issue in ahead if issue is not None), default=None)

    def next_issue_after(self, now: Instant) -> Instant | None:
        """When the next forecast for a slot that will not have ended by then is published."""
        coming = (
            issue.at
            for row in self.rows
            for issue in row.issues[bisect_right(row.issues, (now, inf)) :]
            if issue.at < row.end
        )
        return min(coming, default=None)

    def issued(self) -> IssuedHours:
        """The forecasts of the file, for those who must not see a later issue than they could."""
        by_hour = _by_hour(self.rows)
        starts = [row.start for row in self.rows]
        edges, at = self.edges, {issue.at for row in self.rows for issue in row.issues}
        looks = [edges[i] for i in {bisect_left(edges, a) for a in at} if i < len(edges)]
        looks.sort()

        def hours(now: Instant, first: int, count: int) -> list[float | None]:
            return [_mean_issue(by_hour.get(hour, ()), now) for hour in range(first, first + count)]

        def series(now: Instant, until: Instant) -> Series:
            begin = max(0, bisect_right(starts, now) - 1)
            issues = (
                (row, row.issue_at(now))
                for row in self.rows[begin : bisect_left(starts, until)]
                if row.end > now
            )
            return Series(
                Slot(row.start, row.end, issue.g_per_kwh) for row, issue in issues if issue
            )

        def news(now: Instant) -> Instant:
            index = bisect_right(looks, now)
            return looks[index] if index < len(looks) else inf

        return IssuedHours(hours, series, news)

    @property
    def ends(self) -> Instant:
        """The end of the last row."""
        return self.rows[-1].end

    @property
    def edges(self) -> list[Instant]:
        """Every start and end of a row, ascending."""
        return sorted({edge for row in self.rows for edge in (row.start, row.end)})


def _by_hour(rows: Sequence[Row]) -> dict[int, list[tuple[Row, float]]]:
    """The rows of each whole hour that they cover, with how long each of them holds in it."""
    found: dict[int, list[tuple[Row, float]]] = {}
    for row in rows:
        for hour in range(int(row.start // _HOUR_S), -int(-row.end // _HOUR_S)):
            held_s = min(row.end, (hour + 1) * _HOUR_S) - max(row.start, hour * _HOUR_S)
            found.setdefault(hour, []).append((row, held_s))
    # Steps of parts of a second do not add up exactly.
    whole_s = _HOUR_S - 1e-3
    return {hour: parts for hour, parts in found.items() if sum(s for _, s in parts) >= whole_s}


def _mean_issue(parts: Sequence[tuple[Row, float]], now: Instant) -> float | None:
    """The mean of an hour as forecast by the issues in force at `now`, None if one is missing."""
    total = 0.0
    for row, held_s in parts:
        issue = row.issue_at(now)
        if issue is None:
            return None
        total += issue.g_per_kwh * held_s
    return total / _HOUR_S if parts else None
