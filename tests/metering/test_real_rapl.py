"""Energy counters of a known power, metered by the real CodeCarbon in mounts of its own."""

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from machines import Powercap, after_a_wait, busy_s, covered_s, growing, metered
from users import User

from carbonwait.core.records import MeterInfo, MeterRow
from carbonwait.metering import meter as metering
from carbonwait.metering import wire

POWERS_W = {"package-0": 40.0, "package-1": 20.0}
ALL_W = sum(POWERS_W.values())


@pytest.fixture
def powercap(tmp_path: Path) -> Iterator[Powercap]:
    """Two packages, of 40 W and 20 W."""
    packages = {name: growing(watts) for name, watts in POWERS_W.items()}
    with Powercap(tmp_path / "powercap", packages) as tree:
        yield tree


class Metered:
    """A meter of such a tree, ready."""

    def __init__(self, tree: Powercap) -> None:
        words = [*tree.inside(), *metering.command(0.5)]
        self.process = subprocess.Popen(
            words,
            env=metering.environment(os.environb),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        try:
            told = self.said()
            assert isinstance(told, MeterInfo)
        except BaseException:
            self.close()
            raise
        self.info = told

    def said(self) -> MeterInfo | MeterRow:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 30)[0]
        return wire.decode(self.process.stdout.readline())

    def wait(self, rows: int) -> list[MeterRow]:
        found = [self.said() for _ in range(rows)]
        return [row for row in found if isinstance(row, MeterRow)]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def meter(powercap: Powercap) -> Iterator[Metered]:
    metered = Metered(powercap)
    yield metered
    metered.close()


def span_s(rows: list[MeterRow]) -> float:
    return sum(row.end - row.start for row in rows)


def joules(rows: list[MeterRow]) -> float:
    return sum(row.energy.cpu_j or 0.0 for row in rows)


def unknown(rows: list[MeterRow]) -> list[bool]:
    return [row.energy.cpu_j is None for row in rows]


def test_the_joules_are_the_known_power_times_time(meter: Metered) -> None:
    rows = meter.wait(8)
    assert joules(rows) == pytest.approx(ALL_W * span_s(rows), rel=0.01)


def test_it_says_that_the_cpu_is_measured(meter: Metered) -> None:
    info = meter.info
    assert (info.methods.cpu, info.tdp_w, info.tdp_source) == ("rapl", None, None)


def test_a_counter_that_wraps_goes_on(tmp_path: Path) -> None:
    packages = {"package-0": growing(100.0)}
    with Powercap(tmp_path / "powercap", packages, range_j=130.0) as tree:
        meter = Metered(tree)
        rows = meter.wait(8)
        meter.close()
    assert not any(unknown(rows))
    assert joules(rows) == pytest.approx(100.0 * span_s(rows), rel=0.015)


def test_a_counter_that_jumps_back_is_unknown_and_not_a_whole_range(
    meter: Metered, powercap: Powercap
) -> None:
    # As after a suspended night: CodeCarbon would make 262 kJ of it.
    rows = meter.wait(1)
    began = time.monotonic()
    powercap.change("package-0", lambda: POWERS_W["package-0"] * (time.monotonic() - began))
    rows += meter.wait(4)
    assert sum(unknown(rows)) == 1
    assert joules(rows) <= 1.01 * ALL_W * span_s(rows)


def test_a_counter_that_leaps_ahead_is_unknown(meter: Metered, powercap: Powercap) -> None:
    # As one that was read as nothing for a moment.
    rows = meter.wait(1)
    powercap.change("package-0", lambda: 100_000 + growing(POWERS_W["package-0"])())
    rows += meter.wait(4)
    assert sum(unknown(rows)) == 1
    assert joules(rows) <= 1.01 * ALL_W * span_s(rows)


def test_a_counter_that_vanishes_is_unknown(meter: Metered, powercap: Powercap) -> None:
    meter.wait(1)
    powercap.vanish()
    assert unknown(meter.wait(3)[1:]) == [True, True]


def test_one_package_of_two_is_not_the_machine(meter: Metered, powercap: Powercap) -> None:
    meter.wait(1)
    powercap.change("package-1", None)
    assert unknown(meter.wait(3)[1:]) == [True, True]


def test_a_counter_that_comes_back_counts_from_then_on(meter: Metered, powercap: Powercap) -> None:
    rows = meter.wait(1)
    powercap.change("package-1", None)
    rows += meter.wait(2)
    powercap.change("package-1", growing(POWERS_W["package-1"]))
    rows += meter.wait(4)
    assert unknown(rows[-2:]) == [False, False]
    assert joules(rows) <= 1.01 * ALL_W * span_s(rows)


# --- through the whole program ------------------------------------------------------------------


def test_the_recorded_joules_are_the_known_power_times_time(user: User, powercap: Powercap) -> None:
    show = metered(user, "sleep", "6", inside=powercap.inside())
    assert show["machine_energy_j"]["cpu"] == pytest.approx(ALL_W * covered_s(show), rel=0.01)


def test_a_run_says_that_its_cpu_was_measured(user: User, powercap: Powercap) -> None:
    show = metered(user, "sleep", "5", inside=powercap.inside())
    assert show["energy_method"]["cpu"] == "rapl"


def test_what_became_unreadable_in_the_middle_is_not_covered(
    user: User, powercap: Powercap
) -> None:
    middle = user.home / "middle"

    def vanish() -> None:
        while not middle.exists():
            time.sleep(0.05)
        powercap.vanish()

    end = threading.Thread(target=vanish, daemon=True)
    end.start()
    script = "sleep 3; : > middle; sleep 4"
    options = after_a_wait(user)
    show = metered(user, "sh", "-c", script, options=options, inside=powercap.inside())
    end.join()
    assert show["uncovered_s"] > 3
    assert show["machine_energy_j"]["cpu"] == pytest.approx(ALL_W * covered_s(show), rel=0.01)


BURN = "import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass"


def burnt(user: User, tree: Powercap | None, cpu_s: float = 2.0) -> float:
    """What a burn of so many CPU seconds is billed, metered from its first second."""
    show = metered(
        user,
        *(sys.executable, "-c", BURN, str(cpu_s)),
        options=after_a_wait(user),
        inside=None if tree is None else tree.inside(),
    )
    assert show["uncovered_s"] == pytest.approx(0, abs=0.1)
    joules: float = show["energy_j"]["cpu"]
    return joules


def beside_a_neighbour(work: Callable[[], float]) -> float:
    """The same while another process keeps one core busy."""
    neighbour = subprocess.Popen([sys.executable, "-c", BURN, "600"])
    try:
        return work()
    finally:
        neighbour.kill()
        neighbour.wait()


def test_a_measured_burn_costs_the_same_beside_a_neighbour(user: User, tmp_path: Path) -> None:
    # 10 J for each busy second of a CPU, and nothing for an idle one.
    with Powercap(tmp_path / "powercap", {"package-0": lambda: 10 * busy_s()}) as tree:
        alone_j = burnt(user, tree)
        beside_j = beside_a_neighbour(lambda: burnt(user, tree))
    assert beside_j == pytest.approx(alone_j, rel=0.15)


def test_a_modelled_burn_costs_the_same_beside_a_neighbour(user: User) -> None:
    alone_j = burnt(user, None)
    assert beside_a_neighbour(lambda: burnt(user, None)) == pytest.approx(alone_j, rel=0.15)
