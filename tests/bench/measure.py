"""What the benchmarks share: a home of their own, processes timed from outside, medians in a table.

The traps: an editable installation makes every start of its Python slower, and counts in /proc are
in hundredths of a second, which is more than a waiting run uses in a minute.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

MIB = 1024 * 1024

Environ = Mapping[str, str]


class Ended(NamedTuple):
    """What a process that has ended took, with the processes that it waited for."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def options(description: str | None, *, runs: int) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=runs, help=f"runs of each case [{runs}]")
    return parser


def program(name: str = "carbonwait") -> str:
    """The path of a program in the environment of the Python that runs this."""
    path = Path(sys.executable).parent / name
    if not path.is_file():
        sys.exit(f"{path} does not exist; install carbonwait there and use its Python")
    return str(path)


def print_machine() -> None:
    """Print where this runs, how busy it is, and a warning about an editable installation."""
    import carbonwait

    kernel, python = os.uname().release, sys.version.split()[0]
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} CPUs, Linux {kernel}, Python {python}, load average {load:.1f}")
    if not Path(carbonwait.__file__).is_relative_to(sys.prefix):
        print("carbonwait is installed editable: every start takes longer than users see")


@contextmanager
def home() -> Iterator[tuple[Path, dict[str, str]]]:
    """An empty home and an environment in which nothing asks the network; both go afterwards.

    It is the current folder as well, since `codecarbon monitor` leaves a file there.
    """
    with TemporaryDirectory(prefix="carbonwait-bench-") as folder, chdir(folder):
        yield (
            Path(folder),
            {
                "HOME": folder,
                "PATH": os.environ["PATH"],
                "TZ": "UTC",
                "CARBONWAIT_ZONE": "GB",
                "CARBONWAIT_PROVIDER": "typical",
            },
        )


def start(argv: Sequence[str], environ: Environ, stderr: int | None = None) -> int:
    """Start a process and return its pid; its streams are /dev/null but for a given stderr."""
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    if stderr is not None:
        actions[2] = (os.POSIX_SPAWN_DUP2, stderr, 2)
    return os.posix_spawnp(argv[0], list(argv), environ, file_actions=actions)


def run(argv: Sequence[str], environ: Environ) -> Ended:
    """Run a process to its end; one that fails ends the benchmark."""
    begun = time.perf_counter()
    _, status, usage = os.wait4(start(argv, environ), 0)
    wall_s = time.perf_counter() - begun
    if status:
        sys.exit(f"failed with status {os.waitstatus_to_exitcode(status)}: {' '.join(argv)}")
    # The kernel counts peak memory in KiB.
    return Ended(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def cpu_s(pid: int) -> float:
    """CPU seconds that a living process has used, to the nanosecond."""
    # As clock_getcpuclockid(3) numbers the clocks of processes.
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid: int) -> int:
    """Resident memory of a living process."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        line = next(line for line in file if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def alternately(cases: Mapping[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """Figures of each case, taken in turns so that a busy spell meets all of them alike.

    One round before counts for nothing: it fills the caches of files and bytecode.
    """
    found: dict[str, list[float]] = {name: [] for name in cases}
    for round_number in range(runs + 1):
        for name, case in cases.items():
            figure = case()
            if round_number:
                found[name].append(figure)
    return found


def timed_ms(work: Callable[[], object]) -> float:
    """How long one call takes in this process, in milliseconds."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def show(title: str, found: Mapping[str, Sequence[float]], unit: str, digits: int = 0) -> None:
    """Print a table of medians."""
    print(f"\n{title}")
    width = max(len(name) for name in found)
    for name, figures in found.items():
        middle, least, most = (
            f"{figure:,.{digits}f}" for figure in (median(figures), min(figures), max(figures))
        )
        print(f"  {name:{width}}  {middle:>8} {unit}   ({least} to {most}, {len(figures)} runs)")


def intensities(steps: int, seed: int = 1) -> list[float]:
    """An intensity per step, g/kWh: a random walk between 50 and 400, the same each time."""
    walk = random.Random(seed)
    values = [300.0]
    while len(values) < steps:
        values.append(min(400.0, max(50.0, values[-1] + walk.uniform(-10, 10))))
    return values


def write_forecast(path: Path, values: Sequence[float], *, start: float, step_s: int) -> Path:
    """A forecast file as `--forecast` takes it."""
    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    for index, value in enumerate(values):
        moment = datetime.fromtimestamp(start + index * step_s, UTC)
        rows.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{value:.1f}")
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path
