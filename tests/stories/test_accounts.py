"""What a run is billed when others overlapped with it."""

from dataclasses import replace
from pathlib import Path

import pytest
from sample_runs import NOON, finished, run

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.records import Energy, MeterInfo, MeterRow, Methods, Run, Usage
from carbonwait.core.series import Series
from carbonwait.ledger.store import Ledger
from carbonwait.process.owner import this_process
from carbonwait.stories.accounts import Metered, settle
from carbonwait.stories.recorder import Recorder

W_PER_CPU = 4.0
MODELLED = MeterInfo(Methods("tdp_model", "none", "ram_model"), 2 * W_PER_CPU, 2, 2**34)
MEASURED = MeterInfo(Methods("rapl", "none", "ram_model"), None, 2, 2**34)
ROWS = [MeterRow(NOON, NOON + 100, Energy(6000.0, None, 100.0), 60.0)]


def billed_j(metered: Metered) -> float | None:
    own = run(state="finished", started=NOON, ended=NOON + 100)
    settle(own, metered, Series(), final_kinds=frozenset({"actual"}), more_to_come=False)
    return own.energy.cpu_j


def other(cpu_j: float, ended: float = NOON + 90) -> Run:
    energy = Energy(cpu_j)
    return finished("b1", started=NOON + 50, ended=ended, energy=energy, methods=Methods("rapl"))


def test_a_run_of_a_job_of_this_job_is_not_billed_twice() -> None:
    inner = other(49 * W_PER_CPU)
    metered = Metered(ROWS, MODELLED, Usage(50.0, 0), busy_s=52.0, others=[inner])
    assert billed_j(metered) == pytest.approx(3 * W_PER_CPU)


def test_a_neighbour_that_outlives_the_run_takes_nothing_of_a_model() -> None:
    later = other(49 * W_PER_CPU, ended=NOON + 110)
    metered = Metered(ROWS, MODELLED, Usage(50.0, 0), busy_s=52.0, others=[later])
    assert billed_j(metered) == pytest.approx(50 * W_PER_CPU)


def test_measured_runs_together_are_billed_what_the_machine_used() -> None:
    slots = [MeteredSlot(NOON + 50, NOON + 90, Energy(2400.0), job=Energy(2000.0))]
    metered = Metered(ROWS, MEASURED, Usage(50.0, 0), busy_s=52.0, others=[other(2000.0)])
    assert billed_j(replace(metered, billed=[slots])) == pytest.approx(4000.0)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    environ = {"CARBONWAIT_LEDGER": str(tmp_path / "ledger.db"), "HOME": str(tmp_path)}
    return Recorder(environ, voice=None)  # type: ignore[arg-type]


def test_a_run_that_was_killed_long_ago_shares_nothing(recorder: Recorder, tmp_path: Path) -> None:
    alive = this_process()
    gone = replace(alive, pid_started=alive.pid_started - 1)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        for run_id, owner in (("a1", gone), ("b1", alive)):
            ledger.save(run(run_id, state="running", started=NOON - 9000, owner=owner))
    own = run("c1", state="finished", started=NOON, ended=NOON + 100, owner=alive)
    assert [other.id for other in recorder.others(own, alive=True)] == ["b1"]


def test_what_measured_runs_were_billed_is_looked_up(recorder: Recorder, tmp_path: Path) -> None:
    slots = [MeteredSlot(NOON + 50, NOON + 90, Energy(2400.0), job=Energy(2000.0))]
    modelled = finished("c1", methods=Methods("tdp_model"))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(other(2000.0))
        ledger.replace_energy("b1", slots)
        ledger.save(modelled)
    assert recorder.billed([other(2000.0), modelled]) == [slots]
