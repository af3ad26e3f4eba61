"""Where the intensities that settle a run come from: its provider, or a file of the user's.

What a provider answers is kept in the history, and what the history has stands in where it says
nothing any more: some services reach back no further than a day.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Protocol

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope
from carbonwait.core.series import Kind, Series
from carbonwait.grid.file import ForecastFile
from carbonwait.grid.history import History
from carbonwait.grid.http import Patience
from carbonwait.grid.protocol import Provider

DAY_S = 86400.0
# From then on what has been published is final, and what has not been will not be.
FINAL_AFTER_S = 48 * 3600.0
_PATIENCE_S = 15.0

ACTUAL: frozenset[Kind] = frozenset({"actual"})

Span = tuple[Instant, Instant]


class Source(Protocol):
    """Actual intensities of one zone; `name` is the provider's, or `file`."""

    @property
    def name(self) -> str:
        """As in a run's `provider`."""

    @property
    def scope(self) -> Scope:
        """What the intensities count."""

    def known(self, spans: Sequence[Span]) -> Series:
        """What is known of these spans at least. Raises nothing; see `failure`."""

    @property
    def failure(self) -> str | None:
        """Why `known` may lack something, in one line."""

    def final_kinds(self, due: Instant) -> frozenset[Kind]:
        """The kinds of intensity that nobody will revise, for a run that came due then."""


class FileActuals:
    """The intensities of a CSV file. Raises Mistake for one that cannot be used."""

    name = "file"
    scope: Scope = "unknown"
    failure = None

    def __init__(self, path: Path) -> None:
        self._series = ForecastFile(path).load().actuals()

    def known(self, _spans: Sequence[Span]) -> Series:
        """All of the file."""
        return self._series

    def final_kinds(self, _due: Instant) -> frozenset[Kind]:
        """A file is taken at its word."""
        return ACTUAL


class StoredActuals:
    """What the history holds of a provider's zone; nobody is asked."""

    failure: str | None = None

    def __init__(
        self, provider: Provider, zone: str, history: History, source: str, now: Instant
    ) -> None:
        self.name, self.scope = provider.name, provider.scope
        self._provider, self._zone = provider, zone
        self._history, self._source, self._now = history, source, now

    def known(self, spans: Sequence[Span]) -> Series:
        """What earlier answers held."""
        first, last = min(first for first, _ in spans), max(last for _, last in spans)
        return self._history.observed(self._source, first, last)

    def final_kinds(self, _due: Instant) -> frozenset[Kind]:
        """Of a forecast there may be a later one."""
        return ACTUAL


class ServiceActuals(StoredActuals):
    """The same, and what the provider says to it now: each day is asked for once."""

    def __init__(
        self, provider: Provider, zone: str, history: History, source: str, now: Instant
    ) -> None:
        super().__init__(provider, zone, history, source, now)
        self._asked: set[int] = set()
        self._fresh = Series()

    def known(self, spans: Sequence[Span]) -> Series:
        """What has been published by now, as far as the provider answers."""
        try:
            for begin, end in self._days_to_ask(spans):
                self._ask(begin, end)
        except ProviderUnavailable as unavailable:
            self.failure = str(unavailable)
        first, last = min(first for first, _ in spans), max(last for _, last in spans)
        return self._fresh.between(first, last).over(super().known(spans))

    def final_kinds(self, due: Instant) -> frozenset[Kind]:
        """Where there are never actuals, the last forecast is the end of it."""
        last_word = self.failure is None and self._now - due >= FINAL_AFTER_S
        if last_word and not self._provider.has_actuals:
            return ACTUAL | {"forecast"}
        return ACTUAL

    def _days_to_ask(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Ranges of whole UTC days, the last one up to now."""
        earliest = self._now - self._provider.reaches_back_s
        days = {
            day
            for first, last in spans
            for day in range(int(first // DAY_S), ceil(min(last, self._now) / DAY_S))
            if (day + 1) * DAY_S > earliest
        }
        for begin, end in ranges(days - self._asked, self._provider.longest_range_s):
            yield begin, min(end, self._now)
            self._asked.update(range(int(begin // DAY_S), ceil(end / DAY_S)))

    def _ask(self, begin: Instant, end: Instant) -> None:
        patience = Patience(_PATIENCE_S, lambda: False)
        answer = self._provider.actuals(self._zone, begin, end, patience.fetch)
        # What has not ended may still change, whatever the service calls it.
        ended = Series(slot for slot in answer if slot.end <= self._now)
        self._fresh = ended.over(self._fresh)
        self._history.add(self._source, ended, self._now)


def ranges(days: Iterable[int], longest_s: float) -> Iterator[Span]:
    """As few ranges as may be that hold these days (UTC, since the epoch), none of them longer."""
    most = max(1, int(longest_s // DAY_S))
    begin = last = None
    for day in sorted(days):
        if begin is not None and last is not None and day >= begin + most:
            yield begin * DAY_S, (last + 1) * DAY_S
            begin = day
        begin = day if begin is None else begin
        last = day
    if begin is not None and last is not None:
        yield begin * DAY_S, (last + 1) * DAY_S
