"""What `carbonwait report` can be asked for, on a ledger of known runs."""

import json
import time
from typing import Any

import pytest
from sample_runs import finished
from users import User

from carbonwait.core.records import Emissions, Energy, Methods, Owner
from carbonwait.ledger.store import Ledger

DAY_S = 86400.0
Document = dict[str, Any]


@pytest.fixture
def keeper(user: User) -> User:
    """Somebody with runs of two machines, two signals and three times."""
    now = time.time()
    times = {"a1": now - 60 * DAY_S, "b1": now - 10 * DAY_S, "c1": now - 3600, "d1": now - 1800}
    with Ledger.open(user.ledger) as ledger:
        for run_id, start in times.items():
            one = finished(run_id, submitted=start, started=start, ended=start + 600)
            one.deadline = start + 3600
            one.methods = Methods("rapl", "none", "ram_model")
            one.machine_energy = Energy(150.0, None, 50.0)
            one.owner = Owner("fast/abc", "boot", "pid", 1, 1.0)
            if run_id == "c1":
                one.owner = Owner("slow/abc", "boot", "pid", 1, 1.0)
            if run_id == "d1":
                one.signal_kind = "marginal"
            ledger.save(one)
    return user


def report(user: User, *options: str) -> Document:
    result = user.run("report", "--json", *options)
    assert (result.returncode, result.stderr) == (0, b"")
    document: Document = json.loads(result.stdout)
    return document


def test_a_span_may_be_of_years(keeper: User) -> None:
    assert report(keeper, "--since", "800d")["runs"] == 3


def test_a_time_of_day_is_the_last_one(keeper: User) -> None:
    minute_ago, minute_ahead = (
        time.strftime("%H:%M:%S", time.localtime(time.time() + s)) for s in (-60, 60)
    )
    bounds = report(keeper, "--since", minute_ahead, "--until", minute_ago)
    assert (bounds["runs"], bounds["marginal"]["runs"]) == (1, 1)


def test_no_runs_of_a_time_are_not_taken_for_no_runs_at_all(keeper: User) -> None:
    said = keeper.run("report", "--since", "20m").stdout.decode()
    assert said.startswith("No runs from ")
    assert "--since all" in said


def test_marginal_figures_by_themselves_are_not_called_average(keeper: User) -> None:
    said = keeper.run("report", "--signal", "marginal").stdout.decode()
    assert "Marginal signal:" in said
    assert "Location-based" not in said
    assert "average" not in said


def test_by_default_it_is_of_the_last_thirty_days(keeper: User) -> None:
    assert report(keeper)["runs"] == 2


def test_all_has_no_bound(keeper: User) -> None:
    document = report(keeper, "--since", "all")
    assert (document["runs"], document["since"]) == (3, None)


def test_signals_stand_apart(keeper: User) -> None:
    document = report(keeper)
    assert (document["emissions_g"]["actual"], document["marginal"]["runs"]) == (120.0, 1)


@pytest.mark.parametrize(
    ("signal", "average", "marginal"), [("average", 2, None), ("marginal", 0, 1)]
)
def test_one_signal_can_be_asked_for(
    keeper: User, signal: str, average: int, marginal: int | None
) -> None:
    document = report(keeper, "--signal", signal)
    assert (document["runs"], document.get("marginal", {}).get("runs")) == (average, marginal)


def test_runs_are_grouped_by_host(keeper: User) -> None:
    groups = report(keeper, "--by", "host")["groups"]
    assert {group["key"]: group["runs"] for group in groups} == {"fast": 1, "slow": 1}


@pytest.mark.parametrize(("by", "form"), [("day", "%Y-%m-%d"), ("week", "%G-W%V")])
def test_runs_are_grouped_by_time_oldest_first(keeper: User, by: str, form: str) -> None:
    now = time.time()
    starts = (now - 60 * DAY_S, now - 10 * DAY_S, now - 3600)
    keys = [group["key"] for group in report(keeper, "--since", "all", "--by", by)["groups"]]
    assert keys == [time.strftime(form, time.gmtime(start)) for start in starts]


def test_the_machines_figures_are_in_proportion_to_its_energy(keeper: User) -> None:
    document = report(keeper, "--attribution", "machine")
    # Twice the job's 100 J, of which the CPU's 150 J were measured.
    assert document["energy_kwh"] == pytest.approx(400 / 3.6e6)
    assert document["emissions_g"]["actual"] == pytest.approx(240.0)
    assert document["saving_g"] == pytest.approx(160.0)
    assert document["measured_share"] == pytest.approx(0.75)
    assert document["attribution"] == "machine"


def test_the_wait_is_the_machines_own_already(keeper: User) -> None:
    with Ledger.open(keeper.ledger) as ledger:
        one = ledger.run("c1")
        one.emissions = Emissions(60.0, 100.0, 80.0, 60.0, 55.0, 5.0)
        ledger.save(one)
    document = report(keeper, "--attribution", "machine", "--since", "1d")
    assert (document["emissions_g"]["waiting"], document["saving_g"]) == (5.0, 75.0)


def test_a_machine_that_no_meter_saw_has_no_figures(user: User) -> None:
    with Ledger.open(user.ledger) as ledger:
        now = time.time() - 60
        ledger.save(finished("a1", submitted=now, started=now, ended=now + 1))
    document = report(user, "--attribution", "machine")
    assert (document["energy_kwh"], document["emissions_g"]["actual"]) == (None, None)
    assert document["unmetered"] == 1


def test_the_page_in_words_says_whose_figures_they_are(keeper: User) -> None:
    assert b"whole machine" in keeper.run("report", "--attribution", "machine").stdout


def test_a_group_has_its_days_as_small_bars(keeper: User) -> None:
    lines = keeper.run("report").stdout.decode().splitlines()
    line = next(line for line in lines if line.startswith("make"))
    assert line.rstrip().endswith("█")


@pytest.mark.parametrize(
    "words",
    [
        ("--by", "planet"),
        ("--attribution", "boss"),
        ("--signal", "loud"),
        ("--since", "never"),
        ("--since", "1d", "--until", "2d"),
        ("--json", "--html", "x.html"),
        ("--html", "no/such/folder/x.html"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line(user: User, words: tuple[str, ...]) -> None:
    result = user.run("report", *words)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
