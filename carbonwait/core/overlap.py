"""What is left to bill to a run of a machine's CPU energy, when others overlapped with it.

Each run's share is a mean over its own time. Of two that overlap, both may have had most of the
busy time of their own span, and their shares together be of more energy than there was. So the one
that ends last is billed what the machine used over the time of both, less what the other one has
been billed, if its share is more than that. Where energy goes with busy time it never is.
"""

from collections.abc import Iterable, Sequence

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.records import Instant

Interval = tuple[Instant, Instant]


def unbilled_j(own: Sequence[MeteredSlot], others: Iterable[Sequence[MeteredSlot]]) -> float:
    """What the machine's CPU used over these runs together, less what the others are billed."""
    known: list[Interval] = []
    left_j = 0.0
    for slots in (own, *others):
        seen = [slot for slot in slots if slot.machine.cpu_j is not None]
        for slot in seen:
            new_s = slot.end - slot.start - sum(_common_s(slot, one) for one in known)
            left_j += (slot.machine.cpu_j or 0.0) * new_s / (slot.end - slot.start)
            if slots is not own:
                left_j -= slot.job.cpu_j or 0.0
        known = _joined([*known, *((slot.start, slot.end) for slot in seen)])
    return max(0.0, left_j)


def _common_s(slot: MeteredSlot, other: Interval) -> float:
    return max(0.0, min(slot.end, other[1]) - max(slot.start, other[0]))


def _joined(intervals: list[Interval]) -> list[Interval]:
    """The same time in intervals that do not touch."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
