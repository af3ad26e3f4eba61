"""Which providers there are, one line each, and which one serves a zone."""

from collections.abc import Callable, Mapping

from carbonwait.core.errors import Mistake
from carbonwait.grid.carbon_aware_sdk import CarbonAwareSdk
from carbonwait.grid.electricity_maps import ElectricityMaps
from carbonwait.grid.energinet import Energinet
from carbonwait.grid.energy_charts import EnergyCharts
from carbonwait.grid.neso import Neso
from carbonwait.grid.protocol import Provider
from carbonwait.grid.watttime import WattTime

# Each is made from its own table of the config, `[providers.NAME]`. Raises Mistake.
PROVIDERS: dict[str, Callable[[Mapping[str, object]], Provider]] = {
    "neso": Neso,
    "energinet": Energinet,
    "energy_charts": EnergyCharts,
    "electricity_maps": ElectricityMaps,
    "watttime": WattTime,
    "carbon_aware_sdk": CarbonAwareSdk,
}

# What `--provider` takes; a file and the built-in table need no settings.
NAMES: tuple[str, ...] = (*PROVIDERS, "file", "typical")

# Services that know more zones than have typical days or a time zone here.
WORLDWIDE = frozenset({"electricity_maps", "watttime", "carbon_aware_sdk"})

_KEYLESS = ("neso", "energinet", "energy_charts")

# What tells that somebody has set a provider up, for those that need it, in order of preference.
_SET_UP_BY = {
    "electricity_maps": ("token", "token_file"),
    "carbon_aware_sdk": ("base_url", "location"),
    "watttime": ("username", "region"),
}

Config = Callable[[str], Mapping[str, object]]
"""The config table of a provider, by its name."""


def keyless(zone: str) -> str | None:
    """The provider that serves a zone without a key, None where there is none."""
    return next((name for name in _KEYLESS if PROVIDERS[name]({}).covers(zone)), None)


def choose(name: str | None, zone: str | None, config: Config) -> Provider | None:
    """The provider asked for by name, else the one that serves the zone; None: no service.

    Without a name: the one that needs no key, else one that has been set up. Raises Mistake for a
    name that is not known or does not cover the zone.
    """
    if name is None:
        return _default(zone, config)
    if name not in NAMES:
        raise Mistake(f"provider {name!r} is not known; use one of {', '.join(NAMES)}")
    if name == "file":
        raise Mistake("provider 'file' needs a file; use --forecast FILE")
    if name == "typical":
        return None
    provider = PROVIDERS[name](config(name))
    if zone is not None and not provider.covers(zone):
        raise Mistake(f"provider {name!r} does not cover {zone}; leave --provider out")
    return provider


def _default(zone: str | None, config: Config) -> Provider | None:
    if zone is None:
        return None
    name = keyless(zone)
    if name is not None:
        return PROVIDERS[name](config(name))
    for candidate, signs in _SET_UP_BY.items():
        table = config(candidate)
        if any(table.get(sign) for sign in signs):
            provider = PROVIDERS[candidate](table)
            if provider.covers(zone):
                return provider
    return None
