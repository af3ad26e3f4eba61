"""`carbonwait start` and `carbonwait cancel`: real runs, told from another process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM, SIGUSR1

import pytest
import sample_runs
from users import User
from waiting_run import WaitingRun, recorded

from carbonwait.core.records import Owner
from carbonwait.ledger.store import Ledger
from carbonwait.process.clock import SystemClock
from carbonwait.process.owner import this_process
from carbonwait.process.reach import reach
from carbonwait.stories import control

PATIENCE_S = 30
# Tells of each TERM and each USR1, and ends with 3 once its input ends.
HEARING = "trap 'echo term' TERM; trap 'echo usr1' USR1; echo ready; read x; exit 3"
# The same for a wait: ends with 3 at the second signal or after a while.
COUNTING = (
    "n=0; trap 'n=$((n+1))' TERM; echo ready; "
    "while [ $n = 0 ]; do sleep 0.02; done; sleep 0.3; echo count=$n; exit 3"
)


@pytest.fixture
def waiting(user: User) -> Iterator[WaitingRun]:
    with WaitingRun(user, "--", "sh", "-c", "echo ran; exit 4") as run:
        yield run


# --- start --------------------------------------------------------------------------------------


def test_a_waiting_run_is_started(user: User, waiting: WaitingRun) -> None:
    user.run("start", waiting.run.id)
    assert waiting.end()[:2] == (4, b"ran\n")


def test_the_log_says_that_somebody_had_it_started(user: User, waiting: WaitingRun) -> None:
    user.run("start", waiting.run.id)
    waiting.end()
    run = json.loads(user.run("show", "--json", waiting.run.id).stdout)
    told = run["decisions"][-1]
    assert (told["start"], told["reason"]) == (run["started"], "told to start now")


def test_start_says_so_and_ends_with_0(user: User, waiting: WaitingRun) -> None:
    told = user.run("start", waiting.run.id)
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout == f"run {waiting.run.id}: started\n".encode()


@pytest.mark.parametrize(("word", "status"), [("start", 4), ("cancel", -SIGTERM)])
def test_a_wait_that_was_stopped_hears_what_it_is_told(
    user: User, waiting: WaitingRun, word: str, status: int
) -> None:
    waiting.process.send_signal(SIGSTOP)
    assert user.run(word, waiting.run.id).returncode == 0
    assert waiting.end()[0] == status


def test_start_returns_when_the_ledger_shows_it(user: User, waiting: WaitingRun) -> None:
    user.run("start", waiting.run.id)
    assert waiting.now.started is not None


def test_the_beginning_of_an_id_will_do(user: User, waiting: WaitingRun) -> None:
    user.run("start", waiting.run.id[:6])
    assert waiting.end()[0] == 4


def test_a_start_that_comes_too_late_does_not_reach_the_command(user: User) -> None:
    with user.start(
        "run", "--now", "-q", "--no-meter", "sh", "-c", HEARING, stdin=subprocess.PIPE
    ) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == b"ready\n"
        with reach(recorded(user.ledger)[0].owner, "it") as process:
            process.tell_to_start()
            process.tell_to_start()
        # Signals of one number keep their order: this one comes through behind them.
        job.send_signal(15)
        assert job.stdout.readline() == b"term\n"
        assert job.communicate(b"\n", timeout=PATIENCE_S)[0] == b""


def test_a_sigusr1_of_ones_own_still_reaches_the_command(user: User) -> None:
    with user.start(
        "run", "--now", "-q", "--no-meter", "sh", "-c", HEARING, stdin=subprocess.PIPE
    ) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == b"ready\n"
        job.send_signal(10)
        assert job.stdout.readline() == b"usr1\n"
        job.communicate(b"\n", timeout=PATIENCE_S)


def test_a_command_that_has_gone_missing_is_not_said_to_have_started(user: User) -> None:
    command = user.home / "command"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    with WaitingRun(user, str(command)) as waiting:
        command.unlink()
        told = user.run("start", waiting.run.id)
        assert waiting.end()[0] == 127
    assert (told.returncode, told.stdout) == (1, b"")
    assert told.stderr.endswith(b"is aborted\n")
    run = json.loads(user.run("show", "--json", waiting.run.id).stdout)
    assert (run["state"], run["exit_code"], run["signal"]) == ("aborted", 127, None)
    assert b"started:            never" in user.run("show", waiting.run.id).stdout


# --- cancel -------------------------------------------------------------------------------------


def test_a_cancelled_wait_ends_by_sigterm_without_the_command(
    user: User, waiting: WaitingRun
) -> None:
    user.run("cancel", waiting.run.id)
    assert waiting.end()[:2] == (-15, b"")


def test_a_cancelled_wait_is_recorded_as_aborted(user: User, waiting: WaitingRun) -> None:
    user.run("cancel", waiting.run.id)
    assert (waiting.now.state, waiting.now.term_signal) == ("aborted", "TERM")


def test_cancel_says_what_came_of_it_and_ends_with_0(user: User, waiting: WaitingRun) -> None:
    told = user.run("cancel", waiting.run.id)
    assert (told.returncode, told.stderr) == (0, b"")
    line = f"run {waiting.run.id}: cancelled while waiting, the command has not run\n"
    assert told.stdout == line.encode()


@pytest.mark.parametrize("metering", ["--no-meter", "--sample=1s"])
def test_a_running_command_gets_sigterm_exactly_once(user: User, metering: str) -> None:
    with user.start("run", "--now", "-q", metering, "sh", "-c", COUNTING) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == b"ready\n"
        told = user.run("cancel", recorded(user.ledger)[0].id)
        assert job.communicate(timeout=PATIENCE_S)[0] == b"count=1\n"
    assert (told.returncode, job.returncode) == (0, 3)
    assert b": exit 3 after " in told.stdout


def test_a_command_that_dies_of_it_is_recorded_so(user: User) -> None:
    with user.start("run", "--now", "-q", "--no-meter", "sh", "-c", "echo; exec sleep 60") as job:
        assert job.stdout is not None
        job.stdout.readline()
        told = user.run("cancel", recorded(user.ledger)[0].id)
    assert job.returncode == -15
    assert b": killed by SIGTERM after " in told.stdout


def test_a_command_that_does_not_end_is_said_to_be_running_still(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PATIENCE_S", 0.3)
    script = "trap 'echo term' TERM; echo ready; while :; do sleep 0.05; done"
    with user.start("run", "--now", "-q", "--no-meter", "sh", "-c", script) as job:
        assert job.stdout is not None
        job.stdout.readline()
        told = control.cancel(user.environ, SystemClock(), recorded(user.ledger)[0].id)
        assert job.stdout.readline() == b"term\n"
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        os.kill(int(children[0]), 9)
        job.communicate(timeout=PATIENCE_S)
    assert (told.done, told.run.state) == (False, "running")


@contextmanager
def before_it_listens(user: User, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that is stopped after it has blocked its signals and before it has a command."""
    for _ in range(20):
        with user.start("run", "-q", "--no-meter", *arguments) as job:
            while not blocks(job.pid, SIGTERM):
                assert job.poll() is None
            os.kill(job.pid, SIGSTOP)
            if not Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text():
                yield job
                return
            # It was faster than this process; another one may not be.
            os.kill(job.pid, SIGCONT)
    pytest.fail("no run could be stopped in time")


def blocks(pid: int, signum: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(row.split()[1] for row in status.splitlines() if row.startswith("SigBlk"))
    return bool(int(mask, 16) >> (signum - 1) & 1)


@pytest.mark.parametrize("strategy", ["--now", "--static"])
@pytest.mark.parametrize("signum", [2, 15])
def test_a_signal_that_comes_before_anybody_listens_ends_it_all_the_same(
    user: User, strategy: str, signum: int
) -> None:
    with before_it_listens(user, strategy, "touch", "ran") as job:
        job.send_signal(signum)
        job.send_signal(SIGCONT)
        job.communicate(timeout=PATIENCE_S)
        assert job.returncode == -signum
    assert not (user.home / "ran").exists()
    assert recorded(user.ledger)[0].state == "aborted"


def test_a_sigusr1_that_comes_before_anybody_listens_is_not_the_commands(user: User) -> None:
    with before_it_listens(user, "--now", "sh", "-c", "exit 3") as job:
        job.send_signal(SIGUSR1)
        job.send_signal(SIGCONT)
        job.communicate(timeout=PATIENCE_S)
        assert job.returncode == 3


# --- who is told, and who is not ----------------------------------------------------------------


class Bystander:
    """Another program, to which a signal is fatal; `owner` is what it would be as an owner."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        here = this_process()
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        self.owner = replace(here, pid=self.process.pid, pid_started=float(stat[19]))

    def ended_by_itself(self) -> bool:
        self.process.communicate(b"\n", timeout=PATIENCE_S)
        return self.process.returncode == 0


@pytest.fixture
def bystander() -> Iterator[Bystander]:
    one = Bystander()
    yield one
    one.process.kill()
    one.process.communicate()


def record(user: User, owner: Owner, state: str, run_id: str = "0abc") -> None:
    now = time.time()
    run = sample_runs.run(run_id, owner=owner, state=state, submitted=now, deadline=now + 3600)
    run.started = None if state == "waiting" else now
    with Ledger.open(user.ledger) as ledger:
        ledger.save(run)


COMMANDS = pytest.mark.parametrize("command", ["start", "cancel"])


def test_the_bystander_would_be_hit_if_it_were_the_owner(user: User, bystander: Bystander) -> None:
    record(user, bystander.owner, "waiting")
    user.run("cancel", "0abc")
    assert not bystander.ended_by_itself()


@COMMANDS
@pytest.mark.parametrize(
    "difference", [{"pid_started": 1.0}, {"boot": "another"}], ids=["start time", "boot"]
)
def test_a_pid_that_was_reused_is_never_signalled(
    user: User, bystander: Bystander, command: str, difference: dict[str, object]
) -> None:
    record(user, replace(bystander.owner, **difference), "waiting")  # type: ignore[arg-type]
    told = user.run(command, "0abc")
    assert bystander.ended_by_itself()
    assert (told.returncode, told.stderr.count(b"\n")) == (2, 1)
    assert b"run 0abc is lost" in told.stderr


@COMMANDS
@pytest.mark.parametrize(
    ("difference", "place"),
    [({"host": "node7/x"}, b"on node7;"), ({"pid_namespace": "pid:[1]"}, b"in another container")],
    ids=["host", "container"],
)
def test_a_run_that_is_elsewhere_is_named_with_its_place(
    user: User, bystander: Bystander, command: str, difference: dict[str, object], place: bytes
) -> None:
    record(user, replace(bystander.owner, **difference), "waiting")  # type: ignore[arg-type]
    told = user.run(command, "0abc")
    assert bystander.ended_by_itself()
    assert (told.returncode, told.stdout, told.stderr.count(b"\n")) == (2, b"", 1)
    assert place in told.stderr


@COMMANDS
@pytest.mark.parametrize("state", ["finished", "aborted", "lost"])
def test_a_run_that_is_over_is_refused(user: User, command: str, state: str) -> None:
    record(user, this_process(), state)
    told = user.run(command, "0abc")
    assert (told.returncode, told.stdout, told.stderr.count(b"\n")) == (2, b"", 1)
    assert f"run 0abc is {state}".encode() in told.stderr


def test_a_running_run_cannot_be_started(user: User, bystander: Bystander) -> None:
    record(user, bystander.owner, "running")
    told = user.run("start", "0abc")
    assert bystander.ended_by_itself()
    assert told.returncode == 2
    assert b"run 0abc is running" in told.stderr


@COMMANDS
@pytest.mark.parametrize("run_id", ["0zzz", "0", "", "%", "0abc\n"])
def test_an_id_that_is_unknown_or_ambiguous_is_refused(
    user: User, command: str, run_id: str
) -> None:
    for known in ("0abc", "0abd"):
        record(user, this_process(), "waiting", known)
    told = user.run(command, run_id)
    assert (told.returncode, told.stdout, told.stderr.count(b"\n")) == (2, b"", 1)


@COMMANDS
def test_without_a_ledger_there_is_nothing_to_tell(user: User, command: str) -> None:
    told = user.run(command, "0abc")
    assert (told.returncode, told.stderr.count(b"\n")) == (2, 1)
    assert not user.ledger.exists()
