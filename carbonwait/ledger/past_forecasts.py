"""What was forecast when runs were decided on, beside what was: of the newest settled runs.

No more series are unpacked than can be in a moment, whatever the ledger holds.
"""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from carbonwait.core.records import Instant, Signal
from carbonwait.core.series import Series
from carbonwait.ledger.settling import DUE
from carbonwait.ledger.sources import series
from carbonwait.ledger.totals import bounds

_MOST_RUNS = 1000
_MOST_SLOTS = 20_000

# A forecast on which many runs were decided counts once, from the earliest of these decisions on.
_STATEMENT = f"""
WITH newest AS (
    SELECT id, signal_kind, basis, accounted_series FROM runs INDEXED BY runs_settled
    WHERE accounting = 'settled'
    AND {DUE} >= :since AND submitted >= :since AND submitted < :until
    ORDER BY {DUE} DESC LIMIT {_MOST_RUNS}
)
SELECT MIN(at), signal_kind, series_id, accounted_series
FROM newest JOIN decisions ON run_id = newest.id
WHERE basis = 'actual' AND series_id IS NOT NULL AND accounted_series IS NOT NULL
GROUP BY series_id ORDER BY 1 DESC
"""


class PastForecast(NamedTuple):
    """A forecast that was decided on at `at`, and what was in the time of the run."""

    at: Instant
    signal: Signal
    zone: str | None
    forecast: Series
    actual: Series


def past_forecasts(
    connection: sqlite3.Connection, *, since: Instant | None, until: Instant | None
) -> Iterator[PastForecast]:
    """Those of the newest settled runs submitted in `[since, until)`, newest first."""
    looked_at = 0
    for at, signal, forecast_id, actual_id in connection.execute(_STATEMENT, bounds(since, until)):
        forecast, actual = series(connection, forecast_id), series(connection, actual_id)
        if forecast is None or actual is None:
            continue
        looked_at += len(forecast.series) + len(actual.series)
        if looked_at > _MOST_SLOTS:
            return
        # Two providers count differently: the difference is no error of a forecast.
        if forecast.provider == actual.provider:
            yield PastForecast(at, signal, forecast.zone, forecast.series, actual.series)
