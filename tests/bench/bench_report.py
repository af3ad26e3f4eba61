"""How long does `carbonwait report` take over a large ledger, and how much memory at its peak?

The ledger is made for it, by the ledger's own code: thirty jobs over a year, each run with its
decision and a slot of energy. Making it takes minutes for a million runs and is not counted.
"""

import os
import random
import time
from pathlib import Path

import measure

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.ids import new_id
from carbonwait.core.records import Decision, Emissions, Energy, Methods, Owner, Run
from carbonwait.ledger.store import Ledger

_JOBS = 30
_YEAR_S = 365 * 86400.0
_SLOT_S = 300.0
_AT_ONCE = 20_000
_OWNER = Owner("host/0123456789abcdef", "boot", "pid:[4026531836]", 4242, 1234567.0)
_METHODS = Methods("rapl", "none", "ram_model")


def main() -> None:
    """Measure and print."""
    parser = measure.options(__doc__, runs=5)
    parser.add_argument(
        "--ledger-runs", type=int, nargs="+", default=[100_000], help="sizes [100000]"
    )
    parser.add_argument("--slots", type=int, default=1, help="slots of energy of each run [1]")
    arguments = parser.parse_args()
    measure.print_machine()
    for size in arguments.ledger_runs:
        with measure.home() as (folder, environ):
            path = folder / "ledger.db"
            made_s = make(path, size, arguments.slots)
            mib = path.stat().st_size / measure.MIB
            print(f"\n{size:,} runs: {mib:,.0f} MiB, made in {made_s:.0f} s")
            report(environ | {"CARBONWAIT_LEDGER": str(path)}, arguments.runs)


def report(environ: measure.Environ, runs: int) -> None:
    """Time the whole process."""
    argv = [measure.program(), "report", "--since", "all"]
    measure.run(argv, environ)
    ended = [measure.run(argv, environ) for _ in range(runs)]
    measure.show("report, the whole process", {"time": [one.wall_s for one in ended]}, "s", 2)
    peaks = [one.peak_rss_bytes / measure.MIB for one in ended]
    measure.show("report, memory at its peak", {"resident": peaks}, "MiB", 1)


def make(path: Path, size: int, slots: int) -> float:
    """Fill a ledger with `size` runs; how many seconds it took.

    In a process of its own: the kernel counts the peak of whoever starts a program as the
    program's.
    """
    begun = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        try:
            fill(path, size, slots)
        except BaseException as error:  # noqa: BLE001 (the parent sees the status)
            print(f"the ledger cannot be made: {error!r}", flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(1)
    return time.perf_counter() - begun


def fill(path: Path, size: int, slots: int) -> None:
    """Write the runs, many in one transaction."""
    chance = random.Random(1)
    begin = time.time() - _YEAR_S
    with Ledger.open(path) as ledger:
        for first in range(0, size, _AT_ONCE):
            with ledger.transaction():
                for number in range(first, min(first + _AT_ONCE, size)):
                    submitted = begin + number * _YEAR_S / size
                    write(ledger, a_run(submitted, number, chance), slots)


def write(ledger: Ledger, run: Run, slots: int) -> None:
    """A run with all that belongs to it."""
    started = run.started or run.submitted
    ledger.save(run)
    reason = "the cleanest start before the deadline, expected to save 23 %"
    ledger.add_decision(run.id, Decision(run.submitted, started, "typical", None, reason))
    energy = [
        MeteredSlot(
            started + slot * _SLOT_S,
            started + (slot + 1) * _SLOT_S,
            run.machine_energy,
            busy_s=100.0,
            job=run.energy,
        )
        for slot in range(slots)
    ]
    ledger.replace_energy(run.id, energy)


def a_run(submitted: float, number: int, chance: random.Random) -> Run:
    """A finished run; one in ten is not metered, one in twenty is still pending."""
    job = number % _JOBS
    started = submitted + chance.uniform(0, 6 * 3600)
    ended = started + chance.uniform(60, 2 * 3600)
    run = Run(
        id=new_id(submitted, number),
        name=f"python job-{job}.py",
        command=f"python3.11 job-{job}.py --epochs 40 --out /data/results/{number}",
        submitted=submitted,
        deadline=submitted + 12 * 3600,
        strategy=("dynamic", "static", "now")[chance.randrange(3)],
        owner=_OWNER,
        state="finished",
        planned_start=started,
        latest_start=submitted + 9 * 3600,
        started=started,
        ended=ended,
        exit_code=0,
        zone=("GB", "DE", "FR")[job % 3],
        zone_source="the config file",
        provider="typical",
        rung="typical",
        scope="life-cycle",
        static_start=submitted + 3600,
        static_assumed=True,
        dynamic_start=started,
        cpu_s=ended - started,
        busy_s=2 * (ended - started),
        peak_rss_bytes=300 * measure.MIB,
        methods=_METHODS,
        uncovered_s=0.0,
        accounting="settled" if number % 20 else "pending",
        basis="typical",
    )
    if number % 10:
        cpu_j, ram_j = 20 * (ended - started), 3 * (ended - started)
        grams = (cpu_j + ram_j) / 3.6e6 * chance.uniform(80, 300)
        run.job_share = 0.5
        run.energy = Energy(cpu_j, None, ram_j)
        run.machine_energy = Energy(2 * cpu_j, None, 2 * ram_j)
        run.measured_j = cpu_j
        run.emissions = Emissions(grams, 1.2 * grams, 1.1 * grams, grams, 0.9 * grams, 0.0)
    return run


if __name__ == "__main__":
    main()
