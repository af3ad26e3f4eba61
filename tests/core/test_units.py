"""Spans and instants as people write them and as JSON shows them."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import changing_nights

from carbonwait.core.errors import Mistake
from carbonwait.core.units import (
    format_grams,
    format_instant,
    format_kwh,
    format_local,
    format_span,
    parse_span,
    parse_when,
)

LONDON = ZoneInfo("Europe/London")
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


# --- parse_span ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span_s"),
    [
        ("90s", 90),
        ("45m", 2700),
        ("12h", 43200),
        ("1d6h", 108000),
        ("1.5h", 5400),
        ("0.5s", 0.5),
        ("0", 0),
        ("0s", 0),
        (" 2H ", 7200),
        ("366d", 366 * 86400),
    ],
)
def test_a_span_is_read_in_seconds(text: str, span_s: float) -> None:
    assert parse_span(text) == span_s


@given(st.integers(0, 300), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_the_parts_of_a_span_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected_s = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert parse_span(f"{days}d{hours}h{minutes}m{seconds}s") == expected_s.total_seconds()


NO_SPANS = ["", " ", "10", "h", "-5m", "+5m", "5 m", "1w", "1e3s", "inf", ".5h", "5.h", "5m!", "٣h"]


@pytest.mark.parametrize("text", NO_SPANS)
def test_what_is_no_span_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="is not a span"):
        parse_span(text)


@pytest.mark.parametrize("text", ["366d1s", "367d", "9" * 400 + "h"])
def test_a_span_of_more_than_366_days_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="longer than 366 days"):
        parse_span(text)


def test_the_message_names_the_value_and_what_to_write() -> None:
    with pytest.raises(Mistake, match=r"^'ten' is not a span; write 90s, 45m, 12h or 1d6h$"):
        parse_span("ten")


# --- format_span --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span_s", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (-0.4, "0s"),
        (45, "45s"),
        (59.6, "1m 00s"),
        (90, "1m 30s"),
        (599.6, "10m"),
        (720, "12m"),
        (3599, "1h 00m"),
        (11100, "3h 05m"),
        (-11100, "-3h 05m"),
        (47 * 3600, "47h 00m"),
        (48 * 3600 - 1, "2d 0h"),
        (52 * 3600, "2d 4h"),
        (366 * 86400, "366d 0h"),
    ],
)
def test_a_span_is_shown_in_two_units_at_most(span_s: float, text: str) -> None:
    assert format_span(span_s) == text


@given(
    st.one_of(
        st.integers(0, 599),
        st.integers(10, 48 * 60 - 1).map(lambda minutes: minutes * 60),
        st.integers(48, 366 * 24).map(lambda hours: hours * 3600),
    )
)
def test_a_span_that_needs_no_rounding_is_read_back_as_it_was_shown(span_s: int) -> None:
    assert parse_span(format_span(span_s).replace(" ", "")) == span_s


@given(st.floats(0, 366 * 86400 - 1800))
def test_a_shown_span_is_off_by_half_of_its_smaller_unit_at_most(span_s: float) -> None:
    half_s = 0.5 if span_s < 599 else 30.5 if span_s < 172_700 else 1800.5
    assert abs(parse_span(format_span(span_s).replace(" ", "")) - span_s) <= half_s


# --- parse_when ---------------------------------------------------------------------------------

NOW = local("2026-11-23T10:00", LONDON)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("90s", NOW + 90),
        ("0", NOW),
        ("1d6h", NOW + 108000),
        ("07:00", local("2026-11-24T07:00", LONDON)),
        ("7:00", local("2026-11-24T07:00", LONDON)),
        ("10:00", local("2026-11-24T10:00", LONDON)),
        ("10:01", local("2026-11-23T10:01", LONDON)),
        ("10:00:01", local("2026-11-23T10:00:01", LONDON)),
        ("today 07:00", local("2026-11-23T07:00", LONDON)),
        ("tomorrow 07:00", local("2026-11-24T07:00", LONDON)),
        ("Tomorrow  23:59", local("2026-11-24T23:59", LONDON)),
        ("2026-07-01T07:00", datetime(2026, 7, 1, 6, tzinfo=UTC).timestamp()),
        ("2026-07-01 07:00", datetime(2026, 7, 1, 6, tzinfo=UTC).timestamp()),
        ("2026-07-01T07:00Z", datetime(2026, 7, 1, 7, tzinfo=UTC).timestamp()),
        ("2026-07-01T07:00:30.5Z", datetime(2026, 7, 1, 7, 0, 30, 500_000, UTC).timestamp()),
        ("2026-07-01T07:00+05:30", datetime(2026, 7, 1, 1, 30, tzinfo=UTC).timestamp()),
        ("2026-07-01T07:00-0400", datetime(2026, 7, 1, 11, tzinfo=UTC).timestamp()),
        ("2026-07-01", local("2026-07-01T00:00", LONDON)),
    ],
)
def test_an_instant_may_be_written_as(text: str, instant: float) -> None:
    assert parse_when(text, NOW, LONDON) == instant


NO_TIMES = ["", "soon", "24:00", "07:60", "7", "0700", "yesterday 07:00", "tomorrow", "-1h"]
NO_TIMES += ["2026-02-30T07:00", "2026-11-23T7", "2026-11-23T07", "2026-11-23T07:00X", "0000-01-01"]


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match=f"^{re.escape(repr(text))} is no time; write "):
        parse_when(text, NOW, LONDON)


def test_a_span_too_long_is_called_that() -> None:
    with pytest.raises(Mistake, match="longer than 366 days"):
        parse_when("400d", NOW, LONDON)


def test_an_instant_too_far_away_is_refused_as_a_span_would_be() -> None:
    with pytest.raises(Mistake):
        parse_when("9999-01-01T00:00", NOW, LONDON)


def test_an_instant_in_the_past_is_no_mistake() -> None:
    assert parse_when("2020-01-01T00:00Z", NOW, LONDON) < NOW


@pytest.mark.parametrize(
    ("now", "text", "instant"),
    [
        # Spring in Berlin: 02:00 to 03:00 is skipped on 29 March.
        ("2026-03-28T20:00", "07:00", "2026-03-29T07:00"),
        ("2026-03-28T20:00", "tomorrow 07:00", "2026-03-29T07:00"),
        ("2026-03-29T01:30", "07:00", "2026-03-29T07:00"),
        # Autumn: 02:00 to 03:00 is shown twice on 25 October.
        ("2026-10-24T20:00", "07:00", "2026-10-25T07:00"),
        ("2026-10-25T01:30", "tomorrow 01:30", "2026-10-26T01:30"),
        ("2026-10-25T01:30", "02:30", "2026-10-25T02:30"),
    ],
)
def test_a_wall_clock_time_is_kept_when_the_clocks_change(
    now: str, text: str, instant: str
) -> None:
    assert parse_when(text, local(now, BERLIN), BERLIN) == local(instant, BERLIN)


def test_a_time_that_the_clock_shows_again_tonight_is_the_next_one() -> None:
    now = local("2026-10-25T02:40", BERLIN, fold=0)
    assert parse_when("02:30", now, BERLIN) == local("2026-10-25T02:30", BERLIN, fold=1)


def test_in_the_repeated_hour_a_time_ahead_is_in_that_hour() -> None:
    now = local("2026-10-25T02:10", BERLIN, fold=1)
    assert parse_when("02:30", now, BERLIN) == local("2026-10-25T02:30", BERLIN, fold=1)


@pytest.mark.parametrize("now", ["2026-03-28T20:00", "2026-03-29T00:10", "2026-03-29T01:59"])
def test_a_time_that_is_skipped_tonight_is_not_put_off_for_a_day(now: str) -> None:
    skipped = parse_when("02:30", local(now, BERLIN), BERLIN)
    assert skipped == parse_when("2026-03-29T02:30", NOW, BERLIN)
    assert skipped == local("2026-03-29T03:30", BERLIN)


def test_a_skipped_time_asked_for_after_the_jump_is_tomorrows() -> None:
    now = local("2026-03-29T03:10", BERLIN)
    assert parse_when("02:30", now, BERLIN) == local("2026-03-30T02:30", BERLIN)


@given(changing_nights(), st.integers(4, 23), st.integers(0, 59))
def test_a_clock_time_outside_the_changing_hours_is_shown_when_it_is_reached(
    night: tuple[str, float], hour: int, minute: int
) -> None:
    zone = ZoneInfo(night[0])
    there = datetime.fromtimestamp(parse_when(f"{hour}:{minute:02d}", night[1], zone), zone)
    assert (there.hour, there.minute, there.second) == (hour, minute, 0)


@given(changing_nights(), st.integers(4, 23))
def test_a_clock_time_is_ahead_and_at_most_a_day_and_the_change_away(
    night: tuple[str, float], hour: int
) -> None:
    ahead_s = parse_when(f"{hour}:00", night[1], ZoneInfo(night[0])) - night[1]
    assert 0 < ahead_s <= 25 * 3600


# --- format_instant and format_local ------------------------------------------------------------

seconds_of_this_century = st.floats(0, 4_000_000_000)


def test_an_instant_is_shown_in_utc_with_milliseconds() -> None:
    assert format_instant(1795392000.25) == "2026-11-23T00:00:00.250Z"


@given(seconds_of_this_century)
@example(1_795_392_000.9996)
@example(1_795_392_000.123)
def test_an_instant_is_read_back_to_the_millisecond(instant: float) -> None:
    assert parse_when(format_instant(instant), instant, UTC) == round(instant, 3)


@given(seconds_of_this_century, seconds_of_this_century)
def test_instants_sort_as_text_as_they_do_in_time(one: float, other: float) -> None:
    earlier, later = sorted([one, other])
    assert format_instant(earlier) <= format_instant(later)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (NOW + 599, "10:09:59"),
        (NOW + 600, "10:10"),
        (NOW - 30, "09:59:30"),
        (NOW + 86400, "Tue 10:00"),
        (NOW + 6 * 86400, "Sun 10:00"),
        (NOW + 7 * 86400, "2026-11-30 10:00"),
    ],
)
def test_a_local_time_says_as_much_as_is_needed(instant: float, text: str) -> None:
    assert format_local(instant, LONDON, NOW) == text


def test_a_local_time_is_on_the_clock_of_its_own_day() -> None:
    now = local("2026-10-24T20:00", LONDON)
    assert format_local(now + 12 * 3600, LONDON, now) == "Sun 07:00"


# --- format_grams and format_kwh ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("grams", "text"),
    [
        (None, "unknown"),
        (0, "0 g"),
        (0.12, "120 mg"),
        (1.234, "1.23 g"),
        (840, "840 g"),
        (1300, "1.3 kg"),
        (-1300, "-1.3 kg"),
        (123_456, "123 kg"),
        (1_234_567, "1.23 t"),
        (1_234_567_890, "1,235 t"),
    ],
)
def test_grams_are_shown_in_a_unit_that_fits(grams: float | None, text: str) -> None:
    assert format_grams(grams) == text


@pytest.mark.parametrize(
    ("kwh", "text"),
    [
        (None, "unknown"),
        (0, "0 kWh"),
        (12.34, "12.3 kWh"),
        (1234.5, "1234 kWh"),
        (0.12, "120 Wh"),
        (0.00012, "120 mWh"),
        (-0.5, "-500 Wh"),
    ],
)
def test_energy_is_shown_in_a_unit_that_fits(kwh: float | None, text: str) -> None:
    assert format_kwh(kwh) == text


@given(st.floats(1e-6, 1e12))
@example(999_600_000.0)
def test_grams_are_never_shown_with_an_exponent(grams: float) -> None:
    assert "e" not in format_grams(grams)


@given(st.floats(1e-9, 1e9))
def test_energy_is_never_shown_with_an_exponent(kwh: float) -> None:
    assert "e" not in format_kwh(kwh)


@given(st.floats(1e-5, 1e12))
def test_shown_grams_are_off_by_half_a_percent_at_most(grams: float) -> None:
    number, unit = format_grams(grams).replace(",", "").split()
    shown = float(number) * {"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6}[unit]
    assert shown == pytest.approx(grams, rel=0.00501)


@given(st.floats(1e-8, 1e9))
def test_shown_energy_is_off_by_half_a_percent_at_most(kwh: float) -> None:
    number, unit = format_kwh(kwh).split()
    shown = float(number) * {"mWh": 1e-6, "Wh": 1e-3, "kWh": 1.0}[unit]
    assert shown == pytest.approx(kwh, rel=0.00501)
