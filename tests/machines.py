"""Hardware that the machine under test does not have: GPUs and energy counters of a known power.

What reads it is real. The GPUs are behind a libnvidia-ml that is compiled for the test; the
counters are files that a thread keeps up to date, mounted where CodeCarbon looks for the kernel's.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from users import PROGRAM, User

_SOURCE = Path(__file__).parent / "metering" / "fake_nvml.c"
_UPDATE_S = 0.005


class FakeGpus:
    """GPUs that draw a known power, for programs started with `environ`."""

    def __init__(self, folder: Path, *power_w: float) -> None:
        self.folder = folder
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("no C compiler for a libnvidia-ml.so.1")
        library = folder / "libnvidia-ml.so.1"
        options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([compiler, *options, "-o", library, _SOURCE], check=True)
        smi = folder / "nvidia-smi"
        smi.write_text("#!/bin/sh\nexit 0\n")
        smi.chmod(0o755)
        for index, watts in enumerate(power_w):
            self.device(index).write_text(f"power_w {watts}\n")

    def device(self, index: int) -> Path:
        """The file that says what a device does."""
        return self.folder / f"gpu{index}"

    def say(self, index: int, line: str) -> None:
        """Change what a device does, at once and as a whole."""
        text = self.device(index).read_text()
        new = self.folder / "new"
        new.write_text(f"{text}{line}\n")
        new.replace(self.device(index))

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment in which these are the machine's GPUs."""
        return {
            **environ,
            "PATH": f"{self.folder}:{environ['PATH']}",
            "LD_LIBRARY_PATH": str(self.folder),
            "NVIDIA_FAKE": str(self.folder),
        }


class Powercap:
    """A tree of energy counters that grow, with a thread that keeps them up to date.

    `energy_j` says where every counter stands, of one named package each; a context manager.
    """

    def __init__(
        self,
        folder: Path,
        packages: Mapping[str, Callable[[], float]],
        *,
        range_j: float = 262_143.3,
    ) -> None:
        self.folder = folder
        self._packages = dict(packages)
        self._range_j = range_j
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_up)
        (folder / "intel-rapl").mkdir(parents=True)
        # As the kernel has it: every device is linked from its class, and knows its class.
        (folder / "intel-rapl" / "subsystem").symlink_to("..")
        for index, name in enumerate(packages):
            self.package(index).mkdir()
            (folder / f"intel-rapl:{index}").symlink_to(f"intel-rapl/intel-rapl:{index}")
            (self.package(index) / "name").write_text(f"{name}\n")
            limit = self.package(index) / "max_energy_range_uj"
            limit.write_text(f"{round(1e6 * range_j)}\n")

    def package(self, index: int) -> Path:
        """The folder of a package."""
        return self.folder / "intel-rapl" / f"intel-rapl:{index}"

    def change(self, name: str, energy_j: Callable[[], float] | None) -> None:
        """Have a package's counter stand elsewhere from now on; None: it vanishes."""
        with self._lock:
            index = list(self._packages).index(name)
            if energy_j is None:
                self._packages[name] = lambda: float("nan")
                (self.package(index) / "energy_uj").unlink()
            else:
                self._packages[name] = energy_j

    def vanish(self) -> None:
        """Have all counters vanish."""
        for name in self._packages:
            self.change(name, None)

    def __enter__(self) -> Self:
        self._update()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _keep_up(self) -> None:
        while not self._stop.wait(_UPDATE_S):
            self._update()

    def _update(self) -> None:
        with self._lock:
            for index, energy_j in enumerate(self._packages.values()):
                j = energy_j() % self._range_j
                if j == j:  # Not a number: it has vanished.
                    new = self.folder / "new"
                    new.write_text(f"{round(1e6 * j)}\n")
                    # Who reads meanwhile finds the old one or the new one.
                    new.replace(self.package(index) / "energy_uj")

    def inside(self) -> list[str]:
        """What goes before a command that is to find these counters as the kernel's."""
        mount = (
            "mount -t tmpfs none /sys/class && mkdir /sys/class/powercap"
            ' && mount --bind "$0" /sys/class/powercap && exec "$@"'
        )
        return [*namespace(), "sh", "-c", mount, str(self.folder)]


def growing(watts: float) -> Callable[[], float]:
    """The energy of something that draws so much."""
    return lambda: watts * time.monotonic()


@cache
def namespace() -> list[str]:
    """What goes before a command to give it mounts of its own; skips where there are none."""
    probe = ["sh", "-c", "mount -t tmpfs none /sys/class"]
    for options in (["-m"], ["-rm"]):
        prefix = ["unshare", *options]
        if shutil.which("unshare") and not subprocess.run([*prefix, *probe]).returncode:
            return prefix
    pytest.skip("no private mount namespace to be had for a tree of energy counters")


def metered(
    user: User, *command: str, options: tuple[str, ...] = (), inside: list[str] | None = None
) -> dict[str, Any]:
    """Run a command metered every second; what `show --json` says of it."""
    arguments = ["run", "--sample", "1s", *(options or ("--now",)), "--", *command]
    ran = subprocess.run(
        [*(inside or ()), *PROGRAM, *arguments],
        env=user.environ,
        cwd=user.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return {**last_run(user), "stderr": ran.stderr.decode()}


def last_run(user: User) -> dict[str, Any]:
    """`show --json` of the run that was submitted last."""
    listed = json.loads(user.run("runs", "--json").stdout)["runs"]
    document: dict[str, Any] = json.loads(user.run("show", "--json", listed[0]["id"]).stdout)
    return document


def span_s(show: Mapping[str, Any]) -> float:
    """How long a run took."""
    started, ended = (datetime.fromisoformat(show[at]).timestamp() for at in ("started", "ended"))
    return ended - started


def covered_s(show: Mapping[str, Any]) -> float:
    """How long of a run the meter looked."""
    return span_s(show) - float(show["uncovered_s"])


def after_a_wait(user: User, wait_s: int = 7) -> tuple[str, ...]:
    """Options for a run that waits so long, enough for the meter to get ready."""
    path = user.home / "later.csv"
    first = time.time() // 1 + 1
    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    for index in range(30):
        at = datetime.fromtimestamp(first + index * wait_s, UTC)
        rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{500 if index != 1 else 1}")
    path.write_text("\n".join(rows) + "\n")
    return ("--forecast", str(path), "--duration", f"{wait_s}s", "--deadline", f"{6 * wait_s}s")


def busy_s() -> float:
    """Busy seconds of all CPUs since boot."""
    with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 (read all the time)
        ticks = [int(word) for word in file.readline().split()[1:]]
    return sum(ticks[column] for column in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")
