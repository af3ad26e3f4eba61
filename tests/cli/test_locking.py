"""`--lock NAME`: overlapping runs of the program itself."""

import subprocess
import time
from pathlib import Path

import pytest
from users import User
from waiting_run import WaitingRun, recorded

PATIENCE_S = 30
LOCKED = ("run", "--now", "--no-meter", "--lock", "nightly")


@pytest.fixture
def holding(user: User) -> "subprocess.Popen[bytes]":
    """A run that holds the lock until its stdin ends."""
    command = ("sh", "-c", "echo ready; read x")
    job = user.start(*LOCKED, "-q", *command, stdin=subprocess.PIPE)
    assert job.stdout is not None
    assert job.stdout.readline() == b"ready\n"
    return job


def end(job: "subprocess.Popen[bytes]") -> int:
    job.communicate(b"\n", timeout=PATIENCE_S)
    return job.returncode


def test_a_second_run_exits_75_at_once(user: User, holding: "subprocess.Popen[bytes]") -> None:
    begun = time.monotonic()
    second = user.run(*LOCKED, "touch", "ran")
    took_s = time.monotonic() - begun
    assert holding.poll() is None
    assert (second.returncode, took_s < 5) == (75, True)
    assert not (user.home / "ran").exists()
    end(holding)


def test_a_second_run_is_not_recorded(user: User, holding: "subprocess.Popen[bytes]") -> None:
    user.run(*LOCKED, "true")
    assert len(recorded(user.ledger)) == 1
    end(holding)


def test_a_second_run_says_why_in_one_line(user: User, holding: "subprocess.Popen[bytes]") -> None:
    second = user.run("run", "--zone", "GB", *LOCKED[1:], "true")
    line = b"carbonwait: lock 'nightly' is held by another run; this one is not started\n"
    assert (second.stdout, second.stderr) == (b"", line)
    end(holding)


def test_a_quiet_second_run_says_nothing(user: User, holding: "subprocess.Popen[bytes]") -> None:
    second = user.run(*LOCKED, "-q", "true")
    assert (second.returncode, second.stdout, second.stderr) == (75, b"", b"")
    end(holding)


def test_a_run_of_another_name_is_not_held_up(
    user: User, holding: "subprocess.Popen[bytes]"
) -> None:
    other = user.run("run", "--now", "-q", "--no-meter", "--lock", "daily", "sh", "-c", "exit 3")
    assert other.returncode == 3
    end(holding)


def test_the_next_run_gets_it_when_the_first_has_ended(
    user: User, holding: "subprocess.Popen[bytes]"
) -> None:
    assert end(holding) == 0
    assert user.run(*LOCKED, "-q", "sh", "-c", "exit 3").returncode == 3


def test_the_next_run_gets_it_when_the_first_was_killed(
    user: User, holding: "subprocess.Popen[bytes]"
) -> None:
    holding.kill()
    holding.wait(PATIENCE_S)
    assert user.run(*LOCKED, "-q", "sh", "-c", "exit 3").returncode == 3
    holding.communicate()


def test_a_program_left_behind_does_not_keep_it(user: User) -> None:
    left = user.run(*LOCKED, "-q", "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!")
    try:
        assert Path(f"/proc/{int(left.stdout)}").exists()
        assert user.run(*LOCKED, "-q", "sh", "-c", "exit 3").returncode == 3
    finally:
        subprocess.run(["kill", "-9", left.stdout.decode().strip()], check=True)


def test_a_run_that_waits_holds_it_already(user: User) -> None:
    with WaitingRun(user, "--lock", "nightly", "true"):
        assert user.run(*LOCKED, "-q", "true").returncode == 75


def test_a_wait_that_is_cancelled_gives_it_back(user: User) -> None:
    with WaitingRun(user, "--lock", "nightly", "true") as waiting:
        user.run("cancel", waiting.run.id)
        waiting.end()
        assert user.run(*LOCKED, "-q", "sh", "-c", "exit 3").returncode == 3


def test_of_many_at_once_never_two_run(user: User) -> None:
    # The second mkdir of two at a time fails.
    script = "mkdir running || exit 9; sleep 0.2; rmdir running"
    jobs = [user.start(*LOCKED, "-q", "sh", "-c", script) for _ in range(8)]
    for job in jobs:
        job.communicate(timeout=PATIENCE_S)
    statuses = {job.returncode for job in jobs}
    assert 0 in statuses
    assert statuses <= {0, 75}


def test_a_lock_that_cannot_be_taken_stops_the_job(user: User) -> None:
    Path(f"{user.ledger}.locks").touch()
    job = user.run(*LOCKED, "-q", "touch", "ran")
    assert (job.returncode, job.stdout, job.stderr.count(b"\n")) == (125, b"", 1)
    assert b"--lock 'nightly' cannot be taken in " in job.stderr
    assert not (user.home / "ran").exists()


def test_somebody_without_a_home_is_told_what_to_set(user: User) -> None:
    del user.environ["CARBONWAIT_LEDGER"]
    user.environ["HOME"] = str(user.home / "nowhere")
    job = user.run(*LOCKED, "-q", "true")
    assert (job.returncode, job.stderr.count(b"\n")) == (125, 1)
    assert b"CARBONWAIT_LEDGER" in job.stderr


def test_a_mistake_is_told_before_the_lock(user: User, holding: "subprocess.Popen[bytes]") -> None:
    assert user.run(*LOCKED, "-d", "soon", "true").returncode == 2
    assert user.run(*LOCKED, "/no/such").returncode == 127
    end(holding)


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_a_mistake(user: User, name: str) -> None:
    job = user.run("run", "--now", "--lock", name, "true")
    assert (job.returncode, job.stderr.count(b"\n")) == (2, 1)
    assert b"--lock" in job.stderr


@pytest.mark.parametrize("name", [b"../../etc/x", b"a\nb", b"\xff\xfe", b"-", b"x" * 4000])
def test_any_other_text_is_a_name(user: User, name: bytes) -> None:
    options = (b"run", b"--now", b"-q", b"--no-meter", b"--lock", name)
    assert user.run(*options, b"sh", b"-c", b"exit 3").returncode == 3
    (file,) = Path(f"{user.ledger}.locks").iterdir()
    assert file.stat().st_size == 0


# --- plan and config ----------------------------------------------------------------------------


def test_plan_says_that_it_is_held(user: User, holding: "subprocess.Popen[bytes]") -> None:
    plan = user.run("plan", "-z", "GB", "-p", "typical", "--lock", "nightly", "true")
    line = (
        b"carbonwait: lock 'nightly' is held by another run; run would end at once with status 75\n"
    )
    assert (plan.returncode, plan.stderr) == (0, line)
    end(holding)


def test_plan_takes_and_makes_nothing(user: User) -> None:
    plan = user.run("plan", "-z", "GB", "-p", "typical", "--lock", "nightly", "true")
    assert (plan.returncode, plan.stderr) == (0, b"")
    assert not Path(f"{user.ledger}.locks").exists()


def test_the_config_may_name_the_lock_of_a_job(
    user: User, holding: "subprocess.Popen[bytes]"
) -> None:
    user.configure('[jobs.true]\nlock = "nightly"\n')
    assert user.run("run", "--now", "-q", "--no-meter", "true").returncode == 75
    end(holding)


def test_the_option_goes_before_the_config(user: User, holding: "subprocess.Popen[bytes]") -> None:
    user.configure('[jobs.true]\nlock = "nightly"\n')
    assert user.run("run", "--now", "-q", "--no-meter", "--lock", "mine", "true").returncode == 0
    end(holding)


def test_a_lock_for_all_jobs_in_common_is_refused(user: User) -> None:
    user.configure('lock = "nightly"\n')
    job = user.run("run", "--now", "true")
    assert (job.returncode, job.stderr.count(b"\n")) == (2, 1)
    assert b"lock = 'nightly' is not known" in job.stderr
