"""`compare` as users run it, on files that they might have."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from users import User

from carbonwait.core.units import format_instant

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
BEGIN = 1_767_225_600.0  # 2026-01-01, a Thursday, 00:00 UTC


def usual(at: float) -> float:
    """Clean about noon, dirty in the evening, and wavy from day to day."""
    hour = at // HOUR_S % 24
    return 300 - 150 * (10 <= hour < 15) + 100 * (hour >= 18) + at // DAY_S * 7 % 20


def write(path: Path, days: float, step_s: float = HOUR_S, *, forecast: bool = False) -> Path:
    """A history of so many days; with forecasts that are 40 too high."""
    rows = ["datetime_utc,intensity_gco2_per_kwh" + ",forecast_gco2_per_kwh" * forecast]
    for index in range(int(days * DAY_S / step_s)):
        at = BEGIN + index * step_s
        value = usual(at)
        rows.append(f"{format_instant(at)},{value:g}" + f",{value + 40:g}" * forecast)
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def history(user: User) -> Path:
    """Half a year by the hour."""
    return write(user.home / "grid.csv", 180)


def compared(user: User, *arguments: str) -> dict[str, Any]:
    """The JSON document; the run must have gone well."""
    done = user.run("compare", *arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def refused(user: User, *arguments: str) -> str:
    """The one line that it was refused with."""
    done = user.run("compare", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    return lines[0]


# --- what is compared ---------------------------------------------------------------------------


def test_a_job_an_hour_is_submitted_from_the_sixtieth_day_to_a_deadline_before_the_end(
    user: User, history: Path
) -> None:
    found = compared(user, "--history", str(history), "--duration", "2h", "--deadline", "12h")
    assert found["from"] == format_instant(BEGIN + 60 * DAY_S)
    assert found["to"] == format_instant(BEGIN + 180 * DAY_S - 12 * HOUR_S)
    assert (found["jobs"], found["duration_s"], found["deadline_s"]) == (120 * 24 - 12, 7200, 43200)
    assert (found["schema"], found["zone"]) == (1, None)


def test_a_history_a_little_longer_than_sixty_days_is_used_from_there_on(user: User) -> None:
    history = write(user.home / "grid.csv", 75)
    found = compared(user, "--history", str(history), "--duration", "1h", "--deadline", "6h")
    assert found["from"] == format_instant(BEGIN + 60 * DAY_S)


@pytest.mark.parametrize("days", [30, 60])
def test_a_shorter_history_is_used_from_a_third_of_it_on(user: User, days: int) -> None:
    history = write(user.home / "grid.csv", days)
    found = compared(user, "--history", str(history), "--duration", "1h", "--deadline", "6h")
    assert found["from"] == format_instant(BEGIN + days / 3 * DAY_S)


def test_each_strategy_has_its_figures(user: User, history: Path) -> None:
    found = compared(user, "--history", str(history), "--duration", "2h", "--deadline", "24h")
    assert list(found["strategies"]) == ["now", "static", "static_best", "dynamic", "oracle"]
    for figures in found["strategies"].values():
        assert set(figures) == {
            *("emissions_per_kwh", "reduction_pct", "of_oracle_pct", "mean_wait_s"),
            *("late_pct", "dirtier_than_now_pct"),
        }
    figures = found["strategies"]
    assert figures["now"]["mean_wait_s"] == figures["now"]["reduction_pct"] == 0
    assert figures["oracle"]["of_oracle_pct"] == 100
    assert 90 < figures["dynamic"]["of_oracle_pct"] <= 100


def test_the_figures_are_those_of_the_decisions(user: User, history: Path) -> None:
    path = user.home / "decisions.csv"
    found = compared(
        user,
        *("--history", str(history), "--duration", "2h", "--deadline", "12h"),
        *("--decisions", str(path)),
    )
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["submit", "strategy", "start", "g_per_kwh", "segments"]
    assert len(rows) == 5 * found["jobs"]
    for name, figures in found["strategies"].items():
        means = [float(row["g_per_kwh"]) for row in rows if row["strategy"] == name]
        assert figures["emissions_per_kwh"] == pytest.approx(sum(means) / len(means))


def test_the_static_window_is_that_of_the_option(user: User, history: Path) -> None:
    found = compared(
        user,
        *("--history", str(history), "--duration", "1h", "--deadline", "24h"),
        *("--window", "11:00-14:00", "--submit", "18:00"),
    )
    static = found["strategies"]["static"]
    assert static["mean_wait_s"] == 17 * HOUR_S
    assert static["reduction_pct"] == pytest.approx(
        found["strategies"]["oracle"]["reduction_pct"], 0.1
    )


def test_a_submission_in_the_week_is_at_that_hour_on_these_days(user: User, history: Path) -> None:
    found = compared(
        user,
        *("--history", str(history), "--duration", "1h", "--deadline", "4h"),
        *("--submit", "Mon-Fri 18:00"),
    )
    # 120 days from Monday, 2 March on: 17 weeks and a Monday.
    assert found["jobs"] == 86
    assert [(row["hour"], row["jobs"]) for row in found["by_submit_hour"]] == [(18, 86)]


def test_pausing_is_one_strategy_more(user: User, history: Path) -> None:
    path = user.home / "decisions.csv"
    found = compared(
        user,
        *("--history", str(history), "--duration", "8h", "--deadline", "48h", "--interruptible"),
        *("--resume-cost", "0", "--submit", "06:00", "--decisions", str(path)),
    )
    ours = found["strategies"]["interruptible"]
    assert ours["reduction_pct"] > found["strategies"]["oracle"]["reduction_pct"]
    with path.open() as file:
        segments = [row["segments"] for row in csv.DictReader(file) if row["segments"]]
    assert len(segments) == found["jobs"]
    assert all("/" in text for text in segments)


def test_a_resume_costs_energy_where_it_resumes(user: User, history: Path) -> None:
    arguments = ["--history", str(history), "--duration", "8h", "--deadline", "48h"]
    arguments += ["--interruptible", "--submit", "06:00", "--resume-cost"]
    free, dear = (compared(user, *arguments, cost) for cost in ("0", "1h"))
    saved = [one["strategies"]["interruptible"]["reduction_pct"] for one in (free, dear)]
    assert saved[0] > saved[1]


def test_issued_forecasts_are_planned_on_where_asked_for(user: User) -> None:
    history = str(write(user.home / "grid.csv", 12, forecast=True))
    arguments = ("--history", history, "--duration", "1h", "--deadline", "12h")
    blind, told = compared(user, *arguments), compared(user, *arguments, "--issued")
    assert told["strategies"]["dynamic"]["of_oracle_pct"] > 97
    assert told["strategies"]["oracle"] == blind["strategies"]["oracle"]


def test_half_hours_can_be_compared(user: User) -> None:
    history = str(write(user.home / "grid.csv", 12, 1800.0))
    found = compared(user, "--history", history, "--duration", "45m", "--deadline", "6h")
    assert found["strategies"]["dynamic"]["reduction_pct"] > 0


def test_the_table_ends_with_the_answer(user: User, history: Path) -> None:
    done = user.run(
        *("compare", "--history", str(history), "--duration", "1h", "--deadline", "24h")
    )
    text = done.stdout.decode()
    assert done.stderr == b""
    assert "learnt window" in text
    assert text.rstrip().splitlines()[-1].startswith("For this job a static window (")


def test_a_rounding_error_is_no_negative_saving(user: User, history: Path) -> None:
    rows = history.read_text().splitlines()
    level = [rows[0], *(f"{row.split(',')[0]},0.1" for row in rows[1:])]
    history.write_text("\n".join(level) + "\n")
    done = user.run("compare", "--history", str(history), "--duration", "3333s")
    assert (done.returncode, b"-0.0" in done.stdout) == (0, False)


# --- what users get wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--duration", "1h", "--days", "5"], "contradict each other"),
        ([], "needs --duration SPAN or --job NAME"),
        (["--duration", "0s"], "is no time to run"),
        (["--duration", "1h", "--deadline", "07:00"], "is not a span"),
        (["--duration", "1h", "--deadline", "0"], "leaves no time"),
        (["--duration", "1h", "--submit", "noon"], "is no time to submit"),
        (["--duration", "1h", "--min-saving", "101"], "is no percentage"),
        (["--duration", "1h", "--issued"], "has no column forecast_gco2_per_kwh"),
        (["--duration", "1h", "--window", "25:00-26:00"], "hours go from 00:00 to 24:00"),
        (["--duration", "100d", "--deadline", "120d"], "leaves no submission"),
        (["--job", "nothing"], "no run of 'nothing' has succeeded so far"),
        (["--duration", "200d"], "less than the 200d 0h of the job"),
        (["--duration", "150d", "--deadline", "1d"], "ends or has a gap within 150d 0h"),
        (["--duration", "1h", "--from", "2025-03-01", "--to", "2025-04-01"], "no job is submitted"),
        (["--duration", "1h", "--from", "2026-05-01", "--to", "2026-04-01"], "another --from"),
        (["--duration", "1h", "--resume-cost", "dear"], "is not a span"),
        (["--duration", "1h", "--provider", "nobody"], "provider 'nobody' is not known"),
        (["--duration", "1h", "--decisions", "/no/such/folder/x.csv"], "cannot be written"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    user: User, history: Path, arguments: list[str], told: str
) -> None:
    assert told in refused(user, "--history", str(history), *arguments)


def test_the_decisions_are_never_written_over_the_history(user: User, history: Path) -> None:
    before = history.read_bytes()
    link = user.home / "link.csv"
    link.symlink_to(history)
    told = refused(user, *("--history", str(history), "--duration", "1h", "--decisions", str(link)))
    assert "is the history itself" in told
    assert history.read_bytes() == before


def test_rows_without_an_intensity_count_for_how_far_a_file_reaches(user: User) -> None:
    history = write(user.home / "grid.csv", 9)
    rows = history.read_text().splitlines()
    for line in (1, 2, 3, -1, -2):
        rows[line] = rows[line].split(",")[0] + ","
    history.write_text("\n".join(rows) + "\n")
    found = compared(user, "--history", str(history), "--duration", "1h", "--deadline", "6h")
    assert found["from"] == format_instant(BEGIN + 3 * DAY_S)
    assert found["to"] == format_instant(BEGIN + 9 * DAY_S - 6 * HOUR_S)


def test_submissions_may_begin_a_span_ago_and_in_years_to_come(user: User) -> None:
    at = datetime(2150, 1, 1, tzinfo=UTC).timestamp()
    rows = [f"{format_instant(at + n * HOUR_S)},{usual(n * HOUR_S):g}" for n in range(240)]
    history = user.home / "grid.csv"
    history.write_text("\n".join(["datetime_utc,intensity_gco2_per_kwh", *rows]) + "\n")
    words = ("--history", str(history), "--duration", "1h", "--deadline", "6h")
    found = compared(user, *words, "--from", "2150-01-05T00:00Z", "--to", "1d")
    assert found["jobs"] == (9 - 4) * 24
    assert found["to"] == format_instant(at + 9 * DAY_S)


def test_without_a_file_and_without_a_history_there_is_nothing_to_compare(user: User) -> None:
    assert "nothing has been observed in GB" in refused(user, "--zone", "GB", "--duration", "1h")


def test_a_deadline_that_cannot_be_met_starts_at_once_and_late(user: User, history: Path) -> None:
    done = user.run(
        *("compare", "--history", str(history), "--duration", "5h", "--deadline", "2h", "--json")
    )
    assert b"cannot meet a deadline" in done.stderr
    figures = json.loads(done.stdout)["strategies"]["dynamic"]
    assert (figures["late_pct"], figures["mean_wait_s"]) == (100, 0)


def test_jobs_beside_a_gap_are_left_out_and_counted(user: User, history: Path) -> None:
    lines = history.read_text().splitlines()
    del lines[70 * 24 : 71 * 24]
    history.write_text("\n".join(lines) + "\n")
    done = user.run(
        *("compare", "--history", str(history), "--duration", "1h", "--deadline", "6h", "--json")
    )
    assert b"submissions are left out for gaps" in done.stderr
    # The day of the gap, and each submission within six hours of it; six at the end as ever.
    assert json.loads(done.stdout)["jobs"] == 120 * 24 - 6 - 24 - 5


def test_five_hours_of_history_are_compared_without_a_forecast(user: User) -> None:
    history = str(write(user.home / "grid.csv", 5 / 24))
    found = compared(user, "--history", history, "--duration", "30m", "--deadline", "1h")
    assert found["jobs"] > 0
    assert found["strategies"]["dynamic"]["mean_wait_s"] == 0


def test_stamps_of_another_time_zone_mean_the_same(user: User, history: Path) -> None:
    arguments = ("--duration", "1h", "--deadline", "6h")
    plain = compared(user, "--history", str(history), *arguments)
    rows = history.read_text().splitlines()
    moved = user.home / "moved.csv"
    shifted = [
        f"{format_instant(BEGIN + index * HOUR_S + 2 * HOUR_S)[:-1]}+02:00,{row.split(',')[1]}"
        for index, row in enumerate(rows[1:])
    ]
    moved.write_text("\n".join([rows[0], *shifted]) + "\n")
    assert compared(user, "--history", str(moved), *arguments) == plain
