"""`carbonwait run` from the prompt to the ledger, with real waits of a few seconds."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from users import User


def forecast(path: Path, values: Sequence[float], *, step_s: int, start: float) -> Path:
    """A forecast file whose first row begins at `start`."""
    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    for index, value in enumerate(values):
        moment = datetime.fromtimestamp(start + index * step_s, UTC)
        rows.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{value}")
    path.write_text("\n".join(rows) + "\n")
    return path


def shown(user: User) -> dict[str, Any]:
    """`show --json` of the one run in the ledger."""
    listed = json.loads(user.run("runs", "--json").stdout)
    assert len(listed["runs"]) == 1
    run_id = listed["runs"][0]["id"]
    document: dict[str, Any] = json.loads(user.run("show", "--json", run_id).stdout)
    return document


def window(opens: float, closes: float) -> str:
    """A static window by the clock, in UTC."""
    clocks = (time.strftime("%H:%M", time.gmtime(at)) for at in (opens, closes))
    return "-".join(clocks)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def mean(start: float, end: float, values: Sequence[float], step_s: int, first: float) -> float:
    """The mean of a step function, by adding up overlaps."""
    total = 0.0
    for index, value in enumerate(values):
        begin = first + index * step_s
        total += value * max(0.0, min(end, begin + step_s) - max(start, begin))
    return total / (end - start)


@pytest.fixture(scope="module")
def waited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A metered run that waited about eight seconds for the cleanest two."""
    user = User(tmp_path_factory.mktemp("home"))
    step_s, values = 2, [300.0, 310, 320, 330, 90, 340, 350, 360, 300, 300, 300, 300, 300, 300]
    first = float(int(time.time()))
    path = forecast(user.home / "f.csv", values, step_s=step_s, start=first)
    arguments = ["run", "--forecast", str(path), "--deadline", "20s", "--duration", "2s"]
    script = "date +%s.%N; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 0.5; exit 7"
    result = user.run(*arguments, "--sample", "1s", "--", "sh", "-c", script)
    return {
        "result": result,
        "show": shown(user),
        "values": values,
        "first": first,
        "step_s": step_s,
        "user": user,
    }


def test_it_starts_at_the_cleanest_slot(waited: dict[str, Any]) -> None:
    started = float(waited["result"].stdout)
    assert started == pytest.approx(waited["first"] + 8, abs=0.5)


def test_stdout_holds_the_commands_output_alone(waited: dict[str, Any]) -> None:
    assert waited["result"].stdout.count(b"\n") == 1


def test_nothing_is_said_where_stderr_is_no_terminal(waited: dict[str, Any]) -> None:
    assert waited["result"].stderr == b""


def test_the_status_comes_back(waited: dict[str, Any]) -> None:
    assert waited["result"].returncode == 7


def test_the_record_has_the_wait(waited: dict[str, Any]) -> None:
    show = waited["show"]
    wait_s = waited["first"] + 8 - seconds(show["submitted"])
    assert show["wait_s"] == pytest.approx(wait_s, abs=0.5)


def test_the_slots_tile_the_run(waited: dict[str, Any]) -> None:
    show = waited["show"]
    edges = [slot["start"] for slot in show["energy_slots"]] + [show["energy_slots"][-1]["end"]]
    ends = [slot["end"] for slot in show["energy_slots"]]
    assert (edges[0], edges[1:]) == (show["started"], ends)
    assert edges[-1] == show["ended"]


def test_emissions_are_what_a_hand_calculation_gives(waited: dict[str, Any]) -> None:
    show = waited["show"]
    shifts = {"actual": 0.0, "if_now": seconds(show["submitted"]) - seconds(show["started"])}
    for figure, shift in shifts.items():
        grams = 0.0
        for slot in show["energy_slots"]:
            joules = sum(slot[part] or 0.0 for part in ("cpu_j", "gpu_j", "ram_j"))
            start, end = seconds(slot["start"]) + shift, seconds(slot["end"]) + shift
            rate = mean(start, end, waited["values"], waited["step_s"], waited["first"])
            grams += joules * rate / 3.6e6
        assert show["emissions_g"][figure] == pytest.approx(grams, rel=0.01)


def test_the_energy_is_the_sum_of_its_slots(waited: dict[str, Any]) -> None:
    show = waited["show"]
    for part in ("cpu", "ram"):
        joules = sum(slot[f"{part}_j"] for slot in show["energy_slots"])
        assert show["energy_j"][part] == pytest.approx(joules)


def test_a_file_of_actual_intensities_settles_at_once(waited: dict[str, Any]) -> None:
    show = waited["show"]
    assert (show["accounting"], show["intensity_basis"]) == ("settled", "actual")


def test_the_whole_run_was_metered_since_the_meter_was_ready_in_time(
    waited: dict[str, Any],
) -> None:
    assert waited["show"]["uncovered_s"] == pytest.approx(0.0, abs=0.05)


def test_report_adds_it_up(waited: dict[str, Any]) -> None:
    report = json.loads(waited["user"].run("report", "--json").stdout)
    assert report["runs"] == 1
    assert report["saving_g"] == pytest.approx(waited["show"]["saving_g"])


def test_a_static_window_is_waited_for(user: User) -> None:
    opens = time.time() // 60 * 60 + 180
    typical = ["--zone", "GB", "--provider", "typical", "--duration", "1s"]
    planned = user.run("plan", "--json", "--window", window(opens, opens + 3600), *typical)
    assert seconds(json.loads(planned.stdout)["start"]) == opens


def test_a_window_that_is_open_starts_the_command_at_once(user: User) -> None:
    result = user.run("run", "--no-meter", "--window", "00:00-24:00", "--zone", "GB",
                      "--provider", "typical", "--", "echo", "done")  # fmt: skip
    assert (result.stdout, result.stderr) == (b"done\n", b"")


def test_a_window_after_the_latest_start_is_passed_over_and_said_so(user: User) -> None:
    opens = time.time() + 7200
    late = ["--window", window(opens, opens + 3600), "--deadline", "1h", "--duration", "1m"]
    typical = ["--zone", "GB", "--provider", "typical"]
    result = user.run("run", "--no-meter", *late, *typical, "--", "echo", "done")
    assert result.stdout == b"done\n"
    assert b"static window opens after the latest start" in result.stderr


def test_a_window_that_serves_for_want_of_a_forecast_is_passed_over_aloud(user: User) -> None:
    opens = time.time() + 7200
    user.configure(f'[static]\nwindows = ["{window(opens, opens + 3600)}"]\n')
    ended = user.run("run", "--no-meter", "-z", "IS", "--duration", "1m", "-d", "5m", "--", "true")
    instead, late = ended.stderr.decode().splitlines()
    assert instead.endswith("for IS; planning with the static window of the config file")
    assert late.endswith("the static window opens after the latest start; starting at once")


def test_a_zone_without_any_forecast_is_a_warning(user: User) -> None:
    ended = user.run("run", "--no-meter", "-z", "IS", "--", "true")
    assert ended.stderr == b"carbonwait: there is no forecast for IS; starting at once\n"


def test_a_forecast_that_covers_no_possible_run_is_a_warning(user: User) -> None:
    path = forecast(user.home / "later.csv", [100.0] * 9, step_s=3600, start=time.time() + 86400)
    options = ("--no-meter", "--forecast", str(path), "--duration", "1m", "-d", "5m")
    ended = user.run("run", *options, "--", "true")
    said = b"carbonwait: the forecast covers no possible run; starting at once\n"
    assert ended.stderr == said
    assert user.run("run", "--now", *options, "--", "true").stderr == b""


def test_without_a_zone_the_job_runs_now_and_says_why(user: User) -> None:
    result = user.run("run", "--no-meter", "--", "echo", "done")
    assert (result.returncode, result.stdout) == (0, b"done\n")
    assert result.stderr.count(b"\n") == 1
    assert b"no zone" in result.stderr


@pytest.mark.parametrize("deadline", ["2020-01-01T00:00", "2s"])
def test_a_deadline_that_cannot_be_met_starts_at_once_and_says_so(
    user: User, deadline: str
) -> None:
    result = user.run("run", "--no-meter", "--zone", "GB", "--provider", "typical", "--deadline",
                      deadline, "--duration", "1h", "--", "echo", "done")  # fmt: skip
    assert (result.returncode, result.stdout) == (0, b"done\n")
    assert result.stderr.count(b"\n") == 1
    assert b"deadline" in result.stderr


def test_a_command_that_ends_before_the_meter_is_ready_has_unknown_energy(user: User) -> None:
    user.run("run", "--now", "--", "true")
    show = shown(user)
    assert show["energy_j"]["total"] is None
    assert show["emissions_g"]["actual"] is None
    assert show["accounting"] == "none"


def test_quiet_says_nothing_of_a_missing_zone(user: User) -> None:
    assert user.run("run", "-q", "--no-meter", "--", "true").stderr == b""


# --- the wait -----------------------------------------------------------------------------------


def start_waiting(user: User, *command: str) -> "subprocess.Popen[bytes]":
    """A run that has begun to wait for a clean hour far ahead."""
    start = time.time() // 3600 * 3600
    path = forecast(user.home / "f.csv", [300.0] * 5 + [50.0] * 20, step_s=3600, start=start)
    process = user.start("run", "--no-meter", "--forecast", str(path), "--duration", "10m", "--",
                         *command)  # fmt: skip
    end = time.monotonic() + 20
    while not (user.ledger.exists() and b'"planned_start": "' in user.run("runs", "--json").stdout):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
    return process


def test_a_killed_wrapper_leaves_a_lost_run(user: User) -> None:
    with start_waiting(user, "true") as process:
        process.kill()
    assert shown(user)["state"] == "lost"


def test_a_wrapper_killed_while_running_leaves_what_was_metered_until_then(user: User) -> None:
    job = ["sh", "-c", "echo $$; exec sleep 30"]
    with user.start("run", "--now", "--sample", "1s", "--", *job) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        end = time.monotonic() + 20
        listed: dict[str, Any] = {"runs": []}
        while not (listed["runs"] and listed["runs"][0]["state"] == "running"):
            listed = json.loads(user.run("runs", "--json").stdout)
        slots: list[Any] = []
        while not slots:
            assert time.monotonic() < end
            slots = shown(user)["energy_slots"]
        process.kill()
        os.kill(pid, signal.SIGKILL)
    show = shown(user)
    assert (show["state"], show["exit_code"]) == ("lost", None)
    assert show["machine_energy_j"]["ram"] > 0


def test_a_forecast_file_that_changes_moves_the_start(user: User) -> None:
    first = time.time() // 1
    path = forecast(user.home / "f.csv", [300.0] * 8 + [50.0] + [300.0] * 4, step_s=3, start=first)
    with user.start("run", "--no-meter", "--forecast", str(path), "--duration", "1s", "-d", "35s",
                    "--", "date", "+%s.%N") as process:  # fmt: skip
        time.sleep(1.5)
        forecast(path, [300.0, 300, 300, 50] + [300.0] * 9, step_s=3, start=first)
        out, _ = process.communicate(timeout=60)
    assert float(out) == pytest.approx(first + 9, abs=0.5)


def test_a_forecast_file_that_vanishes_leaves_the_plan_standing(user: User) -> None:
    first = time.time() // 1
    path = forecast(user.home / "f.csv", [300.0, 300, 50, 300, 300], step_s=3, start=first)
    with user.start("run", "--no-meter", "--forecast", str(path), "--duration", "1s", "-d", "14s",
                    "--", "date", "+%s.%N") as process:  # fmt: skip
        time.sleep(1.5)
        path.unlink()
        out, _ = process.communicate(timeout=60)
    assert float(out) == pytest.approx(first + 6, abs=0.5)


# --- the ledger that cannot be written ----------------------------------------------------------


def test_an_unwritable_ledger_costs_one_line_and_loses_nothing(user: User) -> None:
    user.ledger = user.home / "data" / "ledger.db"
    user.ledger.parent.mkdir()
    user.environ["CARBONWAIT_LEDGER"] = str(user.ledger)
    user.ledger.mkdir()
    result = user.job("sh", "-c", "exit 5")
    assert result.returncode == 5
    assert result.stderr.count(b"\n") == 1
    user.ledger.rmdir()
    assert shown(user)["exit_code"] == 5


def test_a_ledger_that_others_hold_costs_no_line_and_loses_nothing(user: User) -> None:
    user.job("true")
    with closing(sqlite3.connect(user.ledger)) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = user.job("sh", "-c", "exit 5")
    assert (result.returncode, result.stderr) == (5, b"")
    listed = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert sorted(run["exit_code"] for run in listed) == [0, 5]


def test_a_home_that_does_not_exist_costs_one_line(user: User) -> None:
    user.environ = {"PATH": user.environ["PATH"], "HOME": "/no/such/home"}
    result = user.job("echo", "done")
    assert (result.returncode, result.stdout) == (0, b"done\n")
    assert result.stderr.count(b"\n") == 1
    assert not Path("/no").exists()
