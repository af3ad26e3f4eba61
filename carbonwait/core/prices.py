"""Prices of electricity as a series, and what stands in where they end.

A series of prices is one like any other whose slots hold money per kWh in `g_per_kwh`: the sums and
means are the same, and no figure of one is ever added to one of the other. A price may be negative.
Day-ahead prices are final once they have been published, and are then of the kind `actual`.
"""

from typing import NamedTuple

from carbonwait.core.records import Instant, PriceKind
from carbonwait.core.series import Series

DAY_S = 86400.0


class Prices(NamedTuple):
    """Published prices per kWh in units of `currency`, and where they are from.

    `retail` is what a household pays, taxes included; `wholesale` is the price at the exchange,
    without fees and taxes. `retrieved` is when they were fetched.
    """

    series: Series
    zone: str | None
    provider: str
    currency: str
    kind: PriceKind
    retrieved: Instant


def repeated(series: Series, until: Instant) -> Series:
    """The series, and from its end to `until` its last day over and over, as a forecast.

    Prices of tomorrow are not known before about noon, but are much like those of today. Where that
    day has a gap, so has what stands in for it.
    """
    if not series:
        return series
    end = series.slots[-1].end
    day = series.between(end - DAY_S, end)
    slots = list(series)
    shift_s = DAY_S
    while end - DAY_S + shift_s < until:
        slots += [
            slot._replace(start=slot.start + shift_s, end=slot.end + shift_s, kind="forecast")
            for slot in day
            if slot.start + shift_s < until
        ]
        shift_s += DAY_S
    return Series(slots)


def with_earlier(prices: Prices, earlier: Prices | None) -> Prices:
    """The prices and, for what they lack, earlier ones that mean the same."""
    if earlier is None or (earlier.currency, earlier.kind) != (prices.currency, prices.kind):
        return prices
    return prices._replace(series=prices.series.over(earlier.series))
