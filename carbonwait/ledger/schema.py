"""The tables of the ledger, version by version.

A change of the tables is one more entry in `MIGRATIONS`, never an edit of an earlier one: files
of every version are out there. Instants are epoch seconds, and NULL is unknown, never zero.
"""

import sqlite3
from pathlib import Path

from carbonwait.core.errors import LedgerUnavailable


class OldLedger(LedgerUnavailable):
    """The tables have to be brought up to date first, and this was to be done without writing."""


# "CWLG"
APPLICATION_ID = 0x43574C47

# `command` is last: it may be long, and nothing that is added up lies behind it.
_RUNS = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    submitted REAL NOT NULL,
    deadline REAL NOT NULL,
    strategy TEXT NOT NULL,
    state TEXT NOT NULL,
    planned_start REAL,
    latest_start REAL,
    started REAL,
    ended REAL,
    exit_code INTEGER,
    term_signal TEXT,
    zone TEXT,
    zone_source TEXT,
    provider TEXT,
    rung TEXT NOT NULL,
    signal_kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    static_start REAL,
    static_assumed INTEGER NOT NULL,
    dynamic_start REAL,
    idle_watts REAL NOT NULL,
    cpu_s REAL,
    busy_s REAL,
    job_share REAL,
    peak_rss_bytes INTEGER,
    idle_floor_w REAL,
    gpus TEXT,
    measured_j REAL,
    uncovered_s REAL,
    accounting TEXT NOT NULL,
    basis TEXT,
    method_cpu TEXT NOT NULL,
    method_gpu TEXT NOT NULL,
    method_ram TEXT NOT NULL,
    cpu_j REAL,
    gpu_j REAL,
    ram_j REAL,
    energy_j REAL,
    machine_cpu_j REAL,
    machine_gpu_j REAL,
    machine_ram_j REAL,
    actual_g REAL,
    if_now_g REAL,
    if_static_g REAL,
    if_dynamic_g REAL,
    best_g REAL,
    waiting_g REAL,
    saving_g REAL,
    owner_host TEXT NOT NULL,
    owner_boot TEXT NOT NULL,
    owner_pid_namespace TEXT NOT NULL,
    owner_pid INTEGER NOT NULL,
    owner_pid_started REAL NOT NULL,
    planned_series INTEGER REFERENCES series (id),
    accounted_series INTEGER REFERENCES series (id),
    command TEXT
)
"""

# The machine's joules and, once the run has ended, the job's part of them.
_ENERGY = """
CREATE TABLE energy (
    run_id TEXT NOT NULL REFERENCES runs (id),
    slot_start REAL NOT NULL,
    slot_end REAL NOT NULL,
    cpu_j REAL,
    gpu_j REAL,
    ram_j REAL,
    busy_s REAL,
    job_cpu_j REAL,
    job_gpu_j REAL,
    job_ram_j REAL,
    PRIMARY KEY (run_id, slot_start)
) WITHOUT ROWID
"""

_DECISIONS = """
CREATE TABLE decisions (
    position INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id),
    at REAL NOT NULL,
    start REAL NOT NULL,
    rung TEXT NOT NULL,
    issued REAL,
    reason TEXT NOT NULL,
    series_id INTEGER REFERENCES series (id)
)
"""

# `points` is zlib-compressed JSON: [[start, end, g_per_kwh, kind, sigma_g_per_kwh], ...].
# `digest` is of the points and all of their provenance but `retrieved`.
_SERIES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    zone TEXT,
    provider TEXT,
    rung TEXT NOT NULL,
    signal TEXT NOT NULL,
    scope TEXT NOT NULL,
    role TEXT NOT NULL,
    issued REAL,
    retrieved REAL NOT NULL,
    points BLOB NOT NULL
)
"""

_VERSION_1 = (
    _SERIES,
    _RUNS,
    _ENERGY,
    _DECISIONS,
    "CREATE INDEX runs_by_name ON runs (name, exit_code, started)",
    "CREATE INDEX runs_by_state ON runs (state, id)",
    "CREATE INDEX runs_by_host ON runs (owner_host, ended)",
    "CREATE INDEX decisions_by_run ON decisions (run_id)",
)

# What the figures of the meter rest on.
_METER_LABELS = (
    "ALTER TABLE runs ADD COLUMN meter_tdp_w REAL",
    "ALTER TABLE runs ADD COLUMN meter_tdp_source TEXT",
    "ALTER TABLE runs ADD COLUMN meter_cpu_name TEXT",
    "ALTER TABLE runs ADD COLUMN meter_sockets INTEGER",
    "ALTER TABLE runs ADD COLUMN meter_logical_cpus INTEGER",
    "ALTER TABLE runs ADD COLUMN meter_machine TEXT",
    "ALTER TABLE runs ADD COLUMN meter_gpu_count INTEGER",
    "ALTER TABLE runs ADD COLUMN meter_gpu_reading TEXT",
)

# Money per kWh: `points` as in `series`. The digest is of the points and all of their provenance
# but `retrieved`.
_PRICES = """
CREATE TABLE prices (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    zone TEXT,
    provider TEXT NOT NULL,
    currency TEXT NOT NULL,
    kind TEXT NOT NULL,
    retrieved REAL NOT NULL,
    points BLOB NOT NULL
)
"""

# `objective` is the weight of carbon against price.
_COST_COLUMNS = (
    "objective REAL NOT NULL DEFAULT 1.0",
    "cost_currency TEXT",
    "cost_kind TEXT",
    "cost_actual REAL",
    "cost_if_now REAL",
    "cost_if_static REAL",
    "cost_if_dynamic REAL",
    "cost_best REAL",
    "cost_waiting REAL",
    "cost_prices INTEGER REFERENCES prices (id)",
)

# Holds all that the report adds up by name, in the order in which it does, so that the long rows,
# in which these columns lie behind the command, are not read. Without prices it is empty.
_COST_INDEX = """
CREATE INDEX runs_by_cost ON runs (
    name, signal_kind, cost_currency, cost_kind, state, submitted, started,
    cost_actual, cost_if_now, cost_if_static, cost_if_dynamic, cost_best, cost_waiting
) WHERE cost_currency IS NOT NULL
"""

_COSTS = (
    _PRICES,
    *(f"ALTER TABLE runs ADD COLUMN {column}" for column in _COST_COLUMNS),
    _COST_INDEX,
)

# `ended` is NULL while a pause lasts.
_PAUSES = """
CREATE TABLE pauses (
    run_id TEXT NOT NULL REFERENCES runs (id),
    begun REAL NOT NULL,
    ended REAL,
    PRIMARY KEY (run_id, begun)
) WITHOUT ROWID
"""

_STANDING_STILL = (
    _PAUSES,
    "ALTER TABLE runs ADD COLUMN paused_s REAL NOT NULL DEFAULT 0",
)

# Only what is open, and by when it came due what is settled; see `carbonwait.ledger.settling`.
_SETTLING = (
    """CREATE INDEX runs_pending ON runs (provider, zone, signal_kind, id)
       WHERE accounting = 'pending'""",
    "CREATE INDEX runs_settled ON runs (MAX(ended, deadline)) WHERE accounting = 'settled'",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _VERSION_1,
    _METER_LABELS,
    _COSTS,
    _STANDING_STILL,
    _SETTLING,
)
VERSION = len(MIGRATIONS)


def require_current(connection: sqlite3.Connection, path: Path, *, may_write: bool) -> None:
    """Make sure of the tables: make them in an empty file, bring up to date those of an old one.

    Raises LedgerUnavailable if the file is something else, newer, or would have to be written to
    and must not be. Such a file is left as it is.
    """
    # Read in one transaction: another process may be making the tables at this very moment.
    connection.execute("BEGIN")
    try:
        version = _version(connection, path)
    finally:
        connection.execute("ROLLBACK")
    if version == VERSION:
        return
    if not may_write and version:
        raise OldLedger(
            f"{path} is of the earlier version {version} and cannot be brought up to date, being "
            "read-only; copy it and set CARBONWAIT_LEDGER to the copy"
        )
    if not may_write:
        raise LedgerUnavailable(f"{path} holds no runs yet; carbonwait run makes the first")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """0 for an empty file."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id or version or tables:
            raise LedgerUnavailable(
                f"{path} is a database of another program; move it away "
                "or set CARBONWAIT_LEDGER to another file"
            )
    if version > VERSION:
        raise LedgerUnavailable(
            f"{path} is of version {version} and this carbonwait knows version {VERSION}; "
            "update carbonwait or set CARBONWAIT_LEDGER to another file"
        )
    return int(version)
