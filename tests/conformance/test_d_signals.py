"""D: signals sent to the wrapper reach the command, once each, at any time."""

import os
import signal
import time

import pytest
from processes import PATIENCE_S, state_of, until
from users import PROGRAM, User
from wrappers import (
    TIMES,
    Wrapper,
    counter,
    is_ignored,
    line,
    metered_slots,
    rest,
)

FORWARDED = ["D01-TERM", "D02-HUP", "D03-INT", "D04-QUIT", "D05-USR1", "D06-USR2"]


def numbered(name: str) -> int:
    return int(getattr(signal, f"SIG{name}"))


def hear_once(wrapper: Wrapper, name: str) -> None:
    """Send a signal to the wrapper some times and see that the command hears it as often."""
    last = "HUP" if name == "TERM" else "TERM"
    with wrapper.start(*counter(name, last)) as process:
        assert line(process).startswith("ready")
        for heard in range(1, TIMES + 1):
            process.send_signal(numbered(name))
            assert line(process) == f"heard {heard}"
        process.send_signal(numbered(last))
        assert rest(process) == f"count {TIMES}"
    assert process.returncode == 7


@pytest.mark.parametrize("name", FORWARDED)
def test_d_a_signal_reaches_the_command_exactly_once(wrapper: Wrapper, name: str) -> None:
    hear_once(wrapper, name[4:])


def test_d01_a_signal_reaches_the_command_once_while_the_meter_is_at_work(user: User) -> None:
    wrapper = Wrapper(user, *PROGRAM, "run", "--now", "-q", "--sample", "1s", "--")
    with wrapper.start(*counter("TERM", "HUP")) as process:
        assert line(process).startswith("ready")
        until(lambda: metered_slots(user.ledger))
        process.send_signal(signal.SIGTERM)
        assert line(process) == "heard 1"
        process.send_signal(signal.SIGHUP)
        assert rest(process) == "count 1"
    assert process.returncode == 7


def test_d07_a_command_that_dies_of_the_forwarded_signal_is_gone(wrapper: Wrapper) -> None:
    with wrapper.start("sh", "-c", "echo $$; exec sleep 60") as process:
        pid = int(line(process))
        process.terminate()
        rest(process)
        assert state_of(pid) == ""
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("ending", ["exit 9", "kill -KILL $$"])
def test_d08_an_ignored_sigchld_does_not_lose_the_status(
    wrapper: Wrapper, direct: Wrapper, ending: str
) -> None:
    script = 'trap "" CHLD; exec "$@"'
    wrapped, plain = (
        w.run("sh", "-c", ending, script=script).returncode for w in (wrapper, direct)
    )
    assert wrapped == plain


def test_d09_under_nohup_a_hangup_stays_ignored(wrapper: Wrapper) -> None:
    with wrapper.start(*counter("USR1"), script='exec nohup "$@"') as process:
        command = int(line(process).split()[1])
        for pid in (process.pid, command):
            assert is_ignored(pid, signal.SIGHUP)
            os.kill(pid, signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert rest(process) == "count 0"
    assert process.returncode == 7


# Up to 110 ms in the list; the start of a Python program takes longer.
@pytest.mark.parametrize("delay_ms", [*range(0, 120, 10), 150, 200, 250, 300])
def test_d10_a_signal_at_any_time_ends_it_and_leaves_no_stray(
    wrapper: Wrapper, delay_ms: int
) -> None:
    with wrapper.start("sleep", str(PATIENCE_S + 20)) as process:
        time.sleep(delay_ms / 1000)
        process.terminate()
        # A stray would hold the pipe open, and this would not end in time.
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGTERM
