"""Whatever bytes stand in a file of ours: one line at the most, and a tool that works.

Status 125 would be a fault of our own. The commands run within this process, for there to be many
examples; a job of its own process is run on the worst of them.
"""

import io
import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from grid_server import Answer, GridServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_runs import NOON, SLOTS, finished, run, stored
from users import User

from carbonwait.cli import app
from carbonwait.core.records import Decision
from carbonwait.grid.history import History
from carbonwait.ledger import rows
from carbonwait.ledger.spool import SpoolRecord, spool
from carbonwait.ledger.store import Ledger
from carbonwait.stories.recorder import Recorder

RECORD = SpoolRecord(
    finished("a1", command="caf\udcc3"),
    [Decision(NOON, NOON + 60, "live", None, "why")],
    SLOTS,
    stored(120.5),
    stored(99.0),
)
LOOKS = [["runs"], ["runs", "--json"], ["show", "a1"], ["show", "--json", "a1"]]
LOOKS += [["report"], ["report", "--json", "--by", "zone"]]

# For a longer look: FUZZ_EXAMPLES=2000 pytest tests/test_fuzz.py
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@contextmanager
def a_home() -> Iterator[Path]:
    """An empty home whose environment is this process's."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        environ = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "CARBONWAIT_LEDGER": str(home / "ledger.db"),
            "CARBONWAIT_CACHE": str(home / "cache"),
            "CARBONWAIT_CONFIG": str(home / "config.toml"),
        }
        (home / "config.toml").write_bytes(b"")
        (home / "cache").mkdir(mode=0o700)
        with mock.patch.dict(os.environ, environ, clear=True):
            yield home


def status_of(*arguments: str) -> int:
    """The status of a command; it is neither a fault of ours nor more than a line on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "stdout", out), mock.patch.object(sys, "stderr", err):
        status = app._status(arguments)
    assert status in {0, 1, 2}, err.getvalue()
    assert err.getvalue().count("\n") <= 1
    if status:
        assert err.getvalue().startswith("carbonwait: ")
    return status


class Silent:
    """A voice that only keeps faults."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, text: str) -> None:
        self.faults.append(text)


def record_a_run() -> list[str]:
    """Record a run from its submission to its end, whatever the ledger is; the faults told."""
    voice = Silent()
    recorder = Recorder(os.environ, voice)  # type: ignore[arg-type]
    recorder.save(run("z9"))
    recorder.save(run("z9", state="running", started=NOON))
    recorder.energy(run("z9", state="running", started=NOON), SLOTS)
    recorder.others(finished("z9"))
    recorder.idle_floor_w(finished("z9"), 2)
    recorder.save(finished("z9"))
    recorder.close()
    return voice.faults


def mutated(content: bytes, seed: int) -> bytes:
    """Bytes changed, put in, left out, or moved, here and there."""
    chance = random.Random(seed)
    bent = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 30, 300])):
        at = chance.randrange(len(bent) or 1)
        length = chance.choice([1, 1, 1, 2, 8, 100])
        what = chance.randrange(5)
        if what == 0:
            bent[at : at + length] = chance.randbytes(length)
        elif what == 1:
            bent[at : at + 1] = bytes([chance.choice([0, 1, 0x22, 0x5B, 0x7B, 0x80, 0xFF])])
        elif what == 2:
            del bent[at : at + length]
        elif what == 3:
            other = chance.randrange(len(bent) or 1)
            bent[at : at + length] = bent[other : other + length]
        elif chance.random() < 0.1:
            del bent[at:]
    return bytes(bent)


# Any bytes, or the seed of a mutation: what fails is then shown in few words.
mutations = st.binary(max_size=400) | st.integers(0, 2**32)


def changed(content: bytes, how: bytes | int) -> bytes:
    return how if isinstance(how, bytes) else mutated(content, how)


# --- the ledger ---------------------------------------------------------------------------------


def a_ledger() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "l.db"
        with Ledger.open(path) as ledger:
            for number in range(5):
                ledger.save(finished(f"a{number}", zone="GB", provider="neso", rung="live"))
                ledger.replace_energy(f"a{number}", SLOTS)
                series_id = ledger.save_series(stored(float(number)))
                ledger.add_decision(f"a{number}", RECORD.decisions[0], series_id)
                ledger.account_with(f"a{number}", series_id)
            ledger.save(run("b1"))
        return path.read_bytes()


LEDGER = a_ledger()


def sound_again(ledger: Path) -> None:
    """With the damaged ledger out of the way, the run that was recorded meanwhile is there."""
    ledger.unlink(missing_ok=True)
    status_of("runs")
    with Ledger.open(ledger, create=False, read_only=True) as found:
        assert found.run("z9").state == "finished"


@many
@given(mutations)
def test_any_bytes_as_a_ledger(how: bytes | int) -> None:
    with a_home() as home:
        ledger = home / "ledger.db"
        ledger.write_bytes(changed(LEDGER, how))
        for words in LOOKS:
            status_of(*words)
        faults = record_a_run()
        assert len(faults) <= 1
        if faults:
            sound_again(ledger)


columns = st.sampled_from(
    [("runs", column) for column in (*rows.RUN_COLUMNS, *rows.DERIVED_COLUMNS, "planned_series")]
    + [("energy", column) for column in rows.SLOT_COLUMNS]
    + [("decisions", column) for column in (*rows.DECISION_COLUMNS, "series_id")]
    + [("series", column) for column in (*rows.SOURCE_COLUMNS, "points", "digest")]
)
cells = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from([float("inf"), -1.0, 1e300, "", "x", "finished", b"", b"\xff", "\x1b[31m"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    st.binary(max_size=5),
)


@many
@given(st.lists(st.tuples(columns, cells), min_size=1, max_size=3))
def test_any_values_in_the_rows_of_a_ledger(
    changes: list[tuple[tuple[str, str], object]],
) -> None:
    with a_home() as home:
        ledger = home / "ledger.db"
        ledger.write_bytes(LEDGER)
        connection = sqlite3.connect(ledger)
        for (table, column), value in changes:
            with suppress(sqlite3.IntegrityError):
                connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        connection.commit()
        connection.close()
        for words in LOOKS:
            status_of(*words)
        if record_a_run():
            sound_again(ledger)


# --- spool, cache, history, config --------------------------------------------------------------


def a_spool_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = spool(RECORD, [Path(folder)])
        assert path is not None
        return path.read_bytes()


SPOOLED = a_spool_file()


@many
@given(mutations)
def test_any_bytes_as_a_spool_file(how: bytes | int) -> None:
    with a_home() as home:
        (home / "carbonwait-spool-a1.json").write_bytes(changed(SPOOLED, how))
        sound = spool(SpoolRecord(finished("c1")), [home / "cache"])
        assert sound is not None
        for words in LOOKS:
            status_of(*words)
        assert not sound.exists()
        assert record_a_run() == []
        assert status_of("show", "c1") == status_of("show", "z9") == 0


INTENSITIES = {
    "data": [
        {
            "from": f"2026-11-{day:02}T{hour:02}:00Z",
            "to": f"2026-11-{day:02}T{hour:02}:30Z",
            "intensity": {"forecast": 100 + hour, "actual": 90},
        }
        for day in (23, 24, 25)
        for hour in range(24)
    ]
}


@pytest.fixture(scope="module")
def cache_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A cache as the program has filled it, and the address of the service."""
    with GridServer() as server:
        server.answer(Answer.of(INTENSITIES))
        toml = f'zone = "GB"\n[providers.neso]\nbase_url = "{server.url}"\n'
        with a_home() as home:
            (home / "config.toml").write_text(toml)
            status_of("forecast")
            kept = tmp_path_factory.mktemp("cache")
            shutil.copytree(home / "cache", kept, dirs_exist_ok=True)
        yield kept, toml


@many
@given(mutations, st.integers(0, 20))
def test_any_bytes_as_a_file_of_the_cache(
    cache_files: tuple[Path, str], how: bytes | int, which: int
) -> None:
    kept, toml = cache_files
    with a_home() as home:
        (home / "config.toml").write_text(toml)
        shutil.copytree(kept, home / "cache", dirs_exist_ok=True)
        files = sorted(path for path in (home / "cache").iterdir() if path.stat().st_size)
        file = files[which % len(files)]
        file.write_bytes(changed(file.read_bytes(), how))
        for words in (["plan", "--json"], ["forecast", "--json"], ["plan"], ["forecast"]):
            assert status_of(*words) == 0


@many
@given(st.lists(st.tuples(cells, cells, cells), max_size=3))
def test_any_values_in_the_rows_of_the_history(
    values: list[tuple[object, object, object]],
) -> None:
    with a_home() as home:
        history = History(home / "cache")
        history.add("neso-GB", stored(99.0).series, NOON + 7200)
        connection = sqlite3.connect(home / "cache" / "history.db")
        for start, end, g_per_kwh in values:
            with suppress(sqlite3.IntegrityError):
                connection.execute(
                    "INSERT OR REPLACE INTO actuals VALUES ('neso-GB', ?, ?, ?)",
                    (start, end, g_per_kwh),
                )
        connection.commit()
        connection.close()
        observed = history.observed("neso-GB", 0, 4e9)
        assert all(slot.g_per_kwh < float("inf") for slot in observed)
        history.unknown_since("neso-GB", NOON - 86400, NOON, 3600)
        history.add("neso-GB", stored(110.0).series, NOON + 7200)
        assert history.observed("neso-GB", NOON, NOON + 1).slots[0].g_per_kwh == 110


CONFIG = """\
zone = "GB"
deadline = "12h"
strategy = "dynamic"
min_saving = 1
idle_watts = 2.5
record_command = true
provider = "typical"
[static]
windows = ["01:00-05:00", "Mon-Fri 22:00-06:00"]
timezone = "Europe/London"
[providers.neso]
postcode = "RG10"
[jobs."make"]
duration = "1h"
[places.cluster]
kind = "slurm"
"""
toml_values = st.one_of(
    st.sampled_from(["inf", "nan", "-0.0", "9e999", "true", "[]", "{}", "1979-05-27", "'\\x00'"]),
    st.sampled_from(['"\\u0000"', '"../../etc/passwd"', '""', '"a/"', '"\\ud7ff"', "[[]]", "0x1"]),
    st.integers().map(str),
    st.text(st.characters(codec="ascii", exclude_characters="\\\"'\n"), max_size=8).map(
        lambda text: f'"{text}"'
    ),
)
configs = st.one_of(
    mutations.map(lambda how: changed(CONFIG.encode(), how)),
    st.builds(
        lambda line, value: "\n".join(
            f"{text.split('=')[0]}= {value}" if number == line and "=" in text else text
            for number, text in enumerate(CONFIG.splitlines())
        ).encode(),
        st.integers(0, CONFIG.count("\n")),
        toml_values,
    ),
    st.sampled_from([b"a = " + b"[" * 5000, b"a." * 3000 + b"a = 1", b"\xef\xbb\xbf", b"\0"]),
)


@settings(many, max_examples=3 * EXAMPLES)
@given(configs)
def test_any_bytes_as_a_config(content: bytes) -> None:
    with a_home() as home:
        (home / "config.toml").write_bytes(content)
        checked = status_of("config", "check")
        assert checked in {0, 2}
        assert status_of("config", "show") in {0, 2}
        planned = status_of("plan", "--provider", "typical", "--zone", "GB", "make")
        # What can be planned with may still name, in a part not needed here, something unknown.
        assert planned == 0 or checked == 2
        assert status_of("runs") == 0


# --- a job on the worst of them -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_job_runs_on_damaged_files_of_every_kind(
    user: User, cache_files: tuple[Path, str], seed: int
) -> None:
    kept, toml = cache_files
    user.configure(toml)
    shutil.copytree(kept, user.home / "cache")
    for file in (user.home / "cache").iterdir():
        file.write_bytes(mutated(file.read_bytes(), seed))
    user.ledger.write_bytes(mutated(LEDGER[: 8192 * (1 + seed % 3)], seed))
    (user.home / "carbonwait-spool-a1.json").write_bytes(mutated(SPOOLED, seed))
    done = user.run("run", "--deadline", "1s", "--no-meter", "-q", "--", "sh", "-c", "exit 7")
    assert (done.returncode, done.stdout) == (7, b"")
    assert done.stderr.count(b"\n") <= 1
