"""Runs in a ledger, and what is summed up over them."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_runs import NOON, SLOTS, finished, run

from carbonwait.core.errors import LedgerUnavailable, Mistake
from carbonwait.core.records import Emissions, Energy, Methods, Owner, Run
from carbonwait.ledger.store import Ledger
from carbonwait.ledger.totals import Totals, added

# --- runs ---------------------------------------------------------------------------------------

texts = st.text(st.characters(codec=None), max_size=20)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
energies = st.builds(Energy, numbers, numbers, numbers)
any_runs = st.builds(
    Run,
    id=st.just("a1"),
    name=texts,
    command=st.none() | texts,
    submitted=st.floats(0, 4e9),
    deadline=st.floats(0, 4e9),
    strategy=st.sampled_from(["dynamic", "static", "now"]),
    owner=st.builds(Owner, texts, texts, texts, st.integers(1, 2**22), st.floats(0, 1e12)),
    state=st.sampled_from(["waiting", "running", "finished", "aborted", "lost"]),
    started=st.none() | st.floats(0, 4e9),
    ended=st.none() | st.floats(0, 4e9),
    exit_code=st.none() | st.integers(0, 255),
    zone=st.none() | texts,
    static_assumed=st.booleans(),
    energy=energies,
    machine_energy=energies,
    emissions=st.builds(Emissions, *[numbers] * 6),
    methods=st.just(Methods("rapl", "nvml", "ram_model")),
)


@given(any_runs)
@settings(max_examples=60, deadline=None)
def test_a_run_comes_back_as_it_was_saved(any_run: Run) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "l.db") as ledger:
        ledger.save(any_run)
        assert ledger.run("a1") == any_run


def test_saving_again_brings_a_run_up_to_date(ledger: Ledger) -> None:
    ledger.save(run())
    ledger.save(run(state="running"))
    assert [found.state for found in ledger.runs()] == ["running"]


def test_the_beginning_of_an_id_will_do(ledger: Ledger) -> None:
    ledger.save(run("abc1"))
    ledger.save(run("xyz1"))
    assert ledger.run("ab").id == "abc1"


def test_the_beginning_of_several_ids_is_a_mistake(ledger: Ledger) -> None:
    ledger.save(run("abc1"))
    ledger.save(run("abc2"))
    with pytest.raises(Mistake, match="several"):
        ledger.run("abc")


@pytest.mark.parametrize("run_id", ["", "nope", "%", "a_", "\udcff", "a1' OR 1 --"])
def test_an_unknown_id_is_a_mistake(ledger: Ledger, run_id: str) -> None:
    ledger.save(run())
    with pytest.raises(Mistake):
        ledger.run(run_id)


def test_runs_come_newest_first_and_by_state(ledger: Ledger) -> None:
    for number, state in enumerate(["finished", "waiting", "finished"]):
        ledger.save(run(f"a{number}", state=state))
    assert [found.id for found in ledger.runs(states=["finished"])] == ["a2", "a0"]


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    with contextlib.suppress(RuntimeError), ledger.transaction():
        ledger.save(run())
        raise RuntimeError
    assert ledger.runs() == []


def test_a_lost_run_keeps_what_was_metered(ledger: Ledger) -> None:
    ledger.save(run(state="running", started=NOON))
    ledger.replace_energy("a1", SLOTS)
    ledger.mark_lost("a1")
    found = ledger.run("a1")
    assert (found.state, found.machine_energy) == ("lost", Energy(10.0, None, 100.0))


def test_a_finished_run_is_never_lost(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.mark_lost("a1")
    assert ledger.run("a1").state == "finished"


# --- totals -------------------------------------------------------------------------------------


def total(ledger: Ledger) -> Totals:
    """Everything in one sum."""
    found = added(ledger.totals())
    assert found is not None
    return found


def test_totals_add_up_by_name(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.save(finished("a2"))
    ledger.save(finished("a3", name="other"))
    groups = {cell.key: added([cell]) for cell in ledger.totals("name")}
    make = groups["make"]
    assert make is not None
    assert (make.emissions.actual_g, make.saving_g) == (120, 80)


def test_a_percentage_is_of_the_runs_that_have_both_figures(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.save(finished("a2", emissions=Emissions(None, 900.0)))
    assert total(ledger).saving_pct == pytest.approx(40)


def test_a_lost_run_has_not_missed_its_deadline(ledger: Ledger) -> None:
    ledger.save(run(state="lost", started=NOON))
    assert total(ledger).deadline_missed == 0


def test_unknown_emissions_of_the_wait_count_alike_in_both_savings(ledger: Ledger) -> None:
    ledger.save(finished("a1", emissions=Emissions(60.0, 100.0, 80.0)))
    found = total(ledger)
    assert (found.saving_g, found.static_saving_g) == (None, None)


def test_runs_without_energy_are_counted_as_such(ledger: Ledger) -> None:
    ledger.save(finished("a1", energy=Energy(), emissions=Emissions(), accounting="none"))
    found = total(ledger)
    assert (found.runs, found.unmetered, found.energy_j) == (1, 1, None)


def test_the_marginal_signal_is_not_added_to_the_average(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.save(finished("a2", signal_kind="marginal"))
    assert {cell.signal_kind: cell.runs for cell in ledger.totals()} == {
        "average": 1,
        "marginal": 1,
    }


def test_a_day_is_the_local_one(ledger: Ledger) -> None:
    ledger.save(finished("a1", started=NOON + 11.5 * 3600))
    (cell,) = ledger.totals(offsets=[(0, 3600)])
    assert cell.day == "2026-11-24"


def test_runs_that_were_cancelled_are_not_counted(ledger: Ledger) -> None:
    ledger.save(run(state="aborted", ended=NOON))
    assert ledger.totals() == []


def test_only_runs_submitted_between_the_bounds_count(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.save(finished("a2", submitted=NOON + 100))
    (cell,) = ledger.totals(since=NOON, until=NOON + 100)
    assert cell.runs == 1


def test_sums_of_sums_are_those_of_all_runs(ledger: Ledger) -> None:
    for number, rung in enumerate(["live", "typical", "live"]):
        ledger.save(finished(f"a{number}", rung=rung))
    found = total(ledger)
    assert (found.runs, found.emissions.best_g, found.settled) == (3, 165, 3)


def test_a_pending_run_that_makes_no_sense_is_told_of_the_file(ledger: Ledger) -> None:
    ledger.save(finished("a1", accounting="pending"))
    with contextlib.closing(sqlite3.connect(ledger.path)) as other, other:
        other.execute("UPDATE runs SET measured_j = 'much'")
    (group,) = ledger.unsettled_groups(0.0)
    with pytest.raises(LedgerUnavailable, match="a row in it makes no sense"):
        ledger.pending(group, limit=10)
