"""F: while waiting, signals abort or start, clocks may jump, and stdin is left alone."""

import json
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forecasts import clean_from
from processes import PATIENCE_S
from terminal import Open
from users import PROGRAM, User, missing
from wrappers import Wrapper

FAR_S = 3600
# How late a start may be on a machine that is busy with other things.
LATE_S = 10.0


def options(user: User, seconds: float) -> list[str]:
    """Of a run that will wait so long; its latest start is some seconds after that."""
    turn = clean_from(user.home / "f.csv", seconds)
    deadline = f"{turn - time.time() + 4:.0f}s"
    return ["--no-meter", "--forecast", "f.csv", "--duration", "1s", "--deadline", deadline]


@contextmanager
def waiting(
    user: User, seconds: float, *command: str, script: str = "", **settings: object
) -> "Iterator[subprocess.Popen[bytes]]":
    """A run that has begun to wait: with -v it tells its plan once that is recorded."""
    wrapper = Wrapper(user, *PROGRAM, "run", "-v", *options(user, seconds), "--")
    with wrapper.start(*command, script=script, **settings) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told.startswith(b"carbonwait: "), told
        yield process


def state(user: User) -> str:
    """Of the only run in the ledger."""
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    return str(run["state"])


@pytest.mark.parametrize("name", ["F01-INT", "F02-TERM", "F03-HUP", "F04-QUIT"])
def test_f_a_signal_while_waiting_ends_it_and_the_command_never_runs(user: User, name: str) -> None:
    with waiting(user, FAR_S, "touch", "ran") as process:
        assert state(user) == "waiting"
        process.send_signal(getattr(signal, f"SIG{name[4:]}"))
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -getattr(signal, f"SIG{name[4:]}")
    assert not (user.home / "ran").exists()
    assert state(user) == "aborted"


def test_f05_sigusr1_starts_the_command_now(user: User) -> None:
    with waiting(user, FAR_S, "echo", "started") as process:
        process.send_signal(signal.SIGUSR1)
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == (b"started\n", 0)


def test_f06_under_nohup_a_hangup_is_ignored_and_the_command_runs_on_time(user: User) -> None:
    with waiting(user, 4, "date", "+%s.%N", script='exec nohup "$@"') as process:
        turn = planned_start(user)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert turn <= float(out) < turn + LATE_S


def planned_start(user: User) -> float:
    """When the forecast turns clean, as it stands in the file."""
    from datetime import datetime

    last = (user.home / "f.csv").read_text().split()[-1]
    return datetime.fromisoformat(last.split(",")[0]).timestamp()


def seconds_for(user: User, *arguments: str, status: int) -> float:
    begun = time.monotonic()
    result = user.run(*arguments)
    assert (result.returncode, bool(result.stdout)) == (status, status == 0)
    return time.monotonic() - begun


def test_f07_a_missing_command_is_refused_before_the_wait(user: User) -> None:
    refused_s = seconds_for(user, "run", "-q", *options(user, FAR_S), "--", "no-cmd", status=127)
    # Two seconds where nothing else is going on; on a busy machine any start takes longer.
    assert refused_s < max(2.0, 5 * seconds_for(user, "--help", status=0))


def test_f08_stopped_past_its_start_it_goes_on_at_once_when_continued(user: User) -> None:
    for head_s in (3, 12, 40):
        with waiting(user, head_s, "date", "+%s.%N") as process:
            process.send_signal(signal.SIGSTOP)
            turn = planned_start(user)
            if time.time() > turn - 0.5:
                continue  # too busy a machine: it may have started before it was stopped
            time.sleep(turn + 1 - time.time())
            continued = time.time()
            process.send_signal(signal.SIGCONT)
            out, _ = process.communicate(timeout=PATIENCE_S)
            break
    assert process.returncode == 0
    assert continued <= float(out) < continued + LATE_S


def faked_clock(user: User) -> Path:
    """Let the user's programs run by a wall clock that a file sets off from the true one."""
    libraries = sorted(Path("/usr").glob("l*/**/faketime/libfaketime.so.1"))
    clock = user.home / "clock"
    user.environ |= {
        "LD_PRELOAD": str(libraries[0] if libraries else missing("libfaketime")),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return clock


def set_clock(clock: Path, offset: str) -> None:
    (clock.parent / "next").write_text(offset)
    (clock.parent / "next").replace(clock)


def test_f09_a_clock_set_forward_past_the_start_starts_it_within_a_tick(user: User) -> None:
    clock = faked_clock(user)
    set_clock(clock, "+0")
    with waiting(user, FAR_S, "echo", "started") as process:
        jumped = time.monotonic()
        set_clock(clock, f"+{FAR_S}")
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == (b"started\n", 0)
    assert time.monotonic() - jumped < 30 + LATE_S


def test_f10_a_clock_set_back_does_not_carry_it_past_its_latest_start(user: User) -> None:
    clock = faked_clock(user)
    set_clock(clock, "+0")
    begun = time.monotonic()
    with waiting(user, 3, "echo", "started") as process:
        set_clock(clock, "-3600")
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert (out, process.returncode) == (b"started\n", 0)
    assert time.monotonic() - begun < 3 + 4 + LATE_S


def test_f11_stdin_is_untouched_while_waiting(user: User) -> None:
    with waiting(user, 3, "cat", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(b"typed ahead", timeout=PATIENCE_S)
    assert out == b"typed ahead"


def test_f11_what_is_typed_while_waiting_is_for_the_command(terminal: Open, user: User) -> None:
    shell = terminal()
    command = "sh -c 'read x; echo got=$x'"
    shell.type(f"carbonwait run {shlex.join(options(user, 3))} -- {command}")
    shell.until("waiting until")
    shell.type("typed ahead")
    shell.until(r"got=typed ahead\r\n")


def test_f01_ctrl_c_while_waiting_ends_it_with_130(terminal: Open, user: User) -> None:
    shell = terminal()
    shell.type(f"carbonwait run {shlex.join(options(user, FAR_S))} -- touch ran")
    shell.until("waiting until")
    shell.press("c")
    shell.prompt()
    assert shell.status() == 130
    assert not (user.home / "ran").exists()
    assert state(user) == "aborted"


def test_f12_ctrl_c_while_waiting_ends_the_script_around_it(terminal: Open, user: User) -> None:
    command = shlex.join([*PROGRAM, "run", *options(user, FAR_S), "--", "true"])
    (user.home / "script").write_text(f"{command}\necho rest\n")
    shell = terminal()
    shell.type("bash script")
    shell.until("waiting until")
    shell.press("c")
    assert "rest" not in shell.prompt()
    assert shell.status() == 130
