"""The command: found before the wait, started untouched, reaped with its resource usage.

The child keeps the caller's process group, session, descriptors and directory, so that terminals,
job control and pipes work as if carbonwait were not there. Only a command that may be paused has
a session of its own: were its group stopped in the caller's session and the last parent outside
of it to die, the kernel would send it SIGHUP.
"""

import errno
import os
import signal
import stat
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass

from carbonwait.core.errors import CannotRun
from carbonwait.core.records import Usage
from carbonwait.process.inherited import ignored_by_python_alone

_DEFAULT_PATH = b"/bin:/usr/bin"

Environment = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended: by itself with `exit_code`, or by the signal `term_signal`."""

    exit_code: int | None
    term_signal: int | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class Stopped:
    """The command was stopped by a signal and may be continued."""


def own_environment() -> dict[bytes, bytes]:
    """The environment that this process was given, byte for byte.

    `os.environ` will not do: under `LANG=C` CPython adds `LC_CTYPE` to it at start-up.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return dict(os.environb)
    environment: dict[bytes, bytes] = {}
    for entry in entries:
        name, equals, value = entry.partition(b"=")
        if equals and name:
            # getenv(3) finds the first of two entries with one name.
            environment.setdefault(name, value)
    return environment


def find_command(command: str, environment: Environment) -> bytes:
    """The path of the command, as execvp would find it.

    Raises CannotRun with 127 if there is none, with 126 if it cannot be executed.
    """
    missing = True
    for place in _places(os.fsencode(command), environment):
        try:
            mode = os.stat(place).st_mode
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            missing = False
            continue
        missing = False
        if stat.S_ISREG(mode) and os.access(place, os.X_OK):
            return place
    if missing:
        raise CannotRun(f"{command!r} was not found; check the name and PATH", 127)
    raise CannotRun(f"{command!r} cannot be executed; check that it is a program", 126)


def _places(program: bytes, environment: Environment) -> list[bytes]:
    if not program:
        return []
    if b"/" in program:
        return [program]
    path = environment.get(b"PATH", _DEFAULT_PATH)
    return [os.path.join(folder or b".", program) for folder in path.split(b":")]


def spawn(
    command: Sequence[str], environment: Environment, mask: Set[int], *, own_session: bool = False
) -> "Child":
    """Start the command with the caller's signal mask. Raises CannotRun.

    With a session of its own it cannot read from the caller's terminal: that is an error to it.
    """
    argv = [os.fsencode(word) for word in command]
    try:
        pid = _spawn(argv, environment, mask, own_session)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            status = 127 if error.errno == errno.ENOENT else 126
            message = f"{command[0]!r} cannot be started: {error.strerror}"
            raise CannotRun(message, status) from None
        # A script without an interpreter line runs under the shell, as with execvp.
        script = find_command(command[0], environment)
        try:
            pid = _spawn([b"/bin/sh", script, *argv[1:]], environment, mask, own_session)
        except OSError as failure:
            message = f"{command[0]!r} cannot be started: {failure.strerror}"
            raise CannotRun(message, 126) from None
    return Child(pid)


def _spawn(argv: list[bytes], environment: Environment, mask: Set[int], own_session: bool) -> int:
    # Outside of the terminal's session nothing would keep the command from reading what is typed
    # for the shell. As with nohup, it finds a standard input that cannot be read instead.
    unreadable = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_WRONLY, 0)
    return os.posix_spawnp(
        argv[0],
        argv,
        environment,
        setsid=own_session,
        file_actions=[unreadable] if own_session and os.isatty(0) else None,
        setsigmask=mask,
        setsigdef=ignored_by_python_alone(),
    )


class Child:
    """A running command."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def look(self) -> Ended | Stopped | None:
        """What has become of it since the last look; None if it simply runs on."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return None
        if os.WIFSTOPPED(status):
            return Stopped()
        killed = os.WIFSIGNALED(status)
        return Ended(
            exit_code=None if killed else os.WEXITSTATUS(status),
            term_signal=os.WTERMSIG(status) if killed else None,
            # The kernel counts peak memory in KiB, and from the spawn on: a command smaller than
            # this process is taken to have been as large.
            usage=Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024),
        )

    def send(self, signum: int) -> None:
        """Pass a signal on; it has not been reaped, so its pid is still its own."""
        try:
            os.kill(self.pid, signum)
        except (ProcessLookupError, PermissionError):
            # Gone already, or it has become another user: no more to be done than kill(1) could.
            return

    def send_to_group(self, signum: int) -> None:
        """Send a signal to all of its process group, which must be its own."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signum)


def stop_like_the_child() -> bool:
    """Stop this process too, if a terminal's foreground job is what stopped.

    The shell then gives the prompt back, and `fg` continues both. Away from a terminal nobody
    would continue us: then it is False at once, else True once we have been continued.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        foreground = os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
    if foreground:
        os.kill(os.getpid(), signal.SIGSTOP)
    return foreground


def occupy_standard_descriptors() -> None:
    """Fill closed descriptors 0, 1 and 2, so that no file of ours is taken for one of them.

    What fills them is closed again in the command, which finds them as its caller left them.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
