"""Runs that the ledger did not take."""

import json
import os
import resource
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_runs import NOON, SLOTS, finished, priced, run, stored

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.records import Cost, Decision, Emissions, Energy, Pause
from carbonwait.ledger import spool as module
from carbonwait.ledger.spool import SpoolRecord, collect, spool, waiting
from carbonwait.ledger.store import Ledger

RECORD = SpoolRecord(
    finished("a1", command="caf\udcc3 \udcff"),
    [Decision(NOON, NOON + 60, "live", None, "why")],
    SLOTS,
    stored(120.5),
    stored(99.0),
    priced(0.25),
    [Pause(NOON + 60, NOON + 120), Pause(NOON + 180)],
)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return [tmp_path / "first", tmp_path / "second"]


def test_a_record_goes_into_the_first_folder(folders: list[Path]) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    assert path.parent == folders[0]


def test_a_folder_that_takes_nothing_is_passed_over(folders: list[Path]) -> None:
    folders[0].write_text("a file")
    path = spool(RECORD, folders)
    assert path is not None
    assert path.parent == folders[1]


def test_without_any_folder_there_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert spool(RECORD, [file]) is None


def test_a_spool_file_is_the_owners_alone(folders: list[Path]) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_record_is_taken_in_whole(folders: list[Path], tmp_path: Path) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        collect(ledger, folders)
        found = (ledger.run("a1"), ledger.decisions("a1"), ledger.energy("a1"))
        assert found == (RECORD.run, RECORD.decisions, RECORD.slots)
        assert ledger.series_of("a1") == (RECORD.planned_on, RECORD.accounted_with)


def test_what_was_taken_in_is_gone(folders: list[Path], tmp_path: Path) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 1
    assert not waiting(folders)


def test_taking_in_a_run_that_is_there_brings_it_up_to_date(
    folders: list[Path], tmp_path: Path
) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(run("a1"))
        ledger.add_decision("a1", RECORD.decisions[0])
        collect(ledger, folders)
        assert (ledger.run("a1").state, len(ledger.decisions("a1"))) == ("finished", 1)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"version": 9}', '{"version": 1, "run": {"id": 3}}']
)
def test_a_damaged_file_is_left_alone(folders: list[Path], tmp_path: Path, text: str) -> None:
    folders[0].mkdir()
    damaged = folders[0] / "carbonwait-spool-a1.json"
    damaged.write_text(text)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0
    assert damaged.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("submitted", "yesterday"), ("submitted", None), ("submitted", float("nan"))),
        *(("submitted", 1e300), ("submitted", -1.0), ("cpu_j", float("inf")), ("cpu_j", 10**400)),
        *(("state", "done"), ("exit_code", [0]), ("name", None), ("cpu_j", {})),
        ("owner_pid", 2**70),
    ],
)
def test_a_value_that_cannot_be_is_left_alone_and_the_next_file_taken_in(
    folders: list[Path], tmp_path: Path, field: str, value: object
) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    document = json.loads(path.read_text())
    document["run"][field] = value
    path.write_text(json.dumps(document))
    spool(SpoolRecord(finished("b1")), folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 1
        assert [found.id for found in ledger.runs()] == ["b1"]
    assert path.exists()


def test_a_run_that_has_been_settled_since_is_not_taken_in_again(
    folders: list[Path], tmp_path: Path
) -> None:
    spool(SpoolRecord(finished("a1", accounting="pending")), folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(finished("a1", accounting="settled"))
        assert collect(ledger, folders) == 0
        assert ledger.run("a1").accounting == "settled"
    assert not waiting(folders)


def test_a_lost_run_turns_out_to_have_finished(folders: list[Path], tmp_path: Path) -> None:
    spool(RECORD, folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(run("a1", state="lost"))
        collect(ledger, folders)
        assert ledger.run("a1").state == "finished"


def test_nothing_is_left_of_a_file_that_did_not_fit(folders: list[Path]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        path = spool(RECORD, folders)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (path, waiting(folders)) == (None, False)


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
instants = st.floats(0, 4e9)
# What a command line can hold: text, and bytes that are not UTF-8.
texts = st.text(
    st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
)
energies = st.builds(Energy, numbers, numbers, numbers)
records = st.builds(
    SpoolRecord,
    run=st.builds(
        finished,
        st.just("a1"),
        name=texts,
        command=st.none() | texts,
        energy=energies,
        machine_energy=energies,
        emissions=st.builds(Emissions, *[numbers] * 6),
        objective=st.floats(0, 1),
        cost=st.just(Cost()) | st.builds(Cost, texts, st.just("retail"), *[numbers] * 6),
        static_assumed=st.booleans(),
        peak_rss_bytes=st.none() | st.integers(0, 2**62),
    ),
    decisions=st.lists(
        st.builds(Decision, instants, instants, st.just("live"), st.none() | instants, texts),
        max_size=3,
        unique=True,
    ),
    slots=st.builds(lambda job, busy_s: [MeteredSlot(0, 1, job, busy_s, job)], energies, numbers),
    planned_on=st.none() | st.builds(stored, st.floats(0, 5000)),
    accounted_with=st.none() | st.builds(stored, st.floats(0, 5000)),
    priced_with=st.none() | st.builds(priced, st.floats(-1, 1)),
    pauses=st.lists(st.builds(Pause, st.floats(0, 4e9), st.none() | st.floats(0, 4e9)), max_size=3)
    .map(lambda pauses: {pause.start: pause for pause in pauses})
    .map(lambda pauses: tuple(pauses[start] for start in sorted(pauses))),
)


@given(records)
@settings(max_examples=40, deadline=None)
def test_a_record_comes_back_from_file_and_ledger_as_it_was(record: SpoolRecord) -> None:
    with TemporaryDirectory() as name, Ledger.open(Path(name) / "l.db") as ledger:
        spool(record, [Path(name)])
        assert collect(ledger, [Path(name)]) == 1
        found = SpoolRecord(
            ledger.run("a1"),
            ledger.decisions("a1"),
            ledger.energy("a1"),
            *ledger.series_of("a1"),
            ledger.prices_of("a1"),
            tuple(ledger.pauses("a1")),
        )
        if not record.decisions:
            # Only a decision was planned on something.
            record = record._replace(planned_on=None)
        assert found == record


def test_a_record_of_a_version_that_knew_no_costs_and_no_pauses_is_taken_in(
    folders: list[Path], tmp_path: Path
) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    document = json.loads(path.read_text())
    del document["priced_with"], document["pauses"], document["run"]["paused_s"]
    for column in [name for name in document["run"] if name.startswith(("cost_", "objective"))]:
        del document["run"][column]
    path.write_text(json.dumps(document))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 1
        assert ledger.run("a1") == RECORD.run
        assert ledger.prices_of("a1") is None
        assert ledger.pauses("a1") == []


def test_half_a_file_of_a_writer_that_was_killed_goes_in_the_end(
    folders: list[Path], tmp_path: Path
) -> None:
    folders[0].mkdir()
    old, new = (folders[0] / f".carbonwait-spool-{name}.json.7" for name in ("old", "new"))
    for half in (old, new):
        half.write_text("{")
    os.utime(old, (NOON - 1e9, NOON - 1e9))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("known", "spooled", "state"),
    [
        ("waiting", "running", "running"),
        ("running", "waiting", "running"),
        ("lost", "waiting", "lost"),
        ("lost", "finished", "finished"),
        ("aborted", "running", "aborted"),
    ],
)
def test_a_run_goes_forward_only(
    folders: list[Path], tmp_path: Path, known: str, spooled: str, state: str
) -> None:
    spool(SpoolRecord(run("a1", state=spooled)), folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save(run("a1", state=known))
        collect(ledger, folders)
        assert ledger.run("a1").state == state


def test_a_later_state_that_comes_while_an_earlier_one_is_taken_in_is_not_lost(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = module._read

    def read_and_be_late(path: Path) -> SpoolRecord:
        found = read(path)
        spool(RECORD, folders)
        return found

    spool(SpoolRecord(run("a1")), folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(module, "_read", read_and_be_late)
            collect(ledger, folders)
        collect(ledger, folders)
        assert ledger.run("a1") == RECORD.run


def test_of_several_states_of_a_run_the_last_one_counts(
    folders: list[Path], tmp_path: Path
) -> None:
    for busy_s in range(12):
        spool(SpoolRecord(run("a1", state="running", busy_s=float(busy_s))), folders)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 12
        assert ledger.run("a1").busy_s == 11


def test_a_link_is_not_followed(folders: list[Path], tmp_path: Path) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_left_alone(folders: list[Path], tmp_path: Path) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    os.chown(path, 65534, 65534)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert collect(ledger, folders) == 0


def test_the_file_is_plain_json(folders: list[Path]) -> None:
    path = spool(RECORD, folders)
    assert path is not None
    assert json.loads(path.read_text())["run"]["id"] == "a1"
