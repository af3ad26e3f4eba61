"""What has been observed: actual intensities per provider and zone, for two years.

With them are the forecasts of the last month, as they were issued. One SQLite file in the cache
folder, fed by every answer. It is a cache: when it is damaged it is removed and begins anew, and
nobody is told.
"""

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from carbonwait.core.forecaster import ObservedHour, observed_hours
from carbonwait.core.knowledge import Issue
from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot
from carbonwait.grid.points import finite

if TYPE_CHECKING:
    import sqlite3

KEPT_S = 2 * 366 * 86400.0
_BUSY_TIMEOUT_S = 2.0
# Forecasts tell how far they can be trusted; one in three hours for a month is enough for that.
_ISSUES_APART_S = 3 * 3600.0
_ISSUES_KEPT_S = 30 * 86400.0

# A service that changes its step leaves rows that overlap: each ends at the next one.
_OBSERVED = """
SELECT start, MIN(end, LEAD(start, 1, end) OVER (ORDER BY start)) AS end, g_per_kwh
FROM actuals WHERE source = ? AND end > ? AND start < ? ORDER BY start
"""
# The last column counts steps that reach into the next hour, with which the means are wrong.
_HOURS = """
SELECT
    CAST(start / 3600 AS INTEGER) * 3600.0,
    SUM(g_per_kwh * (end - start)) / SUM(end - start),
    SUM(end - start),
    SUM(end > (CAST(start / 3600 AS INTEGER) + 1) * 3600.0)
FROM (
    SELECT start, MIN(end, LEAD(start, 1, end) OVER (ORDER BY start)) AS end, g_per_kwh
    FROM actuals WHERE source = ? AND end > ? AND start < ?
)
GROUP BY 1 ORDER BY 1
"""
_HOUR_S = 3600.0
_ROUNDING_S = 1e-3

_T = TypeVar("_T")


class History:
    """The file `history.db` in a folder; None: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "history.db"

    def add(self, source: str, observed: Iterable[Slot], now: Instant) -> None:
        """Keep the actual slots that have ended; later values replace earlier ones."""
        rows = [
            (source, slot.start, slot.end, slot.g_per_kwh)
            for slot in observed
            if slot.kind == "actual" and now - KEPT_S < slot.end <= now
        ]
        if not rows:
            return

        def write(connection: "sqlite3.Connection") -> None:
            connection.executemany("INSERT OR REPLACE INTO actuals VALUES (?, ?, ?, ?)", rows)
            connection.execute("DELETE FROM actuals WHERE start < ?", (now - KEPT_S,))

        self._with(write, None, create=True)

    def observed(self, source: str, start: Instant, end: Instant) -> Series:
        """The actual intensities known of `[start, end)`."""

        def read(connection: "sqlite3.Connection") -> Series:
            rows = connection.execute(_OBSERVED, (source, start, end))
            return Series(
                Slot(finite(begins), finite(ends), finite(g_per_kwh), "actual")
                for begins, ends, g_per_kwh in rows
            )

        return self._with(read, Series())

    def hours(self, source: str, start: Instant, end: Instant) -> list[ObservedHour]:
        """Each whole hour within `[start, end)` that is known in full, ascending."""

        def read(connection: "sqlite3.Connection") -> list[tuple[float, float, float, int]]:
            return connection.execute(_HOURS, (source, start, end)).fetchall()

        nothing: list[tuple[float, float, float, int]] = []
        rows = self._with(read, nothing)
        if not any(crossing for *_, crossing in rows):
            return [
                (float(begins), float(mean))
                for begins, mean, known_s, _ in rows
                if known_s >= _HOUR_S - _ROUNDING_S and start <= begins <= end - _HOUR_S
            ]
        # Steps that do not divide an hour, which no service has so far.
        return list(observed_hours(self.observed(source, start, end), start, end))

    def add_issue(self, source: str, issue: Issue) -> None:
        """Keep a forecast as it was issued, unless one of the last hours is there already."""
        from json import dumps

        row = (source, issue.made, issue.first, dumps(issue.means))

        def write(connection: "sqlite3.Connection") -> None:
            last = connection.execute(
                "SELECT MAX(made) FROM issues WHERE source = ?", (source,)
            ).fetchone()[0]
            if last is None or not 0 <= issue.made - last < _ISSUES_APART_S:
                connection.execute("INSERT OR REPLACE INTO issues VALUES (?, ?, ?, ?)", row)
                oldest = issue.made - _ISSUES_KEPT_S
                connection.execute("DELETE FROM issues WHERE made < ?", (oldest,))

        self._with(write, None, create=True)

    def issues(self, source: str, start: Instant, end: Instant) -> list[Issue]:
        """The forecasts that were issued within `[start, end)`, ascending."""
        from json import loads

        def read(connection: "sqlite3.Connection") -> list[Issue]:
            rows = connection.execute(
                "SELECT made, first, means FROM issues WHERE source = ? AND made >= ? AND made < ?"
                " ORDER BY made",
                (source, start, end),
            )
            return [
                Issue(float(made), int(first), _means(loads(means))) for made, first, means in rows
            ]

        nothing: list[Issue] = []
        return self._with(read, nothing)

    def unknown_since(
        self, source: str, start: Instant, end: Instant, least_s: float
    ) -> Instant | None:
        """Where the first hole of at least `least_s` within `[start, end)` begins, None if none."""

        def read(connection: "sqlite3.Connection") -> Instant | None:
            query = (
                "SELECT start, end FROM actuals WHERE source = ? AND end > ? AND start < ?"
                " ORDER BY start"
            )
            known_to = start
            for begins, ends in connection.execute(query, (source, start, end)):
                if finite(begins) - known_to >= least_s:
                    return known_to
                known_to = max(known_to, finite(ends))
            return known_to if end - known_to >= least_s else None

        everything: Instant | None = start
        return self._with(read, everything)

    def _with(
        self, work: "Callable[[sqlite3.Connection], _T]", nothing: _T, *, create: bool = False
    ) -> _T:
        """Do something with the file; `nothing` if there is none or it is of no use."""
        if self._path is None:
            return nothing
        import sqlite3

        try:
            if create or self._path.exists():
                return _connected(self._path, work)
        except sqlite3.OperationalError as error:
            # Locked, full or not writable: it may be better next time. But no statement is wrong
            # unless the tables are not those of this program.
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR:
                _remove(self._path)
        except (sqlite3.DatabaseError, TypeError, ValueError):
            _remove(self._path)
        except OSError:
            pass
        return nothing


def _means(values: object) -> list[float | None]:
    """Raises TypeError or ValueError for what this program has not written."""
    if not isinstance(values, list):
        raise TypeError("the means are no list")
    return [None if value is None else float(value) for value in values]


def _connected(path: Path, work: "Callable[[sqlite3.Connection], _T]") -> _T:
    import sqlite3

    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o600)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(path)
        if stat.S_IMODE(mode) != 0o600:
            with suppress(OSError):  # not every file system has modes
                os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
    try:
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS actuals (source TEXT, start REAL, end REAL,"
                " g_per_kwh REAL, PRIMARY KEY (source, start)) WITHOUT ROWID"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS issues (source TEXT, made REAL, first INTEGER,"
                " means TEXT, PRIMARY KEY (source, made)) WITHOUT ROWID"
            )
            return work(connection)
    finally:
        connection.close()


def _remove(path: Path) -> None:
    # SQLite throws away a journal whose file is empty, so there is no need to.
    with suppress(OSError):
        path.unlink()
