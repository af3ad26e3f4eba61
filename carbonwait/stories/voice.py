"""What a story says while it goes on; the face decides what of it is shown and where."""

from typing import Protocol

from carbonwait.core.records import Instant, Run
from carbonwait.stories.planning import Forethought


class Voice(Protocol):
    """Listeners are told, never asked: nothing that they do may raise into a story."""

    def warning(self, text: str) -> None:
        """The plan is worse than it could be, and why."""

    def fault(self, text: str) -> None:
        """Something of carbonwait's own failed; the job goes on."""

    def planned(self, thought: Forethought) -> None:
        """A plan was made, or changed while waiting."""

    def waiting(self, thought: Forethought, now: Instant) -> float:
        """The wait goes on; return after how many seconds there is something new to show."""

    def started(self, run: Run) -> None:
        """The command has been started."""

    def changed(self, run: Run, why: str) -> None:
        """The command has been paused or resumed, and why."""

    def ended(self, run: Run) -> None:
        """The command has ended and the account is made."""
