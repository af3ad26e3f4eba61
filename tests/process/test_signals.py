"""Signals as a queue, in processes of their own: a test must not block its own signals."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import until

PREAMBLE = """
import os, signal, subprocess
from carbonwait.process.signals import ENDING, SignalQueue, die_of, sent_by_a_process

globals().update({s.name: s for s in signal.Signals})

def say(*words):
    print(*words, flush=True)

def name(info):
    return None if info is None else signal.Signals(info.si_signo).name
"""


@contextmanager
def start(script: str, **options: object) -> Iterator["subprocess.Popen[str]"]:
    """A script in a process that does not outlive its `with`."""
    code = PREAMBLE + textwrap.dedent(script)
    settings: dict[str, object] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "text": True,
    }
    with subprocess.Popen([sys.executable, "-c", code], **(settings | options)) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def output(script: str, **options: object) -> list[str]:
    """The words that a script says; it must end by itself with status 0."""
    with start(script, **options) as process:
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    return said.split()


def ignoring(*signums: int) -> Callable[[], None]:
    def ignore() -> None:
        for signum in signums:
            signal.signal(signum, signal.SIG_IGN)

    return ignore


# --- the queue ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CHLD", "ALRM"])
def test_a_signal_that_came_before_it_was_asked_for_is_not_lost(name: str) -> None:
    script = f"""
        queue = SignalQueue()
        os.kill(os.getpid(), SIG{name})
        say(name(queue.next()))
    """
    assert output(script) == [f"SIG{name}"]


def test_several_signals_are_taken_one_by_one() -> None:
    script = """
        queue = SignalQueue()
        for signum in (SIGTERM, SIGUSR1, SIGINT):
            os.kill(os.getpid(), signum)
        say(*sorted(name(queue.next()) for _ in range(3)))
    """
    assert output(script) == ["SIGINT", "SIGTERM", "SIGUSR1"]


def test_a_signal_from_another_process_ends_the_wait() -> None:
    script = """
        queue = SignalQueue()
        say("ready")
        say(name(queue.next(60)))
    """
    with start(script) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20)[0] == "SIGTERM\n"


@pytest.mark.parametrize("timeout_s", ["0.02", "0", "-5"])
def test_when_the_time_is_up_there_is_no_signal(timeout_s: str) -> None:
    assert output(f"say(name(SignalQueue().next({timeout_s})))") == ["None"]


def test_a_time_out_that_was_not_needed_does_not_end_the_next_wait() -> None:
    script = """
        queue = SignalQueue()
        os.kill(os.getpid(), SIGUSR1)
        queue.next(0.01)
        say(signal.getitimer(signal.ITIMER_REAL)[0])
    """
    assert output(script) == ["0.0"]


def test_a_stop_that_outlasts_the_time_out_is_just_a_time_out() -> None:
    script = """
        queue = SignalQueue()
        say("ready")
        say(name(queue.next(1)))
    """
    with start(script) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: status(process.pid, "State") == "S")
        process.send_signal(signal.SIGSTOP)
        until(lambda: int(status(process.pid, "ShdPnd"), 16) & 1 << (signal.SIGALRM - 1))
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=20)[0] == "None\n"


def status(pid: int, name: str) -> str:
    """The first word of what the kernel says of a process under this name."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def test_an_alarm_that_a_process_sent_is_a_signal_and_no_time_out() -> None:
    script = """
        queue = SignalQueue()
        os.kill(os.getpid(), SIGALRM)
        say(name(queue.next(60)))
    """
    assert output(script) == ["SIGALRM"]


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"])
def test_a_signal_inherited_as_ignored_is_never_seen(name: str) -> None:
    other = "USR2" if name == "USR1" else "USR1"
    script = f"""
        queue = SignalQueue()
        os.kill(os.getpid(), SIG{name})
        os.kill(os.getpid(), SIG{other})
        say(name(queue.next()))
    """
    ignored = ignoring(getattr(signal, f"SIG{name}"))
    assert output(script, preexec_fn=ignored) == [f"SIG{other}"]


def test_a_signal_inherited_as_ignored_stays_ignored() -> None:
    script = """
        SignalQueue()
        say(signal.getsignal(SIGHUP) is signal.SIG_IGN)
    """
    assert output(script, preexec_fn=ignoring(signal.SIGHUP)) == ["True"]


def test_the_end_of_a_child_is_seen_even_if_the_caller_ignored_it() -> None:
    script = """
        queue = SignalQueue()
        child = subprocess.Popen(["true"])
        say(name(queue.next(60)), os.waitpid(child.pid, 0)[0] == child.pid)
        child.returncode = 0
    """
    assert output(script, preexec_fn=ignoring(signal.SIGCHLD)) == ["SIGCHLD", "True"]


def test_the_time_is_up_even_if_the_caller_ignored_alarms() -> None:
    script = "say(name(SignalQueue().next(0.01)))"
    assert output(script, preexec_fn=ignoring(signal.SIGALRM)) == ["None"]


def test_the_mask_for_a_child_is_the_callers() -> None:
    script = "say(*(s.name for s in SignalQueue().inherited_mask))"
    blocked = lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})  # noqa: E731
    assert output(script, preexec_fn=blocked) == ["SIGUSR2"]


def test_stop_and_window_signals_are_left_alone() -> None:
    script = """
        SignalQueue()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        say(blocked & {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH})
    """
    assert output(script) == ["set()"]


def test_pending_tells_of_a_signal_without_taking_it() -> None:
    script = """
        queue = SignalQueue()
        before = queue.pending()
        os.kill(os.getpid(), SIGTERM)
        say(before, queue.pending(), name(queue.next()), queue.pending())
    """
    assert output(script) == ["False", "True", "SIGTERM", "False"]


def test_a_child_that_has_ended_may_be_given_some_time() -> None:
    script = """
        import time
        queue = SignalQueue()
        subprocess.Popen(["true"]).wait()
        say(queue.pending(), queue.pending(child_grace_s=0.3), queue.pending(child_grace_s=60))
        time.sleep(0.3)
        say(queue.pending(child_grace_s=0.3), queue.pending(child_grace_s=60))
        os.kill(os.getpid(), SIGTERM)
        say(queue.pending(child_grace_s=60))
    """
    assert output(script) == ["True", "False", "False", "True", "False", "True"]


# --- who sent it --------------------------------------------------------------------------------


def test_what_kill_sent_was_sent_by_a_process() -> None:
    script = """
        queue = SignalQueue()
        os.kill(os.getpid(), SIGINT)
        say(sent_by_a_process(queue.next()))
    """
    assert output(script) == ["True"]


def test_the_end_of_a_child_was_not_sent_by_a_process() -> None:
    script = """
        queue = SignalQueue()
        child = subprocess.Popen(["true"])
        say(sent_by_a_process(queue.next()))
        child.wait()
    """
    assert output(script) == ["False"]


def test_ctrl_c_was_not_sent_by_a_process() -> None:
    script = """
        import fcntl, termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        queue = SignalQueue()
        say("ready")
        info = queue.next(60)
        say(name(info), sent_by_a_process(info))
    """
    ours, theirs = os.openpty()
    with start(script, stdin=theirs, start_new_session=True) as process:
        os.close(theirs)
        assert process.stdout is not None
        process.stdout.readline()
        os.write(ours, b"\x03")
        assert process.communicate(timeout=20)[0] == "SIGINT False\n"
    os.close(ours)


# --- dying of a signal --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["HUP", "INT", "QUIT", "KILL", "SEGV", "PIPE", "TERM", "USR1", "ALRM", "XFSZ", "RTMIN"]
)
def test_the_process_ends_by_the_signal_itself(name: str) -> None:
    with start(f"die_of(SIG{name})") as process:
        process.communicate(timeout=20)
    assert process.returncode == -getattr(signal, f"SIG{name}")


@pytest.mark.parametrize("name", ["INT", "TERM", "PIPE"])
def test_a_signal_that_is_blocked_and_ignored_is_died_of_all_the_same(name: str) -> None:
    script = f"""
        SignalQueue()
        signal.signal(SIG{name}, signal.SIG_IGN)
        die_of(SIG{name})
    """
    with start(script) as process:
        process.communicate(timeout=20)
    assert process.returncode == -getattr(signal, f"SIG{name}")


@pytest.mark.parametrize("name", ["CHLD", "URG", "WINCH"])
def test_a_signal_that_does_not_kill_becomes_a_status(name: str) -> None:
    with start(f"die_of(SIG{name})") as process:
        process.communicate(timeout=20)
    assert process.returncode == 128 + getattr(signal, f"SIG{name}")


def test_no_second_core_file_is_written() -> None:
    script = """
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.kill = lambda pid, signum: say(*resource.getrlimit(resource.RLIMIT_CORE)[:1])
        die_of(SIGQUIT)
    """
    with start(script) as process:
        said, _ = process.communicate(timeout=20)
    assert said == "0\n"
