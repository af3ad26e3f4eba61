"""NESO's Carbon Intensity API: Great Britain and its regions, in half hours, without a key.

National figures have actuals; regional ones never do, only forecasts that are revised afterwards.
The trap is an answer that says nothing: for a place or a time without data the service sends 200
with null, with `{}`, with an empty list or with no body at all.

Unverified: how a range of more than 14 days is refused (so none is asked for), and whether an
unknown postcode is refused or answered with null (so both are met).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import inf

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Kind, Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, instant, intensity, rows, series_of
from carbonwait.grid.protocol import Fetch, Forecast
from carbonwait.grid.refusals import meaning, reworded

BASE_URL = "https://api.carbonintensity.org.uk"

_ZONE = "GB"
_HALF_HOUR_S = 1800
_MINUTE_S = 60
_DAY_S = 86400.0
# The service takes 14 days and counts both ends.
_LONGEST_RANGE_S = 13 * _DAY_S
_OUTWARD = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)(\s*[0-9][A-Z]{2})?", re.ASCII)


class Neso:
    """The provider; `config` may hold `base_url` and either `postcode` or `region_id`.

    Of a postcode only the outward part is sent. Raises Mistake for one that is none.
    """

    name = "neso"
    signal: Signal = "average"
    scope: Scope = "direct"
    licence = "National Energy System Operator (NESO), Carbon Intensity API, CC BY 4.0"
    refresh_s = 1800.0
    reaches_back_s = inf
    longest_range_s = _LONGEST_RANGE_S

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")
        self._postcode = _outward(config.get("postcode"))
        self._region_id = config.get("region_id")
        self.has_actuals = self._is_national
        if self._postcode and self._region_id is not None:
            raise Mistake("config: providers.neso has postcode and region_id; keep one of them")

    def covers(self, zone: str) -> bool:
        """True for Great Britain; Northern Ireland is another grid."""
        return zone == _ZONE

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """The next 48 hours, less where the service has less. Raises ProviderUnavailable."""
        # Within a half hour the address stays the same, so that a cache can answer it.
        begins = now - now % _HALF_HOUR_S + _MINUTE_S
        series = parse_forecast(self._fetch(f"{_stamp(begins)}/fw48h", fetch))
        if not any(slot.start < until and slot.end > now for slot in series):
            raise ProviderUnavailable(f"neso has no forecast for the time asked{self._hint}")
        return Forecast(series)

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """What was; regional figures are the last forecasts, and of that kind."""
        parse = parse_actuals if self._is_national else parse_forecast
        points: list[Point] = []
        for first, last in _chunks(start, end):
            known = parse(self._fetch(f"{_stamp(first)}/{_stamp(last)}", fetch))
            # A range counts both of its ends: chunks overlap, and one half hour is too early.
            points.extend(
                Point(slot.start, slot.g_per_kwh, slot.end, slot.kind)
                for slot in known
                if slot.start < end and slot.end > start
            )
        return series_of(points)

    @property
    def _is_national(self) -> bool:
        return not self._postcode and self._region_id is None

    @property
    def _hint(self) -> str:
        return f" in {self._postcode}; check [providers.neso] postcode" if self._postcode else ""

    def _fetch(self, when: str, fetch: Fetch) -> object:
        if self._postcode:
            path = f"/regional/intensity/{when}/postcode/{self._postcode}"
        elif self._region_id is not None:
            path = f"/regional/intensity/{when}/regionid/{self._region_id}"
        else:
            path = f"/intensity/{when}"
        try:
            return fetch(self._base_url + path)
        except HttpRefusal as refusal:
            if self._postcode and b"postcode" in refusal.body.lower():
                raise ProviderUnavailable(f"neso has no intensities{self._hint}") from None
            raise reworded(refusal, f"{self.name}: {meaning(refusal)}") from None


def parse_forecast(document: object) -> Series:
    """The forecasts in an answer, national or regional; empty if it holds none."""
    return _parse(document, "forecast")


def parse_actuals(document: object) -> Series:
    """The actual intensities in a national answer; empty if it holds none."""
    return _parse(document, "actual")


def _parse(document: object, kind: Kind) -> Series:
    data = document.get("data") if isinstance(document, dict) else None
    # A region's rows are one level further down, in an object or in a list of one.
    if isinstance(data, list) and data and isinstance(data[0], dict) and "data" in data[0]:
        data = data[0]
    points = []
    for row in rows(data, "data") if isinstance(data, dict) else rows(data):
        start, end = instant(row.get("from")), instant(row.get("to"))
        values = row.get("intensity")
        g_per_kwh = intensity(values.get(kind)) if isinstance(values, dict) else None
        if start is None or end is None or g_per_kwh is None or not start < end <= start + _DAY_S:
            continue
        points.append(Point(start, g_per_kwh, end, kind))
    return series_of(points)


def _chunks(start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Ranges of whole half hours; across a New Year the service would stop an hour short."""
    first = start - start % _HALF_HOUR_S
    last = end + -end % _HALF_HOUR_S
    while first < last:
        year = datetime.fromtimestamp(first, UTC).year
        new_year = datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()
        until = min(first + _LONGEST_RANGE_S, new_year, last)
        yield first, until
        first = until


def _outward(postcode: object) -> str | None:
    """The first half of a postcode, which is all that the service wants to know."""
    if postcode is None:
        return None
    match = _OUTWARD.fullmatch(str(postcode).strip().upper())
    if match is None:
        remedy = "write its first half, such as RG10"
        raise Mistake(f"config: providers.neso.postcode = {postcode!r} is no postcode; {remedy}")
    return match[1]


def _stamp(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"
