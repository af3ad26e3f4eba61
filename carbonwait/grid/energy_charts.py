"""Energy-Charts (Fraunhofer ISE): average intensity of 26 European countries, without a key.

The endpoint answers from 00:00 local time of the first day to the end of today, or of tomorrow
once the day-ahead market has closed. Actuals and forecasts come in two parallel arrays, with null
where one of them says nothing. Not in the service's published specification; whether its factors
are direct or life-cycle is not documented.
"""

from collections.abc import Mapping

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Series
from carbonwait.grid.points import Point, intensity, number, series_of
from carbonwait.grid.protocol import Fetch, Forecast

BASE_URL = "https://api.energy-charts.info"
COUNTRIES = frozenset(
    "AT BE BG CH CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV NL NO PL PT SE SI SK".split()
)
# Zones of other names that are one of the countries.
_ALIASES = {"DE-LU": "DE"}
_DAY_S = 86400.0
_LONGEST_RANGE_S = 14 * _DAY_S


class EnergyCharts:
    """The provider; `config` may hold `base_url`."""

    name = "energy_charts"
    signal: Signal = "average"
    scope: Scope = "unknown"
    licence = "Energy-Charts.info, CC BY 4.0"
    refresh_s = 900.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL))

    def covers(self, zone: str) -> bool:
        """True for the countries as a whole; there are no bidding zones."""
        return _ALIASES.get(zone, zone) in COUNTRIES

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """What is known of today and, in the afternoon, of tomorrow. Raises ProviderUnavailable."""
        series = parse(self._fetch(zone, now - _DAY_S, until, fetch))
        if not series or series.edges[-1] <= now:
            raise ProviderUnavailable(f"{self.name}: no forecast for {zone} from now on")
        return Forecast(series, None)

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last 14 days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        known = parse(self._fetch(zone, first, end, fetch)).between(first, end)
        return Series(slot for slot in known if slot.kind == "actual")

    def _fetch(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> object:
        country = _ALIASES.get(zone, zone).lower()
        params = {"country": country, "start": f"{start:.0f}", "end": f"{end:.0f}"}
        return fetch(f"{self._base_url}/co2eq", params=params)


def parse(document: object) -> Series:
    """Actuals where there are any, else forecasts. Raises ProviderUnavailable for another shape."""
    if not isinstance(document, dict):
        raise ProviderUnavailable("energy_charts: the answer is not of the known form")
    columns = [document.get(name) for name in ("unix_seconds", "co2eq", "co2eq_forecast")]
    times, actuals, forecasts = (c if isinstance(c, list) else [] for c in columns)
    if not times:
        raise ProviderUnavailable("energy_charts: the answer holds no points")
    points = []
    for index, second in enumerate(times):
        start = number(second)
        if start is None or not 0 <= start < 1e11:
            continue
        actual = intensity(actuals[index]) if index < len(actuals) else None
        forecast = intensity(forecasts[index]) if index < len(forecasts) else None
        if actual is not None:
            points.append(Point(start, actual, kind="actual"))
        elif forecast is not None:
            points.append(Point(start, forecast))
    return series_of(points)
