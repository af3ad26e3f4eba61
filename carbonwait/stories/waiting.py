"""The wait: until an instant, not for a duration, and with an ear for signals and news.

Every pass reads the clock anew, at least every half minute, so that suspend and clock jumps are
noticed. A clock that never jumps caps the wait at the latest start, should the wall clock be set
back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from signal import SIGUSR1

from carbonwait.core.records import Instant
from carbonwait.process.clock import Clock
from carbonwait.process.signals import ENDING, SignalQueue
from carbonwait.stories.planning import Forethought, Preparation
from carbonwait.stories.voice import Voice

_LONGEST_SLEEP_S = 30.0
# A wait that ends later than this has been stopped or suspended past its start.
_PUNCTUAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Waited:
    """How the wait ended: with the plan that it ended on, or aborted by a signal."""

    thought: Forethought
    aborted_by: int | None = None
    told_to_start: bool = False


def wait(
    preparation: Preparation,
    thought: Forethought,
    queue: SignalQueue,
    clock: Clock,
    voice: Voice,
    *,
    on_plan: Callable[[Forethought], None],
    lead_s: float,
    on_lead: Callable[[], None],
) -> Waited:
    """Wait for the planned start, planning again as news arrive.

    `on_plan` is told of each new plan; `on_lead` is called once, `lead_s` before the start.
    """
    latest = thought.plan.latest_start
    # The clock may have been set back while the plan was made.
    cap = clock.elapsed() + max(0.0, latest - max(clock.wall(), thought.now))
    lead_given = False
    while True:
        now, start = clock.wall(), thought.plan.start
        if clock.elapsed() >= cap or now >= start + _PUNCTUAL_S:
            return Waited(thought)
        # The start is an edge of the forecast like any other. This last look is as of that very
        # instant, since a moment later another window would seem the better one by a hair.
        look_at = min(now, start)
        if preparation.has_news(look_at, start):
            thought = preparation.think(look_at, start)
            on_plan(thought)
            continue
        if now >= start:
            return Waited(thought)
        if not lead_given and now >= start - lead_s:
            lead_given = True
            on_lead()
        wakes = [
            _LONGEST_SLEEP_S,
            start - now,
            cap - clock.elapsed(),
            voice.waiting(thought, now),
            _until_next_look(preparation, thought, now),
        ]
        if not lead_given:
            wakes.append(start - lead_s - now)
        info = queue.next(min(wakes))
        if info is None:
            continue
        if info.si_signo == SIGUSR1:
            return Waited(thought, told_to_start=True)
        if info.si_signo in ENDING:
            return Waited(thought, aborted_by=info.si_signo)


def _until_next_look(preparation: Preparation, thought: Forethought, now: Instant) -> float:
    """Seconds; one that is due already has just been found to be out of question."""
    look = preparation.next_look(now, thought.outlook.series)
    return look - now if look > now else inf
