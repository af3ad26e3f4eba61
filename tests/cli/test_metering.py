"""A job's energy through the whole program: who is billed what, and what happens to the meter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from machines import after_a_wait, last_run, metered, span_s
from users import User, installed

from carbonwait.ledger.store import Ledger

# Thousands of children that each live for a few milliseconds, and what they used in all.
STORM = """
import os, resource
for number in range(3000):
    child = os.fork()
    if child == 0:
        sum(range(20_000))
        os._exit(0)
    os.waitpid(child, 0)
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
with open("used", "w") as file:
    file.write(str(sum(one.ru_utime + one.ru_stime for one in used)))
"""


def meter_of(pid: int, but: int | None = None) -> int:
    """The pid of a run's meter process, once it has one other than `but`."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"carbonwait.metering.sidecar" in command and int(child) != but:
                return int(child)
        time.sleep(0.05)
    pytest.fail("the run has no meter process")


def test_a_fork_storm_is_billed_its_cpu_seconds(user: User) -> None:
    show = metered(user, sys.executable, "-c", STORM)
    used_s = float((user.home / "used").read_text())
    assert show["cpu_s"] == pytest.approx(used_s, rel=0.1)
    if show["energy_method"]["cpu"] == "tdp_model":
        label = show["energy_label"]["cpu"]
        billed_s = show["energy_j"]["cpu"] / (label["tdp_w"] / label["logical_cpus"])
        assert billed_s == pytest.approx(used_s, rel=0.1)


def test_a_job_of_two_threads_takes_no_longer_than_it_did(user: User) -> None:
    burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
    begun = time.time()
    show = metered(user, "sh", "-c", f"({burn}) & ({burn}) & wait")
    assert span_s(show) <= time.time() - begun


def test_a_job_of_no_length_has_a_figure_if_the_meter_was_there(user: User) -> None:
    show = metered(user, "true", options=after_a_wait(user))
    assert show["energy_j"]["total"] > 0
    assert show["uncovered_s"] == 0


def test_a_job_of_no_length_that_starts_at_once_is_unknown_and_not_zero(user: User) -> None:
    # Nearly always over before the meter is ready, but not on a machine that is very busy.
    show = metered(user, "true")
    assert 0 not in show["energy_j"].values()
    assert show["uncovered_s"] > 0


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run whose meter is stopped for good in the middle, and its successor killed."""
    user = User(tmp_path_factory.mktemp("home"))
    process = user.start("run", "--now", "--sample", "1s", "--", "sleep", "14")
    first = meter_of(process.pid)
    time.sleep(4)
    struck = time.monotonic()
    os.kill(first, signal.SIGSTOP)
    second = meter_of(process.pid, but=first)
    noticed_s = time.monotonic() - struck
    time.sleep(4)
    os.kill(second, signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    return {
        "status": process.returncode,
        "stderr": stderr.decode(),
        "noticed_s": noticed_s,
        "show": last_run(user),
    }


def test_a_hung_meter_is_noticed_within_two_periods(struck: dict[str, Any]) -> None:
    assert struck["noticed_s"] <= 2.1


def test_the_job_does_not_notice(struck: dict[str, Any]) -> None:
    assert struck["status"] == 0


def test_both_failures_are_told_in_a_line_each(struck: dict[str, Any]) -> None:
    first, second = [line for line in struck["stderr"].splitlines() if "meter" in line]
    assert "is silent" in first
    assert first.endswith("another one is started")
    assert second.endswith("died of SIGKILL; the run goes on without it")


def test_what_was_metered_counts_and_the_gaps_are_told(struck: dict[str, Any]) -> None:
    show = struck["show"]
    assert show["machine_energy_j"]["cpu"] > 0
    # Until the first was ready, from its stop to the second one, and after that.
    assert 4 < show["uncovered_s"] < 12


def test_the_meter_of_a_killed_run_ends(user: User) -> None:
    process = user.start("run", "--now", "--sample", "1s", "--", "sleep", "3")
    meter = os.pidfd_open(meter_of(process.pid))
    time.sleep(2)
    process.kill()
    process.communicate()
    import select

    ended = select.select([meter], [], [], 5)[0]
    os.close(meter)
    assert ended


def test_a_clock_set_back_leaves_the_run_its_length(user: User, tmp_path: Path) -> None:
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    installed("faketime")
    if not Path(library).exists():
        pytest.skip("libfaketime is elsewhere")
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    environ = {
        **user.environ,
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    process = user.start("run", "--now", "--no-meter", "--", "sleep", "4", env=environ)
    time.sleep(2)
    clock.write_text("-3600\n")
    process.communicate(timeout=60)
    assert span_s(last_run(user)) == pytest.approx(4, abs=1)


def test_rows_are_of_the_time_that_the_run_lives_in(user: User) -> None:
    faked = [installed("faketime"), "-f", "@2026-12-01 00:59:50"]
    show = metered(user, "sleep", "3", options=("--window", "01:00-05:00"), inside=faked)
    assert show["started"].startswith("2026-12-01T01:00:0")
    assert show["uncovered_s"] < 1.5


@pytest.mark.parametrize("maker", ["CUDA", "ROCR", "HIP"])
def test_it_is_kept_which_gpus_a_job_sees(user: User, maker: str) -> None:
    user.environ[f"{maker}_VISIBLE_DEVICES"] = "1,-1"
    user.job("true")
    with Ledger.open(user.ledger) as ledger:
        assert [run.gpus for run in ledger.runs()] == ["1,-1"]


def test_the_meter_leaves_nothing_running(user: User) -> None:
    process = user.start("run", "--now", "--sample", "1s", "--", "sleep", "2")
    meter = meter_of(process.pid)
    process.communicate(timeout=60)
    assert not Path(f"/proc/{meter}").exists()


def test_it_is_said_what_the_figures_rest_on(user: User) -> None:
    metered(user, "sleep", "2", options=after_a_wait(user))
    shown = user.run("show", last_run(user)["id"]).stdout.decode()
    assert "of it RAM:" in shown
    assert "ram_model, estimated, in no measured total" in shown
    assert subprocess.list2cmdline(["sleep", "2"]) in shown
