"""Makes a large ledger: RUNS runs of thirty jobs over the past year, in FILE.

The runs are those of `bench_report`; they go past the ledger's own transactions, which are made for
a power cut and not for a million rows. FILE must not exist yet.
"""

import argparse
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench_report import a_run

from carbonwait.core.records import Run
from carbonwait.ledger import rows
from carbonwait.ledger.store import Ledger

_YEAR_S = 365 * 86400.0
_SLOT_S = 300.0
_AT_ONCE = 20_000
_REASON = "the cleanest start before the deadline, expected to save 23 %"


def main() -> None:
    """Make one and say how long that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, metavar="RUNS")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--slots", type=int, default=1, help="slots of energy of each run [1]")
    parser.add_argument("--seed", type=int, default=1, help="another one makes other runs [1]")
    arguments = parser.parse_args()
    if arguments.file.exists():
        sys.exit(f"{arguments.file} exists; name another file")
    begun = time.perf_counter()
    make(arguments.file, arguments.runs, slots=arguments.slots, seed=arguments.seed)
    print(f"{arguments.runs:,} runs in {time.perf_counter() - begun:.0f} s")


def make(path: Path, size: int, *, slots: int = 1, seed: int = 1) -> None:
    """Write a ledger of `size` runs that were submitted, evenly spread, in the past year."""
    Ledger.open(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = OFF")
    # Put in place once all rows are there, which is several times faster.
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    made = _runs(size, random.Random(seed))
    while few := [run for _, run in zip(range(_AT_ONCE), made, strict=False)]:
        connection.execute("BEGIN")
        _insert(connection, few, slots)
        connection.execute("COMMIT")
    for _, statement in indexes:
        connection.execute(statement)
    connection.close()


def _runs(size: int, chance: random.Random) -> Iterator[Run]:
    begin = time.time() - _YEAR_S
    for number in range(size):
        yield a_run(begin + number * _YEAR_S / size, number, chance)


def _insert(connection: sqlite3.Connection, runs: list[Run], slots: int) -> None:
    columns = (*rows.RUN_COLUMNS, *rows.DERIVED_COLUMNS)
    connection.executemany(
        f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        ((*rows.values_of(run), *rows.derived_of(run)) for run in runs),
    )
    connection.executemany(
        "INSERT INTO decisions (run_id, at, start, rung, issued, reason)"
        " VALUES (?, ?, ?, 'typical', NULL, ?)",
        ((run.id, run.submitted, run.started, _REASON) for run in runs),
    )
    connection.executemany(
        f"INSERT INTO energy (run_id, {', '.join(rows.SLOT_COLUMNS)})"
        f" VALUES ({', '.join('?' * (len(rows.SLOT_COLUMNS) + 1))})",
        (slot for run in runs for slot in _slots(run, slots)),
    )


def _slots(run: Run, slots: int) -> Iterator[tuple[object, ...]]:
    begin = run.started or run.submitted
    machine, job = run.machine_energy, run.energy
    for number in range(slots):
        start = begin + number * _SLOT_S
        yield (
            *(run.id, start, start + _SLOT_S, machine.cpu_j, machine.gpu_j, machine.ram_j, 100.0),
            *(job.cpu_j, job.gpu_j, job.ram_j),
        )


if __name__ == "__main__":
    main()
