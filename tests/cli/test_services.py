"""The program and a service on 127.0.0.1 that answers as the real one does, badly, or never."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from grid_server import Answer, GridServer
from users import PROGRAM, User, installed

from carbonwait.cli.chart import chart_lines
from carbonwait.core.series import Series, Slot

HALF_HOUR_S = 1800
ASKED = ("--zone", "GB", "--duration", "30m", "--deadline", "12h")
CLEAN = 6  # the half hour that is, counted from the one under way


def half_hours(values: Sequence[float]) -> dict[str, Any]:
    """What NESO's service answers: half hours from the one under way."""
    begin = time.time() // HALF_HOUR_S * HALF_HOUR_S
    rows = []
    for index, value in enumerate(values):
        start = begin + index * HALF_HOUR_S
        ends = (start, start + HALF_HOUR_S)
        first, last = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}" for at in ends)
        intensity = {"forecast": value, "actual": None, "index": "moderate"}
        rows.append({"from": first, "to": last, "intensity": intensity})
    return {"data": rows}


GOOD = half_hours([300.0] * CLEAN + [50.0] + [300.0] * (95 - CLEAN))
CLEAN_START = GOOD["data"][CLEAN]["from"].replace("Z", ":00.000Z")


@pytest.fixture
def served(user: User, grid_server: GridServer) -> GridServer:
    """A service that gives good answers, and a user who asks it."""
    grid_server.answer(Answer.of(GOOD))
    user.configure(f'[providers.neso]\nbase_url = "{grid_server.url}"\n')
    return grid_server


def plan(user: User, *options: str) -> dict[str, Any]:
    result = user.run("plan", "--json", *ASKED, *options)
    assert result.returncode == 0
    document: dict[str, Any] = json.loads(result.stdout)
    return document | {"stderr": result.stderr.decode()}


def forecasts_asked(server: GridServer) -> int:
    return sum(seen.path.endswith("/fw48h") for seen in server.seen)


# --- good answers -------------------------------------------------------------------------------


def test_a_good_answer_leads_to_the_cleanest_start(user: User, served: GridServer) -> None:
    made = plan(user)
    assert (made["start"], made["intensity_g_per_kwh"]["chosen"]) == (CLEAN_START, 50)


def test_a_good_answer_is_the_live_rung_and_nothing_is_said(user: User, served: GridServer) -> None:
    made = plan(user)
    assert (made["rung"], made["provider"], made["stderr"]) == ("live", "neso", "")


def test_the_service_is_asked_in_its_own_way_and_told_who_asks(
    user: User, served: GridServer
) -> None:
    plan(user)
    asked = served.seen[0]
    assert asked.path.startswith("/intensity/20")
    assert asked.path.endswith("Z/fw48h")
    assert asked.headers["User-Agent"].startswith("carbonwait/")


def test_a_second_plan_is_made_without_asking(user: User, served: GridServer) -> None:
    first = plan(user)
    asked = len(served.seen)
    second = plan(user)
    assert (second["rung"], second["start"]) == ("live", first["start"])
    assert len(served.seen) == asked


def test_a_run_is_planned_and_recorded_with_it(user: User, served: GridServer) -> None:
    user.run("run", "--no-meter", "--zone", "GB", "-d", "1m", "--duration", "1m", "--", "true")
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert (run["rung"], run["provider"], run["scope"]) == ("live", "neso", "direct")


def test_twenty_waiting_runs_ask_once(user: User, served: GridServer) -> None:
    release = threading.Event()
    served.answer(Answer.of(GOOD, wait_for=release), Answer.of(GOOD))
    waiting = [user.start("run", "-v", "--no-meter", *ASKED, "--", "true") for _ in range(20)]
    try:
        # All of them shall want it at once; those that come late find it in the cache.
        end = time.monotonic() + 4
        while time.monotonic() < end and not all(in_cache(run.pid, user) for run in waiting):
            time.sleep(0.02)
        release.set()
        for run in waiting:
            assert run.stderr
            assert any(b"candidates:" in line for line in run.stderr)
        assert forecasts_asked(served) == 1
    finally:
        release.set()
        for run in waiting:
            run.terminate()
        statuses = [run.wait(timeout=20) for run in waiting]
        for run in waiting:
            run.communicate()
    assert statuses == [-signal.SIGTERM] * 20


def in_cache(pid: int, user: User) -> bool:
    """Whether a process has a file of the cache open."""
    try:
        targets = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:  # closed meanwhile
        return False
    return any(target.is_relative_to(user.home / "cache") for target in targets)


# --- bad answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"no such thing", status=500),
        Answer(b"null"),
        Answer(b'{"data": []}'),
        Answer(b"<html><body>Bad gateway</body></html>"),
        Answer(b""),
    ],
    ids=["500", "null", "empty list", "HTML", "nothing"],
)
def test_a_bad_answer_costs_a_rung_and_one_line(
    user: User, served: GridServer, answer: Answer
) -> None:
    served.answer(answer)
    made = plan(user)
    assert (made["rung"], made["provider"]) == ("typical", "typical")
    assert made["stderr"].count("\n") == 1
    assert "typical days of GB" in made["stderr"]


@pytest.fixture
def gone(user: User) -> User:
    """Somebody whose service refuses every connection."""
    with GridServer() as server:
        url = server.url
    user.configure(f'[providers.neso]\nbase_url = "{url}"\n')
    return user


def test_a_refused_connection_costs_a_rung_and_one_line(gone: User) -> None:
    made = plan(gone)
    assert made["rung"] == "typical"
    assert made["stderr"].count("\n") == 1
    assert "refused the connection" in made["stderr"]


def test_a_refused_connection_never_touches_the_job(gone: User) -> None:
    result = gone.run("run", "--no-meter", "--zone", "GB", "-d", "1m", "--duration", "1m", "--",
                      "sh", "-c", "echo done; exit 5")  # fmt: skip
    assert (result.returncode, result.stdout) == (5, b"done\n")


def test_a_service_that_is_down_is_left_alone_for_a_while(user: User, served: GridServer) -> None:
    served.answer(Answer(status=500))
    plan(user)
    asked = len(served.seen)
    assert plan(user)["rung"] == "typical"
    assert len(served.seen) == asked


@pytest.fixture
def silent(user: User, served: GridServer) -> GridServer:
    """A service that takes a request and never answers it."""
    served.answer(Answer.of(GOOD, wait_for=served.closing))
    return served


def test_a_service_that_never_answers_is_given_up_within_twelve_seconds(
    user: User, silent: GridServer
) -> None:
    begun = time.monotonic()
    made = plan(user)
    assert time.monotonic() - begun < 12
    assert made["rung"] == "typical"
    assert made["stderr"].count("\n") == 1


def test_ctrl_c_ends_the_waiting_for_a_service(user: User, silent: GridServer) -> None:
    with user.start("run", "--no-meter", *ASKED, "--", "touch", "ran") as process:
        assert silent.arrived.wait(20)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == -signal.SIGINT
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert time.monotonic() - begun < 3
    assert not (user.home / "ran").exists()


@pytest.mark.parametrize("options", [(), ("--objective", "0.5")])
def test_a_service_that_hangs_carries_no_job_past_its_latest_start(
    user: User, silent: GridServer, options: tuple[str, ...]
) -> None:
    short = ("-d", "6s", "--duration", "1s", *options)
    user.run("run", "--no-meter", "-q", *ASKED, *short, "--", "true")
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert run["wait_s"] < 4.8
    assert run["deadline_met"]


@pytest.mark.parametrize("options", [("-d", "2020-01-01T00:00"), ("--window", "00:00-24:00")])
def test_nobody_is_waited_for_where_no_forecast_could_have_the_job_wait(
    user: User, silent: GridServer, options: tuple[str, ...]
) -> None:
    user.run("run", "--no-meter", "-q", *ASKED, *options, "--", "true")
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert run["wait_s"] < 2


def test_an_immediate_run_of_a_moment_is_recorded_with_it(user: User, served: GridServer) -> None:
    user.run("run", "--now", "--no-meter", *ASKED, "--", "true")
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert (run["rung"], run["provider"]) == ("live", "neso")


def test_an_immediate_run_does_not_wait_for_a_service(user: User, silent: GridServer) -> None:
    marker = user.home / "ran"
    with user.start("run", "--now", "--no-meter", *ASKED, "--", "touch", "ran") as process:
        begun = time.monotonic()
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        # That nobody waited for it is no failure of the service.
        assert process.stderr.read() == b""
    assert time.monotonic() - begun < 5
    assert marker.exists()


# --- what has been stored -----------------------------------------------------------------------


def later(user: User, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the program forty minutes from now, when answers have to be asked for anew."""
    return subprocess.run(
        [installed("faketime"), "-f", "+40m", *PROGRAM, *words],
        env=user.environ,
        cwd=user.home,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture
def remembering(user: User, gone: User) -> User:
    """Somebody with a good answer in the cache, whose service has gone."""
    with GridServer() as server:
        address = server.url
        config = f'[providers.neso]\nbase_url = "{address}"\n'
        server.answer(Answer.of(GOOD))
        user.configure(config)
        plan(user)
    return user


def test_a_stored_forecast_serves_when_the_service_has_gone(remembering: User) -> None:
    result = later(remembering, "plan", "--json", *ASKED)
    made = json.loads(result.stdout)
    assert (made["rung"], made["provider"], made["start"]) == ("cached", "neso", CLEAN_START)


def test_what_serves_instead_is_said_in_one_line(remembering: User) -> None:
    result = later(remembering, "plan", "--json", *ASKED)
    assert result.stderr.count(b"\n") == 1
    assert b"its last good forecast" in result.stderr


def test_a_run_with_a_stored_forecast_works_and_says_so_in_its_record(remembering: User) -> None:
    options = ["--no-meter", "--zone", "GB", "-d", "1m", "--duration", "1m"]
    result = later(remembering, "run", *options, "--", "sh", "-c", "echo done; exit 5")
    assert (result.returncode, result.stdout) == (5, b"done\n")
    (run,) = json.loads(remembering.run("runs", "--json").stdout)["runs"]
    assert run["rung"] == "cached"


# --- who is asked -------------------------------------------------------------------------------

AUDIT = """
import os, sys

def note(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(log, f"{event} {arguments!r}\\n".encode())
        os.close(log)

sys.addaudithook(note)
"""


@pytest.fixture
def connections(user: User, tmp_path: Path) -> Callable[[], str]:
    """What the program does on the network from now on."""
    folder, log = tmp_path / "audit", tmp_path / "log"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(AUDIT.replace("LOG", repr(str(log))))
    user.environ["PYTHONPATH"] = str(folder)
    return lambda: log.read_text() if log.exists() else ""


def test_a_live_plan_asks_its_service_and_nobody_else(
    user: User, served: GridServer, connections: Callable[[], str]
) -> None:
    plan(user)
    lines = connections().splitlines()
    port = served.host.rpartition(":")[2]
    assert [line for line in lines if "127.0.0.1" not in line or port not in line] == []
    assert lines != []


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--now", "-p", "typical", "--zone", "GB", "--", "true"],
        ["run", "--now", "--no-meter", "--", "true"],
        ["run", "--now", "--no-meter", "--zone", "KR", "--", "true"],
        ["plan", "--zone", "GB", "--provider", "typical"],
        ["plan", "--zone", "KR"],
        ["forecast", "--zone", "GB", "--provider", "typical"],
        ["report"],
        ["runs"],
        ["config", "check"],
    ],
    ids=" ".join,
)
def test_nobody_is_asked_without_need(
    user: User, served: GridServer, connections: Callable[[], str], words: list[str]
) -> None:
    assert user.run(*words).returncode == 0
    assert connections() == ""


def test_an_immediate_run_with_a_stored_forecast_asks_nobody(
    user: User, served: GridServer, connections: Callable[[], str]
) -> None:
    plan(user)
    before = connections()
    user.run("run", "--now", "--no-meter", "--zone", "GB", "--", "true")
    assert connections() == before


# --- forecast -----------------------------------------------------------------------------------


def chart(user: User, **environment: str) -> bytes:
    """The lines of the chart proper."""
    user.environ |= environment
    result = user.run("forecast", "--zone", "GB", "--duration", "30m")
    assert (result.returncode, result.stderr) == (0, b"")
    lines = result.stdout.splitlines(keepends=True)
    return b"".join(lines[: lines.index(b"\n")])


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_chart_fits_the_terminal_at_any_time_of_day(hour: int, width: int) -> None:
    start = datetime(2026, 11, 23, hour, tzinfo=UTC).timestamp()
    series = Series([Slot(start, start + 48 * 3600, 100.0)])
    lines = chart_lines(series, *series.edges, width=width, zone=UTC, now=start)
    assert max(len(line) for line in lines) <= width


def test_the_chart_is_as_wide_as_the_terminal_and_made_of_blocks(
    user: User, served: GridServer
) -> None:
    lines = chart(user, COLUMNS="100", PYTHONIOENCODING="utf-8").decode().splitlines()
    assert max(len(line) for line in lines if "█" in line) == 100


def test_the_chart_does_without_blocks_where_they_cannot_be_shown(
    user: User, served: GridServer
) -> None:
    drawn = chart(user, COLUMNS="40", PYTHONIOENCODING="ascii")
    assert drawn.isascii()
    assert b"#" in drawn


def test_the_chart_marks_the_window(user: User, served: GridServer) -> None:
    # A half hour of 48 hours on 161 columns.
    assert b"=" in chart(user, COLUMNS="168", PYTHONIOENCODING="ascii")


def test_no_byte_of_the_page_is_outside_of_a_narrow_encoding(
    user: User, served: GridServer
) -> None:
    user.environ |= {"COLUMNS": "40", "PYTHONIOENCODING": "ascii"}
    assert user.run("forecast", "--zone", "GB").stdout.isascii()


def test_a_forecast_in_json_has_its_points(user: User, served: GridServer) -> None:
    result = user.run("forecast", "--json", "--zone", "GB", "-d", "12h")
    document = json.loads(result.stdout)
    points = document.pop("points")
    expected = {"schema": 1, "zone": "GB", "provider": "neso", "rung": "live"}
    expected |= {"signal": "average", "scope": "direct"}
    assert {name: document[name] for name in expected} == expected
    assert abs(datetime.fromisoformat(document["issued"]).timestamp() - time.time()) < 60
    assert set(points[0]) == {"start", "end", "g_per_kwh", "kind"}
    assert {point["kind"] for point in points} == {"forecast"}
    assert [point["g_per_kwh"] for point in points if point["start"] == CLEAN_START] == [50]


def test_a_forecast_as_csv_can_be_planned_on(user: User, served: GridServer) -> None:
    rows = user.run("forecast", "--csv", "--zone", "GB").stdout
    (user.home / "f.csv").write_bytes(rows)
    made = plan(user, "--forecast", "f.csv")
    assert made["provider"] == "file"
    assert made["start"] == plan(user)["start"]


# --- doctor -------------------------------------------------------------------------------------


def test_the_doctor_ends_with_0_where_the_forecast_is_live(user: User, served: GridServer) -> None:
    result = user.run("doctor", "--json", "--zone", "GB")
    document = json.loads(result.stdout)
    assert (result.returncode, document["zone"], document["rung"]) == (0, "GB", "live")


def test_the_doctor_ends_with_1_where_a_run_would_fall_back(gone: User) -> None:
    result = gone.run("doctor", "--json", "--zone", "GB")
    document = json.loads(result.stdout)
    assert (result.returncode, document["rung"]) == (1, "typical")
    (check,) = (check for check in document["checks"] if check["name"] == "forecast")
    assert not check["ok"]
    assert check["remedy"]


def test_the_doctors_document_has_its_shape_and_looks_at_everything(gone: User) -> None:
    document = json.loads(gone.run("doctor", "--json").stdout)
    assert set(document) == {"schema", "zone", "checks", "rung"}
    kinds = {"name": str, "ok": bool, "detail": str, "remedy": str}
    for check in document["checks"]:
        assert {name: type(value) for name, value in check.items()} == kinds
    names = {check["name"] for check in document["checks"]}
    assert {"config", "zone", "forecast", "cpu meter", "ledger", "cache", "clock"} <= names


def test_the_doctor_says_the_same_in_words(user: User, served: GridServer) -> None:
    result = user.run("doctor", "--zone", "GB")
    assert result.returncode == 0
    assert b"neso answers" in result.stdout


def test_a_command_that_ends_before_the_answer_comes_is_no_reason_to_warn(
    user: User, grid_server: GridServer
) -> None:
    grid_server.answer(Answer(wait_for=threading.Event()))
    user.configure(f'zone = "GB"\n[providers.neso]\nbase_url = "{grid_server.url}"\n')
    result = user.run("run", "--now", "--no-meter", "--", "sh", "-c", "exit 7")
    assert (result.returncode, result.stderr) == (7, b"")
