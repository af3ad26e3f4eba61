"""aWATTar: hourly day-ahead prices of Germany and Austria, without a key.

Times are in milliseconds. The next day is there from about 14:00 local time on.

Unverified: how many requests are allowed.
"""

from collections.abc import Mapping

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, PriceKind
from carbonwait.grid.points import Point, epoch, number, rows
from carbonwait.grid.prices import PriceSlot, asked, price_slots
from carbonwait.grid.protocol import Fetch

BASE_URLS = {
    "AT": "https://api.awattar.at",
    "DE": "https://api.awattar.de",
    "DE-LU": "https://api.awattar.de",
}
_HOUR_S = 3600.0
_UNIT = "eur/mwh"


class Awattar:
    """The provider; `config` may hold `base_url`, which then serves every zone."""

    name = "awattar"
    unit = "EUR/MWh"
    kind: PriceKind = "wholesale"
    licence = "aWATTar, https://www.awattar.at"
    refresh_s = 3600.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = config.get("base_url")

    def covers(self, zone: str) -> bool:
        """True for Germany and Austria."""
        return zone in BASE_URLS

    def prices(
        self, zone: str, now: Instant, until: Instant, fetch: Fetch, since: Instant | None = None
    ) -> tuple[PriceSlot, ...]:
        """Hours as far as they are published. Raises ProviderUnavailable."""
        base_url = str(self._base_url or BASE_URLS[zone]).rstrip("/")
        begin = now if since is None else since
        span = {"start": _milliseconds(begin - begin % _HOUR_S), "end": _milliseconds(until)}
        unknown = "the service has retired this address"
        document = asked(fetch, f"{base_url}/v1/marketdata", span, self.name, unknown)
        who = f"{self.name}: no prices for {zone}"
        return price_slots(parse(document), now, until, who, since)


def parse(document: object) -> list[Point]:
    """Prices in EUR per MWh. Raises ProviderUnavailable for another shape."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise ProviderUnavailable("awattar: the answer is not of the known form")
    points = []
    for row in rows(document, "data"):
        start, end = epoch(row.get("start_timestamp"), 1e-3), epoch(row.get("end_timestamp"), 1e-3)
        price, unit = number(row.get("marketprice")), row.get("unit")
        known_unit = isinstance(unit, str) and unit.lower() == _UNIT
        if start is not None and end is not None and price is not None and known_unit:
            points.append(Point(start, price, end))
    return points


def _milliseconds(at: Instant) -> str:
    return f"{at * 1000:.0f}"
