"""What runs cost, added up; and a ledger from before anything had a price."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sample_runs import NOON, finished, priced, run

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.records import Cost
from carbonwait.ledger.costs import CostTotals, all_keys
from carbonwait.ledger.store import Ledger
from carbonwait.stories.planning import past_runs

EUR = Cost("EUR", "wholesale", 0.5, 0.8, 0.6, 0.5, 0.4, 0.1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def only(ledger: Ledger) -> CostTotals:
    (total,) = all_keys(ledger.costs())
    return total


# --- one run ------------------------------------------------------------------------------------


def test_costs_and_objective_come_back_as_they_were(ledger: Ledger) -> None:
    saved = finished("a1", cost=EUR, objective=0.3)
    ledger.save(saved)
    assert ledger.run("a1") == saved


def test_prices_come_back_as_they_were_and_are_kept_once(ledger: Ledger) -> None:
    for name in ("a1", "a2"):
        ledger.save(finished(name, cost=EUR))
        ledger.price_with(name, priced(0.25)._replace(retrieved=NOON + int(name[1])))
    assert ledger.prices_of("a2") == priced(0.25)._replace(retrieved=NOON + 1)
    ledger.price_with("a2", priced(0.25, "GBP"))
    assert [ledger.prices_of(name).currency for name in ("a1", "a2")] == ["EUR", "GBP"]  # type: ignore[union-attr]


def test_a_run_without_prices_has_none(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    assert ledger.prices_of("a1") is None
    assert ledger.prices_of("unknown") is None


# --- sums ---------------------------------------------------------------------------------------


def test_costs_are_added_up(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=EUR))
    ledger.save(finished("a2", cost=replace(EUR, actual=-0.25, if_now=0.25)))
    total = only(ledger)
    assert total.cost == Cost("EUR", "wholesale", 0.25, 1.05, 1.2, 1.0, 0.8, 0.2)
    assert (total.runs, total.static_runs) == (2, 2)
    assert total.saving == pytest.approx(0.2 + 0.4)
    assert total.saving_pct == pytest.approx(100 * 0.6 / 1.05)


def test_runs_without_a_price_are_not_in_the_sums(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=EUR))
    ledger.save(finished("a2"))
    assert only(ledger).runs == 1


def test_of_no_priced_run_there_are_no_sums(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    assert ledger.costs() == []


@pytest.mark.parametrize("other", [{"currency": "GBP"}, {"kind": "retail"}], ids=str)
def test_unlike_money_is_never_added_up(ledger: Ledger, other: dict[str, str]) -> None:
    ledger.save(finished("a1", cost=EUR))
    ledger.save(finished("a2", cost=replace(EUR, **other)))  # type: ignore[arg-type]
    assert [total.cost.actual for total in all_keys(ledger.costs())] == [0.5, 0.5]


def test_signals_stay_apart(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=EUR))
    ledger.save(finished("a2", cost=EUR, signal_kind="marginal"))
    kinds = {total.signal_kind: total.runs for total in all_keys(ledger.costs())}
    assert kinds == {"average": 1, "marginal": 1}


def test_a_saving_is_of_the_runs_that_have_all_of_it(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=EUR))
    ledger.save(finished("a2", cost=replace(EUR, if_now=None, if_static=None)))
    ledger.save(finished("a3", cost=replace(EUR, waiting=None)))
    total = only(ledger)
    assert total.saving == pytest.approx(0.2)
    assert total.saving_of == pytest.approx(0.8)
    assert (total.cost.actual, total.cost.if_now, total.static_runs) == (1.5, 1.6, 2)


def test_what_no_run_has_is_unknown(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=Cost("EUR", "retail", actual=0.5)))
    total = only(ledger)
    assert (total.cost.if_now, total.saving, total.saving_pct) == (None, None, None)


def test_of_what_is_paid_for_there_is_no_percentage(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=replace(EUR, if_now=-0.2)))
    assert only(ledger).saving_pct is None


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("name", {"make": 2, "cook": 1}),
        ("zone", {"DE": 2, None: 1}),
        ("strategy", {"dynamic": 2, "now": 1}),
    ],
)
def test_costs_are_grouped(ledger: Ledger, by: str, keys: dict[str | None, int]) -> None:
    ledger.save(finished("a1", cost=EUR, zone="DE"))
    ledger.save(finished("a2", cost=EUR, zone="DE", name="cook"))
    ledger.save(finished("a3", cost=EUR, strategy="now"))
    groups = ledger.costs(by)  # type: ignore[arg-type]
    assert {group.key: group.runs for group in groups} == keys
    assert sum(total.runs for total in all_keys(groups)) == 3


def test_a_name_that_is_no_text_is_a_key_as_well(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=EUR, name="caf\udcc3"))
    assert [group.key for group in ledger.costs()] == ["caf\udcc3"]


def test_only_runs_submitted_in_time_count(ledger: Ledger) -> None:
    ledger.save(finished("a1", cost=EUR))
    assert ledger.costs(since=NOON) != []
    assert ledger.costs(since=NOON + 1) == []
    assert ledger.costs(until=NOON) == []


def test_a_run_under_way_is_not_in_the_sums(ledger: Ledger) -> None:
    ledger.save(run("a1", state="running", started=NOON, cost=EUR))
    assert ledger.costs() == []


# --- a ledger of version 1 ----------------------------------------------------------------------


def test_an_old_ledger_is_brought_up_to_date_with_all_that_is_in_it(old_ledger: Path) -> None:
    with Ledger.open(old_ledger) as ledger:
        assert ledger.run("a1") == finished("a1")
        assert (ledger.run("a1").objective, ledger.run("a1").cost) == (1.0, Cost())
        assert [cell.runs for cell in ledger.totals()] == [1]
        ledger.save(finished("a2", cost=EUR))
        ledger.price_with("a2", priced(0.25))
        assert only(ledger).runs == 1


def test_an_old_ledger_that_must_not_be_written_to_says_what_to_do(old_ledger: Path) -> None:
    before = old_ledger.read_bytes()
    with pytest.raises(LedgerUnavailable, match="is of the earlier version 1"):
        Ledger.open(old_ledger, create=False, read_only=True)
    assert old_ledger.read_bytes() == before


def test_the_past_runs_of_an_old_ledger_are_known_to_the_first_plan(old_ledger: Path) -> None:
    found = past_runs("make", {"CARBONWAIT_LEDGER": str(old_ledger)})
    assert [run.id for run in found] == ["a1"]
