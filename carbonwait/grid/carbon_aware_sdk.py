"""The Green Software Foundation's Carbon Aware SDK WebAPI, at an address of one's own.

Forecast values are means over `windowSize`: the raw ones come back only if that is the source's
own step, so the step is asked for first. What the signal is depends on the server's source and the
server does not tell; it is taken for average. The unit is g/kWh.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import (
    Point,
    ahead,
    instant,
    intensity,
    number,
    rows,
    series_of,
    touching,
)
from carbonwait.grid.protocol import Fetch, Forecast
from carbonwait.grid.refusals import meaning, reworded

BASE_URL = "http://localhost:8080"
_LONGEST_RANGE_S = 7 * 86400.0
_DAY_MIN = 1440
_DURATION_PARTS = 3


class Answer(NamedTuple):
    """A forecast, when it was made, and the window in minutes that its values are means over."""

    series: Series
    issued: Instant | None
    window_min: float | None


class CarbonAwareSdk:
    """The provider; `config` may hold `base_url` and `location`, which stands for any zone."""

    name = "carbon_aware_sdk"
    signal: Signal = "average"
    scope: Scope = "unknown"
    licence = "as the server's own source"
    refresh_s = 900.0
    reaches_back_s = inf
    longest_range_s = _LONGEST_RANGE_S
    has_actuals = True

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")
        self._location = config.get("location")

    def covers(self, zone: str) -> bool:
        """True for any zone: the server knows its own locations."""
        return True

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """As far as the server's source goes. Raises ProviderUnavailable."""
        answer = self._forecast(zone, {}, fetch)
        step_min = _step_min(answer.series)
        if step_min is not None and step_min != answer.window_min:
            answer = self._forecast(zone, {"windowSize": str(step_min)}, fetch)
        who = f"{self.name}: no forecast for {self._place(zone)}"
        return Forecast(ahead(answer.series, now, until, who), answer.issued)

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last seven days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        span = {"time": _iso(first), "toTime": _iso(end)}
        return touching(parse_actuals(self._fetch("bylocation", zone, span, fetch)), first, end)

    def _place(self, zone: str) -> str:
        return str(self._location or zone)

    def _forecast(self, zone: str, more: dict[str, str], fetch: Fetch) -> Answer:
        return parse_forecast(self._fetch("forecasts/current", zone, more, fetch))

    def _fetch(self, what: str, zone: str, more: dict[str, str], fetch: Fetch) -> object:
        place = self._place(zone)
        try:
            return fetch(f"{self._base_url}/emissions/{what}", params={"location": place, **more})
        except HttpRefusal as refusal:
            raise reworded(refusal, f"{self.name}: {_refused(refusal, place)}") from None


def parse_forecast(document: object) -> Answer:
    """The first forecast of an answer. Raises ProviderUnavailable for another shape."""
    first = document[0] if isinstance(document, list) and document else None
    if not isinstance(first, dict):
        raise ProviderUnavailable("carbon_aware_sdk: the answer holds no forecast")
    points = []
    for row in rows(first, "forecastData"):
        start = instant(row.get("timestamp"))
        if start is not None:
            points.append(Point(start, intensity(row.get("value"))))
    window_min = number(first.get("windowSize"))
    return Answer(series_of(points), instant(first.get("generatedAt")), window_min)


def parse_actuals(document: object) -> Series:
    """The rows of `bylocation`, none in an empty answer. Raises ProviderUnavailable."""
    if document is None:
        return Series()
    if not isinstance(document, list):
        raise ProviderUnavailable("carbon_aware_sdk: the answer is not of the known form")
    points = []
    for row in rows({"rows": document}, "rows"):
        start, length_s = instant(row.get("time")), _length_s(row.get("duration"))
        if start is not None:
            end = start + length_s if length_s else None
            points.append(Point(start, intensity(row.get("rating")), end, "actual"))
    return series_of(points)


def _refused(refusal: HttpRefusal, place: str) -> str:
    if refusal.status in {400, 404}:
        remedy = "check base_url and location in [providers.carbon_aware_sdk]"
        return f"the server does not know {place}; {remedy}"
    if refusal.status == 501:
        return "the server's source has no forecast"
    return meaning(refusal)


def _length_s(text: object) -> float | None:
    """Seconds of `01:00:00`; days come first where there are any, as in `1.00:00:00`."""
    parts = text.split(":") if isinstance(text, str) else []
    if len(parts) != _DURATION_PARTS:
        return None
    days, _, hours = parts[0].rpartition(".")
    try:
        length_s = (
            float(days or 0) * 86400 + float(hours) * 3600 + float(parts[1]) * 60 + float(parts[2])
        )
    except ValueError:
        return None
    return length_s if 0 < length_s <= _LONGEST_RANGE_S else None


def _step_min(series: Series) -> int | None:
    """The usual step of a series in whole minutes, None if it has none."""
    steps = Counter(round((slot.end - slot.start) / 60) for slot in series)
    step_min = steps.most_common(1)[0][0] if steps else 0
    return step_min if 1 <= step_min <= _DAY_MIN else None


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}Z"
