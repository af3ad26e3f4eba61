"""Fixtures of the command-line tests."""

from pathlib import Path

import pytest
from users import User


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)
