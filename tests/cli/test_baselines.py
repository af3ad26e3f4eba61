"""The starts that a run is compared with, as the ledger has them."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from users import User

INSTANTS = ("submitted", "started", "ended", "static_start", "dynamic_start", "deadline")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[User, dict[str, Any]]:
    """A run whose window is open when it is submitted, while the grid is at its cleanest."""
    user = User(tmp_path_factory.mktemp("home"))
    hour = int(time.time()) // 3600 * 3600
    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    for ahead in range(20):
        start = datetime.fromtimestamp(hour + 3600 * ahead, UTC)
        rows.append(f"{start:%Y-%m-%dT%H:%M:%SZ},{100 if ahead < 2 else 300}")
    Path(user.home / "f.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = ("--no-meter", "--window", "00:00-24:00", "--forecast", "f.csv", "-z", "GB")
    assert user.run("run", *words, "--", "true").returncode == 0
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    return user, run


def test_a_window_that_is_open_at_submission_is_replayed_from_there(
    found: tuple[User, dict[str, Any]],
) -> None:
    _, run = found
    assert run["static_start"] == run["submitted"]


def test_a_dynamic_start_at_once_is_that_of_submission(
    found: tuple[User, dict[str, Any]],
) -> None:
    _, run = found
    assert run["dynamic_start"] == run["submitted"]


@pytest.mark.parametrize("name", INSTANTS)
def test_what_is_shown_of_an_instant_is_all_of_it(
    found: tuple[User, dict[str, Any]], name: str
) -> None:
    import sqlite3

    user, run = found
    with sqlite3.connect(user.ledger) as connection:
        (stored,) = connection.execute(f"SELECT {name} FROM runs").fetchone()
    connection.close()
    assert stored == pytest.approx(datetime.fromisoformat(run[name]).timestamp(), abs=1e-6)
