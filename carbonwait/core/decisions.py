"""A run's decisions, shortened to those that changed something.

    >>> from carbonwait.core.records import Decision
    >>> log = [Decision(at, 900.0, "live", None, "the cleanest") for at in range(20)]
    >>> [(step.decision.at, step.alike) for step in telling(log)]
    [(0, 18), (19, 0)]

A wait of three days is planned anew more than a hundred times and changes its mind a few times.
"""

from collections.abc import Sequence
from typing import NamedTuple

from carbonwait.core.records import Decision, Instant

# So few are told one by one.
_FEW = 6
# Starts that differ by less are one: a start at once is a moment later each time.
_SAME_START_S = 1.0


class Step(NamedTuple):
    """A decision that is told, where the start was before if it moved, and how many follow alike.

    `provider` is whose forecast it was; None: nobody's, or not known.
    """

    decision: Decision
    provider: str | None
    moved_from: Instant | None
    alike: int = 0


def telling(
    decisions: Sequence[Decision], providers: Sequence[str | None] = (), *, every: bool = False
) -> list[Step]:
    """The first, the last, and each that moved the start or stood on another forecast's rung.

    `decisions` are in order, `providers` go with them. All are told if there are few or with
    `every`.
    """
    steps: list[Step] = []
    every = every or len(decisions) <= _FEW
    before: Step | None = None
    for index, decision in enumerate(decisions):
        provider = providers[index] if index < len(providers) else None
        step = Step(decision, provider, _moved_from(decision, before))
        if every or index == len(decisions) - 1 or _differs(step, before):
            steps.append(step)
        else:
            steps[-1] = steps[-1]._replace(alike=steps[-1].alike + 1)
        before = step
    return steps


def _moved_from(decision: Decision, before: Step | None) -> Instant | None:
    if before is None or abs(decision.start - before.decision.start) < _SAME_START_S:
        return None
    return before.decision.start


def _differs(step: Step, before: Step | None) -> bool:
    return (
        before is None
        or step.moved_from is not None
        or (step.decision.rung, step.provider) != (before.decision.rung, before.provider)
    )
