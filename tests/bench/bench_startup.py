"""How long does carbonwait take for a command that takes nothing, and until that command starts?

From exec to exec: the command is `date`, which prints when it runs. What starting `date` takes by
itself is measured in the same turns and its median subtracted, so that neither the start of a
process nor of `date` is counted. The service whose forecast is cached is gone by then.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import measure
from local_grid import service

_STEP_S = 300
_STEPS = 96 * 12


def main() -> None:
    """Measure and print."""
    parser = measure.options(__doc__, runs=15)
    parser.add_argument("--peer-runs", type=int, default=7, help="runs beside CodeCarbon [7]")
    arguments = parser.parse_args()
    measure.print_machine()
    with measure.home() as (folder, environ):
        whole(environ, arguments.runs, arguments.peer_runs)
        exec_to_exec(folder, environ, arguments.runs)


def whole(environ: measure.Environ, runs: int, peer_runs: int) -> None:
    """Whole processes, from start to end."""
    carbonwait = measure.program()

    def case(*argv: str) -> Callable[[], float]:
        return lambda: 1000 * measure.run(argv, environ).wall_s

    metered = case(carbonwait, "run", "--now", "--", "true")
    cases = {
        "python -I -c pass": case(measure.program("python"), "-I", "-c", "pass"),
        "carbonwait --version": case(carbonwait, "--version"),
        "carbonwait run --now --no-meter -- true": case(
            carbonwait, "run", "--now", "--no-meter", "--", "true"
        ),
        "carbonwait run --now -- true": metered,
    }
    measure.show("The whole process", measure.alternately(cases, runs), "ms")
    # Online, `codecarbon monitor` needs an account; offline it needs a country.
    offline = ("--offline", "--country-iso-code", "GBR")
    peers = {
        "carbonwait run --now -- true": metered,
        "codecarbon monitor --offline -- true": case(
            measure.program("codecarbon"), "monitor", *offline, "--", "true"
        ),
    }
    measure.show("The same beside CodeCarbon", measure.alternately(peers, peer_runs), "ms")


def exec_to_exec(folder: Path, environ: dict[str, str], runs: int) -> None:
    """From the start of carbonwait to the start of the command."""
    begin = time.time() // _STEP_S * _STEP_S
    values = measure.intensities(_STEPS)
    file = measure.write_forecast(folder / "f.csv", values, start=begin, step_s=_STEP_S)
    # Dynamic, but so that no saving is enough: planned first, started at once.
    planned = [measure.program(), "run", "--min-saving", "100", "--duration", "1h"]
    with service(folder, environ) as cached:
        measure.run([*planned, "--", "true"], cached)
    if not list(folder.glob(".cache/carbonwait/*forecast*.json")):
        raise SystemExit("the first run has left no forecast in the cache")
    cases = {
        "date by itself": lambda: until_date([], environ),
        "run --now": lambda: until_date([measure.program(), "run", "--now", "--"], environ),
        "run, typical days": lambda: until_date([*planned, "--"], environ),
        "run, cached forecast": lambda: until_date([*planned, "--"], cached),
        "run, file of 96 h at 5 min": lambda: until_date(
            [*planned, "--forecast", str(file), "--"], environ
        ),
    }
    found = measure.alternately(cases, runs)
    own_ms = median(found.pop("date by itself"))
    less = {name: [figure - own_ms for figure in found[name]] for name in found}
    measure.show(f"From exec to exec, less {own_ms:.1f} ms of date itself", less, "ms")


def until_date(before: Sequence[str], environ: measure.Environ) -> float:
    """Milliseconds from here until `date`, started by what stands before it, reads the clock."""
    begun = time.time()
    ended = subprocess.run(
        [*before, "date", "+%s.%N"], env=dict(environ), stdout=subprocess.PIPE, check=True
    )
    return 1000 * (float(ended.stdout) - begun)


if __name__ == "__main__":
    main()
