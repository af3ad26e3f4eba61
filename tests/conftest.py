"""Fixtures for all tests."""

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from grid_server import GridServer
from sample_runs import finished
from terminal import Open, Terminal
from users import User

from carbonwait.ledger import schema
from carbonwait.ledger.store import Ledger


def pytest_configure() -> None:
    """Have signals do what they usually do.

    A script's `&` and nohup ignore some of them, for everything below; carbonwait keeps to that,
    and the tests that send them would wait in vain.
    """
    handlers = {signal.SIGINT: signal.default_int_handler}
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, handlers.get(signum, signal.SIG_DFL))


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


@pytest.fixture
def old_ledger(tmp_path: Path) -> Path:
    """A ledger as the first version made it, with one finished run in it."""
    path = tmp_path / "old.db"
    with Ledger.open(tmp_path / "new.db") as ledger:
        ledger.save(finished("a1"))
    connection = sqlite3.connect(path)
    for statement in schema.MIGRATIONS[0]:
        connection.execute(statement)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    connection.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
    names = ", ".join(columns)
    connection.execute(f"INSERT INTO runs ({names}) SELECT {names} FROM new.runs")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    path.chmod(0o600)
    return path
