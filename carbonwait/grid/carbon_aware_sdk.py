"""The Green Software Foundation's Carbon Aware SDK WebAPI, at an address of one's own.

Forecast values are means over `windowSize`: the raw ones come back only if that is the source's
own step, so the step is asked for first. What the signal is depends on the server's source; the
unit is g/kWh.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Series
from carbonwait.grid.points import Point, instant, intensity, number, rows, series_of
from carbonwait.grid.protocol import Fetch, Forecast

BASE_URL = "http://localhost:8080"
_LONGEST_RANGE_S = 7 * 86400.0
_DURATION_PARTS = 3


class CarbonAwareSdk:
    """The provider; `config` may hold `base_url` and `location`, which stands for any zone."""

    name = "carbon_aware_sdk"
    signal: Signal = "average"
    scope: Scope = "unknown"
    licence = "as the server's own source"
    refresh_s = 900.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL))
        self._location = config.get("location")

    def covers(self, zone: str) -> bool:
        """True for any zone: the server knows its own locations."""
        return True

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """As far as the server's source goes. Raises ProviderUnavailable."""
        series, issued, window_min = self._forecast(zone, None, fetch)
        step_min = _step_min(series)
        if step_min and window_min and step_min != window_min:
            series, issued, _ = self._forecast(zone, step_min, fetch)
        if not series or series.edges[-1] <= now:
            raise ProviderUnavailable(f"{self.name}: no forecast for {zone} from now on")
        return Forecast(series, issued)

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last seven days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        params = {"location": self._place(zone), "time": _iso(first), "toTime": _iso(end)}
        document = fetch(f"{self._base_url}/emissions/bylocation", params=params)
        return parse_actuals(document)

    def _place(self, zone: str) -> str:
        return str(self._location or zone)

    def _forecast(
        self, zone: str, window_min: int | None, fetch: Fetch
    ) -> tuple[Series, Instant | None, int | None]:
        params = {"location": self._place(zone)}
        if window_min is not None:
            params["windowSize"] = str(window_min)
        document = fetch(f"{self._base_url}/emissions/forecasts/current", params=params)
        return parse_forecast(document)


def parse_forecast(document: object) -> tuple[Series, Instant | None, int | None]:
    """Series, when it was made, and the window that its values are means over, in minutes.

    Raises ProviderUnavailable for another shape.
    """
    first = document[0] if isinstance(document, list) and document else None
    if not isinstance(first, dict):
        raise ProviderUnavailable("carbon_aware_sdk: the answer holds no forecast")
    points = []
    for row in rows(first, "forecastData"):
        start, value = instant(row.get("timestamp")), intensity(row.get("value"))
        if start is not None and value is not None:
            points.append(Point(start, value))
    window = number(first.get("windowSize"))
    return series_of(points), instant(first.get("generatedAt")), int(window) if window else None


def parse_actuals(document: object) -> Series:
    """The rows of `bylocation`. Raises ProviderUnavailable for another shape."""
    if not isinstance(document, list):
        raise ProviderUnavailable("carbon_aware_sdk: the answer is not of the known form")
    points = []
    for row in rows({"rows": document}, "rows"):
        start, value = instant(row.get("time")), intensity(row.get("rating"))
        length_s = _length_s(row.get("duration"))
        if start is not None and value is not None:
            end = start + length_s if length_s else None
            points.append(Point(start, value, end, "actual"))
    return series_of(points)


def _length_s(text: object) -> float | None:
    """Seconds of `01:00:00`; days come first where there are any, as in `1.00:00:00`."""
    parts = str(text).split(":")
    if len(parts) != _DURATION_PARTS:
        return None
    days, _, hours = parts[0].rpartition(".")
    try:
        whole = [int(days or 0), int(hours), int(parts[1])]
        seconds = float(parts[2])
    except ValueError:
        return None
    length_s = whole[0] * 86400 + whole[1] * 3600 + whole[2] * 60 + seconds
    return length_s if 0 < length_s <= _LONGEST_RANGE_S else None


def _step_min(series: Series) -> int | None:
    slots = series.slots
    return max(1, round((slots[0].end - slots[0].start) / 60)) if slots else None


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}Z"
