"""What a plan minimises: emissions, the cost of electricity, or a mixture of both.

    >>> parse_weight("price"), parse_weight("0.3"), parse_weight("carbon")
    (0.0, 0.3, 1.0)

The weight is that of carbon against price. Grams and money have no common unit, so that each is
divided by its own level first, the mean of its sizes over the span that is planned on:

    score = weight x intensity / mean intensity + (1 - weight) x price / mean |price|

A weight of 0.5 thus takes a tenth of the usual intensity to be worth a tenth of the usual price, in
whichever currency and unit the prices are. Prices may be negative, and then the scores are, too.
"""

from typing import NamedTuple

from carbonwait.core.errors import Mistake
from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot

CARBON = 1.0
PRICE = 0.0

ALLOWED = "carbon, price or a number from 0 to 1, the weight of carbon against price"


class Words(NamedTuple):
    """How a plan speaks of what it was made for; `of` follows a percentage."""

    best: str
    better: str
    of: str


def parse_weight(text: str) -> float:
    """The weight of carbon: 1 for `carbon`, 0 for `price`, else the number. Raises Mistake."""
    named = {"carbon": CARBON, "price": PRICE}.get(text.strip().lower())
    if named is not None:
        return named
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= 1:
        raise Mistake(f"objective {text!r} is not {ALLOWED}")
    return weight


def named(weight: float) -> str | float:
    """The objective as a user would write it: `carbon`, `price` or the weight."""
    return {CARBON: "carbon", PRICE: "price"}.get(weight, weight)


def words(weight: float) -> Words:
    """The words for a plan with this weight."""
    if weight >= CARBON:
        return Words("cleanest", "cleaner", "")
    if weight <= PRICE:
        return Words("cheapest", "cheaper", " of the cost")
    return Words("best", "better", " of carbon and cost as weighted")


def scores(
    intensities: Series, prices: Series, weight: float, start: Instant, end: Instant
) -> Series:
    """What to minimise, as a series without a unit; its level is that of `[start, end)`.

    With a weight of 1 it is the intensities themselves, so that the plan is exactly that without
    prices; with 0 it is the prices alone. In between it has a gap where either has one. What is
    zero over the whole span has no say.
    """
    if weight >= CARBON:
        return intensities
    priced = _scaled(prices, (1 - weight) / (_level(prices, start, end) or 1.0))
    if weight <= PRICE:
        return priced
    clean = _scaled(intensities, weight / (_level(intensities, start, end) or 1.0))
    return _sum(clean, priced)


def _level(series: Series, start: Instant, end: Instant) -> float:
    """The mean size of what is known over a span, 0 if nothing is."""
    part = series.between(start, end)
    covered_s = sum(slot.end - slot.start for slot in part)
    size = sum(abs(slot.g_per_kwh) * (slot.end - slot.start) for slot in part)
    return size / covered_s if covered_s else 0.0


def _scaled(series: Series, factor: float) -> Series:
    return Series(
        slot._replace(
            g_per_kwh=slot.g_per_kwh * factor, sigma_g_per_kwh=slot.sigma_g_per_kwh * factor
        )
        for slot in series
    )


def _sum(one: Series, other: Series) -> Series:
    """The sum of two series where both are known; `one` gives the kinds and the errors."""
    slots = []
    others = iter(other)
    beside = next(others, None)
    for slot in one:
        while beside is not None and beside.start < slot.end:
            begin, end = max(slot.start, beside.start), min(slot.end, beside.end)
            if begin < end:
                value = slot.g_per_kwh + beside.g_per_kwh
                slots.append(Slot(begin, end, value, slot.kind, slot.sigma_g_per_kwh))
            if beside.end > slot.end:
                break
            beside = next(others, None)
    return Series(slots)
