"""`carbonwait report`, `runs` and `show` on a ledger that real runs have filled."""

import json
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from users import User

# The meter needs about two seconds to get ready.
BUSY = "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done"
RUN_FIELDS = (
    "id name command state submitted planned_start started ended wait_s exit_code signal zone "
    "provider rung signal_kind energy_j energy_method machine_energy_j measured_share cpu_s "
    "job_share emissions_g saving_g accounting deadline deadline_met intensity_basis uncovered_s "
    "decisions"
).split()
REPORT_FIELDS = (
    "runs energy_kwh emissions_g saving_g saving_pct measured_share settled_share deadline_missed"
).split()
FIGURES = {"actual", "if_now", "if_static", "if_dynamic", "best", "waiting"}
COMPONENTS = {"cpu", "gpu", "ram", "total"}

Document = dict[str, Any]


def write_forecast(path: Path) -> None:
    """300 g/kWh for the next six seconds, 100 for half a minute, then 200 for ten minutes."""
    now = int(time.time())
    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    for after_s in range(-6, 600, 6):
        value = 300 if after_s < 6 else 100 if after_s < 36 else 200
        rows.append(f"{datetime.fromtimestamp(now + after_s, UTC):%Y-%m-%dT%H:%M:%SZ},{value}")
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Somebody for whom six jobs have run, and one was called off, all at the same time."""
    user = User(tmp_path_factory.mktemp("home"))
    opens, closes = (
        f"{datetime.fromtimestamp(time.time() + after_s, UTC):%H:%M}" for after_s in (180, 7200)
    )
    user.configure(f'[static]\nwindows = ["{opens}-{closes}"]\n')
    write_forecast(user.home / "f.csv")
    grid = ["--zone", "GB", "--forecast", "f.csv", "--sample", "1s"]
    unmetered = ["--no-meter", *grid]
    jobs = {
        "waited": [*grid, "-d", "35s", "--duration", "4s", "--", "sh", "-c", BUSY],
        "at-once": ["--now", *grid, "--", "sh", "-c", BUSY],
        "failed": ["--now", "--no-meter", "--", "sh", "-c", "exit 3"],
        "killed": ["--now", *unmetered, "--", "sh", "-c", "kill -TERM $$"],
        "late": ["--now", *unmetered, "-d", "1s", "--", "sleep", "1.5"],
        "[odd]\x1b[31m": ["--now", *unmetered, "--", "true"],
        "aborted": ["--static", *unmetered, "-d", "9m", "--duration", "1s", "--", "true"],
    }
    started = {name: user.start("run", "--name", name, *words) for name, words in jobs.items()}
    end = time.monotonic() + 30
    while not any(run["name"] == "aborted" and run["planned_start"] for run in runs(user)):
        assert time.monotonic() < end
    started["aborted"].terminate()
    for process in started.values():
        process.communicate(timeout=60)
    return user


def runs(user: User, *options: str) -> list[Document]:
    found: list[Document] = json.loads(user.run("runs", "--json", *options).stdout)["runs"]
    return found


def report(user: User, *options: str) -> Document:
    document: Document = json.loads(user.run("report", "--json", *options).stdout)
    return document


@pytest.fixture(scope="module")
def items(user: User) -> dict[str, Document]:
    """The runs by their names."""
    return {run["name"]: run for run in runs(user)}


@pytest.fixture(scope="module")
def reported(user: User) -> Document:
    return report(user)


def added(values: Iterable[float | None]) -> float:
    return sum(value for value in values if value is not None)


# --- runs ---------------------------------------------------------------------------------------


def test_every_run_is_listed_newest_first(items: dict[str, Document]) -> None:
    ids = [item["id"] for item in items.values()]
    assert len(set(ids)) == 7
    assert ids == sorted(ids, reverse=True)


def test_an_item_has_the_fields_that_were_promised(items: dict[str, Document]) -> None:
    for item in items.values():
        assert [field for field in RUN_FIELDS if field not in item] == []
        assert set(item["emissions_g"]) == FIGURES
        assert set(item["energy_j"]) == set(item["machine_energy_j"]) == COMPONENTS
        assert set(item["energy_method"]) == COMPONENTS - {"total"}


@pytest.mark.parametrize(
    ("name", "state", "exit_code", "signal"),
    [
        ("waited", "finished", 0, None),
        ("failed", "finished", 3, None),
        ("killed", "finished", None, "TERM"),
        ("aborted", "aborted", None, "TERM"),
    ],
)
def test_an_item_tells_how_it_ended(
    items: dict[str, Document], name: str, state: str, exit_code: int | None, signal: str | None
) -> None:
    item = items[name]
    assert (item["state"], item["exit_code"], item["signal"]) == (state, exit_code, signal)


@pytest.mark.parametrize(("name", "met"), [("waited", True), ("late", False), ("aborted", None)])
def test_an_item_tells_whether_the_deadline_was_met(
    items: dict[str, Document], name: str, met: bool | None
) -> None:
    assert items[name]["deadline_met"] is met


def test_what_never_ran_has_neither_start_nor_figures(items: dict[str, Document]) -> None:
    item = items["aborted"]
    assert (item["started"], item["saving_g"], item["energy_j"]["total"]) == (None, None, None)


def test_an_item_has_the_decision_that_it_rests_on(items: dict[str, Document]) -> None:
    (decision,) = items["waited"]["decisions"]
    assert set(decision) == {"at", "start", "rung", "issued", "reason"}
    assert (decision["start"], decision["rung"]) == (items["waited"]["planned_start"], "live")


def test_a_run_that_waited_for_clean_power_has_a_saving(items: dict[str, Document]) -> None:
    figures = items["waited"]["emissions_g"]
    assert items["waited"]["saving_g"] == pytest.approx(figures["if_now"] - figures["actual"])
    assert items["waited"]["saving_g"] > 0


def test_runs_can_be_picked_by_state(user: User) -> None:
    picked = runs(user, "--state", "aborted", "--state", "lost")
    assert [run["name"] for run in picked] == ["aborted"]


def test_the_newest_few_can_be_asked_for(user: User, items: dict[str, Document]) -> None:
    assert runs(user, "-n", "2") == list(items.values())[:2]


def test_the_list_in_words_has_a_line_a_run(user: User, items: dict[str, Document]) -> None:
    lines = user.run("runs").stdout.decode().splitlines()
    assert len(lines) == 8
    for line, item in zip(lines[1:], items.values(), strict=True):
        assert line.startswith(f"{item['id']}  {item['state']}")


# --- show ---------------------------------------------------------------------------------------


def test_show_is_the_item_with_its_slots(user: User, items: dict[str, Document]) -> None:
    item = items["waited"]
    shown = json.loads(user.run("show", "--json", item["id"]).stdout)
    slots = shown.pop("energy_slots")
    others = (other for other in items.values() if other["started"] and other is not item)
    beside = [o for o in others if o["started"] < item["ended"] and item["started"] < o["ended"]]
    assert shown == {"schema": 1, **item, "overlapping_runs": len(beside)}
    assert set(slots[0]) == {"start", "end", "cpu_j", "gpu_j", "ram_j"}
    assert (slots[0]["start"], slots[-1]["end"]) == (item["started"], item["ended"])


def test_an_id_may_be_cut_short(user: User, items: dict[str, Document]) -> None:
    run_id = items["waited"]["id"]
    assert json.loads(user.run("show", "--json", run_id[:-1]).stdout)["id"] == run_id


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("waited", ["finished, exit 0", "GB (--zone)", "file, live, average signal", ", met"]),
        ("failed", ["finished, exit 3", "sh -c 'exit 3'", "none, now, average signal"]),
        ("killed", ["finished, killed by SIGTERM"]),
        ("late", [", missed"]),
        ("aborted", ["aborted", "never", "static window opens then"]),
    ],
)
def test_show_says_it_in_words(
    user: User, items: dict[str, Document], name: str, words: list[str]
) -> None:
    said = user.run("show", items[name]["id"]).stdout.decode()
    assert [word for word in words if word not in said] == []


@pytest.fixture(scope="module")
def facts(user: User, items: dict[str, Document]) -> list[tuple[str, str, str]]:
    """What `show` says of a run without meter: names, what parts them from values, and values."""
    lines = user.run("show", items["killed"]["id"]).stdout.decode().splitlines()
    named = [line for line in lines if line[0] != " " and line != "decisions:"]
    return [line.partition(": ") for line in named]


def test_what_no_meter_saw_is_unknown_and_never_zero(facts: list[tuple[str, str, str]]) -> None:
    values = {name: value.strip() for name, _, value in facts}
    names = ("emitted", "if at once", "if in window", "if dynamic", "estimated saving")
    assert {values[name] for name in names} == {"unknown"}


def test_every_name_is_parted_from_its_value(facts: list[tuple[str, str, str]]) -> None:
    assert [name for name, parted, _ in facts if not parted] == []


# --- report -------------------------------------------------------------------------------------


def test_a_report_has_the_fields_that_were_promised(reported: Document) -> None:
    assert {"schema", "since", "until", "groups", *REPORT_FIELDS} <= set(reported)
    assert set(reported["emissions_g"]) == FIGURES
    for group in reported["groups"]:
        assert {"key", *REPORT_FIELDS} <= set(group)


def test_what_never_ran_is_not_reported(reported: Document) -> None:
    assert reported["runs"] == 6


@pytest.mark.parametrize("figure", sorted(FIGURES))
def test_emissions_are_added_up(
    reported: Document, items: dict[str, Document], figure: str
) -> None:
    total = added(item["emissions_g"][figure] for item in items.values())
    assert reported["emissions_g"][figure] == pytest.approx(total)


def test_energy_is_added_up_in_kilowatt_hours(
    reported: Document, items: dict[str, Document]
) -> None:
    joules = added(item["energy_j"]["total"] for item in items.values())
    assert joules > 0
    assert reported["energy_kwh"] == pytest.approx(joules / 3.6e6)


def test_the_saving_is_added_up_and_its_percentage_is_of_the_start_at_once(
    reported: Document, items: dict[str, Document]
) -> None:
    saving = added(item["saving_g"] for item in items.values())
    if_now = added(item["emissions_g"]["if_now"] for item in items.values())
    assert reported["saving_g"] == pytest.approx(saving)
    assert reported["saving_pct"] == pytest.approx(100 * saving / if_now)


def test_the_shares_are_told(reported: Document) -> None:
    # The forecast file holds actual intensities.
    assert reported["settled_share"] == 1
    assert 0 <= reported["measured_share"] <= 1


def test_missed_deadlines_are_counted(reported: Document) -> None:
    assert reported["deadline_missed"] == 1


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("zone", {"GB": 5, None: 1}),
        ("provider", {"file": 5, None: 1}),
        ("strategy", {"dynamic": 1, "now": 5}),
        ("rung", {"live": 5, "now": 1}),
    ],
)
def test_runs_are_grouped(user: User, key: str, counts: dict[str | None, int]) -> None:
    groups = report(user, "--by", key)["groups"]
    assert {group["key"]: group["runs"] for group in groups} == counts


def test_by_default_runs_are_grouped_by_name(
    reported: Document, items: dict[str, Document]
) -> None:
    names = [group["key"] for group in reported["groups"]]
    assert sorted(names) == sorted(set(items) - {"aborted"})


def test_the_groups_add_up_to_the_whole(reported: Document) -> None:
    groups = reported["groups"]
    assert sum(group["runs"] for group in groups) == reported["runs"]
    assert added(group["saving_g"] for group in groups) == pytest.approx(reported["saving_g"])


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--since", "1h"], 6),
        (["--since", "0s"], 0),
        (["--until", "1h"], 0),
    ],
    ids=str,
)
def test_a_report_can_be_bounded(user: User, options: list[str], count: int) -> None:
    assert report(user, *options)["runs"] == count


def test_a_report_says_its_bounds(user: User) -> None:
    document = report(user, "--since", "2026-11-01T00:00Z", "--until", "2026-11-02T00:00Z")
    bounds = (document["since"], document["until"])
    assert bounds == ("2026-11-01T00:00:00.000Z", "2026-11-02T00:00:00.000Z")


def test_a_marginal_part_is_there_only_if_there_are_marginal_runs(reported: Document) -> None:
    assert "marginal" not in reported


@pytest.fixture(scope="module")
def page(user: User) -> str:
    """The report in words."""
    result = user.run("report")
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout.decode()


def test_the_report_in_words_has_a_row_a_job_and_one_for_all(page: str) -> None:
    first = [line.split()[0] for line in page.partition("\n\n")[0].splitlines()]
    assert first[0] == "job"
    assert first[-1] == "all"
    assert {"waited", "at-once", "failed", "killed", "late"} <= set(first)


def test_the_report_in_words_is_honest(page: str) -> None:
    for words in ("est. saving", "Savings are estimated", "Location-based", "Energy is unknown"):
        assert words in page


def test_names_cannot_steer_the_terminal(page: str) -> None:
    assert "\x1b" not in page
    assert r"[odd]\x1b[31m" in page


@pytest.mark.parametrize("words", [["report"], ["runs"]], ids=" ".join)
def test_pages_do_without_blocks_where_they_cannot_be_shown(user: User, words: list[str]) -> None:
    environ = user.environ | {"PYTHONIOENCODING": "ascii"}
    result = user.run(*words, env=environ)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.isascii()


# --- nothing yet --------------------------------------------------------------------------------


@pytest.fixture
def newcomer(tmp_path: Path) -> User:
    return User(tmp_path)


def test_a_report_of_nothing_says_how_to_begin(newcomer: User) -> None:
    result = newcomer.run("report")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"carbonwait run" in result.stdout


def test_a_report_of_nothing_has_every_field(newcomer: User) -> None:
    document = report(newcomer)
    assert (document["runs"], document["groups"], document["deadline_missed"]) == (0, [], 0)
    unknown = ("energy_kwh", "saving_g", "saving_pct", "measured_share", "settled_share")
    assert {document[field] for field in unknown} == {None}
    assert set(document["emissions_g"].values()) == {None}


def test_a_look_at_nothing_makes_no_ledger(newcomer: User) -> None:
    assert runs(newcomer) == []
    assert not newcomer.ledger.exists()


def test_a_reader_that_goes_away_ends_a_page_quietly(user: User) -> None:
    with user.start("runs", "--json", stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""


def test_a_name_that_the_encoding_does_not_have_is_shown_all_the_same(tmp_path: Path) -> None:
    user = User(tmp_path)
    user.run("run", "--now", "--no-meter", "-q", "--name", "Zürich", "--", "true")
    user.environ["PYTHONIOENCODING"] = "ascii"
    result = user.run("runs")
    assert (result.returncode, b"Z\\xfcrich" in result.stdout) == (0, True)
