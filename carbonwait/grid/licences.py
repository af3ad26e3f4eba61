"""Under which terms the data of each provider may be passed on, by the provider's name.

A service says so itself (`licence`); a file and the built-in table have no class of their own.
"""

from carbonwait.grid.price_registry import PRICE_PROVIDERS
from carbonwait.grid.registry import PROVIDERS
from carbonwait.grid.typical import ATTRIBUTION

_OTHERS = {
    "file": "the user's own file",
    "typical": ATTRIBUTION,
}


def licence_of(provider: str | None) -> str | None:
    """Whose intensities a provider's are and under which terms; None where nobody is known."""
    if provider is None:
        return None
    return getattr(PROVIDERS.get(provider), "licence", _OTHERS.get(provider))


def price_licence_of(provider: str | None) -> str | None:
    """The same of a provider of prices."""
    return getattr(PRICE_PROVIDERS.get(provider or ""), "licence", None)
