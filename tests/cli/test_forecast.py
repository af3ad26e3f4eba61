"""`forecast` on files: the rows are shown as they are, and printed so that they mean the same."""

import json
import time
from datetime import UTC, datetime

import pytest
from users import User

HOUR_S = 3600.0


def stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def write(user: User, *rows: str, columns: str = "") -> None:
    header = f"datetime_utc,intensity_gco2_per_kwh{columns}"
    (user.home / "f.csv").write_text("\n".join([header, *rows]) + "\n")


def points(user: User, name: str = "f.csv") -> list[tuple[float, float, float]]:
    done = user.run("forecast", "--forecast", name, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    return [
        (
            datetime.fromisoformat(point["start"]).timestamp(),
            datetime.fromisoformat(point["end"]).timestamp(),
            point["g_per_kwh"],
        )
        for point in json.loads(done.stdout)["points"]
    ]


def test_a_long_row_with_a_forecast_is_one_point(user: User) -> None:
    first = time.time() // HOUR_S * HOUR_S - 1.5 * HOUR_S
    starts = [first + 2 * HOUR_S * n for n in range(4)]
    write(
        user,
        *(f"{stamp(at)},,{100 + n}" for n, at in enumerate(starts)),
        columns=",forecast_gco2_per_kwh",
    )
    shown = [(at, at + 2 * HOUR_S, 100 + n) for n, at in enumerate(starts)]
    assert points(user) == [point for point in shown if point[1] > time.time()]


@pytest.mark.parametrize("hours", [(0, 1, 2, 4, 5, 9, 10), (0,), (0, 1, 2, 3, 5)])
def test_rows_that_are_printed_have_the_same_gaps_when_they_are_read(
    user: User, hours: tuple[int, ...]
) -> None:
    first = time.time() // HOUR_S * HOUR_S
    known = {hour: f"{100 + hour}" for hour in hours}
    write(user, *(f"{stamp(first + h * HOUR_S)},{known.get(h, '')}" for h in range(12)))
    (user.home / "again.csv").write_bytes(
        user.run("forecast", "--forecast", "f.csv", "--csv").stdout
    )
    shown = [(first + h * HOUR_S, first + (h + 1) * HOUR_S, 100.0 + h) for h in hours]
    assert points(user, "again.csv") == points(user) == shown
