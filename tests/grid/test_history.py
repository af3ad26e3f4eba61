"""What has been observed, kept for two years."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provider_server import DAY_S, HOUR_S, NOON
from strategies import series

from carbonwait.core.forecaster import observed_hours
from carbonwait.core.knowledge import Issue
from carbonwait.core.series import Kind, Series, Slot
from carbonwait.grid import history as module
from carbonwait.grid.history import KEPT_S, History

SOURCE = "neso/GB"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def history(folder: Path) -> History:
    return History(folder)


def hours(*values: float, end: float = NOON, kind: Kind = "actual") -> list[Slot]:
    """Hours that end at `end`."""
    begin = end - len(values) * HOUR_S
    starts = (begin + index * HOUR_S for index in range(len(values)))
    return [Slot(s, s + HOUR_S, value, kind) for s, value in zip(starts, values, strict=True)]


def values(history: History, source: str = SOURCE) -> list[float]:
    return [slot.g_per_kwh for slot in history.observed(source, 0, 4e9)]


# --- what is kept -------------------------------------------------------------------------------


def test_what_was_observed_is_known_later(history: History, folder: Path) -> None:
    history.add(SOURCE, hours(100, 110), NOON)
    assert History(folder).observed(SOURCE, NOON - DAY_S, NOON) == Series(hours(100, 110))


@pytest.mark.parametrize("kind", ["forecast", "typical"])
def test_only_actual_intensities_are_kept(history: History, kind: Kind) -> None:
    history.add(SOURCE, hours(100, kind=kind), NOON)
    assert values(history) == []


def test_an_hour_that_has_not_ended_is_not_kept(history: History) -> None:
    history.add(SOURCE, hours(100, 110), NOON - 1)
    assert values(history) == [100]


def test_later_values_replace_earlier_ones(history: History) -> None:
    history.add(SOURCE, hours(100, 110), NOON)
    history.add(SOURCE, hours(111), NOON)
    assert values(history) == [100, 111]


def test_sources_are_kept_apart(history: History) -> None:
    history.add(SOURCE, hours(100), NOON)
    history.add("energinet/DK-DK1", hours(20), NOON)
    assert values(history) == [100]


def test_what_is_older_than_two_years_is_forgotten(history: History) -> None:
    history.add(SOURCE, hours(100), NOON)
    later = NOON + KEPT_S + HOUR_S
    history.add(SOURCE, hours(110, end=later), later)
    assert values(history) == [110]


def test_what_is_older_than_two_years_is_not_even_taken(history: History) -> None:
    history.add(SOURCE, hours(100, end=NOON - KEPT_S), NOON)
    assert values(history) == []


def test_two_years_of_hours_are_kept_whole(history: History) -> None:
    many = hours(*[100.0] * 17_000)
    history.add(SOURCE, many, NOON)
    assert history.observed(SOURCE, 0, NOON).covered_s(0, NOON) == 17_000 * HOUR_S


def test_a_gap_stays_a_gap(history: History) -> None:
    one, _, three = hours(100, 110, 120)
    history.add(SOURCE, [one, three], NOON)
    found = history.observed(SOURCE, NOON - DAY_S, NOON)
    assert found.gaps(one.start, three.end) == [(one.end, three.start)]


def test_a_zero_that_was_kept_once_is_still_there(history: History) -> None:
    history.add(SOURCE, hours(400, 0, 400), NOON)
    assert values(history) == [400, 0, 400]


def test_a_span_gets_the_slots_that_touch_it(history: History) -> None:
    history.add(SOURCE, hours(100, 110, 120), NOON)
    found = history.observed(SOURCE, NOON - 2 * HOUR_S + 60, NOON - HOUR_S)
    assert [slot.g_per_kwh for slot in found] == [110]


def test_after_a_change_of_step_each_slot_ends_where_the_next_one_begins(
    history: History,
) -> None:
    history.add(SOURCE, hours(100), NOON)
    half = Slot(NOON - 1800, NOON, 120.0, "actual")
    history.add(SOURCE, [half], NOON)
    assert history.observed(SOURCE, 0, NOON) == Series(
        [Slot(NOON - HOUR_S, NOON - 1800, 100.0, "actual"), half]
    )


@given(one=series(), other=series())
def test_the_newest_value_of_a_start_is_the_one_that_comes_back(
    tmp_path_factory: pytest.TempPathFactory, one: Series, other: Series
) -> None:
    history = History(tmp_path_factory.mktemp("history"))
    expected: dict[float, float] = {}
    for added in (one, other):
        history.add(SOURCE, added, NOON)
        expected |= {s.start: s.g_per_kwh for s in added if s.kind == "actual" and s.end <= NOON}
    found = {slot.start: slot.g_per_kwh for slot in history.observed(SOURCE, 0, 4e9)}
    assert found == expected


# --- what is missing ----------------------------------------------------------------------------


def unknown(history: History, source: str = SOURCE) -> float | None:
    """How many hours before noon the first hole of two hours in the day before it begins."""
    found = history.unknown_since(source, NOON - DAY_S, NOON, 2 * HOUR_S)
    return None if found is None else (NOON - found) / HOUR_S


def test_of_an_unknown_source_all_is_missing(history: History) -> None:
    history.add(SOURCE, hours(*[100.0] * 24), NOON)
    assert unknown(history, "energinet/DK-DK1") == 24


def test_without_a_file_all_is_missing(history: History) -> None:
    assert unknown(history) == 24


def test_a_day_that_is_known_misses_nothing(history: History) -> None:
    history.add(SOURCE, hours(*[100.0] * 30), NOON)
    assert unknown(history) is None


def test_what_is_shorter_than_asked_for_is_no_hole(history: History) -> None:
    history.add(SOURCE, hours(*[100.0] * 22, end=NOON - HOUR_S), NOON)
    assert unknown(history) is None


def test_what_came_before_the_newest_can_be_missing(history: History) -> None:
    history.add(SOURCE, hours(*[100.0] * 10, end=NOON - 14 * HOUR_S), NOON)
    history.add(SOURCE, hours(*[100.0] * 10), NOON)
    assert unknown(history) == 14


def test_what_came_after_the_newest_is_missing(history: History) -> None:
    history.add(SOURCE, hours(*[100.0] * 24, end=NOON - 3 * HOUR_S), NOON)
    assert unknown(history) == 3


def test_with_a_clock_that_is_behind_nothing_of_the_future_is_kept(history: History) -> None:
    history.add(SOURCE, hours(100, 110, 120, end=NOON + 2 * HOUR_S), NOON)
    assert history.observed(SOURCE, 0, 4e9).edges[-1] == NOON


# --- the file -----------------------------------------------------------------------------------


def test_the_file_is_private(history: History, folder: Path) -> None:
    umask = os.umask(0)
    try:
        history.add(SOURCE, hours(100), NOON)
    finally:
        os.umask(umask)
    assert stat.S_IMODE((folder / "history.db").stat().st_mode) == 0o600


def test_to_look_makes_no_file(history: History, folder: Path) -> None:
    assert not history.observed(SOURCE, 0, NOON)
    assert unknown(history) == 24
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("where", [None, "missing", "file", "too long" * 99])
def test_without_a_folder_nothing_is_kept(folder: Path, where: str | None) -> None:
    (folder / "file").write_bytes(b"")
    history = History(folder / where if where else None)
    history.add(SOURCE, hours(100), NOON)
    assert values(history) == []
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_link_is_not_followed(history: History, folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.write_bytes(b"")
    (folder / "history.db").symlink_to(elsewhere)
    history.add(SOURCE, hours(100), NOON)
    assert elsewhere.read_bytes() == b""


def executes(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "no database": lambda path: overwrite(path, b"no database at all, but long enough " * 9),
    "cut": lambda path: overwrite(path, path.read_bytes()[:5000]),
    "overwritten": lambda path: overwrite(path, path.read_bytes()[:4096] + b"\xa5" * 8192),
    "another table": lambda path: executes(
        path, "DROP TABLE actuals", "CREATE TABLE actuals (source TEXT)"
    ),
    "a text for a value": lambda path: executes(path, "UPDATE actuals SET g_per_kwh = 'a lot'"),
    "no value": lambda path: executes(path, "UPDATE actuals SET g_per_kwh = NULL"),
    "a text for an end": lambda path: executes(path, "UPDATE actuals SET end = 'later'"),
    "no UTF-8": lambda path: executes(path, "UPDATE actuals SET end = CAST(x'ff' AS TEXT)"),
    "an end before its start": lambda path: executes(path, "UPDATE actuals SET end = start - 1"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_dropped_and_begins_anew(
    history: History, folder: Path, how: str
) -> None:
    history.add(SOURCE, hours(*[100.0] * 200), NOON)
    DAMAGES[how](folder / "history.db")
    for _ in range(2):
        history.observed(SOURCE, 0, 4e9)
        unknown(history)
        history.add(SOURCE, hours(110), NOON)
    assert history.observed(SOURCE, 0, 4e9).slots[-1] == hours(110)[0]


def test_a_journal_of_the_damaged_file_does_no_harm(history: History, folder: Path) -> None:
    history.add(SOURCE, hours(100), NOON)
    (folder / "history.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(8000))
    (folder / "history.db").write_bytes(b"no database at all, but long enough " * 999)
    unknown(history)
    history.add(SOURCE, hours(110), NOON)
    assert values(history) == [110]


def test_a_file_that_is_locked_is_left_alone(
    history: History, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_S", 0.05)
    history.add(SOURCE, hours(100), NOON)
    other = sqlite3.connect(folder / "history.db")
    other.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    history.add(SOURCE, hours(110), NOON)
    assert values(history) == []
    assert time.monotonic() - begun < 5
    other.rollback()
    other.close()
    assert values(history) == [100]


# --- whole hours --------------------------------------------------------------------------------


def seen_by_hour(history: History, start: float, end: float) -> list[tuple[float, object]]:
    found = observed_hours(history.observed(SOURCE, start, end), start, end)
    return [(begins, pytest.approx(mean)) for begins, mean in found]


@pytest.mark.parametrize("step_s", [300, 900, 1800, 3600, 2400, 7200, 10800, 420])
@pytest.mark.parametrize("shift_s", [0, 1800, 100])
def test_the_hours_are_those_of_the_series(history: History, step_s: int, shift_s: int) -> None:
    begin = NOON - DAY_S + shift_s
    slots = [
        Slot(begin + i * step_s, begin + (i + 1) * step_s, 100.0 + 37 * i % 61, "actual")
        for i in range(int(DAY_S / step_s))
        if i % 17 != 7
    ]
    history.add(SOURCE, slots, NOON + DAY_S)
    for start, end in ((0.0, 4e9), (NOON - 40_000, NOON - 9000), (NOON - 7200, NOON - 3600)):
        assert history.hours(SOURCE, start, end) == seen_by_hour(history, start, end)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    lengths_s=st.lists(st.sampled_from([300, 900, 1800, 2400, 3600, -1200, -3600, 5400])),
    shift_s=st.integers(0, 3599),
    cut_s=st.integers(0, 7200),
)
def test_the_hours_of_any_steps_are_those_of_the_series(
    tmp_path_factory: pytest.TempPathFactory, lengths_s: list[int], shift_s: int, cut_s: int
) -> None:
    history = History(tmp_path_factory.mktemp("history"))
    at, slots = NOON + shift_s, []
    for index, length_s in enumerate(lengths_s):
        if length_s > 0:
            slots.append(Slot(at, at + length_s, 50.0 + index, "actual"))
        at += abs(length_s)
    history.add(SOURCE, slots, at + DAY_S)
    for start, end in ((0.0, 4e9), (NOON + cut_s, at - cut_s)):
        assert history.hours(SOURCE, start, end) == seen_by_hour(history, start, end)


def test_no_hour_is_told_that_has_not_ended_or_had_begun_before(history: History) -> None:
    history.add(SOURCE, hours(1, 2, 3, 4), NOON)
    found = history.hours(SOURCE, NOON - 3.5 * HOUR_S, NOON - 0.5 * HOUR_S)
    assert found == [(NOON - 3 * HOUR_S, 2), (NOON - 2 * HOUR_S, 3)]


def test_of_no_history_there_are_no_hours(history: History) -> None:
    assert history.hours(SOURCE, 0, 4e9) == []
    assert History(None).hours(SOURCE, 0, 4e9) == []


# --- forecasts as they were issued --------------------------------------------------------------


def issue(made: float, *means: float | None) -> Issue:
    return Issue(made, int(made // HOUR_S), list(means))


def test_issues_come_back_in_order_of_time(history: History) -> None:
    later, earlier = issue(NOON, 1.0, None, 3.0), issue(NOON - DAY_S, 2.0)
    history.add_issue(SOURCE, earlier)
    history.add_issue(SOURCE, later)
    assert history.issues(SOURCE, NOON - 2 * DAY_S, NOON + 1) == [earlier, later]
    assert history.issues(SOURCE, NOON - 2 * DAY_S, NOON) == [earlier]
    assert history.issues("neso/FR", NOON - 2 * DAY_S, NOON + 1) == []


def test_of_issues_close_to_each_other_the_first_is_kept(history: History) -> None:
    for minutes in (0, 30, 60, 200):
        history.add_issue(SOURCE, issue(NOON + 60 * minutes, float(minutes)))
    found = history.issues(SOURCE, NOON, NOON + DAY_S)
    assert [one.means for one in found] == [[0.0], [200.0]]


def test_issues_of_more_than_a_month_ago_are_forgotten(history: History) -> None:
    history.add_issue(SOURCE, issue(NOON - 31 * DAY_S, 1.0))
    history.add_issue(SOURCE, issue(NOON, 2.0))
    assert len(history.issues(SOURCE, 0, NOON + 1)) == 1


def test_an_issue_that_nobody_can_read_is_thrown_away_with_the_rest(
    history: History, folder: Path
) -> None:
    history.add_issue(SOURCE, issue(NOON, 1.0))
    connection = sqlite3.connect(folder / "history.db")
    connection.execute("UPDATE issues SET means = '{\"a\": 1}'")
    connection.commit()
    connection.close()
    assert history.issues(SOURCE, 0, NOON + 1) == []
    assert not (folder / "history.db").exists()


def test_a_history_of_before_there_were_issues_takes_them(history: History, folder: Path) -> None:
    connection = sqlite3.connect(folder / "history.db")
    connection.execute(
        "CREATE TABLE actuals (source TEXT, start REAL, end REAL, g_per_kwh REAL,"
        " PRIMARY KEY (source, start)) WITHOUT ROWID"
    )
    connection.close()
    history.add_issue(SOURCE, issue(NOON, 1.0))
    assert len(history.issues(SOURCE, 0, NOON + 1)) == 1
