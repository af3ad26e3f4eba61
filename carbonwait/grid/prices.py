"""Day-ahead prices: what every provider of them offers, and from what services send to slots.

A price is another thing than an intensity and is never turned into one. It may be zero or less,
so that nothing missing may ever become a zero.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.records import Instant, PriceKind
from carbonwait.core.series import Series, Slot
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, spans_of
from carbonwait.grid.protocol import Fetch
from carbonwait.grid.refusals import meaning, reworded

_KWH_IN = {"kWh": 1.0, "MWh": 1000.0}
# Exchanges cap their prices at a few euros per kWh: beyond this it is no price.
_MOST_PER_KWH = 100.0


class PriceSlot(NamedTuple):
    """`price` holds over `[start, end)`, in the provider's unit."""

    start: Instant
    end: Instant
    price: float


class PriceProvider(Protocol):
    """One source of prices.

    Whatever a service answers, a provider returns a result or raises ProviderUnavailable. Settings
    that cannot be used are a Mistake when the provider is made.
    """

    @property
    def name(self) -> str:
        """As in `[providers.NAME]`."""

    @property
    def unit(self) -> str:
        """Currency and energy, as in `GBP/kWh` or `EUR/MWh`."""

    @property
    def kind(self) -> PriceKind:
        """What a household pays, or the price at the exchange without fees and taxes."""

    @property
    def licence(self) -> str:
        """Whose data it is and under which terms, in one line."""

    @property
    def refresh_s(self) -> float:
        """How long an answer is good for before it is worth asking again."""

    def covers(self, zone: str) -> bool:
        """True if the provider has prices of this zone."""

    def prices(
        self, zone: str, now: Instant, until: Instant, fetch: Fetch, since: Instant | None = None
    ) -> tuple[PriceSlot, ...]:
        """The slots that touch `[now, until)` as far as they are known, ascending, no overlaps.

        With `since`, an instant before `now`, those from there on as well. Slots keep their whole
        length; a hole between two is a price that is not known. Raises ProviderUnavailable, also
        if nothing from `now` on is known.
        """


def price_slots(
    points: Iterable[Point],
    now: Instant,
    until: Instant,
    who: str,
    since: Instant | None = None,
) -> tuple[PriceSlot, ...]:
    """The points as slots that touch `[since, until)`; `since` is `now` if not given.

    Raises ProviderUnavailable if none is from `now` on; `who` begins the message, as in
    `awattar: no prices for DE`.
    """
    begin = now if since is None else min(since, now)
    spans = [span for span in spans_of(points) if span.start < until and span.end > begin]
    if not spans or spans[-1].end <= now:
        raise ProviderUnavailable(f"{who} from now on")
    return tuple(PriceSlot(span.start, span.end, span.value) for span in spans)


def currency(unit: str) -> str:
    """The currency of a unit: EUR of `EUR/MWh`."""
    return unit.partition("/")[0]


def per_kwh(slots: Iterable[PriceSlot], unit: str) -> Series:
    """The plausible prices per kWh as a series; they have been published, so they are final."""
    kwh = _KWH_IN[unit.partition("/")[2]]
    prices = (Slot(slot.start, slot.end, slot.price / kwh, "actual") for slot in slots)
    return Series(slot for slot in prices if abs(slot.g_per_kwh) <= _MOST_PER_KWH)


def asked(
    fetch: Fetch, url: str, params: Mapping[str, str] | None, name: str, unknown: str
) -> object:
    """The document at `url`; `unknown` is what a status of 404 means. Raises ProviderUnavailable.

    No service of prices gets a key, so none can be repeated.
    """
    try:
        return fetch(url, params=params)
    except HttpRefusal as refusal:
        reason = unknown if refusal.status == 404 else meaning(refusal)
        raise reworded(refusal, f"{name}: {reason}") from None


def setting(config: Mapping[str, object], name: str, key: str, default: str) -> str:
    """A setting that becomes part of an address: capitals, digits and hyphens. Raises Mistake."""
    value = config.get(key, default)
    text = value.strip().upper() if isinstance(value, str) else ""
    if not text.isascii() or not text.replace("-", "").isalnum():
        remedy = f"write it as in {default}"
        raise Mistake(f"config: providers.{name}.{key} = {value!r} is not allowed; {remedy}")
    return text
