"""`carbonwait plan` on real pseudo-terminals, at a noon that stands still."""

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pexpect
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from users import PROGRAM, User, installed

from carbonwait.cli.plan_view import plan_view
from carbonwait.core.durations import Durations
from carbonwait.core.planner import Task
from carbonwait.core.planner import plan as planned
from carbonwait.core.records import Strategy
from carbonwait.core.series import Series
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Forethought

NOW = "2026-11-23 12:20:00"
HOURS = {12: 300, 13: 200, 14: 100, 15: 150, 16: 250, 17: 240, 18: 280, 19: 320, 20: 320, 21: 320}
ARGUMENTS = "--zone GB --forecast f.csv --duration 90m --deadline 8h".split()


def write(user: User, hours: Mapping[int, object] = HOURS) -> None:
    """The forecast file."""
    rows = [f"2026-11-23T{hour:02d}:00Z,{value}" for hour, value in hours.items()]
    header = "datetime_utc,intensity_gco2_per_kwh"
    (user.home / "f.csv").write_text("\n".join([header, *rows]) + "\n")


def on_terminal(
    user: User,
    *options: str,
    asked: Sequence[str] = ARGUMENTS,
    columns: int = 100,
    rows: int = 50,
    **environ: str,
) -> str:
    """What a terminal of this size is sent."""
    environment: dict[str, Any] = {"TERM": "xterm", "PYTHONUTF8": "1"} | environ
    screen = pexpect.run(
        shlex.join([installed("faketime"), "-f", NOW, *PROGRAM, "plan", *asked, *options]),
        env=user.environ | environment,
        cwd=str(user.home),
        encoding="utf-8",
        dimensions=(rows, columns),
        timeout=60,
    )
    return str(screen).replace("\r\n", "\n")


def words_of(screen: str) -> str:
    """Text without the sequences that colour it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


def row(screen: str, mark_and_name: str) -> list[str]:
    """The cells of a row of the table."""
    line = next(line for line in screen.splitlines() if line.startswith(mark_and_name))
    return re.split(r" {2,}", line.removeprefix(mark_and_name).strip())


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Somebody with a forecast and a static window."""
    found = User(tmp_path_factory.mktemp("home"))
    found.configure('[static]\nwindows = ["16:00-18:00"]\n')
    write(found)
    return found


@pytest.fixture(scope="module")
def shown(user: User) -> str:
    return words_of(on_terminal(user))


# --- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("^ now", ["12:20:00", "-", "244", "0 %"]),
        ("~ static window", ["16:00", "3h 40m", "247", "-1 %"]),
        ("= chosen", ["14:00", "1h 40m", "117", "52 %"]),
        ("  runner-up", ["13:00", "40m", "167", "32 %"]),
        ("! latest start", ["18:32", "6h 12m", "308", "-26 %"]),
    ],
)
def test_a_start_has_its_wait_its_intensity_and_its_saving(
    shown: str, name: str, cells: list[str]
) -> None:
    assert row(shown, name) == cells


def test_one_sentence_says_when_and_why(shown: str) -> None:
    sentence = (
        "Start at 14:00, in 1h 40m: the cleanest start before the deadline, expected to save 52 %."
    )
    assert sentence in shown.splitlines()


def test_the_forecast_has_its_provider_its_rung_and_its_age(shown: str) -> None:
    assert "forecast:  file, live, of unknown age, average signal" in shown.splitlines()


def test_an_issued_forecast_tells_how_old_it_is(user: User) -> None:
    header = "datetime_utc,intensity_gco2_per_kwh,forecast_gco2_per_kwh,issued_utc"
    row = "2026-11-23T{}:00Z,,{},2026-11-23T11:00Z"
    rows = [row.format(hour, g_per_kwh) for hour, g_per_kwh in HOURS.items()]
    (user.home / "issued.csv").write_text("\n".join([header, *rows]) + "\n")
    screen = words_of(on_terminal(user, "--forecast", "issued.csv"))
    assert "forecast:  file, live, issued 11:00, 1h 20m old, average signal" in screen


def test_the_marks_stand_below_their_hours(shown: str) -> None:
    lines = shown.splitlines()
    axis = next(index for index, line in enumerate(lines) if line.startswith("      +"))
    columns = len(lines[axis]) - 7
    # From 12:20 to the deadline at 20:20.
    per_hour = columns / 8

    def hour(column: int) -> float:
        return 12 + 20 / 60 + (column - 7) / per_hour

    chosen, static = lines[axis], lines[axis + 1]
    assert lines[axis][7] == "^"
    assert hour(chosen.index("=")) == pytest.approx(14, abs=0.1)
    assert hour(chosen.rindex("=") + 1) == pytest.approx(15.5, abs=0.1)
    assert hour(static.index("~")) == pytest.approx(16, abs=0.1)
    assert hour(static.rindex("~") + 1) == pytest.approx(18, abs=0.1)
    assert hour(static.index("!")) == pytest.approx(18 + 32 / 60, abs=0.1)


def test_a_gap_is_empty_in_the_chart(user: User) -> None:
    write(user, {hour: value for hour, value in HOURS.items() if hour not in {16, 17, 18}})
    try:
        lines = words_of(on_terminal(user)).splitlines()
    finally:
        write(user)
    axis = next(index for index, line in enumerate(lines) if line.startswith("      +"))
    lowest = lines[axis - 1][7:]
    first, last = (round((hour - 12 - 20 / 60) * len(lowest) / 8) for hour in (16, 19))
    assert lowest[:first].count("█") > 0
    assert lowest[first + 1 : last - 1].strip() == ""
    assert row("\n".join(lines), "~ static window")[2:4] == ["?", "?"]


def test_a_window_after_the_latest_start_is_too_late(user: User) -> None:
    screen = words_of(on_terminal(user, "--window", "19:00-20:00"))
    assert row(screen, "~ static window")[-1] == "too late"


def test_a_latest_start_that_is_past_is_told(user: User) -> None:
    screen = words_of(on_terminal(user, "--deadline", "30m"))
    assert row(screen, "! latest start")[-1] == "is past"
    assert "Start now: the deadline leaves no room to wait." in screen


def test_without_a_forecast_there_is_no_chart_and_nothing_is_made_up(user: User) -> None:
    screen = words_of(on_terminal(user, asked=()))
    assert "      +" not in screen
    assert row(screen, "= chosen") == ["16:00", "3h 40m", "?", "?"]
    assert "forecast:  none" in screen


def test_verbose_tells_how_many_starts_were_weighed(user: User) -> None:
    assert re.search(r"weighed:   \d+ possible starts", words_of(on_terminal(user, "-v")))


# --- on all kinds of terminals ------------------------------------------------------------------


def test_colours_mark_the_chosen_window(user: User) -> None:
    assert "\x1b[32m" in on_terminal(user)


def test_who_wants_no_colour_gets_the_same_words_without(user: User, shown: str) -> None:
    assert on_terminal(user, NO_COLOR="1") == shown


def test_a_dumb_terminal_gets_the_same_words_without_colour(user: User, shown: str) -> None:
    assert on_terminal(user, TERM="dumb") == shown


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(user: User, columns: int) -> None:
    lines = words_of(on_terminal(user, columns=columns)).splitlines()
    assert max(map(len, lines)) <= columns


def test_a_narrow_terminal_has_all_five_rows(user: User) -> None:
    screen = words_of(on_terminal(user, columns=40))
    names = ("^ now", "~ static", "= chosen", "  runner-up", "! latest")
    assert [row(screen, name)[0] for name in names] == [
        "12:20:00",
        "16:00",
        "14:00",
        "13:00",
        "18:32",
    ]


def test_a_terminal_of_24_lines_shows_all_of_it(user: User) -> None:
    assert len(on_terminal(user, columns=80, rows=24).splitlines()) <= 23


def test_without_utf_8_it_is_ascii(user: User) -> None:
    screen = on_terminal(user, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert screen.isascii()
    assert "#" in screen


def test_where_stdout_is_no_terminal_the_lines_are_plain(user: User) -> None:
    result = subprocess.run(
        [installed("faketime"), "-f", NOW, *PROGRAM, "plan", *ARGUMENTS],
        env=user.environ,
        cwd=user.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    names = [line.split(":")[0] for line in result.stdout.splitlines()]
    assert names == [
        "zone",
        "source",
        "job",
        "deadline",
        "start",
        "why",
        "intensity",
        "estimated saving",
    ]


# --- any plan whatever --------------------------------------------------------------------------


@given(
    series=strategies.series(),
    durations=strategies.durations(86400),
    hours=st.integers(1, 120),
    strategy=st.sampled_from(get_args(Strategy)),
    zone=st.sampled_from(strategies.ZONES).map(ZoneInfo),
    columns=st.integers(40, 250),
    plain=st.booleans(),
)
def test_any_plan_fits_any_terminal(
    series: Series,
    durations: Durations,
    hours: int,
    strategy: Strategy,
    zone: ZoneInfo,
    columns: int,
    plain: bool,
) -> None:
    now = strategies.MIDNIGHT
    task = Task(now, now + hours * 3600, durations, strategy, zone=zone)
    outlook = Outlook(series, "GB", "--zone", "file", "live")
    thought = Forethought("make", task, outlook, planned(task, series, now), now, zone)
    lines = [line.plain for line in plan_view(thought, width=columns, height=24, plain=plain)]
    assert max(map(len, lines)) <= columns
    assert sum(line[:1] in "^~=!" and line[1:2] == " " for line in lines if line) == 4
