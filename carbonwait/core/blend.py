"""Putting series of different sources together."""

from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot

# Sources differ in what they count (direct or life-cycle, production or consumption), but hardly
# by more than this; a larger ratio comes of a few odd hours.
_MOST_RATIO = 4.0

_HOUR_S = 3600.0
# Long enough for services that publish an hour or two late.
_RECENT_S = 4 * _HOUR_S
_FADING_PER_H = 0.95


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


def rejoined(series: Series, steps: Series) -> Series:
    """`series`, whose slots have been cut by the hour, in the slots of `steps` where it can be.

    Two that meet within one slot of `steps` and say the same are one again.
    """
    edges = set(steps.edges)
    slots: list[Slot] = []
    for slot in series:
        before = slots[-1] if slots else slot
        cut = before.end == slot.start and slot.start not in edges
        if cut and before._replace(start=slot.start, end=slot.end) == slot:
            slots[-1] = before._replace(end=slot.end)
        else:
            slots.append(slot)
    return Series(slots)


def biased(typical: Series, observed: Series, now: Instant) -> Series:
    """`typical` ahead of `now`, moved by how far off it has been in the last observed hours.

    What it was off by fades by a twentieth an hour. Nothing observed of late leaves it as it is.
    """
    recent = observed.between(now - _RECENT_S, now)
    if not recent:
        return typical
    span_s = sum(slot.end - slot.start for slot in recent if typical.covers(slot.start, slot.end))
    if not span_s:
        return typical
    off = _off(recent, typical) / span_s
    last = recent.edges[-1]

    def moved(slot: Slot) -> Slot:
        hours_on = max(0.0, slot.end - last) / _HOUR_S
        return slot._replace(g_per_kwh=max(0.0, slot.g_per_kwh + off * _FADING_PER_H**hours_on))

    return Series(moved(slot) if slot.end > now else slot for slot in typical)


def _off(observed: Series, typical: Series) -> float:
    """The integral of what was observed less what is typical, where both are known."""
    return sum(
        slot.g_per_kwh * (slot.end - slot.start) - typical.integral(slot.start, slot.end)
        for slot in observed
        if typical.covers(slot.start, slot.end)
    )


def _ratio(upper: Series, lower: Series, start: Instant, end: Instant) -> float:
    common = [slot for slot in upper.between(start, end) if lower.covers(slot.start, slot.end)]
    above = sum(slot.g_per_kwh * (slot.end - slot.start) for slot in common)
    below = sum(lower.integral(slot.start, slot.end) for slot in common)
    if above <= 0 or below <= 0:
        return 1.0
    return min(max(above / below, 1 / _MOST_RATIO), _MOST_RATIO)
