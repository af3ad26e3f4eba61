"""Each check of the list over each wrapper that it is meant for.

A test that takes a `wrapper` is one of the 44 checks that hold for every wrapper; the other 18 are
about waiting and recording, and only for carbonwait.
"""

import pytest
from users import User
from wrappers import PEER, WRAPPERS, Wrapper


@pytest.fixture(params=list(WRAPPERS))
def wrapper(request: pytest.FixtureRequest, user: User) -> Wrapper:
    """What is put before the command."""
    return Wrapper(user, *WRAPPERS[request.param])


@pytest.fixture
def direct(user: User) -> Wrapper:
    """Nothing: the command by itself."""
    return Wrapper(user)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not meant for a peer."""
    if PEER:
        common = [item for item in items if "wrapper" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in common])
        items[:] = common
