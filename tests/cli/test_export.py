"""`carbonwait export` as users run it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sample_runs import NOON, SLOTS, finished, priced, run, stored
from users import User

from carbonwait.cli.export_rows import TEMPLATE
from carbonwait.core.chain import flat
from carbonwait.core.records import Decision
from carbonwait.ledger.store import Ledger

MANUAL = Path(__file__).parents[2] / "man" / "carbonwait.1"
FORMATS = ("csv", "json", "jsonl")
COLUMNS = [name for name, _ in flat(TEMPLATE)] + ["sha256"]


@pytest.fixture
def keeper(user: User) -> User:
    """Somebody with three runs, of which one has all that a run may have."""
    with Ledger.open(user.ledger) as ledger:
        ledger.save(finished("b1", provider="neso", scope="direct", command="=cmd|' /C calc'!A0"))
        decision = Decision(NOON, NOON + 60, "live", NOON - 600, "cleaner then")
        ledger.add_decision("b1", decision, ledger.save_series(stored(100.0)))
        ledger.replace_energy("b1", SLOTS)
        ledger.account_with("b1", ledger.save_series(stored(120.0)))
        ledger.price_with("b1", priced(0.3))
        ledger.save(run("a1", command="make \udcff\n'all'"))
        ledger.save(finished("c1", signal_kind="marginal", provider="watttime"))
    return user


def exported(user: User, kind: str) -> bytes:
    result = user.run("export", "--format", kind)
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout


def lines(user: User) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in exported(user, "jsonl").splitlines()]
    return {row["id"]: row for row in rows}


def test_a_row_has_all_that_runs_has(keeper: User) -> None:
    items = json.loads(keeper.run("runs", "--json").stdout)["runs"]
    rows = lines(keeper)
    for item in items:
        found = {name: rows[item["id"]][name] for name in item if name != "cost"}
        assert found == {name: value for name, value in item.items() if name != "cost"}


def test_rows_come_oldest_first_and_count_themselves(keeper: User) -> None:
    rows = lines(keeper)
    assert [(row["id"], row["row"], row["rows"]) for row in rows.values()] == [
        ("a1", 1, 3),
        ("b1", 2, 3),
        ("c1", 3, 3),
    ]


def test_a_row_has_every_input(keeper: User) -> None:
    row = lines(keeper)["b1"]
    assert row["accounted_with"].pop("version")
    assert row["accounted_with"] == {
        "provider": "neso",
        "zone": "GB",
        "rung": "live",
        "signal": "average",
        "scope": "direct",
        "issued": None,
        "retrieved": "2026-11-23T12:00:00.000Z",
        "licence": "National Energy System Operator (NESO), Carbon Intensity API, CC BY 4.0",
    }
    assert row["planned_on"]["version"] != row["accounted_with"].get("version")
    assert row["priced_with"]["licence"] == "aWATTar, https://www.awattar.at"
    assert "CC BY 4.0" in row["attribution"]
    assert row["emission_factor_g_per_kwh"] == pytest.approx(60 / (100 / 3.6e6))


@pytest.mark.parametrize(("run_id", "scope"), [("b1", "scope 2, loc"), ("c1", "none (marginal)")])
def test_a_row_says_where_it_belongs_in_an_inventory(keeper: User, run_id: str, scope: str) -> None:
    assert lines(keeper)[run_id]["ghg_scope"].startswith(scope)


def test_csv_has_the_same_figures_in_flat_columns(keeper: User) -> None:
    text = exported(keeper, "csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert list(rows[0]) == COLUMNS
    assert rows[1]["emissions_g_actual"] == "60.0"
    assert rows[1]["command"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["command"] == "make \\udcff\n'all'"
    assert json.loads(rows[1]["decisions"])[0]["reason"] == "cleaner then"


def test_csv_is_what_comes_without_a_format(keeper: User) -> None:
    assert keeper.run("export").stdout == exported(keeper, "csv")


@pytest.mark.parametrize("kind", FORMATS)
def test_twice_is_the_same(keeper: User, kind: str) -> None:
    assert exported(keeper, kind) == exported(keeper, kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_encoding_without_the_letters_changes_nothing(keeper: User, kind: str) -> None:
    before = exported(keeper, kind)
    keeper.environ["PYTHONIOENCODING"] = "ascii"
    assert exported(keeper, kind) == before


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_file_is_told(keeper: User, kind: str) -> None:
    path = keeper.home / "runs"
    path.write_bytes(exported(keeper, kind))
    result = keeper.run("export", "--verify", str(path))
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"whole, 3 rows" in result.stdout


@pytest.mark.parametrize("kind", FORMATS)
def test_a_figure_that_was_changed_is_told_in_one_line(keeper: User, kind: str) -> None:
    path = keeper.home / "runs"
    path.write_bytes(exported(keeper, kind).replace(b"60.0", b"59.0", 1))
    result = keeper.run("export", "--verify", str(path))
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, b"", 1)


@pytest.mark.parametrize(
    "words", [("--format", "xml"), ("--verify", "missing"), ("--verify", ".")], ids=" ".join
)
def test_a_mistake_is_one_line(user: User, words: tuple[str, ...]) -> None:
    result = user.run("export", *words)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)


def test_an_empty_ledger_has_a_heading(user: User) -> None:
    assert exported(user, "csv").decode().strip().split(",") == COLUMNS
    assert not user.ledger.exists()


def test_the_columns_have_names_of_their_own() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_the_manual_page_has_every_column() -> None:
    """A group stands for its columns: `energy_j_*`."""
    text = MANUAL.read_text().partition("\n.Sh EXPORTED ROWS\n")[2].partition("\n.Sh ")[0]
    named = [word for line in text.splitlines() if line.startswith(".It") for word in line.split()]
    assert [name for name in COLUMNS if not any(_stands_for(word, name) for word in named)] == []


def _stands_for(word: str, name: str) -> bool:
    return name == word or (word.endswith("*") and name.startswith(word[:-1]))


def test_a_command_of_any_length_can_be_checked(user: User) -> None:
    with Ledger.open(user.ledger) as ledger:
        ledger.save(run("a1", command='"' * 200_001))
    path = Path(user.home / "runs")
    path.write_bytes(exported(user, "csv"))
    assert user.run("export", "--verify", str(path)).returncode == 0


def test_a_full_disk_is_one_line_and_no_success(keeper: User) -> None:
    with Path("/dev/full").open("wb") as full:
        result = keeper.run("export", stdout=full)
    assert result.returncode != 0
