"""Each provider through the whole program: a local server in its role, and `plan --json`."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from grid_server import Answer, GridServer
from users import User

HOUR_S = 3600.0
VALUES = [300.0, 310.0, 320.0, 90.0, 330.0, 340.0, 350.0, 360.0]
CLEANEST = 3


def iso(at: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return f"{datetime.fromtimestamp(at, UTC):{form}}"


def hours() -> list[tuple[float, float]]:
    """The hours from this one on and their values."""
    first = time.time() // HOUR_S * HOUR_S
    return [(first + HOUR_S * number, value) for number, value in enumerate(VALUES)]


def neso() -> list[Answer]:
    rows = [
        {
            "from": iso(at, "%Y-%m-%dT%H:%MZ"),
            "to": iso(at + HOUR_S, "%Y-%m-%dT%H:%MZ"),
            "intensity": {"forecast": value, "actual": None, "index": "high"},
        }
        for at, value in hours()
    ]
    return [Answer.of({"data": rows})]


def energy_charts() -> list[Answer]:
    table = {
        "unix_seconds": [int(at) for at, _ in hours()],
        "co2eq": [None for _ in hours()],
        "co2eq_forecast": [value for _, value in hours()],
        "deprecated": False,
    }
    return [Answer.of(table)]


def energinet() -> list[Answer]:
    records = [
        {"Minutes5UTC": iso(at + 300 * part, "%Y-%m-%dT%H:%M:%S"), "PriceArea": area}
        | {"CO2Emission": value}
        for at, value in hours()
        for part in range(12)
        for area in ("DK1", "DK2")
    ]
    return [Answer.of({"total": len(records), "dataset": "CO2EmisProg", "records": records})]


def electricity_maps() -> list[Answer]:
    rows = [{"carbonIntensity": value, "datetime": iso(at)} for at, value in hours()]
    return [Answer.of({"zone": "US-CAL-CISO", "forecast": rows, "updatedAt": iso(time.time())})]


def watttime() -> list[Answer]:
    pounds = [{"point_time": iso(at), "value": value / 0.45359237} for at, value in hours()]
    meta = {"units": "lbs_co2_per_mwh", "region": "CAISO_NORTH", "signal_type": "co2_moer"}
    return [Answer.of({"token": "a.b.c"}), Answer.of({"data": pounds, "meta": meta})]


def carbon_aware_sdk() -> list[Answer]:
    points = [
        {"location": "westeurope", "timestamp": iso(at), "duration": 60, "value": value}
        for at, value in hours()
    ]
    forecast = {"generatedAt": iso(time.time()), "windowSize": 60, "forecastData": points}
    return [Answer.of([forecast])]


class Case(NamedTuple):
    """A provider, how its service answers, a zone, its signal, and what it needs in the config."""

    answers: Callable[[], list[Answer]]
    zone: str
    signal: str = "average"
    config: str = ""


CASES = {
    "neso": Case(neso, "GB"),
    "energy_charts": Case(energy_charts, "DE"),
    "energinet": Case(energinet, "DK-DK1"),
    "electricity_maps": Case(electricity_maps, "US-CAL-CISO", config='token = "k3y-of-mine"'),
    "watttime": Case(
        watttime, "US-CAL-CISO", "marginal", 'username = "me"\npassword = "k3y-of-mine"'
    ),
    "carbon_aware_sdk": Case(carbon_aware_sdk, "NL", config='location = "westeurope"'),
}


def planned(user: User, grid_server: GridServer, name: str) -> tuple[dict[str, Any], bytes]:
    """The plan of a half-hour job, and what was said on stderr."""
    case = CASES[name]
    grid_server.answer(*case.answers())
    user.configure(f'[providers.{name}]\nbase_url = "{grid_server.url}"\n{case.config}\n')
    (user.home / "config.toml").chmod(0o600)
    options = ["--zone", case.zone, "--provider", name, "--duration", "30m", "--deadline", "7h"]
    result = user.run("plan", "--json", *options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr


@pytest.mark.parametrize("name", CASES)
def test_a_plan_stands_on_each_providers_forecast(
    user: User, grid_server: GridServer, name: str
) -> None:
    plan, said = planned(user, grid_server, name)
    start, value = hours()[CLEANEST]
    assert plan["start"] == iso(start, "%Y-%m-%dT%H:%M:%S.000Z")
    assert plan["intensity_g_per_kwh"]["chosen"] == pytest.approx(value)
    found = (plan["rung"], plan["provider"], plan["signal"], said)
    assert found == ("live", name, CASES[name].signal, b"")


@pytest.mark.parametrize("name", ["electricity_maps", "watttime"])
def test_a_key_is_in_no_file_of_the_cache(user: User, grid_server: GridServer, name: str) -> None:
    planned(user, grid_server, name)
    files = [file for file in (user.home / "cache").iterdir() if file.is_file()]
    assert files
    assert not any(b"k3y-of-mine" in file.read_bytes() for file in files)


def test_a_plan_without_forecasts_is_said_to_be_so(user: User, grid_server: GridServer) -> None:
    body = {"error": "Request unauthorized for zoneKey=US-CAL-CISO,requestType=forecast."}
    grid_server.answer(Answer(json.dumps(body).encode(), status=401))
    toml = f'[providers.electricity_maps]\nbase_url = "{grid_server.url}"\n'
    user.configure(toml)
    user.environ["ELECTRICITYMAPS_TOKEN"] = "k3y-of-mine"
    result = user.run("plan", "--json", "-z", "US-CAL-CISO", "-p", "electricity_maps")
    assert json.loads(result.stdout)["rung"] == "typical"
    assert b"the token is valid, but its plan has no forecast for US-CAL-CISO" in result.stderr
