"""Energinet (Energi Data Service): day-ahead prices of Denmark and its neighbours, without a key.

In EUR per MWh, in quarter-hours. One request per minute is allowed per address. Times without an
offset are Danish unless the request says `timezone=UTC`. The next day is there from about 12:45 in
Central Europe on.

Unverified: what refusals say besides their status.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, PriceKind
from carbonwait.grid.energinet import BASE_URL
from carbonwait.grid.points import Point, instant, number, rows
from carbonwait.grid.prices import PriceSlot, asked, price_slots
from carbonwait.grid.protocol import Fetch

# Zones and what the service calls their price areas.
AREAS = {
    "DK-DK1": "DK1",
    "DK-DK2": "DK2",
    "DE": "DE",
    "DE-LU": "DE",
    "NO-NO2": "NO2",
    "SE-SE3": "SE3",
    "SE-SE4": "SE4",
}
_HOUR_S = 3600.0


class EnerginetPrices:
    """The provider; `config` is the table of `energinet` and may hold `base_url`."""

    name = "energinet"
    unit = "EUR/MWh"
    kind: PriceKind = "wholesale"
    licence = "Energinet, Energi Data Service"
    refresh_s = 3600.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")

    def covers(self, zone: str) -> bool:
        """True for Denmark's price areas and the ones that border on them."""
        return zone in AREAS

    def prices(
        self, zone: str, now: Instant, until: Instant, fetch: Fetch, since: Instant | None = None
    ) -> tuple[PriceSlot, ...]:
        """Slots as far as they are published. Raises ProviderUnavailable."""
        import json

        begin = now if since is None else since
        params = {
            "start": _iso(begin - begin % _HOUR_S),
            "end": _iso(until),
            "timezone": "UTC",
            "filter": json.dumps({"PriceArea": [AREAS[zone]]}, separators=(",", ":")),
            "sort": "TimeUTC asc",
            "limit": "0",
        }
        who = f"{self.name}: no prices for {zone}"
        url = f"{self._base_url}/dataset/DayAheadPrices"
        document = asked(fetch, url, params, self.name, "the service has retired this dataset")
        return price_slots(parse(document, AREAS[zone]), now, until, who, since)


def parse(document: object, area: str) -> list[Point]:
    """Prices of one area in EUR per MWh. Raises ProviderUnavailable for another shape."""
    if not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise ProviderUnavailable("energinet: the answer is not of the known form")
    points = []
    for row in rows(document, "records"):
        start = instant(row.get("TimeUTC"))
        if row.get("PriceArea") == area and start is not None:
            points.append(Point(start, number(row.get("DayAheadPriceEUR"))))
    return points


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}"
