"""Waiting inside an allocation of a cluster: a warning, once, with what to do instead."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from users import User
from waiting_run import WaitingRun, far_window

SLURM = {"SLURM_JOB_ID": "77"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
INSIDE = pytest.mark.parametrize("inside", [SLURM, KUBERNETES], ids=["slurm", "kubernetes"])


def begin(said: bytes, pattern: bytes) -> float:
    found = re.findall(pattern, said)
    assert found, said
    return datetime.fromisoformat(found[0].decode()).replace(tzinfo=UTC).timestamp()


def clean_soon(path: Path) -> str:
    """Write a forecast that is worth waiting two seconds for."""
    now = int(time.time())
    rows = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (now - 3, now + 3)]
    path.write_text(
        f"datetime_utc,intensity_gco2_per_kwh\n{rows[0]},300\n{rows[1]},50\n", encoding="utf-8"
    )
    return str(path)


@INSIDE
def test_a_wait_inside_an_allocation_is_warned_of_once(user: User, inside: dict[str, str]) -> None:
    user.environ |= inside
    with WaitingRun(user, "true") as waiting:
        user.run("start", waiting.run.id)
        said = waiting.said + waiting.end()[2]
    (line,) = [line for line in said.splitlines() if b"holds resources" in line]
    assert b"submit" in line


def test_in_slurm_it_names_the_job_and_the_time_for_sbatch(user: User) -> None:
    user.environ |= SLURM
    with WaitingRun(user, "true") as waiting:
        user.run("start", waiting.run.id)
        said = waiting.said + waiting.end()[2]
    assert b"waiting inside Slurm job 77 " in said
    assert begin(said, rb"sbatch --begin=([\dT:-]+) ") == waiting.run.planned_start


def test_the_time_for_sbatch_is_that_of_the_clock_on_the_wall(user: User) -> None:
    user.environ |= SLURM | {"TZ": "XXX-5"}
    window = far_window(utc_offset_s=5 * 3600)
    plan = user.run("plan", "--window", window, "true")
    assert re.search(rf"sbatch --begin=[\d-]+T{window[:5]}:00 ".encode(), plan.stderr)


def test_in_kubernetes_it_names_the_time_in_utc(user: User) -> None:
    user.environ |= KUBERNETES
    with WaitingRun(user, "true") as waiting:
        user.run("start", waiting.run.id)
        said = waiting.said + waiting.end()[2]
    assert begin(said, rb"suspended Job, resumed at ([\dT:-]+)Z,") == waiting.run.planned_start


def test_plan_warns_of_it_too(user: User) -> None:
    user.environ |= SLURM
    plan = user.run("plan", "--window", far_window(), "true")
    assert plan.stderr.count(b"holds resources") == 1


def test_a_quiet_plan_does_not(user: User) -> None:
    user.environ |= SLURM
    plan = user.run("plan", "-q", "--window", far_window(), "true")
    assert plan.stderr == b""


@INSIDE
@pytest.mark.parametrize(
    "options", [("--now",), ("-z", "GB", "-p", "typical", "-d", "1s")], ids=["now", "at once"]
)
def test_who_does_not_wait_is_not_warned(
    user: User, inside: dict[str, str], options: tuple[str, ...]
) -> None:
    user.environ |= inside
    job = user.run("run", "--no-meter", *options, "true")
    assert (job.returncode, b"holds resources" in job.stderr) == (0, False)


def test_a_quiet_wait_is_not_warned_of(user: User) -> None:
    user.environ |= SLURM
    path = clean_soon(user.home / "f.csv")
    options = ("--forecast", path, "--duration", "1s", "-d", "20s")
    loud = user.run("run", "--no-meter", *options, "true")
    clean_soon(user.home / "f.csv")
    quiet = user.run("run", "-q", "--no-meter", *options, "true")
    assert (loud.stderr.count(b"holds resources"), quiet.stderr) == (1, b"")


def test_outside_of_one_there_is_no_warning(user: User) -> None:
    plan = user.run("plan", "--window", far_window(), "true")
    assert b"holds resources" not in plan.stderr
