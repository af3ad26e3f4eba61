"""What earlier runs tell of one: how long it takes, what its host draws idle, who ran beside it."""

import sqlite3

from carbonwait.core.records import Instant, Run
from carbonwait.ledger import rows

_RUN = ", ".join(rows.RUN_COLUMNS)
# Counters and clocks are too coarse for the mean power of less.
_SHORTEST_IDLE_S = 5.0


def past_runs(connection: sqlite3.Connection, name: str, limit: int) -> list[Run]:
    """Earlier runs of a job that tell how long it takes, newest first.

    One that failed or was killed tells only that it takes at least that long.
    """
    found = connection.execute(
        f"SELECT {_RUN} FROM runs WHERE name = ? AND state = 'finished'"
        " AND started IS NOT NULL AND exit_code = 0 ORDER BY started DESC LIMIT ?",
        (rows.storable(name), limit),
    )
    return rows.runs_from(found)


def idle_floor_w(
    connection: sqlite3.Connection, host: str, logical_cpus: int, since: Instant
) -> float | None:
    """The lowest mean measured CPU power of any slot of this host that was all but idle.

    All but idle: less than 5 % of the time of its logical CPUs was busy. What the meter did not
    see of a run counts as missing from each of its slots, for nobody knows from which, and a floor
    that is too low would bill later jobs what the machine draws by itself.
    """
    found = connection.execute(
        "SELECT MIN(joules / seen_s) FROM ("
        "  SELECT slot.cpu_j AS joules, slot.busy_s AS busy,"
        "  slot_end - slot_start - COALESCE(uncovered_s, 0) AS seen_s"
        "  FROM runs JOIN energy AS slot ON run_id = id"
        "  WHERE owner_host = ? AND ended >= ? AND method_cpu = 'rapl')"
        " WHERE seen_s >= ? AND busy < 0.05 * ? * seen_s",
        (rows.storable(host), since, _SHORTEST_IDLE_S, logical_cpus),
    )
    floor: float | None = found.fetchone()[0]
    return floor


def overlapping(
    connection: sqlite3.Connection, host: str, start: Instant, end: Instant, exclude_id: str
) -> list[Run]:
    """Other runs whose command ran on this host within `[start, end)`."""
    statement = f"SELECT {_RUN} FROM runs WHERE owner_host = ? AND started < ? AND id != ?"
    among = (rows.storable(host), end, exclude_id)
    # Asked one by one, each has an index that passes over what lies far back.
    found = connection.execute(f"{statement} AND ended > ?", (*among, start)).fetchall()
    found += connection.execute(
        f"{statement} AND ended IS NULL AND state IN ('running', 'paused')", among
    )
    return rows.runs_from(found)
