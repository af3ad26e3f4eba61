"""Each check of the list over each wrapper that it is meant for.

A test that takes a `wrapper` is one of the 44 checks that hold for every wrapper; the other 18 are
about waiting and recording, and only for carbonwait.
"""

import signal
from collections.abc import Iterator

import pytest
from users import User
from wrappers import PEER, WRAPPERS, Wrapper


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_ignored() -> Iterator[None]:
    """Start commands as from a prompt: in the background of a script, Ctrl-C is ignored."""
    ignored = [s for s in signal.valid_signals() if signal.getsignal(s) == signal.SIG_IGN]
    ignored = [s for s in ignored if s not in {signal.SIGPIPE, signal.SIGXFSZ}]
    for signum in ignored:
        is_interrupt = signum == signal.SIGINT
        signal.signal(signum, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
    yield
    for signum in ignored:
        signal.signal(signum, signal.SIG_IGN)


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
