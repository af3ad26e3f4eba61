"""How long does carbonwait take for a command that takes nothing, and until that command starts?

From exec to exec: the command is `date`, which prints when it runs. What starting `date` takes by
itself is measured in the same turns and its median subtracted, so that neither the start of a
process nor of `date` is counted.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from json import dumps
from pathlib import Path
from statistics import median

import measure

_HALF_HOUR_S = 1800
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
    cached = environ | {"CARBONWAIT_PROVIDER": "neso"}
    # Dynamic, but so that no saving is enough: planned first, started at once.
    planned = [measure.program(), "run", "--min-saving", "100", "--duration", "1h"]
    with cached_forecast(folder, cached, planned):
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


@contextmanager
def cached_forecast(folder: Path, environ: measure.Environ, run: Sequence[str]) -> Iterator[None]:
    """Let one run fill the cache from a service on this machine that is gone afterwards."""
    server = HTTPServer(("127.0.0.1", 0), _Service)
    config = folder / ".config/carbonwait/config.toml"
    config.parent.mkdir(parents=True)
    base_url = f"http://127.0.0.1:{server.server_port}"
    config.write_text(f'[providers.neso]\nbase_url = "{base_url}"\n', encoding="ascii")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        measure.run([*run, "--", "true"], environ)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    if not any("forecast" in name for name in os.listdir(folder / ".cache/carbonwait")):
        raise SystemExit("the first run has left no forecast in the cache")
    yield


class _Service(BaseHTTPRequestHandler):
    """Two days of half hours before and after now, as NESO answers."""

    def do_GET(self) -> None:
        first = time.time() // _HALF_HOUR_S * _HALF_HOUR_S - 96 * _HALF_HOUR_S
        rows = []
        for index, value in enumerate(measure.intensities(192)):
            start, end = first + index * _HALF_HOUR_S, first + (index + 1) * _HALF_HOUR_S
            actual = round(value) if end <= time.time() else None
            rows.append(
                {
                    "from": f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%MZ}",
                    "to": f"{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%MZ}",
                    "intensity": {"forecast": round(value), "actual": actual},
                }
            )
        body = dumps({"data": rows}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base)
        """Say nothing: the terminal is for figures."""


if __name__ == "__main__":
    main()
