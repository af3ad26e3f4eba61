"""Electricity Maps v4: some 350 zones of the world, with a token.

Three traps. Without `disableCallerLookup` a zone that is not understood becomes that of the
caller's address. What a plan lacks is refused with 401, as is a wrong token. And a sandbox token
gets made-up figures that look like any others.
"""

from collections.abc import Mapping

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, instant, intensity, rows, series_of
from carbonwait.grid.protocol import Fetch, Forecast

BASE_URL = "https://api.electricitymaps.com"
_HORIZONS_H = (24, 48, 72)


class ElectricityMaps:
    """The provider; `config` holds `token` and may hold `base_url`."""

    name = "electricity_maps"
    signal: Signal = "average"
    scope: Scope = "life-cycle"
    licence = "Electricity Maps, https://www.electricitymaps.com"
    refresh_s = 3600.0

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL))
        self._token = config.get("token")

    def covers(self, zone: str) -> bool:
        """True for any zone: its codes are the ones in use here."""
        return True

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """Up to 72 hours, as far as the plan of the token goes. Raises ProviderUnavailable."""
        needed_h = (until - now) / 3600
        horizon_h = next((h for h in _HORIZONS_H if h >= needed_h), _HORIZONS_H[-1])
        document = self._fetch(zone, "forecast", {"horizonHours": str(horizon_h)}, fetch)
        series = series_of(_points(document, "forecast"))
        if not series or series.edges[-1] <= now:
            raise ProviderUnavailable(f"{self.name}: no forecast for {zone} from now on")
        issued = instant(document.get("updatedAt"))
        return Forecast(series, issued)

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """The last 24 hours, whatever the span: longer ones need a paid plan."""
        document = self._fetch(zone, "history", {}, fetch)
        return series_of(_points(document, "history")).between(start, end)

    def _fetch(
        self, zone: str, what: str, params: dict[str, str], fetch: Fetch
    ) -> dict[str, object]:
        if not self._token:
            message = "no token; set ELECTRICITYMAPS_TOKEN or token_file in the config"
            raise ProviderUnavailable(f"{self.name}: {message}")
        try:
            document = fetch(
                f"{self._base_url}/v4/carbon-intensity/{what}",
                params={"zone": zone, "disableCallerLookup": "true", **params},
                headers={"auth-token": str(self._token)},
            )
        except HttpRefusal as refusal:
            raise ProviderUnavailable(f"{self.name}: {_refused(refusal, zone, what)}") from None
        return checked(document, zone)


def checked(document: object, zone: str) -> dict[str, object]:
    """The document if it is real data of the zone asked for. Raises ProviderUnavailable."""
    if not isinstance(document, dict):
        raise ProviderUnavailable("electricity_maps: the answer is not of the known form")
    if "SANDBOX" in str(document.get("_disclaimer", "")).upper() or any(
        "SANDBOX" in str(row.get("estimationMethod", "")).upper()
        for row in rows(document, "history")
    ):
        raise ProviderUnavailable("electricity_maps: sandbox data is made up; use a real token")
    if document.get("zone") != zone:
        raise ProviderUnavailable(f"electricity_maps: the answer is not for {zone}")
    return document


def _points(document: dict[str, object], what: str) -> list[Point]:
    points = []
    for row in rows(document, what):
        start, value = instant(row.get("datetime")), intensity(row.get("carbonIntensity"))
        if start is not None and value is not None:
            points.append(Point(start, value, kind="forecast" if what == "forecast" else "actual"))
    return points


def _refused(refusal: HttpRefusal, zone: str, what: str) -> str:
    """What a refusal means: the plan, the token, or something else."""
    import json

    try:
        body = json.loads(refusal.body)
    except ValueError:
        body = None
    told = " ".join(str(text) for text in body.values()) if isinstance(body, dict) else ""
    lowered = told.lower()
    if refusal.status in {401, 403}:
        if "invalid auth-token" in lowered:
            return "the token is not accepted; check ELECTRICITYMAPS_TOKEN or token_file"
        if "unauthorized" in lowered or "do not have access" in lowered or "not avail" in lowered:
            return f"the token is valid, but its plan has no {what} for {zone}"
        return "the token is not accepted; check ELECTRICITYMAPS_TOKEN or token_file"
    if "no recent data" in lowered:
        return f"no recent data for {zone}"
    if refusal.status in {404, 410}:
        return "the service has retired this address"
    return str(refusal)
