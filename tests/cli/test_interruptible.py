"""`--interruptible` from the prompt to the ledger, on real processes that really stand still.

Time is driven by forecasts of a few seconds; two of them always pass between SIGTSTP and SIGSTOP.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pexpect
import pytest
from processes import state_of, until
from users import PROGRAM, User

PATIENCE_S = 30.0
DIRTY, CLEAN = 900.0, 100.0


def state(pid: int) -> str:
    """The letter of /proc/PID/stat; empty if there is no such process.

    A shell may vfork, and be stopped at that: the child is then stopped before it has become
    another program, and the shell waits for that, uninterruptibly. That is "T" as well.
    """
    letter = state_of(pid)
    return "T" if letter == "D" and "T" in states_of_children(pid) else letter


def states_of_children(pid: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-o", "state=", "--ppid", str(pid)], stdout=subprocess.PIPE, check=False
    ).stdout
    return listed.decode().split()


def parent(pid: int) -> int:
    """The parent's pid; 0 if the process has ended, as those of others may at any time."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def watchers() -> set[int]:
    """The watcher processes of this machine."""
    listed = subprocess.run(
        ["ps", "-ewwo", "pid=,args="], stdout=subprocess.PIPE, check=True
    ).stdout
    lines = [line.split(None, 1) for line in listed.decode(errors="replace").splitlines()]
    return {int(pid) for pid, args in lines if "process/watcher.py" in args and "-I -S" in args}


class Grid:
    """A forecast file in steps of a second by default, from a step ago on."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "grid.csv"

    def write(self, *spans: tuple[int, float], step_s: int = 1) -> str:
        values = [value for length, value in spans for _ in range(length)]
        begin = int(time.time()) - step_s
        rows = ["datetime_utc,intensity_gco2_per_kwh"]
        for index, value in enumerate(values):
            moment = datetime.fromtimestamp(begin + index * step_s, UTC)
            rows.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{value}")
        # In one piece: it is looked at while it is written.
        fresh = self.path.with_suffix(".new")
        fresh.write_text("\n".join(rows) + "\n")
        fresh.rename(self.path)
        return str(self.path)


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    return Grid(tmp_path)


class Job:
    """A shell script under `run --now --interruptible`; it says its pid first."""

    def __init__(self, user: User, grid: Grid) -> None:
        self.user, self.grid = user, grid
        self.wrapper: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(
        self,
        script: str,
        *options: str,
        spans: Sequence[tuple[int, float]] = ((61, DIRTY), (60, CLEAN)),
    ) -> None:
        arguments = ["run", "--now", "--interruptible", "--no-meter", "--resume-cost", "0"]
        arguments += ["--forecast", self.grid.write(*spans), "--duration", "20s", "-d", "100s"]
        self.wrapper = self.user.start(*arguments, *options, "--", "sh", "-c", f"echo $$; {script}")
        assert self.wrapper.stdout is not None
        self.pid = int(self.wrapper.stdout.readline())

    def start_and_pause(self, script: str, *options: str, **more: Any) -> None:
        self.start(script, *options, **more)
        until(lambda: state(self.pid) == "T")

    def send(self, signum: int) -> None:
        assert self.wrapper is not None
        self.wrapper.send_signal(signum)

    def end(self) -> tuple[int, bytes, bytes]:
        """The status, and what was written."""
        assert self.wrapper is not None
        out, err = self.wrapper.communicate(timeout=PATIENCE_S)
        return self.wrapper.returncode, out, err

    def kill(self) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        if self.wrapper is not None:
            self.wrapper.kill()
            self.wrapper.communicate()

    def shown(self) -> dict[str, Any]:
        """`show --json` of the one run in the ledger."""
        listed = json.loads(self.user.run("runs", "--json").stdout)
        assert len(listed["runs"]) == 1
        run_id = listed["runs"][0]["id"]
        document: dict[str, Any] = json.loads(self.user.run("show", "--json", run_id).stdout)
        return document


@pytest.fixture
def job(user: User, grid: Grid) -> Iterator[Job]:
    one = Job(user, grid)
    yield one
    one.kill()


# Children in the group, so that there is something besides the leader.
BUSY = "sleep 300 & echo $!; while :; do sleep 0.05; done"


# --- pausing and resuming -----------------------------------------------------------------------


def test_a_job_and_its_children_stand_still_through_dirty_hours(job: Job) -> None:
    job.start_and_pause(BUSY)
    assert job.wrapper is not None
    assert job.wrapper.stdout is not None
    child = int(job.wrapper.stdout.readline())
    until(lambda: state(child) == "T")
    until(lambda: job.shown()["state"] == "paused")
    assert re.search(rb"paused +sh -c \w+ +resumes in \d", job.user.run("runs").stdout)


def test_a_job_goes_on_when_it_is_clean_again_and_keeps_its_status(job: Job) -> None:
    job.start("while [ ! -e go ]; do sleep 0.05; done; exit 7", spans=[(15, DIRTY), (100, CLEAN)])
    until(lambda: state(job.pid) == "T")
    (job.user.home / "go").touch()
    assert job.end()[0] == 7
    run = job.shown()
    assert run["state"] == "finished"
    (pause,) = run["pauses"]
    assert run["started"] < pause["start"] < pause["end"] < run["ended"]
    assert run["paused_s"] > 1
    reasons = [decision["reason"] for decision in run["decisions"]]
    assert any(reason.startswith("paused until") for reason in reasons)
    assert any(reason.startswith("resumed") for reason in reasons)


def test_a_paused_job_goes_on_as_soon_as_a_new_forecast_is_clean(job: Job) -> None:
    job.start_and_pause("while [ ! -e go ]; do sleep 0.05; done")
    job.grid.write((200, CLEAN))
    until(lambda: state(job.pid) != "T", 15)
    (job.user.home / "go").touch()
    assert job.end()[0] == 0


def test_a_job_is_paused_when_a_new_forecast_is_dirty(job: Job) -> None:
    job.start(BUSY, spans=[(200, CLEAN)])
    job.grid.write((61, DIRTY), (60, CLEAN))
    until(lambda: state(job.pid) == "T", 15)


def test_a_job_is_not_paused_past_its_latest_finish(job: Job) -> None:
    job.start(
        "i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done",
        "--duration",
        "10s",
        "-d",
        "30s",
        spans=[(18, DIRTY), (300, CLEAN)],
    )
    assert job.end()[0] == 0
    assert job.shown()["deadline_met"]


def test_a_job_is_told_two_seconds_before(job: Job) -> None:
    job.start_and_pause("trap 'date +%s.%N > told' TSTP; while :; do sleep 0.05; done")
    until(lambda: job.shown()["state"] == "paused")
    told = float((job.user.home / "told").read_text())
    (pause,) = job.shown()["pauses"]
    begun = datetime.fromisoformat(pause["start"]).timestamp()
    assert begun - told == pytest.approx(2, abs=0.5)


def test_a_job_that_ignores_being_told_is_stopped_all_the_same(job: Job) -> None:
    job.start_and_pause("trap '' TSTP; while :; do sleep 0.05; done")


def test_a_job_that_ends_when_it_is_told_has_its_status_passed_on(job: Job) -> None:
    job.start("trap 'exit 5' TSTP; while :; do sleep 0.05; done")
    assert job.end()[0] == 5
    run = job.shown()
    assert run["state"] == "finished"
    assert run["pauses"] == []


def test_once_the_expected_time_is_used_up_it_is_never_paused_again(job: Job) -> None:
    job.start(
        "i=0; while [ $i -lt 40 ]; do sleep 0.1; i=$((i+1)); done",
        "--duration",
        "1s",
        "-d",
        "100s",
        spans=[(3, CLEAN), (60, DIRTY), (60, CLEAN)],
    )
    assert job.end()[0] == 0
    assert job.shown()["pauses"] == []


def test_without_the_option_a_job_is_never_paused(user: User, grid: Grid) -> None:
    forecast = grid.write((4, DIRTY), (100, CLEAN))
    options = ["--now", "--no-meter", "--forecast", forecast, "--duration", "20s", "-d", "100s"]
    script = "ps -o sid= -p $$; sleep 4"
    ended = user.run("run", *options, "--", "sh", "-c", script)
    assert int(ended.stdout) == os.getsid(0)
    assert json.loads(user.run("runs", "--json").stdout)["runs"][0]["paused_s"] == 0


# --- never left stopped -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("-v",)])
def test_a_job_runs_on_when_carbonwait_is_killed_during_a_pause(
    job: Job, options: tuple[str, ...]
) -> None:
    job.start_and_pause(BUSY, *options)
    job.send(signal.SIGKILL)
    until(lambda: state(job.pid) not in {"T", ""})
    time.sleep(0.2)
    assert state(job.pid) in {"R", "S", "D"}


def test_a_metered_job_runs_on_as_well(user: User, grid: Grid, job: Job) -> None:
    arguments = ["run", "--now", "--interruptible", "--resume-cost", "0", "--forecast"]
    arguments += [grid.write((61, DIRTY), (60, CLEAN)), "--duration", "20s", "-d", "100s"]
    job.wrapper = user.start(*arguments, "--", "sh", "-c", f"echo $$; {BUSY}")
    assert job.wrapper.stdout is not None
    job.pid = int(job.wrapper.stdout.readline())
    until(lambda: state(job.pid) == "T")
    job.send(signal.SIGKILL)
    until(lambda: state(job.pid) not in {"T", ""})


def test_no_watcher_is_left_behind(job: Job) -> None:
    before = watchers()
    job.start_and_pause("while :; do sleep 0.05; done")
    assert job.wrapper is not None
    mine = {pid for pid in watchers() - before if parent(pid) == job.wrapper.pid}
    assert len(mine) == 1
    job.send(signal.SIGTERM)
    job.end()
    assert not mine & watchers()


def test_a_watcher_that_dies_is_replaced(job: Job) -> None:
    job.start_and_pause("while :; do sleep 0.05; done")
    assert job.wrapper is not None
    wrapper = job.wrapper.pid
    mine = {pid for pid in watchers() if parent(pid) == wrapper}
    for pid in mine:
        os.kill(pid, signal.SIGKILL)
    until(lambda: {pid for pid in watchers() - mine if state(pid) not in {"Z", ""}})
    job.send(signal.SIGKILL)
    until(lambda: state(job.pid) not in {"T", ""})


def test_children_go_on_when_the_stopped_leader_is_killed(job: Job) -> None:
    job.start_and_pause(BUSY)
    assert job.wrapper is not None
    assert job.wrapper.stdout is not None
    child = int(job.wrapper.stdout.readline())
    until(lambda: state(child) == "T")
    os.kill(job.pid, signal.SIGKILL)
    until(lambda: state(child) in {"R", "S"})
    os.kill(child, signal.SIGKILL)
    assert job.end()[0] == -signal.SIGKILL


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT"])
def test_a_signal_that_ends_reaches_a_paused_job_at_once(job: Job, name: str) -> None:
    job.start_and_pause(f"trap 'exit 9' {name}; while :; do sleep 0.05; done")
    job.send(getattr(signal, f"SIG{name}"))
    assert job.end()[0] == 9


def test_carbonwait_dies_like_a_paused_job_that_is_ended(job: Job) -> None:
    job.start_and_pause("while :; do sleep 0.05; done")
    job.send(signal.SIGTERM)
    assert job.end()[0] == -signal.SIGTERM


def test_a_job_that_was_told_to_end_is_not_paused_again(job: Job) -> None:
    job.start_and_pause("trap '' TERM; i=0; while [ $i -lt 40 ]; do sleep 0.1; i=$((i+1)); done")
    job.send(signal.SIGTERM)
    assert job.end()[0] == 0
    assert len(job.shown()["pauses"]) == 1


# --- told to go on ------------------------------------------------------------------------------


def test_usr1_resumes_a_job_for_good_and_does_not_reach_it(job: Job) -> None:
    # Its default would end the job.
    job.start_and_pause("i=0; while [ $i -lt 40 ]; do sleep 0.1; i=$((i+1)); done; exit 3")
    job.send(signal.SIGUSR1)
    until(lambda: state(job.pid) != "T")
    assert job.end()[0] == 3
    assert len(job.shown()["pauses"]) == 1


def test_a_job_that_is_told_to_start_is_not_paused(user: User, grid: Grid, job: Job) -> None:
    forecast = grid.write((61, DIRTY), (60, CLEAN))
    options = ["--no-meter", "-v", "--forecast", forecast, "--duration", "20s", "-d", "100s"]
    script = "i=0; while [ $i -lt 40 ]; do sleep 0.1; i=$((i+1)); done"
    job.wrapper = user.start("run", "--interruptible", *options, "--", "sh", "-c", script)
    until(lambda: json.loads(user.run("runs", "--json").stdout)["runs"])
    job.send(signal.SIGUSR1)
    assert job.end()[0] == 0
    assert job.shown()["pauses"] == []


def test_usr1_reaches_a_job_that_runs(job: Job) -> None:
    job.start("trap 'exit 4' USR1; echo ready; while :; do sleep 0.05; done", spans=[(100, CLEAN)])
    assert job.wrapper is not None
    assert job.wrapper.stdout is not None
    assert job.wrapper.stdout.readline() == b"ready\n"
    job.send(signal.SIGUSR1)
    assert job.end()[0] == 4


# --- hooks --------------------------------------------------------------------------------------


def test_hooks_are_run_around_a_pause_with_the_jobs_process(job: Job) -> None:
    note = "sh -c 'echo {} $CARBONWAIT_PID >> notes; echo to-stderr'"
    job.start(
        "while [ ! -e go ]; do sleep 0.05; done",
        "--pause-command",
        note.format("pause"),
        "--resume-command",
        note.format("resume"),
        spans=[(15, DIRTY), (100, CLEAN)],
    )
    notes = job.user.home / "notes"
    until(lambda: state(job.pid) == "T")
    assert notes.read_text() == f"pause {job.pid}\n"
    until(lambda: notes.read_text() == f"pause {job.pid}\nresume {job.pid}\n")
    assert state(job.pid) != "T"
    (job.user.home / "go").touch()
    status, out, err = job.end()
    assert (status, out) == (0, b"")
    assert err.count(b"to-stderr") == 2


@pytest.mark.parametrize("hook", ["false", "sh -c 'kill -KILL $$'"])
def test_a_pause_hook_that_fails_is_one_warning_and_no_pause(job: Job, hook: str) -> None:
    job.start("sleep 4; exit 6", "--pause-command", hook)
    status, _, err = job.end()
    assert status == 6
    assert len(err.splitlines()) == 1
    assert b"this pause is skipped" in err
    assert job.shown()["pauses"] == []


def test_a_resume_hook_that_fails_is_a_warning(job: Job) -> None:
    script = "i=0; while [ $i -lt 60 ]; do sleep 0.1; i=$((i+1)); done; exit 6"
    job.start(script, "--resume-command", "false", spans=[(15, DIRTY), (100, CLEAN)])
    status, _, err = job.end()
    assert status == 6
    assert b"the command runs all the same" in err


@pytest.mark.parametrize(
    "options",
    [
        ("--pause-command", "no-such-hook"),
        ("--resume-command", "'unbalanced"),
        ("--pause-command", ""),
        ("--resume-cost", "soon"),
        ("--resume-cost", "-1m"),
    ],
)
def test_a_mistake_in_a_hook_or_a_cost_is_found_before_anything_runs(
    user: User, options: tuple[str, ...]
) -> None:
    ended = user.run("run", "--now", "--interruptible", *options, "--", "touch", "ran")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert not (user.home / "ran").exists()


@pytest.mark.parametrize("option", ["--pause-command", "--resume-command", "--resume-cost"])
def test_what_belongs_to_pausing_needs_the_option(user: User, option: str) -> None:
    ended = user.run("plan", option, "1m")
    assert ended.returncode == 2
    assert b"--interruptible" in ended.stderr


# --- plans --------------------------------------------------------------------------------------


def segments(user: User, *options: str) -> list[float]:
    """The lengths of the segments and of the pauses between them, in seconds."""
    ended = user.run("plan", "--json", *options)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)["segments"]
    edges = [datetime.fromisoformat(s[key]).timestamp() for s in found for key in ("start", "end")]
    return [round(after - before) for before, after in pairwise(edges)]


def hours(grid: Grid, *spans: tuple[int, float]) -> list[str]:
    forecast = grid.write(*spans, step_s=60)
    return ["--forecast", forecast, "--duration", "20m", "-d", "44m", "--min-saving", "0"]


def test_a_plan_shows_its_segments(user: User, grid: Grid) -> None:
    options = hours(grid, (10, CLEAN), (15, DIRTY), (30, CLEAN))
    assert segments(user, *options) == [1200]
    cut = segments(user, "--interruptible", *options)
    assert len(cut) == 3
    assert cut[0] + cut[2] == 1200
    assert cut[1] == 900


def test_a_plan_has_no_pause_that_does_not_pay(user: User, grid: Grid) -> None:
    options = hours(grid, (10, CLEAN), (15, 110), (30, CLEAN))
    assert segments(user, "--interruptible", "--resume-cost", "5m", *options) == [1200]


def test_a_start_that_was_asked_for_stands(user: User, grid: Grid) -> None:
    options = hours(grid, (10, CLEAN), (15, DIRTY), (30, CLEAN))
    document = json.loads(user.run("plan", "--json", "--now", "--interruptible", *options).stdout)
    assert document["wait_s"] == 0
    assert len(document["segments"]) == 2


def test_the_config_file_allows_pauses_to_a_job_that_is_planned(user: User, grid: Grid) -> None:
    user.configure('[jobs.nightly]\ninterruptible = true\nresume_cost = "0"\n')
    options = ["--name", "nightly", *hours(grid, (10, CLEAN), (15, DIRTY), (30, CLEAN))]
    assert len(segments(user, *options)) == 3
    assert len(segments(user, "--now", *options)) == 1
    assert len(segments(user, "--now", "--interruptible", *options)) == 3


def test_the_help_says_what_happens_to_jobs_on_gpus(user: User) -> None:
    words = " ".join(user.run("run", "--help").stdout.decode().split())
    assert "keeps its memory on the GPU" in words
    assert "watchdog" in words


# --- on a terminal ------------------------------------------------------------------------------

RC = f"""
alias carbonwait={shlex.quote(shlex.join(PROGRAM))}
stty -echo
set -b
PS1='<prompt>'
"""


class Shell:
    """Somebody at an interactive shell."""

    def __init__(self, user: User, grid: Grid, *spans: tuple[int, float]) -> None:
        (user.home / "rc").write_text(RC)
        self.screen: Any = pexpect.spawn(
            "bash",
            ["--noprofile", "--rcfile", str(user.home / "rc"), "--noediting", "-i"],
            env=user.environ | {"TERM": "xterm"},
            cwd=str(user.home),
            encoding="utf-8",
            dimensions=(24, 200),
            timeout=PATIENCE_S,
        )
        self.screen.delaybeforesend = None
        self.until("<prompt>")
        forecast = grid.write(*(spans or ((200, CLEAN),)))
        self.options = f"--now --interruptible -q --no-meter --forecast {forecast}"
        self.options += " --resume-cost 0 --duration 20s -d 100s"

    def run(self, script: str) -> None:
        self.screen.sendline(f"carbonwait run {self.options} -- sh -c {shlex.quote(script)}")

    def until(self, pattern: str) -> Any:
        self.screen.expect(pattern)
        return self.screen.match

    def status(self) -> int:
        self.until("<prompt>")
        self.screen.sendline("echo status=$?")
        return int(self.until(r"status=(\d+)\r\n<prompt>").group(1))


@pytest.fixture
def shell(user: User, grid: Grid) -> Iterator[Callable[..., Shell]]:
    opened: list[Shell] = []

    def open_shell(*spans: tuple[int, float]) -> Shell:
        opened.append(Shell(user, grid, *spans))
        return opened[-1]

    yield open_shell
    for one in opened:
        one.screen.close(force=True)


Open = Callable[..., Shell]


def test_a_read_from_the_terminal_is_an_error(shell: Open) -> None:
    one = shell()
    one.run("cat; echo cat=$?; exec 3</dev/tty; echo never")
    one.until(r"cat=1")
    assert one.status() == 2


def test_ctrl_c_reaches_the_job_once(shell: Open) -> None:
    one = shell()
    one.run(
        "n=0; trap 'n=$((n+1))' INT; echo ready; while [ $n = 0 ]; do sleep 0.05; done; "
        "sleep 0.3; echo count=$n; exit 7"
    )
    one.until("ready")
    one.screen.sendcontrol("c")
    one.until(r"count=1\r\n")
    assert one.status() == 7


def test_ctrl_c_ends_a_job_that_is_paused(shell: Open) -> None:
    one = shell((61, DIRTY), (60, CLEAN))
    one.run("echo pid=$$; while :; do sleep 0.05; done")
    pid = int(one.until(r"pid=(\d+)").group(1))
    until(lambda: state(pid) == "T")
    one.screen.sendcontrol("c")
    assert one.status() == 130
    assert state(pid) == ""


def test_ctrl_z_stops_the_job_too_and_fg_continues_both(shell: Open) -> None:
    one = shell()
    one.run("echo pid=$$; while [ ! -e go ]; do sleep 0.05; done; exit 5")
    pid = int(one.until(r"pid=(\d+)").group(1))
    one.screen.sendcontrol("z")
    one.until("Stopped")
    until(lambda: state(pid) == "T")
    one.until("<prompt>")
    one.screen.sendline("touch go; fg")
    one.until("<prompt>")
    one.screen.sendline("echo status=$?")
    assert int(one.until(r"status=(\d+)").group(1)) == 5


def test_a_change_of_the_window_reaches_the_job(shell: Open) -> None:
    one = shell()
    one.run("trap 'echo changed; exit 0' WINCH; echo ready; while :; do sleep 0.05; done")
    one.until("ready")
    one.screen.setwinsize(30, 90)
    one.until("changed")


def test_a_terminal_that_goes_away_hangs_up_the_job(shell: Open, user: User) -> None:
    one = shell()
    one.run("trap 'touch hung-up; exit 0' HUP; echo ready; while :; do sleep 0.05; done")
    one.until("ready")
    one.screen.close(force=True)
    until((user.home / "hung-up").exists)


def test_a_pause_and_a_resume_are_told_on_the_terminal(shell: Open) -> None:
    one = shell((15, DIRTY), (100, CLEAN))
    one.options = one.options.replace("-q ", "")
    one.run("sleep 5; exit 0")
    assert re.search(r"paused until", one.until(r"paused until \S+").group(0))
    one.until("resumed")
