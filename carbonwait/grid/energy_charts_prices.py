"""Energy-Charts: day-ahead prices of European bidding zones, without a key.

Always in EUR per MWh, in quarter-hours since October 2025. Only zones whose prices may be used
freely (CC BY 4.0) are served. Before the market has closed, about 13:00 in Central Europe, the
answer holds today alone. Requests in quick succession are refused with 429.

Unverified: whether version 2 of the service will replace this one, and whether a span whose last
day is not published yet may be refused with 404.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, PriceKind
from carbonwait.grid.energy_charts import BASE_URL
from carbonwait.grid.points import Point, epoch, number
from carbonwait.grid.prices import PriceSlot, asked, price_slots
from carbonwait.grid.protocol import Fetch

# Zones and what the service calls their bidding zones.
BIDDING_ZONES = {zone: zone for zone in "AT BE CH CZ FR HU NL PL SI".split()} | {
    "DE": "DE-LU",
    "DE-LU": "DE-LU",
    "DK-DK1": "DK1",
    "DK-DK2": "DK2",
    "IT-NO": "IT-North",
    "LU": "DE-LU",
    "NO-NO2": "NO2",
    "SE-SE4": "SE4",
}
_DAY_S = 86400.0
_UNIT = "eur/mwh"


class EnergyChartsPrices:
    """The provider; `config` is the table of `energy_charts` and may hold `base_url`."""

    name = "energy_charts"
    unit = "EUR/MWh"
    kind: PriceKind = "wholesale"
    licence = "Energy-Charts.info, CC BY 4.0"
    refresh_s = 3600.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")

    def covers(self, zone: str) -> bool:
        """True for the bidding zones that may be used freely."""
        return zone in BIDDING_ZONES

    def prices(
        self, zone: str, now: Instant, until: Instant, fetch: Fetch, since: Instant | None = None
    ) -> tuple[PriceSlot, ...]:
        """Slots as far as they are published. Raises ProviderUnavailable."""
        # Days are local ones and begin earlier than here; beyond tomorrow there is never a price.
        params = {
            "bzn": BIDDING_ZONES[zone],
            "start": _day(now if since is None else since),
            "end": _day(now + _DAY_S),
        }
        who = f"{self.name}: no prices for {zone}"
        document = asked(
            fetch, f"{self._base_url}/price", params, self.name, f"no prices for {zone}"
        )
        return price_slots(parse(document), now, until, who, since)


def parse(document: object) -> list[Point]:
    """Prices in EUR per MWh. Raises ProviderUnavailable for another shape or unit."""
    if not isinstance(document, dict):
        raise ProviderUnavailable("energy_charts: the answer is not of the known form")
    times, prices = document.get("unix_seconds"), document.get("price")
    if not isinstance(times, list) or not isinstance(prices, list):
        raise ProviderUnavailable("energy_charts: the answer is not of the known form")
    unit = document.get("unit")
    if not isinstance(unit, str) or unit.replace(" ", "").lower() != _UNIT:
        raise ProviderUnavailable("energy_charts: the answer is not in EUR/MWh")
    points = []
    for second, price in zip(times, prices, strict=False):
        start = epoch(second)
        if start is not None:
            points.append(Point(start, number(price)))
    return points


def _day(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
