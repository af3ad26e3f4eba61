"""Energinet (Energi Data Service): DK1 and DK2 in steps of five minutes, without a key.

One request per dataset and minute is allowed per address, so both areas are asked for together.
Times without an offset are Danish unless the request says `timezone=UTC`; the newest row comes
first and only a hundred of them unless `sort` and `limit=0` say otherwise.

Unverified: what refusals say besides their status, and whether the factors are direct or
life-cycle.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Kind, Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, ahead, instant, intensity, rows, series_of, touching
from carbonwait.grid.protocol import Fetch, Forecast
from carbonwait.grid.refusals import meaning, reworded

BASE_URL = "https://api.energidataservice.dk"
AREAS = {"DK-DK1": "DK1", "DK-DK2": "DK2"}
_STEP_S = 300.0
_HOUR_S = 3600.0
_LONGEST_RANGE_S = 14 * 86400.0


class Energinet:
    """The provider; `config` may hold `base_url`."""

    name = "energinet"
    signal: Signal = "average"
    scope: Scope = "unknown"
    licence = "Energinet, Energi Data Service"
    refresh_s = 900.0
    reaches_back_s = inf
    longest_range_s = _LONGEST_RANGE_S
    has_actuals = True

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")

    def covers(self, zone: str) -> bool:
        """True for the two Danish bidding zones."""
        return zone in AREAS

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """Nine hours or more ahead, to the end of a Danish day. Raises ProviderUnavailable."""
        document = self._fetch("CO2EmisProg", now - _HOUR_S, until, fetch)
        series = parse(document, AREAS[zone], "forecast")
        return Forecast(ahead(series, now, until, f"{self.name}: no forecast for {zone}"))

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last 14 days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        document = self._fetch("CO2Emis", first, end, fetch)
        return touching(parse(document, AREAS[zone], "actual"), first, end)

    def _fetch(self, dataset: str, start: Instant, end: Instant, fetch: Fetch) -> object:
        import json

        params = {
            "start": _iso(start - start % _STEP_S),
            "end": _iso(end),
            "timezone": "UTC",
            "filter": json.dumps({"PriceArea": list(AREAS.values())}, separators=(",", ":")),
            "sort": "Minutes5UTC asc",
            "limit": "0",
        }
        try:
            return fetch(f"{self._base_url}/dataset/{dataset}", params=params)
        except HttpRefusal as refusal:
            raise reworded(refusal, f"{self.name}: {meaning(refusal)}") from None


def parse(document: object, area: str, kind: Kind) -> Series:
    """The rows of one area. Raises ProviderUnavailable for another shape."""
    if not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise ProviderUnavailable("energinet: the answer is not of the known form")
    points = []
    for row in rows(document, "records"):
        start = instant(row.get("Minutes5UTC"))
        if row.get("PriceArea") == area and start is not None:
            points.append(Point(start, intensity(row.get("CO2Emission")), kind=kind))
    return series_of(points, step_s=_STEP_S)


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}"
