"""WattTime v3: the marginal intensity of regions in the US and beyond, with an account.

A login gives a token for half an hour; a token that has run out is refused with an HTML page, on
which one new login follows. Values are pounds of CO2 per MWh. They are marginal: good for
choosing, never to be added to average figures. A zero holds: it is what one more kilowatt-hour
costs where wind or sun would otherwise be turned down.

Unverified: a refusal with 401 in JSON (taken for a token that has run out).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil, inf

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Kind, Series
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
from carbonwait.grid.refusals import SettingsRefused, meaning, reworded

BASE_URL = "https://api.watttime.org"
# The region that every account may see, and the zone that it lies in.
REGIONS = {"US-CAL-CISO": "CAISO_NORTH"}

_G_PER_KWH_OF_LBS_PER_MWH = 0.45359237
_SIGNAL = "co2_moer"
_LONGEST_HORIZON_H = 72
_LONGEST_RANGE_S = 30 * 86400.0
_HOUR_S = 3600.0
_LONGEST_TOKEN = 8192


class WattTime:
    """The provider; `config` holds `username`, `password` and may hold `region`, `base_url`."""

    name = "watttime"
    signal: Signal = "marginal"
    scope: Scope = "direct"
    licence = "WattTime, https://watttime.org"
    refresh_s = 900.0
    reaches_back_s = inf
    longest_range_s = _LONGEST_RANGE_S
    has_actuals = True

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")
        self._region = config.get("region")
        self._credentials = config.get("username"), config.get("password")
        self._token: str | None = None

    def covers(self, zone: str) -> bool:
        """True where a region is known: the configured one stands for any zone."""
        return self._region is not None or zone in REGIONS

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """Up to 72 hours in steps of five minutes. Raises ProviderUnavailable."""
        horizon_h = min(_LONGEST_HORIZON_H, max(1, ceil((until - now) / _HOUR_S)))
        document = self._get("forecast", zone, {"horizon_hours": str(horizon_h)}, fetch)
        series = parse(document, "forecast")
        kept = ahead(series, now, until, f"{self.name}: no forecast for {zone}")
        return Forecast(kept, instant(_meta(document).get("generated_at")))

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """Observed intensities of at most the last 30 days of the span."""
        first = max(start, end - _LONGEST_RANGE_S)
        params = {"start": _iso(first), "end": _iso(end)}
        series = parse(self._get("historical", zone, params, fetch), "actual")
        return touching(series, first, end)

    def _get(self, what: str, zone: str, params: dict[str, str], fetch: Fetch) -> object:
        region = str(self._region or REGIONS.get(zone, zone))
        asked = {"region": region, "signal_type": _SIGNAL, **params}
        token, self._token = self._token or self._log_in(fetch), None
        try:
            document = self._ask(what, asked, token, fetch)
        except HttpRefusal as refusal:
            if not _asks_for_login(refusal):
                self._token = token
                raise _refused(refusal, region) from None
            token = self._log_in(fetch)
            try:
                document = self._ask(what, asked, token, fetch)
            except HttpRefusal as again:
                raise _refused(again, region) from None
        self._token = token
        return document

    def _ask(self, what: str, params: dict[str, str], token: str, fetch: Fetch) -> object:
        headers = {"Authorization": f"Bearer {token}"}
        return fetch(f"{self._base_url}/v3/{what}", params=params, headers=headers)

    def _log_in(self, fetch: Fetch) -> str:
        username, password = self._credentials
        if not username or not password:
            message = "no account; set WATTTIME_USERNAME and WATTTIME_PASSWORD"
            raise SettingsRefused(f"{self.name}: {message}")
        from base64 import b64encode

        basic = b64encode(f"{username}:{password}".encode("utf-8", "replace")).decode("ascii")
        try:
            document = fetch(f"{self._base_url}/login", headers={"Authorization": f"Basic {basic}"})
        except HttpRefusal as refusal:
            if refusal.status in {401, 403}:
                message = "the login is refused; check WATTTIME_USERNAME and WATTTIME_PASSWORD"
                raise SettingsRefused(f"{self.name}: {message}") from None
            raise reworded(refusal, f"{self.name}: {meaning(refusal)}") from None
        token = document.get("token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
            raise ProviderUnavailable(f"{self.name}: the login gave no token")
        if not token.isascii() or not token.isprintable():
            raise ProviderUnavailable(f"{self.name}: the login gave no token")
        return token


def parse(document: object, kind: Kind) -> Series:
    """The points of an answer in g/kWh. Raises ProviderUnavailable for another shape or unit."""
    meta = _meta(document)
    if meta.get("units") != "lbs_co2_per_mwh":
        raise ProviderUnavailable("watttime: the answer is not in lbs_co2_per_mwh")
    if meta.get("signal_type", _SIGNAL) != _SIGNAL:
        raise ProviderUnavailable(f"watttime: the answer is not of {_SIGNAL}")
    points = []
    for row in rows(document, "data"):
        start = instant(row.get("point_time"))
        value = intensity(row.get("value"), _G_PER_KWH_OF_LBS_PER_MWH)
        if start is not None:
            points.append(Point(start, value, kind=kind))
    step_s = number(meta.get("data_point_period_seconds"))
    usable = step_s is not None and 0 < step_s <= _HOUR_S
    return series_of(points, step_s=step_s if usable else None, zeros_hold=True)


def _meta(document: object) -> dict[str, object]:
    meta = document.get("meta") if isinstance(document, dict) else None
    return meta if isinstance(meta, dict) else {}


def _asks_for_login(refusal: HttpRefusal) -> bool:
    """True for a token that has run out; what a plan lacks is refused with 403 in JSON instead."""
    return refusal.status == 401 or (
        refusal.status == 403 and not refusal.body.lstrip().startswith(b"{")
    )


def _refused(refusal: HttpRefusal, region: str) -> ProviderUnavailable:
    name = WattTime.name
    if refusal.status == 403 and not _asks_for_login(refusal):
        remedy = "check [providers.watttime] region"
        return SettingsRefused(f"{name}: the account has no access to {region}; {remedy}")
    reason = meaning(refusal)
    if _asks_for_login(refusal):
        reason = "the service refuses the token that its own login gave"
    elif refusal.status == 404:
        reason = f"region {region} is not known; check [providers.watttime] region"
    return reworded(refusal, f"{name}: {reason}")


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}Z"
