"""Every provider's data has terms that an export can name."""

import pytest

from carbonwait.grid.licences import licence_of, price_licence_of
from carbonwait.grid.price_registry import PRICE_PROVIDERS
from carbonwait.grid.registry import NAMES, PROVIDERS


@pytest.mark.parametrize("name", NAMES)
def test_every_provider_of_intensities_has_terms(name: str) -> None:
    assert licence_of(name)


@pytest.mark.parametrize("name", PROVIDERS)
def test_they_are_what_the_provider_itself_says(name: str) -> None:
    assert licence_of(name) == getattr(PROVIDERS[name], "licence", None)


@pytest.mark.parametrize("name", PRICE_PROVIDERS)
def test_every_provider_of_prices_has_terms(name: str) -> None:
    assert price_licence_of(name)


@pytest.mark.parametrize("name", [None, "nobody"])
def test_of_nobody_there_are_none(name: str | None) -> None:
    assert (licence_of(name), price_licence_of(name)) == (None, None)
