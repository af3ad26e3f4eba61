"""Which providers of prices there are, one line each, and which one serves a zone."""

from collections.abc import Callable, Mapping

from carbonwait.grid.awattar import Awattar
from carbonwait.grid.energinet_prices import EnerginetPrices
from carbonwait.grid.energy_charts_prices import EnergyChartsPrices
from carbonwait.grid.octopus_agile import OctopusAgile
from carbonwait.grid.prices import PriceProvider

# Each is made from its own table of the config, `[providers.NAME]`. Raises Mistake. The first that
# covers a zone serves it, so the one that refuses requests in quick succession comes last.
PRICE_PROVIDERS: dict[str, Callable[[Mapping[str, object]], PriceProvider]] = {
    "octopus_agile": OctopusAgile,
    "awattar": Awattar,
    "energinet": EnerginetPrices,
    "energy_charts": EnergyChartsPrices,
}

Config = Callable[[str], Mapping[str, object]]
"""The config table of a provider, by its name."""


def price_providers(zone: str, config: Config, preferred: str | None = None) -> list[PriceProvider]:
    """The providers of a zone's prices, the one that serves it first. Raises Mistake.

    The one that is preferred, by its name, goes before the others where it covers the zone.
    """
    names = dict.fromkeys(([] if preferred is None else [preferred]) + [*PRICE_PROVIDERS])
    covering = (name for name in names if PRICE_PROVIDERS[name]({}).covers(zone))
    return [PRICE_PROVIDERS[name](config(name)) for name in covering]


def price_provider(zone: str, config: Config, preferred: str | None = None) -> PriceProvider | None:
    """The provider that serves a zone with prices, None if nobody offers them. Raises Mistake."""
    return next(iter(price_providers(zone, config, preferred)), None)
