"""Energy-Charts (Fraunhofer ISE): average intensity of 26 European countries, without a key.

The endpoint answers from 00:00 local time of the first day to the end of today, or of tomorrow
once the day-ahead market has closed. Actuals and forecasts come in two parallel arrays, with null
where one of them says nothing. Requests in quick succession are refused with 429.

Unverified: the endpoint is not in the service's published specification, though its answers have
been recorded; whether its factors are direct or life-cycle, and whether imports count; how a
status of 404 differs between a country and a time without data.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, ahead, epoch, intensity, series_of, touching
from carbonwait.grid.protocol import Fetch, Forecast
from carbonwait.grid.refusals import meaning, reworded

BASE_URL = "https://api.energy-charts.info"
COUNTRIES = frozenset(
    "AT BE BG CH CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV NL NO PL PT SE SI SK".split()
)
# Zones of other names that are one of the countries.
_ALIASES = {"DE-LU": "DE"}
_LONGEST_RANGE_S = 14 * 86400.0


class EnergyCharts:
    """The provider; `config` may hold `base_url`."""

    name = "energy_charts"
    signal: Signal = "average"
    scope: Scope = "unknown"
    licence = "Energy-Charts.info, CC BY 4.0"
    refresh_s = 900.0
    reaches_back_s = inf
    longest_range_s = _LONGEST_RANGE_S
    has_actuals = True

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")

    def covers(self, zone: str) -> bool:
        """True for the countries as a whole; there are no bidding zones."""
        return _ALIASES.get(zone, zone) in COUNTRIES

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """What is known of today and, in the afternoon, of tomorrow. Raises ProviderUnavailable."""
        # Without a span the service answers with all that it knows of these two days.
        series = parse(self._fetch(zone, {}, fetch))
        return Forecast(ahead(series, now, until, f"{self.name}: no forecast for {zone}"))

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last 14 days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        known = parse(self._fetch(zone, {"start": _iso(first), "end": _iso(end)}, fetch))
        return touching(Series(slot for slot in known if slot.kind == "actual"), first, end)

    def _fetch(self, zone: str, span: dict[str, str], fetch: Fetch) -> object:
        country = _ALIASES.get(zone, zone).lower()
        try:
            return fetch(f"{self._base_url}/co2eq", params={"country": country, **span})
        except HttpRefusal as refusal:
            raise reworded(refusal, f"{self.name}: {_refused(refusal, zone)}") from None


def parse(document: object) -> Series:
    """Actuals where there are any, else forecasts. Raises ProviderUnavailable for another shape."""
    times = document.get("unix_seconds") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(times, list):
        raise ProviderUnavailable("energy_charts: the answer is not of the known form")
    columns = (document.get(name) for name in ("co2eq", "co2eq_forecast"))
    actuals, forecasts = (column if isinstance(column, list) else [] for column in columns)
    points = []
    for index, second in enumerate(times):
        start = epoch(second)
        if start is None:
            continue
        actual = intensity(actuals[index]) if index < len(actuals) else None
        if actual is not None:
            points.append(Point(start, actual, kind="actual"))
        else:
            forecast = intensity(forecasts[index]) if index < len(forecasts) else None
            points.append(Point(start, forecast))
    return series_of(points)


def _refused(refusal: HttpRefusal, zone: str) -> str:
    if refusal.status == 400 and refusal.text:
        return refusal.text  # in plain words, and no key is sent that it could repeat
    if refusal.status == 404:
        return f"no data for {zone}"
    return meaning(refusal)


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}Z"
