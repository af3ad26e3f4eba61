"""Signals as a queue: blocked first, then taken one by one.

A handler would race with the reaping of the child and interrupt system calls half-way. Blocked
signals wait in the kernel until `next` asks for them, so nothing is lost and nothing is async.

`signal.sigtimedwait` is avoided on purpose: when the process is stopped and continued past the
time-out, CPython returns an uninitialised siginfo. An interval timer does the same job.
"""

import contextlib
import os
import signal
import time
from typing import NoReturn

_WAITED_FOR = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGCHLD,
    }
)
ENDING = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})

# `carbonwait start` puts this into the `si_errno` of its SIGUSR1, which kill(2) leaves at 0.
START_MARK = 0x6377


class SignalQueue:
    """The signals that carbonwait handles; create it before any thread starts.

    Signals inherited as ignored (`nohup`, `&` in a script) stay ignored and are never seen.
    `inherited_mask` is what a child must get back.
    """

    def __init__(self) -> None:
        # A parent that ignored SIGCHLD would have the kernel reap the job before we can.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._taken = {s for s in _WAITED_FOR if signal.getsignal(s) is not signal.SIG_IGN}
        self._taken |= {signal.SIGALRM, signal.SIGCHLD}
        self._child_since: float | None = None
        self.inherited_mask: set[int] = signal.pthread_sigmask(signal.SIG_BLOCK, self._taken)

    def take_also(self, *signals: signal.Signals) -> None:
        """Handle these from now on; one that is inherited as ignored stays ignored."""
        more = {s for s in signals if signal.getsignal(s) is not signal.SIG_IGN}
        self._taken |= more
        signal.pthread_sigmask(signal.SIG_BLOCK, more)

    def next(self, timeout_s: float | None = None) -> signal.struct_siginfo | None:
        """The next signal, or None when the time is up."""
        if timeout_s is not None:
            signal.setitimer(signal.ITIMER_REAL, max(timeout_s, 1e-6))
        info = signal.sigwaitinfo(self._taken)
        if timeout_s is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._child_since = None
        if info.si_signo == signal.SIGALRM and not sent_by_a_process(info):
            return None
        return info

    def pending(self, *, child_grace_s: float = 0.0) -> bool:
        """True if a signal is waiting to be taken, other than the alarm of a time-out.

        That a child has ended counts only once it has been seen to wait for so long.
        """
        waiting = signal.sigpending() & self._taken - {signal.SIGALRM}
        if waiting != {signal.SIGCHLD}:
            self._child_since = None
            return bool(waiting)
        if self._child_since is None:
            self._child_since = time.monotonic()
        return time.monotonic() - self._child_since >= child_grace_s

    def told_to_end(self) -> int | None:
        """A signal of ENDING that has come in already, None if none has.

        It is taken off the queue, and so is a SIGUSR1, which has said "start now" in vain.
        """
        waiting = signal.sigpending() & self._taken & (ENDING | {signal.SIGUSR1})
        came = [signal.sigwaitinfo({signum}).si_signo for signum in sorted(waiting)]
        return next((signum for signum in came if signum in ENDING), None)


def sent_by_a_process(info: signal.struct_siginfo) -> bool:
    """True for kill(2) and its like, False for what the kernel or a terminal sent.

    The terminal sends to the whole foreground group, so the job has had its own already.
    """
    return info.si_code <= 0


def meant_for_the_wait(info: signal.struct_siginfo) -> bool:
    """True for what `carbonwait start` sent; should the wait be over, the job must not have it."""
    return info.si_signo == signal.SIGUSR1 and info.si_errno == START_MARK


def die_of(signum: int) -> NoReturn:
    """End this process by the very signal that ended the job, without a second core file."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    with contextlib.suppress(OSError):  # SIGKILL and SIGSTOP have no handler to reset
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
    os.kill(os.getpid(), signum)
    # Only reached for a signal whose default is not to kill.
    os._exit(128 + signum)
