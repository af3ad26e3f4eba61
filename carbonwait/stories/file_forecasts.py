"""A `--forecast` file through the life of a run: read before the wait, and again as it changes."""

from bisect import bisect_right
from math import inf
from pathlib import Path

from carbonwait.core.blend import rejoined
from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.forecaster import HOUR_S, observed_hours
from carbonwait.core.knowledge import JUDGED_EVERY_H, JUDGED_FROM_S, Knowledge
from carbonwait.core.records import Instant
from carbonwait.core.series import Series
from carbonwait.grid.file import ForecastFile
from carbonwait.stories.outlook import Outlook, RungOf

_LOOK_EVERY_S = 5.0


class FileForecasts:
    """The forecasts and actuals of a file. Raises Mistake for one that cannot be used."""

    def __init__(self, path: Path, zone: str | None, zone_source: str) -> None:
        self._file = ForecastFile(path)
        self._rows = self._file.load()
        self._zone, self._zone_source = zone, zone_source
        self._knowledge: Knowledge | None = None
        self._looked: Instant | None = None
        self._next_issue: Instant | None = None

    @property
    def rungs(self) -> tuple[RungOf, ...]:
        """What may be planned on: the file counts as live."""
        return (self._live,)

    def next_look(self, now: Instant, series: Series) -> Instant:
        """When there may be news; `series` is the one planned on."""
        following = bisect_right(series.edges, now)
        edge = series.edges[following] if following < len(series.edges) else inf
        return min(now + _LOOK_EVERY_S, edge)

    def has_news(self, now: Instant, _start: Instant) -> bool:
        """True if what may be planned on may differ from what it was at the last look."""
        looked = now if self._looked is None else self._looked
        if self._rows.has_forecasts and int(now // HOUR_S) > int(looked // HOUR_S):
            # Another hour has ended, which tells how good the forecasts are.
            return True
        if self._next_issue is not None and now >= self._next_issue:
            return True
        if not self._file.changed():
            return False
        try:
            self._rows = self._file.reload()
            self._knowledge = None
        except ProviderUnavailable:
            # The last good plan stands; a later look may find the file whole again.
            return False
        return True

    def to_account_with(self, planned_on: Series, now: Instant) -> Series:
        """The intensities of what has been: actual where known, else what was planned on."""
        return self._rows.actuals().over(self._rows.forecast_at(now)).over(planned_on)

    def _live(self, now: Instant, _until: Instant) -> Outlook:
        rows, self._looked = self._rows, now
        self._next_issue = rows.next_issue_after(now)
        if rows.ends <= now:
            raise ProviderUnavailable("every row of the forecast file has ended")
        series = rows.forecast_at(now)
        if not series or series.edges[-1] <= now:
            raise ProviderUnavailable("the forecast file says nothing yet of what is to come")
        if rows.has_forecasts:
            series = rejoined(self._corrected(now).over(series), series)
        issued = rows.issued_at(now)
        return Outlook(series, self._zone, self._zone_source, "file", "live", issued=issued)

    def _corrected(self, now: Instant) -> Series:
        """The forecasts, corrected by how earlier ones have erred; no gap is filled."""
        rows = self._rows
        if self._knowledge is None:
            hours = observed_hours(rows.actuals(), now - JUDGED_FROM_S, rows.ends)
            self._knowledge = Knowledge(hours, rows.issued(), judged_every_h=JUDGED_EVERY_H)
        return self._knowledge.outlook(now, rows.ends, fill=False)
