"""`--objective` and what runs cost, through the whole program, with a local service of prices."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import price_services
import pytest
from grid_server import Answer, GridServer
from price_services import Slots, steps
from users import User

HOUR_S = 3600.0
JOULES_PER_KWH = 3.6e6
BUSY = "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done"
# The cleanest hour is the fourth, the cheapest the sixth; the seventh is nearly as good as both.
GRAMS = [300.0, 310.0, 320.0, 90.0, 330.0, 340.0, 110.0, 360.0]
MONEY = [250.0, 240.0, 230.0, 260.0, 220.0, -20.0, -10.0, 200.0]
CLEANEST, CHEAPEST, BOTH = 3, 5, 6
OPTIONS = ("--forecast", "f.csv", "--duration", "30m", "--deadline", "7h")

Document = dict[str, Any]


def this_hour() -> float:
    return time.time() // HOUR_S * HOUR_S


def iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def write_forecast(path: Path, slots: Slots) -> None:
    rows = [f"{datetime.fromtimestamp(s, UTC):%Y-%m-%dT%H:%M:%SZ},{v}" for s, _, v in slots]
    path.write_text("\n".join(["datetime_utc,intensity_gco2_per_kwh", *rows]) + "\n")


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody with a forecast file for the next eight hours."""
    user = User(tmp_path)
    write_forecast(user.home / "f.csv", steps(this_hour(), HOUR_S, GRAMS))
    return user


def plan(user: User, *options: str, says: bytes = b"") -> Document:
    result = user.run("plan", "--json", *OPTIONS, *options)
    assert (result.returncode, result.stderr) == (0, says)
    document: Document = json.loads(result.stdout)
    return document


def serve(user: User, server: GridServer, slots: Slots, name: str = "awattar") -> None:
    """A service of prices that answers with these, and a config that leads to it."""
    server.answer(getattr(price_services, name.removesuffix("_agile"))(slots))
    user.configure(f'[providers.{name}]\nbase_url = "{server.url}"\n')


# --- what is planned ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "hour"),
    [
        ("carbon", CLEANEST),
        ("1", CLEANEST),
        ("price", CHEAPEST),
        ("0", CHEAPEST),
        ("0.5", BOTH),
    ],
)
def test_the_objective_decides(
    user: User, grid_server: GridServer, objective: str, hour: int
) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2))
    found = plan(user, "-z", "DE", "--objective", objective)
    assert found["start"] == iso(this_hour() + hour * HOUR_S)


@pytest.mark.parametrize(
    ("name", "zone", "currency", "kind", "unit"),
    [
        ("awattar", "DE", "EUR", "wholesale", 1e-3),
        ("octopus_agile", "GB", "GBP", "retail", 1e-2),
        ("energinet", "DK-DK1", "EUR", "wholesale", 1e-3),
        ("energy_charts", "FR", "EUR", "wholesale", 1e-3),
    ],
)
def test_each_service_of_prices_is_planned_on(
    user: User, grid_server: GridServer, name: str, zone: str, currency: str, kind: str, unit: float
) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2), name)
    price = plan(user, "-z", zone, "--objective", "price")["price_per_kwh"]
    assert (price["currency"], price["kind"], price["provider"]) == (currency, kind, name)
    assert price["chosen"] == pytest.approx(MONEY[CHEAPEST] * unit, rel=1e-12)


def test_pence_and_pounds_make_no_difference(user: User, grid_server: GridServer) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2), "octopus_agile")
    in_pence = plan(user, "-z", "GB", "--objective", "0.5")
    serve(user, grid_server, steps(this_hour(), HOUR_S, [price / 100 for price in MONEY * 2]))
    assert plan(user, "-z", "DE", "--objective", "0.5")["start"] == in_pence["start"]


def test_a_plan_says_its_objective_and_what_it_costs(user: User, grid_server: GridServer) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2))
    found = plan(user, "-z", "DE", "--objective", "price")
    assert found["objective"] == "price"
    assert "cheapest" in found["reason"]
    assert all("price_per_kwh" in candidate for candidate in found["candidates"])
    lines = user.run("plan", *OPTIONS, "-z", "DE", "--objective", "price").stdout.decode()
    assert "-0.0200 EUR/kWh then, 0." in lines
    assert "(wholesale, awattar)" in lines
    assert "% of emissions, 1" in lines


def test_a_plan_on_carbon_asks_for_no_price(user: User, grid_server: GridServer) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2))
    found = plan(user, "-z", "DE")
    assert (found["objective"], found["price_per_kwh"], grid_server.seen) == ("carbon", None, [])


def test_many_plans_ask_once(user: User, grid_server: GridServer) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2))
    words = ("plan", "--json", *OPTIONS, "-z", "DE", "--objective", "price")
    processes = [user.start(*words) for _ in range(4)]
    starts = [json.loads(process.communicate(timeout=60)[0])["start"] for process in processes]
    assert (set(starts), len(grid_server.seen)) == ({iso(this_hour() + CHEAPEST * HOUR_S)}, 1)


def test_the_day_before_stands_in_for_prices_that_are_not_published(
    user: User, grid_server: GridServer
) -> None:
    yesterday = this_hour() - 24 * HOUR_S
    day = [100.0 + hour for hour in range(24)]
    day[4] = 1.0
    serve(user, grid_server, steps(yesterday, HOUR_S, [*day, 100.0, 101.0]))
    found = plan(user, "-z", "DE", "--objective", "price")
    assert found["start"] == iso(this_hour() + 4 * HOUR_S)
    assert [note for note in found["notes"] if "from there on those of the day before" in note]


def test_the_config_may_set_the_objective_for_one_job(user: User, grid_server: GridServer) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2))
    config = (user.home / "config.toml").read_text()
    user.configure(f'objective = "carbon"\n{config}[jobs.bill]\nobjective = 0.5\n')
    assert plan(user, "-z", "DE", "--name", "bill")["objective"] == 0.5
    assert plan(user, "-z", "DE", "--name", "other")["objective"] == "carbon"


# --- mistakes and what is missing ---------------------------------------------------------------


@pytest.mark.parametrize("objective", ["1.1", "-0.1", "nan", "inf", "cost", "50%", ""])
def test_what_is_no_objective_is_a_mistake(user: User, objective: str) -> None:
    for command in ("plan", "run"):
        result = user.run(command, f"--objective={objective}", "--", "true")
        assert (result.returncode, result.stdout) == (2, b"")
        allowed = "carbon, price or a number from 0 to 1, the weight of carbon against price"
        said = f"carbonwait: --objective {objective!r} is not {allowed}\n"
        assert result.stderr.decode() == said


@pytest.mark.parametrize("value", ["1.1", "true", '"cost"', "[]", "-1", "nan"])
def test_what_is_no_objective_in_the_config_is_a_mistake(user: User, value: str) -> None:
    user.configure(f"objective = {value}\n")
    result = user.run("plan")
    assert result.returncode == 2
    assert b"objective = " in result.stderr
    assert b"is not allowed; write carbon, price or a number" in result.stderr


@pytest.mark.parametrize("value", ["1", '"nobody"', "[]"])
def test_what_is_no_provider_of_prices_is_a_mistake(user: User, value: str) -> None:
    user.configure(f"prices = {value}\n")
    result = user.run("plan")
    assert (result.returncode, result.stderr.count(b"\n")) == (2, 1)
    assert b"write true, false, octopus_agile" in result.stderr


def test_settings_of_prices_that_cannot_be_used_are_a_mistake_before_anything_runs(
    user: User,
) -> None:
    user.configure('[providers.octopus_agile]\nregion = "I"\n')
    words = ("-z", "GB", "--objective", "price", "--", "sh", "-c", "echo ran > out")
    result = user.run("run", "--now", *words)
    assert (result.returncode, (user.home / "out").exists()) == (2, False)
    assert b"but not I or O" in result.stderr


def test_a_zone_without_prices_is_planned_on_carbon(user: User) -> None:
    says = b"carbonwait: no price is known for US-CAL-CISO; planning on carbon\n"
    found = plan(user, "-z", "US-CAL-CISO", "--objective", "price", says=says)
    assert found["start"] == iso(this_hour() + CLEANEST * HOUR_S)
    assert "cleanest" in found["reason"]
    assert (found["objective"], found["price_per_kwh"]) == ("price", None)


BROKEN: dict[str, Callable[[], Answer]] = {
    "fails": lambda: Answer(b"oops", status=503, headers={"Retry-After": "900"}),
    "says nothing": lambda: Answer.of({"object": "list", "data": []}),
    "is no service of prices": lambda: Answer(b"<html>"),
    "hangs": lambda: Answer(b"{}", wait_for=threading.Event()),
    "drips": lambda: Answer(b" " * 10_000, drip="body"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_service_that_is_down_costs_a_warning_and_never_the_job(
    user: User, grid_server: GridServer, how: str
) -> None:
    serve(user, grid_server, [])
    grid_server.answer(BROKEN[how]())
    begun = time.monotonic()
    words = (*OPTIONS, "-z", "DE", "--objective", "price", "--min-saving", "100")
    result = user.run("run", "--no-meter", *words, "--", "echo", "done")
    assert (result.returncode, result.stdout) == (0, b"done\n")
    assert result.stderr.count(b"\n") == 1
    assert result.stderr.endswith(b"; planning on carbon\n")
    assert time.monotonic() - begun < 9


# --- what a run costs ---------------------------------------------------------------------------


def seconds(*parts: tuple[int, float]) -> list[float]:
    """A value for each of the coming times of six seconds, beginning with the last one."""
    return [value for count, value in parts for _ in range(count)]


def ran(user: User, *options: str) -> Document:
    """A metered run of four busy seconds, as `show --json` has it."""
    grid = ("-z", "DE", "--forecast", "f.csv", "--sample", "1s")
    result = user.run("run", "-q", *grid, *options, "--", "sh", "-c", BUSY)
    assert (result.returncode, result.stderr) == (0, b"")
    newest = json.loads(user.run("runs", "--json", "-n", "1").stdout)["runs"][0]
    shown: Document = json.loads(user.run("show", "--json", newest["id"]).stdout)
    return shown


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def by_hand(run: Document, slots: Iterable[tuple[float, float, float]], to: str) -> float:
    """What the run's energy costs in EUR from another start on, slot by slot."""
    shift = instant(run[to]) - instant(run["started"])
    total = 0.0
    for slot in run["energy_slots"]:
        joules = sum(slot[part] or 0.0 for part in ("cpu_j", "gpu_j", "ram_j"))
        begin, end = instant(slot["start"]) + shift, instant(slot["end"]) + shift
        for start, stop, price in slots:
            share = max(0.0, min(stop, end) - max(start, begin)) / (end - begin)
            total += joules * share * price / 1000 / JOULES_PER_KWH
    return total


@pytest.fixture
def minutes(user: User) -> list[tuple[float, float, float]]:
    """Dear for the next six seconds, then paid for, then dear; the intensities rise instead."""
    begin = int(time.time()) - 6
    prices = steps(begin, 6, seconds((2, 300.0), (5, -50.0), (90, 200.0)))
    write_forecast(user.home / "f.csv", steps(begin, 6, seconds((2, 100.0), (95, 300.0))))
    return prices


def test_a_run_that_waits_for_cheap_power_costs_what_the_prices_say(
    user: User, grid_server: GridServer, minutes: list[tuple[float, float, float]]
) -> None:
    serve(user, grid_server, minutes)
    run = ran(user, "--objective", "price", "-d", "35s", "--duration", "4s")
    cost = run["cost"]
    assert run["wait_s"] > 0.5
    assert (run["objective"], cost["currency"], cost["kind"]) == ("price", "EUR", "wholesale")
    # Instants in JSON are to the millisecond, so that the sum by hand is, too.
    assert cost["actual"] == pytest.approx(by_hand(run, minutes, "started"), rel=1e-3)
    assert cost["if_now"] == pytest.approx(by_hand(run, minutes, "submitted"), rel=1e-3)
    assert cost["if_dynamic"] == pytest.approx(by_hand(run, minutes, "dynamic_start"), rel=1e-3)
    assert cost["actual"] < 0 < cost["if_now"]
    assert cost["best"] == min(cost[name] for name in ("actual", "if_dynamic", "best"))
    assert cost["waiting"] == 0
    # The account fetches nothing that the plan has fetched.
    assert len(grid_server.seen) == 1
    said = json.loads(user.run("report", "--json").stdout)
    assert said["unpriced_runs"] == 0
    assert said["cost"] == [
        cost | {"runs": 1, "saving": pytest.approx(cost["if_now"] - cost["actual"])}
    ]
    assert said["groups"][0]["cost"] == said["cost"]
    page = user.run("report").stdout.decode()
    assert "Cost at wholesale prices, where known (1 of 1 runs): -0.0" in page
    shown = user.run("show", run["id"]).stdout.decode()
    assert "EUR at wholesale prices" in shown


def test_a_job_is_paused_through_dear_hours_however_clean_they_are(
    user: User, grid_server: GridServer
) -> None:
    begin = int(time.time()) - 6
    serve(user, grid_server, steps(begin, 6, seconds((4, 300.0), (90, 10.0))))
    write_forecast(user.home / "f.csv", steps(begin, 6, seconds((4, 100.0), (90, 300.0))))
    words = ("--now", "--interruptible", "--resume-cost", "0", "--duration", "4s", "-d", "60s")
    run = ran(user, "--objective", "price", "--no-meter", *words)
    assert run["paused_s"] > 3


def test_a_run_on_carbon_is_priced_with_what_the_cache_holds_and_asks_nobody(
    user: User, grid_server: GridServer, minutes: list[tuple[float, float, float]]
) -> None:
    serve(user, grid_server, minutes)
    assert ran(user, "--now")["cost"] is None
    assert grid_server.seen == []
    assert user.run("plan", "-z", "DE", "--objective", "price", "-d", "1m").returncode == 0
    asked = len(grid_server.seen)
    run = ran(user, "--now")
    assert run["objective"] == "carbon"
    assert run["cost"]["actual"] == pytest.approx(by_hand(run, minutes, "started"), rel=1e-3)
    assert len(grid_server.seen) == asked
    said = json.loads(user.run("report", "--json").stdout)
    assert (said["runs"], said["cost"][0]["runs"], said["unpriced_runs"]) == (2, 1, 1)


def test_the_config_may_have_every_run_priced(
    user: User, grid_server: GridServer, minutes: list[tuple[float, float, float]]
) -> None:
    serve(user, grid_server, minutes)
    user.configure(f"prices = true\n{(user.home / 'config.toml').read_text()}")
    run = ran(user, "--now")
    assert (run["objective"], run["cost"]["currency"]) == ("carbon", "EUR")


def test_a_run_whose_service_hangs_is_not_priced_and_not_held_up(
    user: User, grid_server: GridServer, minutes: list[tuple[float, float, float]]
) -> None:
    serve(user, grid_server, minutes)
    grid_server.answer(BROKEN["hangs"]())
    begun = time.monotonic()
    run = ran(user, "--now", "--objective", "price")
    assert run["cost"] is None
    # On a busy machine the job may end before the meter is ready.
    assert (run["emissions_g"]["actual"] is None) == (run["energy_j"]["total"] is None)
    assert time.monotonic() - begun < 20


# --- doctor -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [True, False])
def test_doctor_says_whether_the_prices_that_the_config_asks_for_are_there(
    user: User, grid_server: GridServer, answers: bool
) -> None:
    serve(user, grid_server, steps(this_hour(), HOUR_S, MONEY * 2))
    if not answers:
        grid_server.answer(Answer(b"", status=503, headers={"Retry-After": "900"}))
    config = (user.home / "config.toml").read_text()
    user.configure(f'objective = "price"\nzone = "AT"\nprovider = "typical"\n{config}')
    checks = json.loads(user.run("doctor", "--json").stdout)["checks"]
    (prices,) = [check for check in checks if check["name"] == "prices"]
    assert prices["ok"] is answers
    assert "awattar" in prices["detail"] or "127.0.0.1" in prices["detail"]
    assert not [c for c in checks if c["name"] == "forecast" and "planning on" in c["detail"]]
