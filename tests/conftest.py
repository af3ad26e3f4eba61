"""Fixtures for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from grid_server import GridServer
from users import User


@pytest.fixture
def grid_server() -> Iterator[GridServer]:
    """A service on 127.0.0.1 that answers as told."""
    with GridServer() as server:
        yield server


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody with an empty home, to run the program as."""
    return User(tmp_path)
