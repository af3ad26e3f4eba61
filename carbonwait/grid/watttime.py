"""WattTime v3: the marginal intensity of regions in the US and beyond, with an account.

A login gives a token for half an hour; a token that has run out is refused with an HTML page, on
which one new login follows. Values are pounds of CO2 per MWh. They are marginal: good for
choosing, never to be added to average figures.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Kind, Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, instant, intensity, rows, series_of
from carbonwait.grid.protocol import Fetch, Forecast

BASE_URL = "https://api.watttime.org"
_G_PER_KWH_OF_LBS_PER_MWH = 0.45359237
_LONGEST_HORIZON_H = 72
_LONGEST_RANGE_S = 30 * 86400.0
# The region that every account may see, and the zone that it lies in.
REGIONS = {"US-CAL-CISO": "CAISO_NORTH"}


class WattTime:
    """The provider; `config` holds `username`, `password` and may hold `region`, `base_url`."""

    name = "watttime"
    signal: Signal = "marginal"
    scope: Scope = "direct"
    licence = "WattTime, https://watttime.org"
    refresh_s = 900.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL))
        self._region = config.get("region")
        self._credentials = config.get("username"), config.get("password")
        self._token: str | None = None

    def covers(self, zone: str) -> bool:
        """True where a region is known: the configured one stands for any zone."""
        return self._region is not None or zone in REGIONS

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """Up to 72 hours in steps of five minutes. Raises ProviderUnavailable."""
        horizon_h = min(_LONGEST_HORIZON_H, max(1, ceil((until - now) / 3600)))
        document = self._get("forecast", zone, {"horizon_hours": str(horizon_h)}, fetch)
        series = parse(document, "forecast")
        if not series or series.edges[-1] <= now:
            raise ProviderUnavailable(f"{self.name}: no forecast for {zone} from now on")
        meta = document.get("meta") if isinstance(document, dict) else None
        return Forecast(series, instant(meta.get("generated_at")) if meta else None)

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last 30 days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        params = {"start": _iso(first), "end": _iso(end)}
        return parse(self._get("historical", zone, params, fetch), "actual").between(first, end)

    def _get(self, what: str, zone: str, params: dict[str, str], fetch: Fetch) -> object:
        region = str(self._region or REGIONS.get(zone, zone))
        params = {"region": region, "signal_type": "co2_moer", **params}
        url = f"{self._base_url}/v3/{what}"
        fresh = self._token is None
        token = self._token or self._log_in(fetch)
        try:
            return fetch(url, params=params, headers={"Authorization": f"Bearer {token}"})
        except HttpRefusal as refusal:
            if fresh or not _asks_for_login(refusal):
                raise ProviderUnavailable(f"{self.name}: {_refused(refusal, region)}") from None
        self._token = None
        token = self._log_in(fetch)
        try:
            return fetch(url, params=params, headers={"Authorization": f"Bearer {token}"})
        except HttpRefusal as refusal:
            raise ProviderUnavailable(f"{self.name}: {_refused(refusal, region)}") from None

    def _log_in(self, fetch: Fetch) -> str:
        username, password = self._credentials
        if not username or not password:
            message = "no account; set WATTTIME_USERNAME and WATTTIME_PASSWORD"
            raise ProviderUnavailable(f"{self.name}: {message}")
        from base64 import b64encode

        basic = b64encode(f"{username}:{password}".encode()).decode("ascii")
        try:
            document = fetch(f"{self._base_url}/login", headers={"Authorization": f"Basic {basic}"})
        except HttpRefusal as refusal:
            if refusal.status in {401, 403}:
                message = "the login is refused; check WATTTIME_USERNAME and WATTTIME_PASSWORD"
                raise ProviderUnavailable(f"{self.name}: {message}") from None
            raise ProviderUnavailable(f"{self.name}: {refusal}") from None
        token = document.get("token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise ProviderUnavailable(f"{self.name}: the login gave no token")
        self._token = token
        return token


def parse(document: object, kind: Kind) -> Series:
    """The points of an answer in g/kWh. Raises ProviderUnavailable for another shape or unit."""
    meta = document.get("meta") if isinstance(document, dict) else None
    if not isinstance(meta, dict) or meta.get("units") != "lbs_co2_per_mwh":
        raise ProviderUnavailable("watttime: the answer is not in lbs_co2_per_mwh")
    points = []
    for row in rows(document, "data"):
        start = instant(row.get("point_time"))
        value = intensity(row.get("value"), _G_PER_KWH_OF_LBS_PER_MWH)
        if start is not None and value is not None:
            points.append(Point(start, value, kind=kind))
    return series_of(points)


def _asks_for_login(refusal: HttpRefusal) -> bool:
    """True for a token that has run out; what a plan lacks is refused in JSON instead."""
    return refusal.status in {401, 403} and not refusal.body.lstrip().startswith(b"{")


def _refused(refusal: HttpRefusal, region: str) -> str:
    if refusal.status == 403 and not _asks_for_login(refusal):
        return f"the account has no access to {region}"
    if refusal.status == 404:
        return f"region {region} is not known; check [providers.watttime] region"
    return str(refusal)


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}Z"
