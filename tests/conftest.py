"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest
from grid_server import GridServer


@pytest.fixture
def grid_server() -> Iterator[GridServer]:
    """A service on 127.0.0.1 that answers as told."""
    with GridServer() as server:
        yield server
