"""`carbonwait plan`: what would be done and why, at a noon that stands still.

Every figure is worked out by hand. The clock is faked by libfaketime, the program is the real one.
"""

import json
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from users import PROGRAM, User, installed

NOW = "2026-11-23T12:20:00.000Z"
DAY = "2026-11-23"
# 12:00 is dirty, 14:00 is the cleanest hour, and evening is the dirtiest.
HOURS = {12: 300, 13: 200, 14: 100, 15: 150, 16: 250, 17: 250, 18: 280, 19: 320, 20: 320, 21: 320}
ARGUMENTS = ("--zone", "GB", "--forecast", "f.csv", "--duration", "90m", "--deadline", "8h")

Plan = dict[str, Any]


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}:00.000Z"


def write(user: User, rows: list[str], columns: str = "") -> None:
    """The forecast file."""
    header = f"datetime_utc,intensity_gco2_per_kwh{columns}"
    (user.home / "f.csv").write_text("\n".join([header, *rows]) + "\n")


def hourly(hours: Mapping[int, object]) -> list[str]:
    return [f"{DAY}T{hour:02d}:00Z,{value}" for hour, value in hours.items()]


def run(
    user: User, *arguments: str, now: str = f"{DAY} 12:20:00"
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [installed("faketime"), "-f", now, *PROGRAM, "plan", *arguments],
        env=user.environ,
        cwd=user.home,
        capture_output=True,
        text=True,
        timeout=60,
    )


def plan(user: User, *arguments: str) -> Plan:
    """The plan as JSON, made without a word on stderr."""
    result = run(user, "--json", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    document: Plan = json.loads(result.stdout)
    return document


# --- the fields ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A dynamic plan for 90 minutes within 8 hours, beside a static window at 16:00."""
    user = User(tmp_path_factory.mktemp("home"))
    user.configure('[static]\nwindows = ["16:00-18:00"]\n')
    write(user, hourly(HOURS))
    return plan(user, *ARGUMENTS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 1),
        ("submitted", NOW),
        ("zone", "GB"),
        ("provider", "file"),
        ("rung", "live"),
        ("signal", "average"),
        ("strategy", "dynamic"),
        ("duration_s", 5400),
        ("duration_basis", "option"),
        ("deadline", at("20:20")),
        # The deadline less 1.2 x 90 minutes.
        ("latest_start", at("18:32")),
        ("start", at("14:00")),
        ("end", at("15:30")),
        ("wait_s", 6000),
        ("deadline_at_risk", False),
    ],
)
def test_a_plan_has(planned: Plan, field: str, value: object) -> None:
    assert planned[field] == value


@pytest.mark.parametrize(
    ("which", "g_per_kwh"),
    [
        ("now", (40 * 300 + 50 * 200) / 90),
        ("chosen", (60 * 100 + 30 * 150) / 90),
        ("static", 250.0),
        ("best", (60 * 100 + 30 * 150) / 90),
    ],
)
def test_an_intensity_is_the_mean_over_the_run_from_that_start(
    planned: Plan, which: str, g_per_kwh: float
) -> None:
    assert planned["intensity_g_per_kwh"][which] == pytest.approx(g_per_kwh)


def test_there_are_four_intensities(planned: Plan) -> None:
    assert set(planned["intensity_g_per_kwh"]) == {"now", "chosen", "static", "best"}


def test_the_saving_is_what_then_is_below_now(planned: Plan) -> None:
    now, then = (40 * 300 + 50 * 200) / 90, (60 * 100 + 30 * 150) / 90
    assert planned["saving_pct"] == pytest.approx(100 * (now - then) / now)


def test_the_reason_is_told(planned: Plan) -> None:
    assert "52 %" in planned["reason"]


def test_the_candidates_are_the_edges_and_the_edges_less_the_duration(planned: Plan) -> None:
    # Now, every full hour, every half hour (hour less 90 minutes), the latest start.
    half_hours = [f"{hour}:{minute}" for hour in range(12, 19) for minute in ("00", "30")]
    expected = ["12:20", *half_hours[1:-1], "18:30", "18:32"]
    assert [candidate["start"] for candidate in planned["candidates"]] == [at(c) for c in expected]


def test_a_candidate_has_the_mean_intensity_from_there(planned: Plan) -> None:
    means = {c["start"]: c["intensity_g_per_kwh"] for c in planned["candidates"]}
    assert means[at("13:30")] == pytest.approx((30 * 200 + 60 * 100) / 90)
    assert means[at("18:30")] == pytest.approx((30 * 280 + 60 * 320) / 90)


def test_the_document_has_the_fields_that_were_promised(planned: Plan) -> None:
    promised = (
        "schema submitted zone provider rung signal strategy duration_s duration_basis deadline "
        "latest_start start end wait_s deadline_at_risk intensity_g_per_kwh saving_pct reason "
        "candidates"
    )
    assert set(promised.split()) <= set(planned)


def test_the_runner_up_is_the_best_start_an_hour_away(planned: Plan) -> None:
    now, then = (40 * 300 + 50 * 200) / 90, (60 * 200 + 30 * 100) / 90
    assert planned["runner_up"] == {
        "start": at("13:00"),
        "intensity_g_per_kwh": pytest.approx(then),
        "saving_pct": pytest.approx(100 * (now - then) / now),
    }


def test_the_start_of_the_static_window_is_told_whatever_the_strategy(planned: Plan) -> None:
    assert planned["static_start"] == at("16:00")


# --- the strategies -----------------------------------------------------------------------------


@pytest.fixture
def gridded(user: User) -> User:
    """Somebody with a forecast file and a static window."""
    user.configure('[static]\nwindows = ["16:00-18:00"]\n')
    write(user, hourly(HOURS))
    return user


@pytest.mark.parametrize(
    ("options", "strategy", "start"),
    [
        (["--now"], "now", "12:20"),
        (["--static"], "static", "16:00"),
        (["--window", "15:00-16:00"], "static", "15:00"),
        (["--window", "17:00-18:00", "--window", "Mon 15:30-16:00"], "static", "15:30"),
        (["--window", "Tue 15:00-16:00", "--window", "17:00-18:00"], "static", "17:00"),
        (["--window", "12:00-13:00"], "static", "12:20"),
    ],
    ids=str,
)
def test_a_strategy_decides_the_start(
    gridded: User, options: list[str], strategy: str, start: str
) -> None:
    made = plan(gridded, *ARGUMENTS, *options)
    assert (made["strategy"], made["start"]) == (strategy, at(start))


def test_a_static_window_is_waited_for_whatever_it_saves(gridded: User) -> None:
    made = plan(gridded, *ARGUMENTS, "--window", "18:00-19:00", "--min-saving", "50")
    assert made["start"] == at("18:00")
    assert made["saving_pct"] < 0


def test_a_window_after_the_latest_start_is_passed_over(gridded: User) -> None:
    made = plan(gridded, *ARGUMENTS, "--window", "18:33-20:00")
    assert made["start"] == NOW
    assert "latest start" in made["reason"]


def test_without_a_window_of_the_users_one_at_night_is_assumed(gridded: User) -> None:
    gridded.configure("")
    evening = hourly(HOURS | {22: 320, 23: 320})
    write(gridded, [*evening, *(f"2026-11-24T0{hour}:00Z,{60 + hour}" for hour in range(4))])
    made = plan(gridded, *ARGUMENTS)
    assert made["intensity_g_per_kwh"]["static"] == pytest.approx((60 * 61 + 30 * 62) / 90)


# --- when waiting is not worth it, or not possible ----------------------------------------------


@pytest.mark.parametrize(("least", "start"), [("52", "14:00"), ("53", "12:20")])
def test_a_saving_below_the_least_one_starts_now(gridded: User, least: str, start: str) -> None:
    assert plan(gridded, *ARGUMENTS, "--min-saving", least)["start"] == at(start)


@pytest.mark.parametrize(("then", "start"), [(297.1, "12:20"), (296.9, "14:00")])
def test_one_percent_is_the_least_saving_that_is_built_in(
    user: User, then: float, start: str
) -> None:
    write(user, hourly({12: 300, 13: 300, 14: then, 15: then, 16: 300, 17: 300, 18: 300, 19: 300}))
    assert plan(user, *ARGUMENTS)["start"] == at(start)


def test_of_two_equal_starts_the_earlier_is_taken(user: User) -> None:
    write(user, hourly({12: 300, 13: 300, 14: 100, 15: 100, 16: 300, 17: 100, 18: 100, 19: 100}))
    assert plan(user, *ARGUMENTS)["start"] == at("14:00")


@pytest.mark.parametrize("deadline", ["90m", "1h", "2020-01-01T00:00"])
def test_a_deadline_that_cannot_be_met_is_at_risk_and_starts_now(
    gridded: User, deadline: str
) -> None:
    made = plan(gridded, *ARGUMENTS, "--deadline", deadline)
    assert (made["deadline_at_risk"], made["start"]) == (True, NOW)


def test_a_deadline_that_can_just_be_met_is_not_at_risk(gridded: User) -> None:
    assert not plan(gridded, *ARGUMENTS, "--deadline", "108m")["deadline_at_risk"]


def test_what_waiting_draws_counts_against_it(gridded: User) -> None:
    gridded.configure("idle_watts = 100\n")
    made = plan(gridded, *ARGUMENTS)
    # With no past run to go by, waiting is taken to draw half of what running does.
    now, then, waiting = 40 * 300 + 50 * 200, 60 * 200 + 30 * 100, 0.5 * 40 * 300
    assert made["start"] == at("13:00")
    assert made["saving_pct"] == pytest.approx(100 * (now - then - waiting) / now)


# --- durations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("deadline", "latest"), [("8h", "18:20"), ("2h", "13:20")])
def test_with_nothing_known_the_guard_is_a_quarter_of_the_span_or_an_hour(
    gridded: User, deadline: str, latest: str
) -> None:
    made = plan(gridded, "--forecast", "f.csv", "--deadline", deadline)
    assert (made["duration_basis"], made["duration_s"]) == ("prior", 3600)
    assert made["latest_start"] == at(latest)


def test_past_runs_of_the_job_tell_its_duration(gridded: User) -> None:
    for length in ("0.3", "0.5"):
        gridded.run("run", "--now", "--no-meter", "--name", "nap", "-q", "--", "sleep", length)
    runs = json.loads(gridded.run("runs", "--json").stdout)["runs"]
    spans = [(_ms(run["ended"]) - _ms(run["started"])) / 1000 for run in runs]
    made = plan(gridded, "--forecast", "f.csv", "--deadline", "8h", "--name", "nap")
    assert made["duration_basis"] == "history"
    assert made["duration_s"] == pytest.approx(sum(spans) / 2, abs=0.002)
    guard_s = (_ms(made["deadline"]) - _ms(made["latest_start"])) / 1000
    assert guard_s == pytest.approx(1.2 * max(spans), abs=0.003)


def _ms(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


def test_runs_of_another_job_tell_nothing(gridded: User) -> None:
    gridded.job("true")
    assert plan(gridded, *ARGUMENTS[:4], "--", "false")["duration_basis"] == "prior"


# --- gaps ---------------------------------------------------------------------------------------


def test_in_a_gap_now_the_best_covered_start_is_taken(user: User) -> None:
    write(user, hourly({13: 200, 14: 100, 15: 150, 16: 250, 17: 250, 18: 250, 19: 250, 20: 250}))
    made = plan(user, *ARGUMENTS)
    assert made["start"] == at("14:00")
    assert (made["intensity_g_per_kwh"]["now"], made["saving_pct"]) == (None, None)


def test_a_start_whose_run_overlaps_a_gap_is_no_candidate(user: User) -> None:
    write(user, hourly(HOURS | {15: ""}))
    starts = [candidate["start"] for candidate in plan(user, *ARGUMENTS)["candidates"]]
    assert [start for start in starts if at("13:30") < start < at("16:00")] == []
    assert {at("13:30"), at("16:00")} <= set(starts)


def test_a_hole_in_the_file_is_a_gap_and_no_long_row(user: User) -> None:
    write(user, hourly({12: 300, 13: 300, 14: 300, 18: 90, 19: 300, 20: 300}))
    starts = [candidate["start"] for candidate in plan(user, *ARGUMENTS)["candidates"]]
    assert [start for start in starts if at("13:30") < start < at("18:00")] == []


def test_a_file_is_never_topped_up(user: User) -> None:
    write(user, hourly({12: 300, 13: 200, 14: 100}))
    assert plan(user, *ARGUMENTS)["candidates"][-1]["start"] == at("13:30")


def test_a_single_row_lasts_an_hour(user: User) -> None:
    write(user, hourly({12: 300}))
    made = plan(user, *ARGUMENTS, "--duration", "30m")
    assert made["candidates"][-1]["start"] == at("12:30")


def test_a_file_that_has_ended_is_no_forecast_and_that_is_said(user: User) -> None:
    write(user, hourly({9: 300, 10: 100}))
    result = run(user, *ARGUMENTS, "--json")
    assert json.loads(result.stdout)["rung"] == "typical"
    assert "every row of the forecast file has ended" in result.stderr
    assert result.stderr.count("\n") == 1


# --- the forecast column ------------------------------------------------------------------------

FORECAST = ",forecast_gco2_per_kwh"
ISSUED = f"{FORECAST},issued_utc"


def test_an_intensity_that_nobody_knows_yet_is_not_planned_on(user: User) -> None:
    forecasts = hourly({12: "300,300", 13: "1,300", 14: "1,290", 15: "300,100", 16: "300,100"})
    write(user, forecasts, FORECAST)
    assert plan(user, *ARGUMENTS)["start"] == at("15:00")


def test_a_row_with_a_forecast_alone_will_do(user: User) -> None:
    write(user, hourly({12: ",300", 13: ",300", 14: ",100", 15: ",100"}), FORECAST)
    assert plan(user, *ARGUMENTS)["start"] == at("14:00")


def test_a_row_that_has_not_ended_and_has_no_forecast_is_a_gap(user: User) -> None:
    write(user, hourly({12: "300,", 13: "200,300", 14: "100,100", 15: "100,100"}), FORECAST)
    assert plan(user, *ARGUMENTS)["intensity_g_per_kwh"]["now"] is None


@pytest.mark.parametrize(
    ("second_issue", "start"),
    [(f"{DAY}T12:19Z", "15:00"), (f"{DAY}T12:20Z", "15:00"), (f"{DAY}T12:21Z", "13:00")],
)
def test_the_latest_issue_until_now_counts(user: User, second_issue: str, start: str) -> None:
    first = hourly({12: ",300", 13: ",100", 14: ",100", 15: ",200", 16: ",200"})
    second = hourly({12: ",300", 13: ",400", 14: ",400", 15: ",200", 16: ",200"})
    rows = [f"{row},{DAY}T06:00Z" for row in first] + [f"{row},{second_issue}" for row in second]
    write(user, rows, ISSUED)
    assert plan(user, *ARGUMENTS)["start"] == at(start)


def test_without_an_issue_a_forecast_counts_from_midnight_of_its_own_day(user: User) -> None:
    today = hourly(dict.fromkeys(range(12, 24), ",300"))
    tomorrow = [f"2026-11-24T{hour:02d}:00Z,,10" for hour in range(12)]
    write(user, [*today, *tomorrow], FORECAST)
    made = plan(user, *ARGUMENTS, "--deadline", "23h")
    assert made["candidates"][-1]["start"] == at("22:30")


def test_the_same_issue_twice_is_a_mistake(user: User) -> None:
    write(user, [f"{DAY}T12:00Z,,300,{DAY}T06:00Z"] * 2, ISSUED)
    result = run(user, *ARGUMENTS)
    assert result.returncode == 2
    assert "f.csv, line 3: " in result.stderr


def test_two_intensities_of_one_row_are_a_mistake(user: User) -> None:
    write(user, [f"{DAY}T12:00Z,1,300,{DAY}T06:00Z", f"{DAY}T12:00Z,2,300,{DAY}T07:00Z"], ISSUED)
    result = run(user, *ARGUMENTS)
    assert result.returncode == 2
    assert "f.csv, line 3: " in result.stderr


# --- what is asked, and where -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "timezone", "deadline"),
    [
        ("1d6h", "UTC", "2026-11-24T18:20:00.000Z"),
        ("07:00", "UTC", "2026-11-24T07:00:00.000Z"),
        ("13:00", "Europe/Berlin", "2026-11-24T12:00:00.000Z"),
        ("14:00", "Europe/Berlin", "2026-11-23T13:00:00.000Z"),
        ("2026-11-23T20:00", "America/New_York", "2026-11-24T01:00:00.000Z"),
        ("2026-11-23T20:00Z", "America/New_York", "2026-11-23T20:00:00.000Z"),
    ],
)
def test_a_deadline_is_a_span_or_an_instant_in_local_time(
    user: User, when: str, timezone: str, deadline: str
) -> None:
    user.environ["TZ"] = timezone
    faketime_reads_local_time = {"Europe/Berlin": "13:20:00", "America/New_York": "07:20:00"}
    clock = faketime_reads_local_time.get(timezone, "12:20:00")
    result = run(user, "--json", "--provider", "typical", "-d", when, now=f"{DAY} {clock}")
    assert json.loads(result.stdout)["deadline"] == deadline


CONFIG = """
zone = "SE"
deadline = "1h"
duration = "1m"
strategy = "static"
provider = "neso"
[jobs.make]
zone = "FR"
deadline = "2h"
duration = "2m"
strategy = "now"
provider = "typical"
"""
VARIABLES = {
    "CARBONWAIT_ZONE": "DE",
    "CARBONWAIT_DEADLINE": "3h",
    "CARBONWAIT_STRATEGY": "dynamic",
    "CARBONWAIT_PROVIDER": "typical",
}
OPTIONS = ["--zone", "GB", "-d", "4h", "--strategy", "now", "--duration", "4m"]


@pytest.mark.parametrize(
    ("config", "variables", "options", "expected"),
    [
        ("", {}, ["-p", "typical"], (None, "00:20", "dynamic", 3600)),
        (CONFIG.partition("[jobs")[0], {}, ["-p", "typical"], ("SE", "13:20", "static", 60)),
        (CONFIG, {}, [], ("FR", "14:20", "now", 120)),
        (CONFIG, VARIABLES, [], ("DE", "15:20", "dynamic", 120)),
        (CONFIG, VARIABLES, OPTIONS, ("GB", "16:20", "now", 240)),
    ],
    ids=["built in", "config", "job", "environment", "option"],
)
def test_an_option_goes_before_the_environment_that_before_the_job_and_that_before_the_rest(
    user: User,
    config: str,
    variables: dict[str, str],
    options: list[str],
    expected: tuple[object, ...],
) -> None:
    user.configure(config)
    user.environ |= variables
    made = json.loads(run(user, "--json", *options, "--", "make").stdout)
    found = (made["zone"], made["deadline"][11:16], made["strategy"], made["duration_s"])
    assert found == expected


def test_the_table_of_a_job_is_for_that_job_alone(user: User) -> None:
    user.configure('zone = "GB"\nprovider = "typical"\n[jobs.make]\nzone = "FR"\n')
    assert plan(user, "--", "ninja")["zone"] == "GB"


def test_a_zone_is_found_by_the_time_zone_and_said_so(user: User) -> None:
    user.environ["TZ"] = "Europe/London"
    made = plan(user, "--provider", "typical")
    assert (made["zone"], "Europe/London" in made["zone_source"]) == ("GB", True)


def test_the_cloud_region_goes_before_the_time_zone(user: User) -> None:
    user.environ |= {"TZ": "Europe/London", "AWS_REGION": "eu-central-1"}
    assert plan(user, "--provider", "typical")["zone"] == "DE"


def test_typical_days_are_a_rung_of_their_own(user: User) -> None:
    made = plan(user, "--zone", "GB", "--provider", "typical")
    assert (made["rung"], made["provider"]) == ("typical", "typical")


def test_a_zone_without_provider_and_typical_days_plans_with_the_static_window(user: User) -> None:
    user.configure('[static]\nwindows = ["16:00-18:00"]\n')
    result = run(user, "--json")
    made = json.loads(result.stdout)
    assert (made["zone"], made["rung"], made["start"]) == (None, "static", at("16:00"))
    assert "no zone" in result.stderr


def test_with_nothing_to_go_by_it_starts_now(user: User) -> None:
    made = json.loads(run(user, "--json").stdout)
    assert (made["rung"], made["start"], made["saving_pct"]) == ("now", NOW, None)


# --- in words -----------------------------------------------------------------------------------


def test_a_plan_in_words_has_start_reason_and_saving(gridded: User) -> None:
    text = run(gridded, *ARGUMENTS).stdout
    for words in ("GB", "14:00", "1h 40m", "117 gCO2eq/kWh then", "244 gCO2eq/kWh now", "52 %"):
        assert words in text


def test_a_plan_changes_nothing(gridded: User) -> None:
    before = sorted(gridded.home.rglob("*"))
    run(gridded, *ARGUMENTS, "--", "touch", "ran")
    assert sorted(gridded.home.rglob("*")) == before


def test_a_plan_needs_no_command_that_exists(gridded: User) -> None:
    assert run(gridded, *ARGUMENTS, "--", "no-such-command").returncode == 0


def test_quiet_leaves_the_warnings_out(user: User) -> None:
    assert run(user, "-q").stderr == ""


def test_nothing_is_read_from_the_current_folder(user: User, tmp_path: Path) -> None:
    folder = tmp_path / "cloned"
    folder.mkdir()
    for name in ("config.toml", "carbonwait.toml", ".carbonwait.toml", ".codecarbon.config"):
        (folder / name).write_text('zone = "FR"\n')
    (folder / "pyproject.toml").write_text('[tool.carbonwait]\nzone = "FR"\n')
    del user.environ["CARBONWAIT_CONFIG"]
    result = user.run("plan", "--json", "-p", "typical", cwd=folder)
    assert json.loads(result.stdout)["zone"] is None
