"""Octopus Energy's Agile tariff: what a kilowatt-hour costs a household in Great Britain.

Half hours in pence with VAT, here in pounds, up to 23:00 of the next day from the late afternoon
on; prices differ by region and may be negative. A tariff that is not known is refused with 404,
which once happened to all of them for a day.

Unverified: how many requests are allowed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.records import Instant, PriceKind
from carbonwait.grid.points import Point, instant, number, rows
from carbonwait.grid.prices import PriceSlot, asked, price_slots, setting
from carbonwait.grid.protocol import Fetch

BASE_URL = "https://api.octopus.energy"
PRODUCT = "AGILE-24-10-01"
REGION = "C"
_REGIONS = frozenset("ABCDEFGHJKLMNP")
_HALF_HOUR_S = 1800.0
# One page holds a month of half hours; more of them than this are no day-ahead prices.
_MOST_PAGES = 3
_PENCE_PER_POUND = 100


class OctopusAgile:
    """The provider; `config` may hold `region` (A to P, no I or O), `product` and `base_url`.

    Raises Mistake for a region or a product that cannot be.
    """

    name = "octopus_agile"
    unit = "GBP/kWh"
    kind: PriceKind = "retail"
    licence = "Octopus Energy, https://octopus.energy"
    refresh_s = 3600.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")
        self._product = setting(config, self.name, "product", PRODUCT)
        self._region = setting(config, self.name, "region", REGION)
        if self._region not in _REGIONS:
            allowed = "a letter from A to P, but not I or O"
            raise Mistake(
                f"config: providers.{self.name}.region = {self._region!r} is not allowed;"
                f" write {allowed}"
            )

    def covers(self, zone: str) -> bool:
        """True for Great Britain."""
        return zone == "GB"

    def prices(
        self, zone: str, now: Instant, until: Instant, fetch: Fetch, since: Instant | None = None
    ) -> tuple[PriceSlot, ...]:
        """Half hours as far as they are published. Raises ProviderUnavailable."""
        url = (
            f"{self._base_url}/v1/products/{self._product}/electricity-tariffs/"
            f"E-1R-{self._product}-{self._region}/standard-unit-rates/"
        )
        begin = now if since is None else since
        params: dict[str, str] | None = {
            "period_from": _iso(begin - begin % _HALF_HOUR_S),
            "period_to": _iso(until),
            "page_size": "1500",
        }
        points: list[Point] = []
        following: str | None = url
        for _ in range(_MOST_PAGES):
            if following is None:
                break
            unknown = f"product {self._product} is not known; check [providers.{self.name}]"
            document = asked(fetch, following, params, self.name, unknown)
            points.extend(parse(document, until))
            following, params = self._next(document), None
        return price_slots(points, now, until, f"{self.name}: no prices for {zone}", since)

    def _next(self, document: object) -> str | None:
        """The address of the next page, if it is one of the same service."""
        url = document.get("next") if isinstance(document, dict) else None
        return url if isinstance(url, str) and url.startswith(f"{self._base_url}/") else None


def parse(document: object, until: Instant) -> list[Point]:
    """Prices in pounds per kWh. Raises ProviderUnavailable for another shape.

    A price without an end goes on as far as anyone asks, which is `until`.
    """
    if not isinstance(document, dict) or not isinstance(document.get("results"), list):
        raise ProviderUnavailable("octopus_agile: the answer is not of the known form")
    points = []
    for row in rows(document, "results"):
        start, pence = instant(row.get("valid_from")), number(row.get("value_inc_vat"))
        end = until if row.get("valid_to") is None else instant(row.get("valid_to"))
        if start is not None and end is not None and pence is not None:
            points.append(Point(start, pence / _PENCE_PER_POUND, end))
    return points


def _iso(at: Instant) -> str:
    # Without the Z the service takes it for London's time.
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}Z"
