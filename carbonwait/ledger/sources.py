"""What runs were planned on, accounted and priced with: series and prices, each kept once.

Two are the same if their digests are (`carbonwait.ledger.rows.packed`).
"""

import sqlite3

from carbonwait.core.prices import Prices
from carbonwait.ledger import rows

_SOURCE = ", ".join(rows.SOURCE_COLUMNS)
_PRICED = ", ".join(rows.PRICE_COLUMNS)


def save_series(connection: sqlite3.Connection, stored: rows.StoredSeries) -> int:
    """Keep a series and return its number; one that is there already is not kept twice."""
    digest, points = rows.packed(stored)
    found = connection.execute("SELECT id FROM series WHERE digest = ?", (digest,)).fetchone()
    if found is not None:
        return int(found[0])
    marks = ", ".join("?" * (len(rows.SOURCE_COLUMNS) + 2))
    values = (digest, points, *(rows.storable(value) for value in stored[1:]))
    statement = f"INSERT INTO series (digest, points, {_SOURCE}) VALUES ({marks})"
    return int(connection.execute(statement, values).lastrowid or 0)


def series(connection: sqlite3.Connection, series_id: int | None) -> rows.StoredSeries | None:
    """A series by its number. Raises ValueError for one that no ledger would have written."""
    statement = f"SELECT points, {_SOURCE} FROM series WHERE id = ?"
    found = connection.execute(statement, (series_id,)).fetchone()
    return None if found is None else rows.unpacked(found)


def account_with(connection: sqlite3.Connection, run_id: str, series_id: int) -> None:
    """Note which series a run was accounted with."""
    connection.execute("UPDATE runs SET accounted_series = ? WHERE id = ?", (series_id, run_id))


def price_with(connection: sqlite3.Connection, run_id: str, prices: Prices) -> None:
    """Keep prices, once only, and note that a run's account stands on them."""
    digest, points = rows.packed(prices)
    marks = ", ".join("?" * (len(rows.PRICE_COLUMNS) + 2))
    values = (digest, points, *(rows.storable(value) for value in prices[1:]))
    connection.execute(
        f"INSERT INTO prices (digest, points, {_PRICED}) VALUES ({marks})"
        " ON CONFLICT (digest) DO NOTHING",
        values,
    )
    connection.execute(
        "UPDATE runs SET cost_prices = (SELECT id FROM prices WHERE digest = ?) WHERE id = ?",
        (digest, run_id),
    )


def prices_of(connection: sqlite3.Connection, run_id: str) -> Prices | None:
    """What a run was priced with. Raises ValueError as `series` does."""
    found = connection.execute(
        f"SELECT points, {_PRICED} FROM prices"
        " WHERE id = (SELECT cost_prices FROM runs WHERE id = ?)",
        (run_id,),
    ).fetchone()
    return None if found is None else rows.unpacked_prices(found)


def series_of(
    connection: sqlite3.Connection, run_id: str
) -> tuple[rows.StoredSeries | None, rows.StoredSeries | None]:
    """What a run was planned on and what it was accounted with."""
    found = connection.execute(
        "SELECT planned_series, accounted_series FROM runs WHERE id = ?", (run_id,)
    ).fetchone()
    planned, accounted = found or (None, None)
    return series(connection, planned), series(connection, accounted)
