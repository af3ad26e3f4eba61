"""One answer for all processes of a user."""

import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from provider_server import DAY_S, HOUR_S, NOON, any_json, iso, mutants, refusal
from strategies import series

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Series, Slot
from carbonwait.grid.cache import Cache, Stored
from carbonwait.grid.electricity_maps import ElectricityMaps
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.protocol import Forecast
from carbonwait.grid.refusals import SettingsRefused

KEY = ("neso", "GB", "0badcafe", "forecast")
QUARTER_S = 900.0
GOOD = Forecast(Series([Slot(NOON, NOON + HOUR_S, 100.0, "forecast", 7.5)]), NOON - 60)


class Asks:
    """Somebody to ask, who counts how often that was done."""

    def __init__(self, answer: Forecast | Exception = GOOD) -> None:
        self.answer = answer
        self.times = 0

    def __call__(self) -> Forecast:
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> Cache:
    return Cache(folder)


def get(cache: Cache, ask: Callable[[], Forecast], now: float = NOON, **more: object) -> Stored:
    return cache.get(KEY, now, ask, max_age_s=QUARTER_S, **more)  # type: ignore[arg-type]


def refused(cache: Cache, ask: Asks, now: float = NOON, **more: object) -> str:
    with pytest.raises(ProviderUnavailable) as caught:
        get(cache, ask, now, **more)
    return str(caught.value)


def answer_file(folder: Path) -> Path:
    (path,) = (path for path in folder.glob("*.json") if "failure" not in path.name)
    return path


# --- answers ------------------------------------------------------------------------------------


def test_an_answer_is_asked_for_once(cache: Cache) -> None:
    ask = Asks()
    assert get(cache, ask) == get(cache, ask, NOON + 899) == Stored(GOOD, NOON)
    assert ask.times == 1


def test_an_answer_that_has_become_too_old_is_asked_for_again(cache: Cache) -> None:
    ask = Asks()
    get(cache, ask)
    assert get(cache, ask, NOON + 900).retrieved == NOON + 900
    assert ask.times == 2


def test_the_last_answer_is_kept_however_old(cache: Cache, folder: Path) -> None:
    get(cache, Asks())
    assert Cache(folder).last(*KEY) == Stored(GOOD, NOON)


def test_another_zone_is_another_answer(cache: Cache) -> None:
    get(cache, Asks())
    assert cache.last("neso", "GB", "other", "forecast") is None


@given(a_series=series(sigmas=True), issued=st.one_of(st.none(), st.floats(0, 4e9)))
def test_an_answer_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, a_series: Series, issued: float | None
) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache") / "c")
    get(cache, Asks(Forecast(a_series, issued)))
    assert cache.last(*KEY) == Stored(Forecast(a_series, issued), NOON)


@pytest.mark.parametrize(("issued", "made"), [(NOON - 60, NOON - 60), (None, NOON)])
def test_an_answer_was_made_when_it_was_issued_if_that_is_known(
    issued: float | None, made: float
) -> None:
    assert Stored(Forecast(GOOD.series, issued), NOON).made == made


# --- failures -----------------------------------------------------------------------------------

DOWN = ProviderUnavailable("grid.test refused the connection")


def test_a_failure_is_shared_for_a_minute(cache: Cache) -> None:
    ask = Asks(DOWN)
    refused(cache, ask)
    assert refused(cache, ask, NOON + 59) == "grid.test refused the connection"
    assert ask.times == 1


def test_a_minute_after_a_failure_somebody_asks_again(cache: Cache) -> None:
    refused(cache, Asks(DOWN))
    assert get(cache, Asks(), NOON + 60).forecast == GOOD


def test_a_service_that_wants_a_longer_rest_gets_it(cache: Cache) -> None:
    refused(cache, Asks(HttpRefusal("busy", status=429, retry_after_s=777.0)))
    ask = Asks()
    assert refused(cache, ask, NOON + 776) == "busy"
    assert get(cache, ask, NOON + 777).forecast == GOOD
    assert ask.times == 1


def test_a_short_rest_is_no_reason_to_ask_at_once(cache: Cache) -> None:
    refused(cache, Asks(HttpRefusal("busy", status=503, retry_after_s=1.0)))
    assert refused(cache, Asks(), NOON + 30) == "busy"


def test_what_lies_in_the_settings_is_shared_with_nobody(cache: Cache) -> None:
    refused(cache, Asks(SettingsRefused("no token; set ELECTRICITYMAPS_TOKEN")))
    assert get(cache, Asks(), NOON + 1).forecast == GOOD


def test_a_failure_leaves_the_last_good_answer_alone(cache: Cache) -> None:
    get(cache, Asks())
    refused(cache, Asks(DOWN), NOON + DAY_S)
    assert cache.last(*KEY) == Stored(GOOD, NOON)


def test_a_good_answer_ends_an_earlier_failure(cache: Cache, folder: Path) -> None:
    refused(cache, Asks(DOWN))
    get(cache, Asks(), NOON + 60)
    assert [path.name for path in folder.glob("*failure*")] == []


def test_who_is_called_away_blames_nobody(cache: Cache) -> None:
    refused(cache, Asks(DOWN), give_up=lambda: True)
    assert get(cache, Asks(), NOON + 1).forecast == GOOD


# --- the clock ----------------------------------------------------------------------------------


def test_an_answer_from_a_little_later_is_fresh(cache: Cache) -> None:
    get(cache, Asks())
    assert get(cache, Asks(DOWN), NOON - 600).retrieved == NOON


@pytest.mark.parametrize("back_s", [QUARTER_S, HOUR_S, 400 * DAY_S])
def test_after_the_clock_was_set_back_an_answer_is_asked_for_again(
    cache: Cache, back_s: float
) -> None:
    get(cache, Asks())
    ask = Asks()
    assert get(cache, ask, NOON - back_s).retrieved == NOON - back_s
    assert ask.times == 1


def test_a_failure_from_before_the_clock_was_set_back_holds_nobody_up(cache: Cache) -> None:
    refused(cache, Asks(DOWN))
    assert get(cache, Asks(), NOON - HOUR_S).forecast == GOOD


def test_a_failure_holds_for_who_looked_at_the_clock_before_it_happened(cache: Cache) -> None:
    refused(cache, Asks(DOWN))
    assert "refused" in refused(cache, Asks(), NOON - 10)


def test_no_failure_is_remembered_for_longer_than_a_day(cache: Cache) -> None:
    refused(cache, Asks(HttpRefusal("busy", status=429, retry_after_s=1e9)))
    assert get(cache, Asks(), NOON + DAY_S).forecast == GOOD


# --- files --------------------------------------------------------------------------------------


def test_files_and_folder_are_private(cache: Cache, folder: Path) -> None:
    umask = os.umask(0)
    try:
        get(cache, Asks())
        refused(cache, Asks(DOWN), NOON + DAY_S)
    finally:
        os.umask(umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_home_that_does_not_exist_is_not_made_up(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "home" / ".cache" / "carbonwait")
    assert get(cache, Asks()).forecast == GOOD
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["..", "../../escape", "a/b", "a\0b", "", "~", "GB\n"])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "a" / "cache"
    folder.parent.mkdir()
    Cache(folder).get(("neso", key, "forecast"), NOON, Asks(), max_age_s=60)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder] == []


@pytest.mark.parametrize("hindrance", ["no folder", "a file", "gone"])
def test_without_a_folder_everybody_asks_for_himself(tmp_path: Path, hindrance: str) -> None:
    path = {"no folder": None, "a file": tmp_path / "file", "gone": tmp_path / "a" / "b" / "c"}
    (tmp_path / "file").write_bytes(b"")
    cache, ask = Cache(path[hindrance]), Asks()
    assert get(cache, ask) == get(cache, ask)
    assert ask.times == 2


def test_an_answer_that_cannot_be_written_is_used_all_the_same(cache: Cache, folder: Path) -> None:
    get(cache, Asks())
    path = answer_file(folder)
    path.unlink()
    path.mkdir()
    assert get(cache, Asks()).forecast == GOOD
    assert [left.name for left in folder.iterdir() if left.name.startswith(".")] == []


def test_a_link_in_the_place_of_an_answer_is_not_followed(
    cache: Cache, folder: Path, tmp_path: Path
) -> None:
    get(cache, Asks())
    path = answer_file(folder)
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert cache.last(*KEY) is None
    get(cache, Asks(Forecast(Series())))
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"null ", b"[]", b"{}", b"7", b"[" * 5000, b'{"retrieved": 1}'],
    ids=["empty", "cut", "bytes", "null", "list", "object", "number", "deep", "part"],
)
def test_a_damaged_file_is_dropped_and_asked_for_again(
    cache: Cache, folder: Path, content: bytes
) -> None:
    get(cache, Asks())
    path = answer_file(folder)
    path.write_bytes(content)
    ask = Asks()
    assert cache.last(*KEY) is None
    assert get(cache, ask) == cache.last(*KEY) == Stored(GOOD, NOON)
    assert ask.times == 1


WRITTEN = {"retrieved": NOON, "issued": None, "points": [[NOON, NOON + 60, 100.0, "actual", 0.0]]}


@pytest.mark.parametrize(
    "damage",
    [
        {"retrieved": "now"},
        {"retrieved": float("nan")},
        {"retrieved": 10**400},
        {"issued": float("inf")},
        {"issued": []},
        {"points": None},
        {"points": [[1, 2, 3, "actual"]]},
        {"points": [[2, 1, 3, "actual", 0]]},
        {"points": [[1, 3, 3, "actual", 0], [2, 4, 3, "actual", 0]]},
        {"points": [[1, 2, float("nan"), "actual", 0]]},
        {"points": [[1, 2, True, "actual", 0]]},
        {"points": [[1, 2, 3, "guess", 0]]},
        {"points": [[1, 2, 3, [], 0]]},
    ],
    ids=str,
)
def test_an_answer_that_cannot_have_been_written_is_dropped(
    cache: Cache, folder: Path, damage: dict[str, object]
) -> None:
    get(cache, Asks())
    path = answer_file(folder)
    path.write_text(json.dumps(WRITTEN | damage))
    assert cache.last(*KEY) is None
    assert not path.exists()


@given(document=st.one_of(any_json, mutants(WRITTEN)))
def test_whatever_stands_in_a_file_is_an_answer_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, document: object
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "neso-GB-0badcafe-forecast.json").write_text(json.dumps(document))
    found = Cache(folder).last(*KEY)
    assert found is None or isinstance(found, Stored)


@given(document=st.one_of(any_json, mutants({"at": NOON, "rest_s": 60, "reason": "down"})))
def test_whatever_stands_in_a_file_of_failures_is_a_failure_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, document: object
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "neso-GB-0badcafe-forecast-failure.json").write_text(json.dumps(document))
    try:
        assert get(Cache(folder), Asks(), NOON + 1).forecast == GOOD
    except ProviderUnavailable:
        assert isinstance(document, dict)


def test_no_key_is_in_any_file(grid_server: GridServer, cache: Cache, folder: Path) -> None:
    provider = ElectricityMaps({"token": "s3cret", "base_url": grid_server.url})
    rows = [{"carbonIntensity": 77, "datetime": iso(NOON), "note": "s3cret"}]
    grid_server.answer(
        Answer.of({"zone": "DE", "forecast": rows, "you": "s3cret"}), refusal(503, b"s3cret")
    )
    get(cache, lambda: provider.forecast("DE", NOON, NOON + DAY_S, get_json))
    with pytest.raises(ProviderUnavailable):
        get(cache, lambda: provider.forecast("DE", NOON, NOON + DAY_S, get_json), NOON + HOUR_S)
    contents = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"answered with status 503" in contents
    assert b"s3cret" not in contents


# --- locks --------------------------------------------------------------------------------------


def held(folder: Path) -> int:
    """The key's lock, held as by another process."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "neso-GB-0badcafe-forecast-lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_a_held_lock_delays_no_longer_than_there_is_patience(cache: Cache, folder: Path) -> None:
    descriptor, ask, begun = held(folder), Asks(), time.monotonic()
    try:
        assert "another process still waits for it" in refused(cache, ask, patience_s=0.3)
    finally:
        os.close(descriptor)
    assert 0.3 <= time.monotonic() - begun < 5
    assert ask.times == 0


def test_who_is_called_away_does_not_wait_for_a_lock(cache: Cache, folder: Path) -> None:
    descriptor, begun = held(folder), time.monotonic()
    try:
        refused(cache, Asks(), patience_s=60, give_up=lambda: True)
    finally:
        os.close(descriptor)
    assert time.monotonic() - begun < 5


def test_a_fresh_answer_needs_no_lock(cache: Cache, folder: Path) -> None:
    get(cache, Asks())
    descriptor = held(folder)
    try:
        assert get(cache, Asks(DOWN), patience_s=0).forecast == GOOD
    finally:
        os.close(descriptor)


def test_a_file_system_without_locks_is_no_hindrance(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_descriptor: int, _operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert get(cache, Asks()).forecast == GOOD


def test_a_lock_is_free_again_after_a_failure_of_any_kind(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError):
        get(cache, Asks(ZeroDivisionError()))
    assert get(cache, Asks(), patience_s=0).forecast == GOOD


CROWD = """
import os, sys
from pathlib import Path
from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Series, Slot
from carbonwait.grid.cache import Cache
from carbonwait.grid.http import get_json
from carbonwait.grid.protocol import Forecast

folder, url, now = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

def ask():
    return Forecast(Series([Slot(now, now + 3600, get_json(url)["value"])]))

def one():
    os.write(1, b"here\\n")
    try:
        stored = Cache(folder).get(("neso", "GB", "forecast"), now, ask, max_age_s=900)
        os.write(1, f"{stored.forecast.series.at(now):g}\\n".encode())
    except ProviderUnavailable as unavailable:
        os.write(1, f"{str(unavailable).partition(' ')[2]}\\n".encode())

children = []
for _ in range(20):
    pid = os.fork()
    if not pid:
        one()
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer.of({"value": 123}), "123"),
        (refusal(503, retry_after_s=30), "answered with status 503"),
    ],
    ids=["an answer", "a failure"],
)
def test_twenty_processes_that_want_one_answer_make_one_request(
    grid_server: GridServer, folder: Path, answer: Answer, told: str
) -> None:
    everybody_is_here = threading.Event()
    grid_server.answer(
        Answer(answer.body, answer.status, answer.headers, wait_for=everybody_is_here)
    )
    command = [sys.executable, "-c", CROWD, str(folder), grid_server.url, str(NOON)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:
        assert crowd.stdout is not None
        assert [crowd.stdout.readline() for _ in range(20)] == ["here\n"] * 20
        everybody_is_here.set()
        assert crowd.stdout.read().splitlines() == [told] * 20
    assert len(grid_server.seen) == 1
