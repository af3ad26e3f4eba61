"""What does a waiting run cost: resident memory, and CPU seconds per hour?

All cases wait side by side, hours before their start. What they used until the measurement began,
their start-up, is not counted, and their meter processes have not been started yet. With the
default of two minutes a terminal's countdown is drawn twice. The service is asked at the start,
and again only after half an hour.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import measure
from local_grid import service

_STEP_S = 300
_HOUR_S = 3600
_SETTLED_AFTER_S = 5.0
_READ_BYTES = 4096


def main() -> None:
    """Measure and print."""
    parser = measure.options(__doc__, runs=1)
    parser.add_argument("--minutes", type=float, default=2.0, help="length of one run [2]")
    arguments = parser.parse_args()
    measure.print_machine()
    memory: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(arguments.runs):
        with measure.home() as (folder, environ), service(folder, environ) as live:
            one_round(folder, environ, live, 60 * arguments.minutes, memory, cpu)
    measure.show("Resident memory", memory, "MiB", 1)
    measure.show("CPU time", cpu, "s/h", 3)


def one_round(
    folder: Path,
    environ: measure.Environ,
    live: measure.Environ,
    span_s: float,
    memory: dict[str, list[float]],
    cpu: dict[str, list[float]],
) -> None:
    """Start every case, look at all of them after `span_s`, and end them."""
    terminal, screen = os.openpty()
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    file = forecast(folder)
    opens = datetime.fromtimestamp(time.time() + 3 * _HOUR_S, UTC)
    window = f"{opens:%H:%M}-{datetime.fromtimestamp(opens.timestamp() + _HOUR_S, UTC):%H:%M}"
    typical, steps = ("--window", window), ("--forecast", str(file))
    pids = {
        "typical days": waiting(typical, environ),
        "typical days, on a terminal": waiting(typical, environ, screen),
        "file of 5-minute steps": waiting(steps, environ),
        "a service, asked once": waiting((), live),
        "file of 5-minute steps, on a terminal": waiting(steps, environ, screen),
    }
    try:
        time.sleep(_SETTLED_AFTER_S)
        begun = time.monotonic()
        before = {name: measure.cpu_s(pid) for name, pid in pids.items()}
        time.sleep(span_s)
        for name, pid in pids.items():
            used_s = measure.cpu_s(pid) - before[name]
            cpu.setdefault(name, []).append(used_s * _HOUR_S / (time.monotonic() - begun))
            memory.setdefault(name, []).append(measure.resident_bytes(pid) / measure.MIB)
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)
        for name, pid in pids.items():
            _, status = os.waitpid(pid, 0)
            if os.waitstatus_to_exitcode(status) != -signal.SIGTERM:
                raise SystemExit(f"{name}: was not waiting any more; the figures are of no use")
        os.close(screen)


def waiting(options: tuple[str, ...], environ: measure.Environ, stderr: int | None = None) -> int:
    """Start a run that waits for at least two hours; its pid."""
    argv = [measure.program(), "run", *options, "--duration", "1h", "--", "true"]
    return measure.start(argv, environ, stderr)


def forecast(folder: Path) -> Path:
    """Two days in steps of five minutes, clean from the fourth hour on."""
    begin = time.time() // _STEP_S * _STEP_S
    steps = _HOUR_S // _STEP_S
    dirty, clean = measure.intensities(3 * steps), measure.intensities(45 * steps, seed=2)
    values = [400 + value for value in dirty] + clean
    return measure.write_forecast(folder / "f.csv", values, start=begin, step_s=_STEP_S)


def drain(terminal: int) -> None:
    """Read what is drawn, as a terminal does; the read fails once nobody draws any more."""
    with suppress(OSError):
        while os.read(terminal, _READ_BYTES):
            continue


if __name__ == "__main__":
    main()
