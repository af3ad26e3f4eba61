"""What earlier runs tell of one."""

from dataclasses import replace

import pytest
from sample_runs import NOON, OWNER, finished, run

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.records import Energy, Methods
from carbonwait.ledger.store import Ledger


def test_past_runs_are_those_that_did_their_work(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.save(finished("a2", exit_code=1))
    ledger.save(finished("a3", name="other"))
    assert [found.id for found in ledger.past_runs("make")] == ["a1"]


def test_runs_that_failed_or_were_killed_do_not_tell_how_long_the_job_takes(
    ledger: Ledger,
) -> None:
    ledger.save(finished("a1", exit_code=1))
    ledger.save(finished("a2", exit_code=None, term_signal="KILL"))
    assert ledger.past_runs("make") == []


def test_the_idle_floor_is_the_lowest_power_of_an_idle_slot(ledger: Ledger) -> None:
    ledger.save(finished("a1", methods=Methods("rapl")))
    busy = MeteredSlot(NOON, NOON + 300, Energy(300.0), 290.0)
    idle = [
        MeteredSlot(NOON + 300 * n, NOON + 300 * (n + 1), Energy(3000.0 * n), 1.0) for n in (1, 2)
    ]
    ledger.replace_energy("a1", [busy, *idle])
    assert ledger.idle_floor_w(OWNER.host, 1, NOON - 1) == pytest.approx(10.0)


def test_what_the_meter_did_not_see_makes_no_low_floor(ledger: Ledger) -> None:
    ledger.save(finished("a1", methods=Methods("rapl"), uncovered_s=10.0))
    # Twenty watts over the ten seconds that were seen of twenty.
    ledger.replace_energy("a1", [MeteredSlot(NOON, NOON + 20, Energy(200.0), 0.1)])
    assert ledger.idle_floor_w(OWNER.host, 1, NOON - 1) == pytest.approx(20.0)


def test_a_slot_of_which_little_was_seen_is_no_floor(ledger: Ledger) -> None:
    ledger.save(finished("a1", methods=Methods("rapl"), uncovered_s=18.0))
    ledger.replace_energy("a1", [MeteredSlot(NOON, NOON + 20, Energy(1.0), 0.0)])
    assert ledger.idle_floor_w(OWNER.host, 1, NOON - 1) is None


@pytest.mark.parametrize(
    "fields", [{"methods": Methods("tdp_model")}, {"owner": replace(OWNER, host="elsewhere")}]
)
def test_a_floor_is_measured_and_of_this_host(ledger: Ledger, fields: dict[str, object]) -> None:
    ledger.save(finished("a1", **({"methods": Methods("rapl")} | fields)))
    ledger.replace_energy("a1", [MeteredSlot(NOON, NOON + 300, Energy(3000.0), 1.0)])
    assert ledger.idle_floor_w(OWNER.host, 1, NOON - 1) is None


def test_without_an_idle_slot_the_floor_is_unknown(ledger: Ledger) -> None:
    assert ledger.idle_floor_w(OWNER.host, 1, NOON) is None


def test_runs_that_overlap_on_the_host_are_found(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    ledger.save(finished("a2", started=NOON + 599))
    ledger.save(finished("a3", started=NOON + 600, ended=NOON + 700))
    ledger.save(finished("a4", owner=replace(OWNER, host="elsewhere")))
    found = ledger.overlapping(OWNER.host, NOON, NOON + 600, "a1")
    assert [other.id for other in found] == ["a2"]


def test_a_run_that_is_still_running_overlaps(ledger: Ledger) -> None:
    ledger.save(finished("a1"))
    for number, state in enumerate(["running", "paused", "waiting", "lost"], 2):
        ledger.save(run(f"a{number}", state=state, started=NOON - 5))
    found = ledger.overlapping(OWNER.host, NOON, NOON + 600, "a1")
    assert [other.id for other in found] == ["a2", "a3"]
