"""Putting series of different sources together."""

from carbonwait.core.records import Instant
from carbonwait.core.series import Series

# Sources differ in what they count (direct or life-cycle, production or consumption), but hardly
# by more than this; a larger ratio comes of a few odd hours.
_MOST_RATIO = 4.0


def topped_up(upper: Series, lower: Series, now: Instant) -> Series:
    """`upper`, and after its end `lower`, brought to the level of `upper`.

    Sources do not agree on the level: where both cover the same time ahead, the ratio of their
    means tells by how much. Gaps within `upper` stay gaps.
    """
    if not upper or not lower:
        return upper or lower
    end = upper.edges[-1]
    rest = lower.between(end, max(end, lower.edges[-1]))
    factor = _ratio(upper, lower, max(now, upper.edges[0]), end)
    scaled = (
        slot._replace(
            g_per_kwh=slot.g_per_kwh * factor, sigma_g_per_kwh=slot.sigma_g_per_kwh * factor
        )
        for slot in rest
    )
    return Series([*upper, *scaled])


def _ratio(upper: Series, lower: Series, start: Instant, end: Instant) -> float:
    common = [slot for slot in upper.between(start, end) if lower.covers(slot.start, slot.end)]
    above = sum(slot.g_per_kwh * (slot.end - slot.start) for slot in common)
    below = sum(lower.integral(slot.start, slot.end) for slot in common)
    if above <= 0 or below <= 0:
        return 1.0
    return min(max(above / below, 1 / _MOST_RATIO), _MOST_RATIO)
