"""The ledger on real files."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_runs import NOON, OWNER, SLOTS, finished, run, stored

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import LedgerUnavailable, Mistake
from carbonwait.core.records import Decision, Emissions, Energy, Methods, Owner, Pause, Run
from carbonwait.ledger import schema
from carbonwait.ledger.store import Ledger
from carbonwait.ledger.totals import Totals, added


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path) as opened:
        yield opened


# --- the file -----------------------------------------------------------------------------------


def test_the_file_and_its_folder_are_the_owners_alone(ledger: Ledger, path: Path) -> None:
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
    assert modes == [0o600, 0o700]


def test_a_home_is_never_made_up(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="does not exist"):
        Ledger.open(tmp_path / "no" / "such" / "home" / "share" / "carbonwait" / "ledger.db")


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear diary" * 100)
    with pytest.raises(LedgerUnavailable, match="move it away"):
        Ledger.open(path)
    assert path.read_text() == "dear diary" * 100


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title)")
    connection.close()
    with pytest.raises(LedgerUnavailable, match="another program"):
        Ledger.open(path)


def test_a_newer_ledger_is_refused_by_both_versions(path: Path) -> None:
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(LedgerUnavailable, match=f"{schema.VERSION + 1}.* {schema.VERSION};"):
        Ledger.open(path)


def test_a_ledger_of_the_first_version_knows_no_pauses(old_ledger: Path) -> None:
    with Ledger.open(old_ledger) as ledger:
        assert ledger.run("a1") == finished("a1")
        assert ledger.pauses("a1") == []


def test_pauses_take_the_place_of_earlier_ones(ledger: Ledger) -> None:
    ledger.save(run())
    ledger.replace_pauses("a1", [Pause(NOON)])
    ledger.replace_pauses("a1", [Pause(NOON, NOON + 60), Pause(NOON + 90)])
    assert ledger.pauses("a1") == [Pause(NOON, NOON + 60), Pause(NOON + 90)]


def test_a_folder_in_place_of_the_file_is_told_in_one_line(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LedgerUnavailable) as told:
        Ledger.open(path)
    assert "\n" not in str(told.value)


def test_a_ledger_that_may_only_be_read_can_be_read(ledger: Ledger, path: Path) -> None:
    ledger.save(run())
    with Ledger.open(path, create=False, read_only=True) as reader:
        assert reader.run("a1") == run()


def test_reading_makes_no_ledger(path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        Ledger.open(path, create=False)
    assert not path.parent.exists()


def test_a_lock_that_does_not_end_is_unavailable(ledger: Ledger, path: Path) -> None:
    with (
        ledger.transaction(),
        Ledger.open(path, busy_timeout_s=0.05) as other,
        pytest.raises(LedgerUnavailable, match="locked"),
    ):
        other.save(run())


def test_nothing_else_is_left_beside_the_ledger(ledger: Ledger, path: Path) -> None:
    ledger.save(run())
    assert [file.name for file in path.parent.iterdir()] == ["ledger.db"]


@pytest.mark.parametrize("length", [50, 511, 4096, 20_000])
def test_a_ledger_that_was_cut_off_is_left_alone(path: Path, length: int) -> None:
    with Ledger.open(path) as ledger:
        ledger.save(run())
    cut_off = path.read_bytes()[:length]
    path.write_bytes(cut_off)
    with pytest.raises(LedgerUnavailable, match="move it away"):
        Ledger.open(path)
    assert path.read_bytes() == cut_off


def test_any_name_of_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "50 %41?mode=ro#\udcff" / "l.db"
    with Ledger.open(path) as ledger:
        ledger.save(run())
    assert [file.name for file in path.parent.iterdir()] == ["l.db"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a small ledger and no more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_ledger_on_a_full_disk_keeps_what_it_has(small_disk: Path) -> None:
    with Ledger.open(small_disk / "l.db") as ledger:
        ledger.save(run())
        with pytest.raises(LedgerUnavailable, match="free some space"):
            ledger.save(run("a2", command="x" * 1_000_000))
        assert ledger.runs() == [run()]


def test_a_ledger_on_a_disk_that_takes_no_writes_can_be_read(small_disk: Path) -> None:
    path = small_disk / "l.db"
    with Ledger.open(path) as ledger:
        ledger.save(run())
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True, capture_output=True)
    with pytest.raises(LedgerUnavailable, match="cannot be written"):
        Ledger.open(path)
    with Ledger.open(path, create=False, read_only=True) as ledger:
        assert ledger.runs() == [run()]


def test_a_full_disk_is_unavailable_and_leaves_the_ledger_readable(path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from carbonwait.core.errors import LedgerUnavailable
from carbonwait.ledger.store import Ledger
from sample_runs import run
ledger = Ledger.open(Path(sys.argv[1]))
ledger.save(run())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    for n in range(1000):
        ledger.save(run(f"b{n}", command="x" * 1000))
except LedgerUnavailable:
    print(len(Ledger.open(Path(sys.argv[1])).runs()) > 0)
"""
    folders = sys.path
    command = [sys.executable, "-c", script, str(path), *folders]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout == "True\n", result.stderr


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


# --- decisions, energy, series ------------------------------------------------------------------


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


def test_a_series_comes_back_with_its_provenance(ledger: Ledger) -> None:
    ledger.save(run())
    ledger.account_with("a1", ledger.save_series(stored(120.5)))
    assert ledger.series_of("a1") == (None, stored(120.5))


def test_the_same_series_is_kept_once(ledger: Ledger) -> None:
    numbers = {ledger.save_series(stored(120.5, NOON + n)) for n in range(3)}
    assert len(numbers) == 1


def test_another_series_is_another_one(ledger: Ledger) -> None:
    assert ledger.save_series(stored(1)) != ledger.save_series(stored(2))


# --- what is asked of the past ------------------------------------------------------------------


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
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE runs SET measured_j = 'much'")
    connection.close()
    (group,) = ledger.unsettled_groups(0.0)
    with pytest.raises(LedgerUnavailable, match="a row in it makes no sense"):
        ledger.pending(group, limit=10)
