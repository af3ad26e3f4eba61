"""Fixtures for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from grid_server import GridServer
from terminal import Open, Terminal
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


@pytest.fixture
def terminal(user: User) -> Iterator[Open]:
    """Opens terminals, which are closed at the end."""
    opened: list[Terminal] = []

    def open_terminal(**size: int) -> Terminal:
        opened.append(Terminal(user, **size))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()
