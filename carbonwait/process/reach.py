"""Signalling the process that looks after a run, and never another one.

A pid may have been given to another program since it was written down. So the process is opened
first, as a pidfd, which goes on meaning the same process, and then checked against what is known
of it: host, boot, pid namespace, start time. Nothing is ever sent to a bare pid.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from carbonwait.core.errors import Mistake, Unreachable
from carbonwait.core.records import Owner
from carbonwait.process.owner import is_gone, this_host
from carbonwait.process.signals import START_MARK

# The call's number on all architectures but Alpha and MIPS; Python's own cannot mark a signal.
_PIDFD_SEND_SIGNAL = 424
_SI_QUEUE = -1

_BY_HAND = "see SIGNALS in the manual page, and kill(1)"


class Reached:
    """An owner that is alive and on this machine; `pid` is its own for as long as it lives."""

    def __init__(self, pid: int, descriptor: int, what: str) -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._what = what

    def terminate(self) -> None:
        """Send SIGTERM. Raises Unreachable."""
        try:
            signal.pidfd_send_signal(self._descriptor, signal.SIGTERM)
        except OSError as error:
            self._fail(error)

    def tell_to_start(self) -> None:
        """Send SIGUSR1, marked as one that must not reach the command. Raises Unreachable."""
        try:
            _send_marked(self._descriptor, signal.SIGUSR1)
        except OSError as error:
            self._fail(error)

    def wake(self) -> None:
        """Continue it if somebody has stopped it; it hears nothing until then."""
        with suppress(OSError):  # it has ended, or has been told all the same
            signal.pidfd_send_signal(self._descriptor, signal.SIGCONT)

    def ended(self, timeout_s: float) -> bool:
        """True as soon as the process has ended, False if it has not when the time is up."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def _fail(self, error: OSError) -> None:
        if isinstance(error, ProcessLookupError):
            return  # It has ended meanwhile, which is for `ended` to say.
        if isinstance(error, PermissionError):
            remedy = "it belongs to another user; ask them, or use sudo"
        else:
            remedy = f"{error.strerror}; {_BY_HAND}"
        raise Unreachable(f"{self._what} cannot be told (process {self.pid}): {remedy}") from None


@contextmanager
def reach(owner: Owner, what: str) -> Iterator[Reached]:
    """The process that looks after `what`, which is for messages: `run 0abc...`.

    Raises Mistake if it is elsewhere or has ended, Unreachable if this system does not let it be
    told apart from another one.
    """
    if is_gone(owner) is None:
        raise Mistake(f"{what} is {_place(owner)}; give this command there")
    descriptor = _opened(owner, what)
    try:
        # Only now: whatever has this pid from here on, the descriptor goes on meaning what it had.
        if descriptor is None or is_gone(owner) is not False:
            raise Mistake(f"{what} is gone: its process {owner.pid} has ended")
        yield Reached(owner.pid, descriptor, what)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _opened(owner: Owner, what: str) -> int | None:
    """A pidfd of whatever process has the owner's pid, None if there is none."""
    try:
        return os.pidfd_open(owner.pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        raise Unreachable(
            f"{what} cannot be told (process {owner.pid}): {error.strerror}; {_BY_HAND}"
        ) from None


def _place(owner: Owner) -> str:
    name = owner.host.partition("/")[0] or "another host"
    return f"in another container on {name}" if owner.host == this_host() else f"on {name}"


def _send_marked(descriptor: int, signum: int) -> None:
    """Send a signal with START_MARK in its `si_errno`, which nothing else makes use of."""
    import ctypes

    class Siginfo(ctypes.Structure):
        _fields_ = [
            ("si_signo", ctypes.c_int),
            ("si_errno", ctypes.c_int),
            ("si_code", ctypes.c_int),
            ("padding", ctypes.c_int),
            ("si_pid", ctypes.c_int),
            ("si_uid", ctypes.c_int),
            ("rest", ctypes.c_char * 104),
        ]

    info = Siginfo(signum, START_MARK, _SI_QUEUE, 0, os.getpid(), os.getuid())
    system = ctypes.CDLL(None, use_errno=True).syscall
    sent = system(
        ctypes.c_long(_PIDFD_SEND_SIGNAL),
        ctypes.c_int(descriptor),
        ctypes.c_int(signum),
        ctypes.byref(info),
        ctypes.c_uint(0),
    )
    if sent != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
