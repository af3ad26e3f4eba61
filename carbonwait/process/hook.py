"""A program of the user's that is run beside the command: before a pause, or after a resume.

It is waited for by looking, never by blocking: signals and the command matter more.
"""

import os
import signal
from collections.abc import Sequence, Set
from contextlib import suppress

from carbonwait.core.errors import CannotRun
from carbonwait.process.child import Child, Ended, Environment


class Hook:
    """A hook that has been started. Raises CannotRun.

    Standard input is empty and standard output goes to standard error. `CARBONWAIT_PID` in its
    environment is the command's process and process group.
    """

    def __init__(
        self, argv: Sequence[str], environment: Environment, mask: Set[int], leader: int
    ) -> None:
        words = [os.fsencode(word) for word in argv]
        try:
            pid = os.posix_spawnp(
                words[0],
                words,
                {**environment, b"CARBONWAIT_PID": b"%d" % leader},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 2, 1),
                ],
                # A group of its own: so it can be ended with all that it has started.
                setpgroup=0,
                setsigmask=mask,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        except OSError as error:
            raise CannotRun(f"{argv[0]!r} cannot be started: {error.strerror}", 126) from None
        self._child = Child(pid)
        self._ended: Ended | None = None

    def ended(self) -> Ended | None:
        """How it ended; None while it runs."""
        if self._ended is None:
            state = self._child.look()
            self._ended = state if isinstance(state, Ended) else None
        return self._ended

    def kill(self) -> None:
        """End it at once."""
        if self._ended is None:
            self._child.send_to_group(signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._child.pid, 0)
