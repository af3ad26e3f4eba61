"""The wait: until an instant, not for a duration, and with an ear for signals and news.

Every pass reads the clock anew, at least every half minute, so that suspend and clock jumps are
noticed. A clock that never jumps caps the wait at the latest start, should the wall clock be set
back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGUSR1

from carbonwait.process.clock import Clock
from carbonwait.process.signals import ENDING, SignalQueue
from carbonwait.stories.planning import Forethought, Preparation
from carbonwait.stories.voice import Voice

_LONGEST_SLEEP_S = 30.0


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
        now = clock.wall()
        if now >= thought.plan.start or clock.elapsed() >= cap:
            return Waited(thought)
        if preparation.has_news(now, thought.plan.start):
            thought = preparation.think(now, thought.plan.start)
            on_plan(thought)
            continue
        if not lead_given and now >= thought.plan.start - lead_s:
            lead_given = True
            on_lead()
        wakes = [
            _LONGEST_SLEEP_S,
            thought.plan.start - now,
            cap - clock.elapsed(),
            voice.waiting(thought, now),
        ]
        look = preparation.next_look(now, thought.outlook.series)
        if look > now:
            # One that is due already has just been found to be out of question.
            wakes.append(look - now)
        if not lead_given:
            wakes.append(thought.plan.start - lead_s - now)
        info = queue.next(min(wakes))
        if info is None:
            continue
        if info.si_signo == SIGUSR1:
            return Waited(thought, told_to_start=True)
        if info.si_signo in ENDING:
            return Waited(thought, aborted_by=info.si_signo)
