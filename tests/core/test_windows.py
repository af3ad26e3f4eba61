"""Static windows on ordinary days and on both daylight-saving nights."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import ZONES, changing_nights, clock_changes, windows

from carbonwait.core.errors import Mistake
from carbonwait.core.windows import Window, next_opening, openings, parse_window

EVERY_DAY = frozenset(range(7))
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LONDON = ZoneInfo("Europe/London")
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


# --- parse_window -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("01:00-05:00", Window(EVERY_DAY, 3600, 18000)),
        ("1:00-5:00", Window(EVERY_DAY, 3600, 18000)),
        (" 01:00 - 05:00 ", Window(EVERY_DAY, 3600, 18000)),
        ("22:00-06:00", Window(EVERY_DAY, 79200, 21600)),
        ("22:00-24:00", Window(EVERY_DAY, 79200, 0)),
        ("00:00-24:00", Window(EVERY_DAY, 0, 0)),
        ("22:00-00:00", Window(EVERY_DAY, 79200, 0)),
        ("Mon-Fri 22:00-06:00", Window(frozenset(range(5)), 79200, 21600)),
        ("sat,SUN 01:00-05:00", Window(frozenset({5, 6}), 3600, 18000)),
        ("Sat Sun 01:00-05:00", Window(frozenset({5, 6}), 3600, 18000)),
        ("Mon-Wed, Fri 01:00-05:00", Window(frozenset({0, 1, 2, 4}), 3600, 18000)),
        ("Fri-Mon 01:00-05:00", Window(frozenset({4, 5, 6, 0}), 3600, 18000)),
        ("Thursday 01:00-05:00", Window(frozenset({3}), 3600, 18000)),
    ],
)
def test_a_window_is_read(text: str, window: Window) -> None:
    assert parse_window(text) == window


@given(st.integers(0, 6), st.integers(0, 6))
def test_a_range_of_days_goes_from_the_first_to_the_last_around_the_week(
    first: int, last: int
) -> None:
    window = parse_window(f"{DAYS[first][:3]}-{DAYS[last]} 01:00-05:00")
    expected = {first}
    while last not in expected:
        first = (first + 1) % 7
        expected.add(first)
    assert window.days == expected


NO_WINDOWS = ["", "01:00", "01:00-", "1-5", "01:00-05:00 Mon", "Mon 01:00", "01:00 to 05:00"]


@pytest.mark.parametrize("text", NO_WINDOWS)
def test_what_is_no_window_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="is no window; write"):
        parse_window(text)


@pytest.mark.parametrize("text", ["25:00-05:00", "01:60-05:00", "01:00-24:01", "Mon 01:00-30:00"])
def test_a_time_that_no_clock_shows_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="hours go from 00:00 to 24:00"):
        parse_window(text)


@pytest.mark.parametrize("text", ["05:00-05:00", "00:00-00:00"])
def test_an_empty_window_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="is empty; for the whole day write 00:00-24:00"):
        parse_window(text)


def test_a_window_cannot_open_at_the_end_of_the_day() -> None:
    with pytest.raises(Mistake):
        parse_window("24:00-05:00")


@pytest.mark.parametrize("days", ["Foo", "Mo", "Mon-Foo", "-Fri", "Mon,", "Mon--Fri"])
def test_a_day_that_does_not_exist_is_a_mistake(days: str) -> None:
    with pytest.raises(Mistake, match="names no weekday with"):
        parse_window(f"{days} 01:00-05:00")


@pytest.mark.parametrize("days", ["Monkey", "Sunflower", "Mon-", "Mon-Sundae"])
def test_a_word_that_only_begins_like_a_day_is_a_mistake(days: str) -> None:
    with pytest.raises(Mistake):
        parse_window(f"{days} 01:00-05:00")


@given(windows)
def test_a_windows_length_is_the_way_from_opening_to_closing_around_the_clock(
    window: Window,
) -> None:
    assert 0 < window.length_s <= 86400
    assert (window.opens_s + window.length_s - window.closes_s) % 86400 == 0


# --- next_opening -------------------------------------------------------------------------------

_DAYS_LOOKED_AT = 23
_MINUTES_PER_DAY = 24 * 60


@cache
def wall_clock(zone: str, first: float) -> list[tuple[int, int]]:
    """Weekday and second of the day that the clock shows, minute by minute."""
    shown = []
    for minute in range(_DAYS_LOOKED_AT * _MINUTES_PER_DAY):
        there = datetime.fromtimestamp(first + 60 * minute, ZoneInfo(zone))
        shown.append((there.weekday(), there.hour * 3600 + there.minute * 60))
    return shown


def is_open(window: Window, weekday: int, clock_s: int) -> bool:
    if window.opens_s < window.closes_s:
        return weekday in window.days and window.opens_s <= clock_s < window.closes_s
    if clock_s >= window.opens_s:
        return weekday in window.days
    return (weekday - 1) % 7 in window.days and clock_s < window.closes_s


def opening_by_the_minute(some: list[Window], now: float, zone: str) -> tuple[float, float | None]:
    """From looking at the clock every minute; the end is None if it is out of sight."""
    change = min(clock_changes(zone), key=lambda at: abs(at - now))
    first = change - 3 * 86400
    shown = wall_clock(zone, first)
    opens = None
    for minute in range(int((now - first) / 60), len(shown)):
        stands = any(is_open(window, *shown[minute]) for window in some)
        if opens is None and stands:
            opens = first + 60 * minute
        elif opens is not None and not stands:
            return opens, first + 60 * minute
    assert opens is not None
    return opens, None


@given(changing_nights(), st.lists(windows, min_size=1, max_size=2))
def test_around_a_changing_night_a_window_opens_when_the_wall_clock_says_so(
    night: tuple[str, float], some: list[Window]
) -> None:
    zone, now = night
    found = next_opening(some, now, ZoneInfo(zone))
    assert found is not None
    assert found[0] == opening_by_the_minute(some, now, zone)[0]


@given(changing_nights(), st.lists(windows, min_size=1, max_size=2))
def test_around_a_changing_night_a_window_closes_when_the_wall_clock_says_so(
    night: tuple[str, float], some: list[Window]
) -> None:
    zone, now = night
    closes = opening_by_the_minute(some, now, zone)[1]
    assume(closes is not None and closes < now + 8 * 86400)
    found = next_opening(some, now, ZoneInfo(zone))
    assert found is not None
    assert found[1] == closes


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", ["01:00-05:00", "02:15-02:45", "22:00-03:00", "00:30-02:00"])
def test_through_both_changing_nights_the_next_window_is_the_wall_clocks(
    zone: str, text: str
) -> None:
    window = parse_window(text)
    found, expected = [], []
    for change in clock_changes(zone):
        for hour in range(-12, 13, 2):
            now = change + 3600 * hour
            found.append(next_opening([window], now, ZoneInfo(zone)))
            expected.append(opening_by_the_minute([window], now, zone))
    assert found == expected


def test_a_window_that_is_open_is_taken_from_now_on() -> None:
    now = local("2026-11-23T02:30:15", LONDON)
    found = next_opening([parse_window("01:00-05:00")], now, LONDON)
    assert found == (now, local("2026-11-23T05:00", LONDON))


def test_a_window_that_closes_now_is_over() -> None:
    now = local("2026-11-23T05:00", LONDON)
    found = next_opening([parse_window("01:00-05:00")], now, LONDON)
    assert found == (local("2026-11-24T01:00", LONDON), local("2026-11-24T05:00", LONDON))


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    now = local("2026-11-28T01:00", LONDON)  # a Saturday, in Friday's window
    found = next_opening([parse_window("Mon-Fri 22:00-06:00")], now, LONDON)
    assert found == (now, local("2026-11-28T06:00", LONDON))


def test_the_weekend_is_skipped_by_a_window_on_weekdays() -> None:
    now = local("2026-11-28T07:00", LONDON)
    found = next_opening([parse_window("Mon-Fri 22:00-06:00")], now, LONDON)
    assert found == (local("2026-11-30T22:00", LONDON), local("2026-12-01T06:00", LONDON))


def test_windows_that_touch_are_one() -> None:
    both = [parse_window("01:00-03:00"), parse_window("03:00-05:00")]
    now = local("2026-11-23T00:00", LONDON)
    assert next_opening(both, now, LONDON) == (now + 3600, now + 5 * 3600)


def test_the_first_of_several_windows_to_open_is_the_next_one() -> None:
    both = [parse_window("20:00-21:00"), parse_window("12:00-13:00")]
    now = local("2026-11-23T10:00", LONDON)
    assert next_opening(both, now, LONDON) == (now + 2 * 3600, now + 3 * 3600)


def test_a_window_for_the_whole_day_is_always_open() -> None:
    found = next_opening([parse_window("00:00-24:00")], 1_790_000_000.5, LONDON)
    assert found is not None
    assert found[0] == 1_790_000_000.5


def test_without_windows_there_is_no_opening() -> None:
    assert next_opening([], 1_790_000_000, LONDON) is None


def test_a_weekly_window_whose_hours_the_clock_skips_opens_a_week_later() -> None:
    now = local("2026-03-22T03:30", BERLIN)  # a Sunday; on the next one 02:00 becomes 03:00
    found = next_opening([parse_window("Sun 02:00-03:00")], now, BERLIN)
    assert found == (local("2026-04-05T02:00", BERLIN), local("2026-04-05T03:00", BERLIN))


def test_hours_that_the_clock_shows_twice_are_open_twice() -> None:
    window = parse_window("02:00-02:30")
    first_close = local("2026-10-25T02:30", BERLIN)
    again = next_opening([window], first_close, BERLIN)
    assert again == (first_close + 1800, first_close + 3600)


@given(changing_nights(), windows)
def test_the_window_found_is_open_from_its_opening_on(
    night: tuple[str, float], window: Window
) -> None:
    zone = ZoneInfo(night[0])
    found = next_opening([window], night[1], zone)
    assert found is not None
    there = datetime.fromtimestamp(found[0], zone)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    clock_s = (there.replace(tzinfo=None) - midnight.replace(tzinfo=None)) / timedelta(seconds=1)
    assert is_open(window, there.weekday(), int(clock_s))


# --- every opening within a span ----------------------------------------------------------------


@settings(max_examples=15)
@given(changing_nights(), st.lists(windows, min_size=1, max_size=3), st.integers(0, 3000))
def test_openings_are_all_the_minutes_at_which_the_wall_clock_says_so(
    night: tuple[str, float], many: list[Window], minutes: int
) -> None:
    zone, first = ZoneInfo(night[0]), night[1]
    last = first + minutes * 60
    found = openings(many, first, last, zone)
    assert all(first <= opens < closes <= last for opens, closes in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))
    for minute in range(minutes):
        at = first + minute * 60
        inside = any(opens <= at < closes for opens, closes in found)
        clock = datetime.fromtimestamp(at, zone)
        shown = clock.weekday(), clock.hour * 3600 + clock.minute * 60
        assert inside == any(is_open(window, *shown) for window in many)


def test_within_no_time_nothing_opens() -> None:
    window = parse_window("00:00-24:00")
    assert openings([window], 1e9, 1e9, LONDON) == []
    assert openings([window], 1e9, 1e9 - 5, LONDON) == []
    assert openings([], 1e9, 1e9 + 90_000, UTC) == []


def test_a_window_that_is_open_at_the_bounds_is_cut_there() -> None:
    noon = local("2026-06-01T12:00", LONDON)
    assert openings([parse_window("11:00-13:00")], noon, noon + 60, LONDON) == [(noon, noon + 60)]
