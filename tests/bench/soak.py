"""Hundreds of short runs under random signals and faults: nothing hangs, is left over or lost.

Wrappers and commands get TERM, INT, HUP, KILL and STOP with CONT at random moments; the ledger's
folder and file lose their permissions now and then, and some wrappers may suddenly write no more
than 16 KiB into a file, which is a full disk for the ledger. Then every run has to have ended with
a status that the signals explain, nothing may be left of it but its row, and no row may be missing.

The traps: this process adopts what a killed wrapper leaves behind, so that it sees it; a run that
was killed before it was submitted has no row, and only one whose command left a mark must have one.
"""

import argparse
import ctypes
import heapq
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

PROGRAM = [sys.executable, "-P", "-m", "carbonwait"]
# Leaves a mark with its pid once it runs, sleeps, and ends with a status of its own.
COMMAND = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
mark, sleep_s, status = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
with open(mark + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(mark + ".new", mark)
ends = time.monotonic() + sleep_s
while time.monotonic() < ends:
    time.sleep(0.05)
os._exit(status)
"""
ENDING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]
FULL_DISK_BYTES = 16 * 1024
# From the moment at which nothing more is to come; a busy machine is slow.
PATIENCE_S = 60.0
TICK_S = 0.02


@dataclass
class OneRun:
    """One run: what is to become of it, and what has."""

    number: int
    mark: Path
    errors: Path
    sleep_s: float
    status: int
    waits: bool
    pid: int = 0
    ended: int | None = None
    to_wrapper: set[int] = field(default_factory=set)
    to_command: set[int] = field(default_factory=set)
    last_event: float = 0.0

    @property
    def command_pid(self) -> int | None:
        return int(self.mark.read_text()) if self.mark.exists() else None


class Soak:
    """The runs, the clock by which things happen to them, and what went wrong."""

    def __init__(self, home: Path, runs: int, span_s: float, seed: int) -> None:
        self.home = home
        self.data = home / "data"
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.runs = [self.one(number) for number in range(runs)]
        self.strays: set[int] = set()
        self.environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "CARBONWAIT_ZONE": "GB",
            "CARBONWAIT_PROVIDER": "typical",
            "CARBONWAIT_LEDGER": str(self.data / "ledger.db"),
            "CARBONWAIT_CACHE": str(home / "cache"),
        }
        for folder in (self.data, home / "marks", home / "errors"):
            folder.mkdir(mode=0o700)
        begun = time.monotonic()
        for one in self.runs:
            self.at(begun + self.chance.uniform(0, span_s), lambda one=one: self.start(one))  # type: ignore[misc]
        moment = begun
        while moment < begun + span_s:
            moment += self.chance.uniform(1, 8)
            self.at(moment, self.forbid)

    def one(self, number: int) -> OneRun:
        mark, errors = self.home / "marks" / str(number), self.home / "errors" / str(number)
        sleep_s = self.chance.choice([0.0, 0.2, 0.5, 1.0, 2.0])
        return OneRun(
            number, mark, errors, sleep_s, self.chance.randrange(120), self.chance.random() < 0.3
        )

    def at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (moment, len(self.events) + id(action), action))

    def later(self, least_s: float, most_s: float, action: Callable[[], None]) -> None:
        self.at(time.monotonic() + self.chance.uniform(least_s, most_s), action)

    # --- what happens ---------------------------------------------------------------------------

    def start(self, one: OneRun) -> None:
        options = ["--name", f"n{one.number}", "-q"]
        if one.waits:
            # Of 24 hours: until SIGUSR1 or a signal that ends it.
            begin = time.strftime("%H:%M", time.gmtime(time.time() + 7200))
            end = time.strftime("%H:%M", time.gmtime(time.time() + 10800))
            options += ["--window", f"{begin}-{end}", "--duration", "1m"]
        else:
            options += ["--now"]
        # The meter takes two seconds of a processor to get ready.
        options += ["--sample", "1s"] if self.chance.random() < 0.2 else ["--no-meter"]
        command = ["/usr/bin/env", "python3", "-I", "-S", "-c", COMMAND]
        words = [*PROGRAM, "run", *options, "--", *command, str(one.mark)]
        words += [str(one.sleep_s), str(one.status)]
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(one.errors), os.O_WRONLY | os.O_CREAT, 0o600),
        ]
        one.pid = os.posix_spawn(words[0], words, self.environ, file_actions=streams)
        one.last_event = time.monotonic()
        self.counts["started"] += 1
        if one.waits:
            self.later(1.5, 5, lambda: self.release(one))
        for _ in range(self.chance.choice([0, 1, 2, 3])):
            # Now and then while it is still starting, mostly later.
            least_s = self.chance.choice([0, 0.5, 1, 1])
            self.later(least_s, one.sleep_s + 2, lambda: self.disturb(one))
        if self.chance.random() < 0.1:
            self.later(0, 1.5, lambda: self.fill_disk(one))

    def release(self, one: OneRun) -> None:
        """Start one that waits. Before it has got that far, the signal kills it, like any other."""
        if one.ended is None and one.command_pid is None:
            self.send(one.pid, signal.SIGUSR1)
            one.to_wrapper.add(signal.SIGUSR1)
            one.last_event = time.monotonic()

    def disturb(self, one: OneRun) -> None:
        if one.ended is not None:
            return
        victim, sent = one.pid, one.to_wrapper
        command_pid = one.command_pid
        if command_pid is not None and self.chance.random() < 0.5:
            victim, sent = command_pid, one.to_command
        one.last_event = time.monotonic()
        if self.chance.random() < 0.4:
            self.counts["STOP and CONT"] += self.send(victim, signal.SIGSTOP)
            self.later(0.1, 1.5, lambda: self.go_on(one, victim))
        else:
            signum = self.chance.choice(ENDING)
            if self.send(victim, signum):
                sent.add(signum)
                self.counts[signum.name.removeprefix("SIG")] += 1

    def go_on(self, one: OneRun, victim: int) -> None:
        one.last_event = time.monotonic()
        self.send(victim, signal.SIGCONT)

    def send(self, pid: int, signum: int) -> bool:
        """True if it was sent. A pid is not used again before it was reaped, which happens here."""
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return False
        return True

    def fill_disk(self, one: OneRun) -> None:
        if one.ended is None:
            with_limits = (FULL_DISK_BYTES, resource.RLIM_INFINITY)
            try:
                resource.prlimit(one.pid, resource.RLIMIT_FSIZE, with_limits)
            except ProcessLookupError:
                return
            self.counts["disk full"] += 1

    def forbid(self) -> None:
        """Take the ledger's permissions away for a moment."""
        ledger = self.data / "ledger.db"
        victim, mode = self.chance.choice([(self.data, 0o500), (self.data, 0), (ledger, 0o400)])
        if victim.exists():
            victim.chmod(mode)
            self.counts["permission denied"] += 1
            self.later(0.2, 2, lambda: victim.chmod(0o700 if victim == self.data else 0o600))

    # --- the loop -------------------------------------------------------------------------------

    def go(self) -> None:
        while self.events or any(one.ended is None for one in self.runs):
            now = time.monotonic()
            while self.events and self.events[0][0] <= now:
                heapq.heappop(self.events)[2]()
            # Numbers of processes come round again.
            self.reap({one.pid: one for one in self.runs if one.pid and one.ended is None})
            for one in self.runs:
                since_s = now - one.last_event
                if one.pid and one.ended is None and since_s > one.sleep_s + PATIENCE_S:
                    self.wrong.append(f"run {one.number} hangs: {state_of(one.pid)}")
                    one.last_event = now
                    if not self.send(one.pid, signal.SIGKILL):
                        one.ended = 0
            time.sleep(TICK_S)
        self.data.chmod(0o700)
        self.wait_for_strays()

    def reap(self, by_pid: dict[int, OneRun]) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in by_pid:
                by_pid[pid].ended = os.waitstatus_to_exitcode(status)

    def wait_for_strays(self) -> None:
        """What killed wrappers have left behind has to end by itself."""
        ends = time.monotonic() + PATIENCE_S
        while children() and time.monotonic() < ends:
            self.reap({})
            time.sleep(TICK_S)
        for pid in children():
            self.wrong.append(f"left behind: {pid} {state_of(pid)}")
            self.send(pid, signal.SIGCONT)
            self.send(pid, signal.SIGKILL)

    # --- the verdict ----------------------------------------------------------------------------

    def judge(self) -> None:
        listed = subprocess.run([*PROGRAM, "runs", "--json"], env=self.environ, capture_output=True)
        if listed.returncode:
            self.wrong.append(f"runs: {listed.stderr.decode(errors='replace')}")
            return
        found: dict[str, list[dict[str, object]]] = {}
        for row in json.loads(listed.stdout)["runs"]:
            found.setdefault(row["name"], []).append(row)
            self.counts[f"rows {row['state']}"] += 1
        for one in self.runs:
            rows = found.get(f"n{one.number}", [])
            fault = self.fault_of(one, rows)
            if fault:
                row = (
                    {key: rows[0][key] for key in ("state", "exit_code", "signal")}
                    if rows
                    else None
                )
                self.wrong.append(
                    f"run {one.number} {fault}: ended {one.ended}, wanted {one.status}, "
                    f"row {row}, mark {one.mark.exists()}, to wrapper {sorted(one.to_wrapper)}, "
                    f"to command {sorted(one.to_command)}, said {one.errors.read_text()!r}"
                )
        for path in self.home.rglob("carbonwait-spool-*"):
            self.wrong.append(f"not taken in: {path}")

    def fault_of(self, one: OneRun, rows: list[dict[str, object]]) -> str:
        """What is wrong with a run, empty if nothing is."""
        said = one.errors.read_text(errors="replace")
        ran, ended = one.mark.exists(), one.ended
        interrupted = said.endswith("KeyboardInterrupt\n") and signal.SIGINT in one.to_wrapper
        if interrupted and ended in {1, -signal.SIGINT} and not ran and not rows:
            # Python itself was still starting.
            self.counts["interrupted before carbonwait began"] += 1
            return ""
        if "Traceback" in said or "fault of its own" in said or " failed (" in said:
            return "failed"
        if ended is None or (ended >= 0 and (ended != one.status or not ran)):
            return "has a wrong status"
        if ended < 0 and -ended not in one.to_wrapper | one.to_command:
            return "died of a signal that nobody sent"
        if len(rows) != 1:
            return f"has {len(rows)} rows" if rows or ran else ""
        state, term = rows[0]["state"], rows[0]["signal"]
        if ended >= 0:
            right = state == "finished" and rows[0]["exit_code"] == ended
        elif state == "lost":
            right = signal.SIGKILL in one.to_wrapper
        else:
            named = term is not None and f"SIG{term}" == signal.Signals(-ended).name
            # Killed after the end was written, before it could die of the same.
            late = ended == -signal.SIGKILL and signal.SIGKILL in one.to_wrapper
            right = state in {"finished", "aborted"} and (named or late)
        return "" if right else "has a wrong row"


def state_of(pid: int) -> str:
    """State and command line of a process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return f"{state} {file.read()[:200]!r}"
    except OSError:
        return "gone"


def children() -> list[int]:
    """The processes that have this one for a parent."""
    with open("/proc/self/task/" + str(os.getpid()) + "/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def adopt_orphans_and_obey_permissions() -> None:
    """Be the parent of what loses its own, and let file modes count for root's children too."""
    prctl = ctypes.CDLL(None).prctl
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def main() -> int:
    """Soak, print the figures, and return 1 if anything went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="the starts' span [10]")
    parser.add_argument("--runs", type=int, default=500, help="how many [500]")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random [1]")
    arguments = parser.parse_args()
    adopt_orphans_and_obey_permissions()
    home = Path(mkdtemp(prefix="carbonwait-soak-"))
    begun = time.monotonic()
    soak = Soak(home, arguments.runs, 60 * arguments.minutes, arguments.seed)
    soak.go()
    soak.judge()
    took = f"{time.monotonic() - begun:.0f} s, seed {arguments.seed}"
    print(took, ", ".join(f"{n} {what}" for what, n in sorted(soak.counts.items())), sep="; ")
    for wrong in soak.wrong:
        print(wrong)
    print(f"{len(soak.wrong)} things wrong" if soak.wrong else "nothing wrong")
    if soak.wrong:
        print(f"see {home}")
        return 1
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
