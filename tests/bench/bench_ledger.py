"""How long does the ledger hold up a run, alone and beside 199 others?

Each run is a process that records what a real one does: submission, start, plan, energy, end. They
begin within some seconds of each other, as in a batch of jobs, and only the time within the
recorder counts, before the command would start and after it has ended. On a machine whose
processors are taken the figures are those of its scheduler.
"""

import os
import random
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import measure

sys.path.insert(0, str(Path(__file__).parents[1]))

from sample_runs import NOON, SLOTS, finished, run

from carbonwait.cli.voices import LineVoice
from carbonwait.ledger.store import Ledger
from carbonwait.stories.history import runs
from carbonwait.stories.recorder import Recorder


def main() -> None:
    """Measure and print."""
    parser = measure.options(__doc__, runs=200)
    parser.add_argument("--within", type=float, default=20.0, help="seconds to begin within [20]")
    arguments = parser.parse_args()
    measure.print_machine()
    for count in (1, arguments.runs):
        figures, rows, spooled = batch(count, arguments.within if count > 1 else 0.0)
        figures.sort()
        worst, high = figures[-1], figures[int(0.95 * (len(figures) - 1))]
        print(
            f"  {count:>4} at once: median {median(figures):6.1f} ms, 95 % {high:6.1f} ms, "
            f"most {worst:6.1f} ms; {rows} rows, {spooled} spooled and then taken in"
        )


def batch(count: int, within_s: float) -> tuple[list[float], int, int]:
    """Milliseconds in the recorder of each run, rows in the ledger, and files in the spool."""
    with TemporaryDirectory(prefix="carbonwait-bench-") as folder:
        environ = {
            "HOME": folder,
            "CARBONWAIT_LEDGER": f"{folder}/ledger.db",
            "CARBONWAIT_CACHE": f"{folder}/cache",
        }
        with Ledger.open(Path(folder) / "ledger.db") as ledger:
            ledger.save(finished("0"))
        reader, writer = os.pipe()
        pids = []
        for number in range(count):
            pid = os.fork()
            if pid == 0:
                try:
                    time.sleep(random.Random(number).uniform(0, within_s))
                    os.write(writer, f"{one(f'r{number:04}', environ)}\n".encode())
                finally:
                    os._exit(0)
            pids.append(pid)
        os.close(writer)
        for pid in pids:
            os.waitpid(pid, 0)
        with os.fdopen(reader) as file:
            figures = [float(line) for line in file]
        spooled = len(list(Path(folder).glob("carbonwait-spool-*")))
        if spooled:
            Recorder(environ, Silent()).close()
        found = runs(environ, NOON)
        if len(found) != count + 1 or len(figures) != count:
            sys.exit(f"{len(found)} rows and {len(figures)} figures of {count} runs")
        return figures, len(found) - 1, spooled


def one(run_id: str, environ: dict[str, str]) -> float:
    """Record a run that takes a second; milliseconds before its command starts and after its end.

    What is written in between does not hold the command up.
    """
    recorder = Recorder(environ, Silent())
    running = run(run_id, state="running", started=NOON)
    begun = time.perf_counter()
    recorder.save(run(run_id))
    before_s = time.perf_counter() - begun
    recorder.save(running)
    time.sleep(0.5)
    recorder.energy(running, SLOTS)
    time.sleep(0.5)
    begun = time.perf_counter()
    recorder.save(finished(run_id))
    recorder.close()
    return 1000 * (before_s + time.perf_counter() - begun)


class Silent(LineVoice):
    """A voice that says nothing."""

    def fault(self, text: str) -> None:
        """Say nothing."""


if __name__ == "__main__":
    main()
