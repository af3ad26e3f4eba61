"""A small process that continues a stopped command should carbonwait die meanwhile.

It reads a socket whose other end only carbonwait holds. However that ends, by a crash or by
SIGKILL, the kernel closes the socket, and the watcher sends SIGCONT to the command's group. It has
a session of its own, blocks every signal that can be blocked, and holds nothing of the command's:
whoever reads the command's output sees its end.

This very file is what it runs, by itself and without the package: that is ready in a few
hundredths of a second.
"""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

_READY = b"r"
_PATIENCE_S = 5.0


class Watcher:
    """A watcher of the process group of `leader`, ready when it has been made.

    Raises OSError if there is none to be had.
    """

    def __init__(self, leader: int, environment: Mapping[bytes, bytes]) -> None:
        import socket

        ours, theirs = socket.socketpair()
        try:
            self.pid = _spawn(theirs.fileno(), leader, environment)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._gone = False
        self._socket = ours
        ours.settimeout(_PATIENCE_S)
        try:
            if ours.recv(1) != _READY:
                raise OSError("it ended at once")
        except OSError:
            self.dismiss()
            raise

    def watches(self) -> bool:
        """False if something has ended it."""
        self._gone = self._gone or os.waitpid(self.pid, os.WNOHANG) != (0, 0)
        return not self._gone

    def dismiss(self) -> None:
        """End it, whatever it is at; it does nothing more."""
        # Not by closing the socket: it would take the command for one to be continued.
        if self.watches():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._gone = True
        self._socket.close()


def _spawn(end: int, leader: int, environment: Mapping[bytes, bytes]) -> int:
    argv = [sys.executable, "-I", "-S", __file__, str(leader), started(leader)]
    null = (os.devnull, os.O_RDWR, 0)
    return os.posix_spawn(
        sys.executable,
        argv,
        {name: value for name, value in environment.items() if name == b"LD_LIBRARY_PATH"},
        file_actions=[
            (os.POSIX_SPAWN_DUP2, end, 0),
            (os.POSIX_SPAWN_OPEN, 1, *null),
            (os.POSIX_SPAWN_OPEN, 2, *null),
        ],
        setsid=True,
        setsigmask=signal.valid_signals(),
    )


def started(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty if that cannot be told."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is a name in parentheses that may hold spaces and parentheses itself.
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def main(leader: int, began: str) -> None:
    """Wait until the other end of standard input is closed, then continue the group."""
    # What carbonwait had inherited is none of ours, and may be the command's output.
    for descriptor in os.listdir("/dev/fd"):
        if int(descriptor) > 2:
            with suppress(OSError):  # the one that the list was read from
                os.close(int(descriptor))
    os.chdir("/")
    # Carbonwait may be gone already, or go without having read the answer.
    with suppress(OSError):
        os.write(0, _READY)
        while os.read(0, 1):
            pass
    # A group lasts as long as any of its members does, and so does its number; but another process
    # with that number means that the group has gone.
    if started(leader) in {"", began}:
        with suppress(OSError):  # nobody is left
            os.killpg(leader, signal.SIGCONT)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
