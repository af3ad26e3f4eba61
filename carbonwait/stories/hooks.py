"""The user's hooks of a command that may be paused: run beside it, one at a time.

None is waited for. One that cannot be started, fails or takes too long is warned of.
"""

from collections.abc import Set
from math import inf
from typing import Literal

from carbonwait.core.errors import CannotRun
from carbonwait.process.child import Ended, Environment
from carbonwait.process.clock import Clock
from carbonwait.process.hook import Hook
from carbonwait.stories.planning import Interruption
from carbonwait.stories.voice import Voice

_PATIENCE_S = 60.0

Kind = Literal["pause", "resume"]


class Hooks:
    """The hooks of one command, whose process is `leader`; `mask` is the signal mask for them."""

    def __init__(
        self,
        interruption: Interruption,
        leader: int,
        environment: Environment,
        mask: Set[int],
        clock: Clock,
        voice: Voice,
    ) -> None:
        self._argv: dict[Kind, tuple[str, ...]] = {
            "pause": interruption.pause_command,
            "resume": interruption.resume_command,
        }
        self._leader, self._environment, self._mask = leader, environment, mask
        self._clock, self._voice = clock, voice
        self._hook: Hook | None = None
        self._kind: Kind = "pause"
        # By the elapsed time; never while none is under way.
        self.until_s = inf

    @property
    def under_way(self) -> bool:
        """True from when a hook was started until `tend` has seen its end."""
        return self._hook is not None

    def start(self, kind: Kind) -> bool:
        """Start a hook in place of one that is under way; False if there is none to be had."""
        self.drop()
        argv = self._argv[kind]
        if not argv:
            return False
        try:
            self._hook = Hook(argv, self._environment, self._mask, self._leader)
        except CannotRun as error:
            self._voice.warning(f"the {kind} hook: {error}")
            return False
        self._kind, self.until_s = kind, self._clock.elapsed() + _PATIENCE_S
        return True

    def drop(self) -> None:
        """End the hook that is under way at once."""
        if self._hook is not None:
            self._hook.kill()
            self._hook, self.until_s = None, inf

    def tend(self) -> bool | None:
        """Whether the hook has just ended well, or failed or had to be ended; None: neither."""
        if self._hook is None:
            return None
        ended = self._hook.ended()
        if ended is None and self._clock.elapsed() < self.until_s:
            return None
        self.drop()
        if ended is not None and ended.exit_code == 0:
            return True
        so = "this pause is skipped" if self._kind == "pause" else "the command runs all the same"
        self._voice.warning(f"the {self._kind} hook {_how(ended)}; {so}")
        return False


def _how(ended: Ended | None) -> str:
    if ended is None:
        return f"took longer than {_PATIENCE_S:.0f} s"
    if ended.term_signal is not None:
        return f"died of signal {ended.term_signal}"
    return f"ended with status {ended.exit_code}"
