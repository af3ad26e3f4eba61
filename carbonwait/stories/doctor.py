"""What works here and what does not: zone, provider, key, meters, ledger, cache, clock.

Every check says what it found and, where something is wrong, the exact remedy. Nothing is changed,
but for the meter process that is started to see which methods a run would get.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from carbonwait.core.errors import LedgerUnavailable, Mistake
from carbonwait.core.records import Instant, Rung
from carbonwait.core.secrets import without_passwords
from carbonwait.core.units import format_span
from carbonwait.grid import registry, zones
from carbonwait.grid.price_registry import price_provider
from carbonwait.ledger.connection import is_missing
from carbonwait.ledger.store import Ledger
from carbonwait.settings import Settings, cache_folder, ledger_path, read_settings
from carbonwait.stories.intensities import Intensities
from carbonwait.stories.meters import Check, examine_meters
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Request, prepare
from carbonwait.stories.prices import PriceOutlook

_AHEAD_S = 24 * 3600.0
_OLDEST_SANE_S = 1_767_225_600.0  # 2026-01-01: an earlier clock has not been set


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, and the rung on which a run would stand now."""

    zone: str | None
    checks: list[Check]
    rung: Rung

    @property
    def live(self) -> bool:
        """True if a run would be planned on a live forecast."""
        return self.rung == "live"


def examine(request: Request, environ: Mapping[str, str], now: Instant) -> Diagnosis:
    """Look at everything once. Raises Mistake for options that cannot be used."""
    settings = read_settings(environ)
    preparation = prepare(request, settings, environ, now=now, past=())
    thought = preparation.think(now)
    prices = thought.prices
    reasons = [text for text in thought.outlook.warnings if text not in prices.warnings]
    outlook = replace(thought.outlook, warnings=tuple(reasons))
    checks = [
        _config(settings),
        _zone(outlook),
        *_forecast(outlook, now),
        *_providers(outlook.zone, settings, environ, now),
        _prices(outlook.zone, settings, prices),
        *examine_meters(environ),
        _ledger(environ),
        _cache(environ),
        _clock(environ, now),
    ]
    return Diagnosis(outlook.zone, checks, outlook.rung)


def _config(settings: Settings) -> Check:
    if settings.warnings:
        text, _, remedy = settings.warnings[0].partition("; ")
        return Check("config", False, text, remedy)
    if settings.path is None or not settings.path.exists():
        return Check("config", True, "no config file; built-in values are used")
    return Check("config", True, f"{settings.path} is fine")


def _zone(outlook: Outlook) -> Check:
    if outlook.zone is None:
        remedy = 'use --zone, or zone = "..." in the config (carbonwait config init)'
        return Check("zone", False, outlook.zone_source, remedy)
    sure = "approximate" not in outlook.zone_source
    remedy = "" if sure else f'if that is right, write zone = "{outlook.zone}" into the config'
    return Check("zone", sure, f"{outlook.zone} ({outlook.zone_source})", remedy)


def _forecast(outlook: Outlook, now: Instant) -> list[Check]:
    if outlook.rung != "live" or outlook.provider is None:
        reasons = outlook.warnings or ("no provider serves this zone without a key",)
        remedy = "set a key (ELECTRICITYMAPS_TOKEN), or --forecast FILE"
        if outlook.zone is None:
            remedy = "name a zone"
        elif outlook.warnings:
            remedy = "check the network and the provider; runs fall back by themselves"
        return [Check("forecast", False, reason, remedy) for reason in reasons]
    horizon = format_span(outlook.series.edges[-1] - now)
    age = "unknown" if outlook.issued is None else format_span(max(0.0, now - outlook.issued))
    detail = f"{outlook.provider} answers: {horizon} ahead, {age} old, {outlook.signal} signal"
    return [Check("forecast", True, "; ".join((detail, *outlook.notes)))]


def _providers(
    zone: str | None, settings: Settings, environ: Mapping[str, str], now: Instant
) -> list[Check]:
    """One finding per provider: what it needs, and whether those that can serve the zone do."""
    checks = []
    for name in registry.PROVIDERS:
        try:
            checks.append(_provider(name, zone, settings, environ, now))
        except Mistake as mistake:
            text, _, remedy = str(mistake).partition("; ")
            checks.append(Check(f"provider {name}", False, text, remedy))
    return checks


def _provider(
    name: str, zone: str | None, settings: Settings, environ: Mapping[str, str], now: Instant
) -> Check:
    table = settings.provider(name)
    provider = registry.PROVIDERS[name](table)
    state, ready = _key_state(name, table)
    detail = f"{state}; {provider.licence}"
    if not ready or zone is None:
        return Check(f"provider {name}", True, detail)
    if not provider.covers(zone):
        return Check(f"provider {name}", True, f"does not cover {zone}; {detail}")
    choice = zones.ZoneChoice(zone, "as found")
    outlook = Intensities(choice, settings, environ, provider=name).outlook(now, now + _AHEAD_S)
    if outlook.rung == "live":
        return Check(f"provider {name}", True, f"answers for {zone}; {detail}")
    reason, _, _ = next(iter(outlook.warnings), "it gives no forecast").partition("; planning")
    remedy = "check the key and its plan" if "token" in state else "check the network"
    return Check(f"provider {name}", False, f"{reason}; {detail}", remedy)


def _prices(zone: str | None, settings: Settings, seen: PriceOutlook) -> Check:
    """Who has the zone's day-ahead prices; they are asked only if the config has runs need them."""
    if seen.warnings:
        remedy = "check the network, or leave objective and prices out of the config"
        return Check("prices", False, seen.warnings[0], remedy)
    wanted = settings.config.prices
    preferred = wanted if isinstance(wanted, str) else None
    provider = None if zone is None else price_provider(zone, settings.provider, preferred)
    if provider is None:
        return Check("prices", True, "no provider has day-ahead prices of this zone")
    detail = f"{provider.name}, {provider.unit}, {provider.kind}; {provider.licence}"
    return Check("prices", True, detail)


def _key_state(name: str, table: Mapping[str, object]) -> tuple[str, bool]:
    """Whether there is a key where one is needed, in words and as a flag; never the key."""
    if name == "electricity_maps":
        there = bool(table.get("token"))
        return ("a token is set" if there else "no token (ELECTRICITYMAPS_TOKEN)"), there
    if name == "watttime":
        there = bool(table.get("username") and table.get("password"))
        missing = "no account (WATTTIME_USERNAME, WATTTIME_PASSWORD)"
        return ("an account is set" if there else missing), there
    if name == "carbon_aware_sdk":
        address = table.get("base_url")
        shown = without_passwords(str(address))
        return (f"at {shown}" if address else "no base_url of yours"), bool(address)
    return "needs no key", True


def _ledger(environ: Mapping[str, str]) -> Check:
    try:
        path = ledger_path(environ)
        if is_missing(path):
            return Check("ledger", True, f"{path}: none yet, the first run makes it")
        with Ledger.open(path, create=False):
            return Check("ledger", True, f"{path} is fine")
    except LedgerUnavailable as unavailable:
        text, _, remedy = str(unavailable).partition("; ")
        return Check("ledger", False, text, remedy)


def _cache(environ: Mapping[str, str]) -> Check:
    folder = cache_folder(environ)
    if folder is None:
        detail = "there is no home folder for it, or what is there is another user's"
        return Check("cache", False, detail, "set CARBONWAIT_CACHE to a folder of your own")
    existing = next((f for f in (folder, *folder.parents) if not is_missing(f)), folder)
    if not os.access(existing, os.W_OK):
        return Check("cache", False, f"{folder} cannot be written", "set CARBONWAIT_CACHE")
    return Check("cache", True, f"{folder} is fine")


def _clock(environ: Mapping[str, str], now: Instant) -> Check:
    zone = zones.local_timezone(environ) or "unknown"
    if now < _OLDEST_SANE_S:
        return Check(
            "clock", False, "the clock says it is before 2026", "set the clock (timedatectl)"
        )
    return Check("clock", True, f"time zone {zone}; the year is right")
