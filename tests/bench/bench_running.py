"""How much CPU time do carbonwait and its meter take while a command runs?

The command sleeps. What both used until the meter was ready is not counted. `codecarbon monitor`
with the same period runs beside them.
"""

import os
import signal
import time
from pathlib import Path

import measure

_METER_READY_AFTER_S = 12.0
_PERIOD_S = 5


def main() -> None:
    """Measure and print."""
    parser = measure.options(__doc__, runs=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of one run [60]")
    arguments = parser.parse_args()
    measure.print_machine()
    shares: dict[str, list[float]] = {}
    for _ in range(arguments.runs):
        with measure.home() as (_, environ):
            one_round(environ, arguments.seconds, shares)
    measure.show(f"Sampling every {_PERIOD_S} s, share of one core", shares, "%", 2)


def one_round(environ: measure.Environ, span_s: float, shares: dict[str, list[float]]) -> None:
    """Start carbonwait and its peer, and look at what they use within `span_s`."""
    job = ("--", "sleep", str(round(2 * _METER_READY_AFTER_S + span_s)))
    sample = ("--sample", f"{_PERIOD_S}s")
    wrapper = measure.start([measure.program(), "run", "--now", *sample, *job], environ)
    offline = ("--offline", "--country-iso-code", "GBR", "--measure-power-secs", str(_PERIOD_S))
    peer = measure.start([measure.program("codecarbon"), "monitor", *offline, *job], environ)
    try:
        time.sleep(_METER_READY_AFTER_S)
        meter = meter_of(wrapper)
        pids = {"wrapper": wrapper, "meter": meter, "codecarbon monitor": peer}
        begun = time.monotonic()
        before = {name: measure.cpu_s(pid) for name, pid in pids.items()}
        time.sleep(span_s)
        used_s = {name: measure.cpu_s(pid) - before[name] for name, pid in pids.items()}
        passed_s = time.monotonic() - begun
    finally:
        # Each passes it on to its command.
        for pid in (wrapper, peer):
            os.kill(pid, signal.SIGINT)
        for pid in (wrapper, peer):
            os.waitpid(pid, 0)
    own_s = used_s["wrapper"] + used_s["meter"]
    for name, seconds in {"wrapper and meter": own_s, **used_s}.items():
        shares.setdefault(name, []).append(100 * seconds / passed_s)


def meter_of(wrapper: int) -> int:
    """The pid of the meter process of a run."""
    for pid in Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text("ascii").split():
        if b"carbonwait.metering.sidecar" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    raise SystemExit("the run has no meter process")


if __name__ == "__main__":
    main()
