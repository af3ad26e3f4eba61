"""Electricity Maps v4: some 350 zones of the world, with a token.

Three traps. Without `disableCallerLookup` a zone that is not understood becomes that of the
caller's address. What a plan lacks is refused with 401, as is a wrong token. And a sandbox token
gets made-up figures that look like any others.

The latest figures of the past are estimates, which are replaced as measurements arrive.

Unverified: which plans hold a forecast and how far it reaches, how an unknown zone is refused, and
whether "no recent data" comes with 404 or 200 (so both are met).
"""

from collections.abc import Mapping

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant, Scope, Signal
from carbonwait.core.series import Kind, Series
from carbonwait.grid.http import HttpRefusal
from carbonwait.grid.points import Point, ahead, instant, intensity, rows, series_of, touching
from carbonwait.grid.protocol import Fetch, Forecast
from carbonwait.grid.refusals import SettingsRefused, meaning, reworded

BASE_URL = "https://api.electricitymaps.com"
_HORIZONS_H = (24, 48, 72)
_STEPS_S = {"5_minutes": 300.0, "15_minutes": 900.0, "hourly": 3600.0}
_CHECK = "check ELECTRICITYMAPS_TOKEN or token_file"


class ElectricityMaps:
    """The provider; `config` holds `token` and may hold `base_url`."""

    name = "electricity_maps"
    signal: Signal = "average"
    scope: Scope = "life-cycle"
    licence = "Electricity Maps, https://www.electricitymaps.com"
    refresh_s = 3600.0
    reaches_back_s = 86400.0
    # Whatever is asked for, the answer is that of the last 24 hours.
    longest_range_s = 2 * 86400.0
    has_actuals = True

    def __init__(self, config: Mapping[str, object]) -> None:
        self._base_url = str(config.get("base_url", BASE_URL)).rstrip("/")
        self._token = str(config.get("token") or "").strip()

    def covers(self, zone: str) -> bool:
        """True for any zone: its codes are the ones in use here."""
        return True

    def forecast(self, zone: str, now: Instant, until: Instant, fetch: Fetch) -> Forecast:
        """Up to 72 hours, as far as the plan of the token goes. Raises ProviderUnavailable."""
        needed_h = (until - now) / 3600
        horizon_h = next((h for h in _HORIZONS_H if h >= needed_h), _HORIZONS_H[-1])
        document = self._fetch(zone, "forecast", {"horizonHours": str(horizon_h)}, fetch)
        series = _series(document, "forecast", "forecast")
        kept = ahead(series, now, until, f"{self.name}: no forecast for {zone}")
        return Forecast(kept, instant(document.get("updatedAt")))

    def actuals(self, zone: str, start: Instant, end: Instant, fetch: Fetch) -> Series:
        """The last 24 hours, whatever the span: longer ones need a paid plan."""
        document = self._fetch(zone, "history", {}, fetch)
        return touching(_series(document, "history", "actual"), start, end)

    def _fetch(
        self, zone: str, what: str, params: dict[str, str], fetch: Fetch
    ) -> dict[str, object]:
        if not self._token:
            remedy = "set ELECTRICITYMAPS_TOKEN or token_file in the config"
            raise SettingsRefused(f"{self.name}: no token; {remedy}")
        if not self._token.isascii() or not self._token.isprintable():
            raise SettingsRefused(f"{self.name}: the token holds odd characters; {_CHECK}")
        try:
            document = fetch(
                f"{self._base_url}/v4/carbon-intensity/{what}",
                params={"zone": zone, "disableCallerLookup": "true", **params},
                headers={"auth-token": self._token},
            )
        except HttpRefusal as refusal:
            raise _refused(refusal, zone, what) from None
        return checked(document, zone)


def checked(document: object, zone: str) -> dict[str, object]:
    """The document if it is real data of the zone asked for. Raises ProviderUnavailable."""
    if not isinstance(document, dict):
        raise ProviderUnavailable("electricity_maps: the answer is not of the known form")
    made_up = [document.get("_disclaimer")]
    made_up += [row.get("estimationMethod") for row in rows(document, "history")]
    if any(isinstance(text, str) and "SANDBOX" in text.upper() for text in made_up):
        raise SettingsRefused("electricity_maps: sandbox data is made up; use a real token")
    if document.get("status") == "error":
        raise ProviderUnavailable(f"electricity_maps: no data for {zone}")
    if document.get("zone") != zone:
        raise ProviderUnavailable(f"electricity_maps: the answer is not for {zone}")
    return document


def _series(document: dict[str, object], rows_in: str, kind: Kind) -> Series:
    points = []
    for row in rows(document, rows_in):
        start = instant(row.get("datetime"))
        if start is not None:
            points.append(Point(start, intensity(row.get("carbonIntensity")), kind=kind))
    granularity = document.get("temporalGranularity")
    step_s = _STEPS_S.get(granularity) if isinstance(granularity, str) else None
    return series_of(points, step_s=step_s)


def _refused(refusal: HttpRefusal, zone: str, what: str) -> ProviderUnavailable:
    """What a refusal means: the plan, the token, or something else.

    The service's own words are looked at and never shown, since they may repeat the token.
    """
    name = ElectricityMaps.name
    told = _told(refusal)
    if refusal.status in {401, 403}:
        if "invalid auth-token" not in told and any(words in told for words in _LACKING):
            return SettingsRefused(
                f"{name}: the token is valid, but its plan has no {what} for {zone}"
            )
        return SettingsRefused(f"{name}: the token is not accepted; {_CHECK}")
    reason = meaning(refusal)
    if "no route matched" in told:
        reason = "the service has retired this address; use another provider"
    elif refusal.status == 404 or "no recent data" in told:
        reason = f"no data for {zone}"
    return reworded(refusal, f"{name}: {reason}")


# What is said of a valid token whose plan lacks a zone or a kind of answer; it has been reworded.
_LACKING = ("unauthorized", "do not have access", "not available")


def _told(refusal: HttpRefusal) -> str:
    """The texts of a refusal in lower case, empty if it is no JSON object."""
    import json

    try:
        body = json.loads(refusal.body)
    except (ValueError, RecursionError):
        return ""
    texts = body.values() if isinstance(body, dict) else ()
    return " ".join(text for text in texts if isinstance(text, str)).lower()
