"""What belongs to a run: decisions, energy, pauses."""

from sample_runs import NOON, SLOTS, run

from carbonwait.core.records import Decision, Pause
from carbonwait.ledger.store import Ledger


def test_decisions_come_back_in_order(ledger: Ledger) -> None:
    decisions = [Decision(NOON + n, NOON + 60, "live", None, f"reason {n}") for n in range(3)]
    ledger.save(run())
    for decision in decisions:
        ledger.add_decision("a1", decision)
    assert ledger.decisions("a1") == decisions


def test_the_logs_of_very_many_runs_can_be_asked_for_at_once(ledger: Ledger) -> None:
    ids = [f"a{number:04}" for number in range(1200)]
    with ledger.transaction():
        for run_id in ids:
            ledger.save(run(run_id))
            ledger.add_decision(run_id, Decision(NOON, NOON, "now", None, run_id))
    assert {run_id: log[0].reason for run_id, log in ledger.decisions_of(ids).items()} == {
        run_id: run_id for run_id in ids
    }


def test_energy_replaces_what_was_there(ledger: Ledger) -> None:
    ledger.save(run())
    ledger.replace_energy("a1", SLOTS[:1])
    ledger.replace_energy("a1", SLOTS)
    assert ledger.energy("a1") == SLOTS


def test_pauses_take_the_place_of_earlier_ones(ledger: Ledger) -> None:
    ledger.save(run())
    ledger.replace_pauses("a1", [Pause(NOON)])
    ledger.replace_pauses("a1", [Pause(NOON, NOON + 60), Pause(NOON + 90)])
    assert ledger.pauses("a1") == [Pause(NOON, NOON + 60), Pause(NOON + 90)]
