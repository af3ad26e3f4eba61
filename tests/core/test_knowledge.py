"""What can be known at one moment."""

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.forecaster import HOUR_S, ObservedHour, history_forecast, observed_hours
from carbonwait.core.issues import Blended
from carbonwait.core.knowledge import (
    Issue,
    IssuedHours,
    Knowledge,
    issue_of,
    issued_by,
    known_at,
)
from carbonwait.core.series import Series, Slot

DAY_S = 24 * HOUR_S
BEGIN = MIDNIGHT


def value(at: float) -> float:
    return 200.0 + (at // HOUR_S * 7) % 24 + (at // HOUR_S * 13) % 5


def past(hours: int, *, begin: float = BEGIN, step_s: float = HOUR_S) -> Series:
    return Series(
        Slot(begin + i * step_s, begin + (i + 1) * step_s, value(begin + i * step_s), "actual")
        for i in range(round(hours * HOUR_S / step_s))
    )


def hours_of(series: Series) -> list[ObservedHour]:
    return list(observed_hours(series, series.edges[0], series.edges[-1]))


class Recorded:
    """Issues that say 500 for the hours listed, and keep what they were asked."""

    def __init__(self, first: float, last: float, step_s: float = HOUR_S) -> None:
        count = round((last - first) / step_s)
        self.steps = Series(
            Slot(first + i * step_s, first + (i + 1) * step_s, 500.0) for i in range(count)
        )
        self.asked: list[tuple[float, int]] = []

    def hours(self, now: float, first: int, count: int) -> Sequence[float | None]:
        self.asked.append((now, first))
        spans = ((hour * HOUR_S, (hour + 1) * HOUR_S) for hour in range(first, first + count))
        return [self.steps.mean(*span) for span in spans]

    def series(self, now: float, until: float) -> Series:
        return Series(s for s in self.steps if s.end > now and s.start < until)

    def issued(self) -> IssuedHours:
        return IssuedHours(self.hours, self.series)


# --- from the past ------------------------------------------------------------------------------


@given(st.integers(60, 24 * 8), st.integers(0, 3599))
def test_at_each_moment_it_forecasts_as_if_nothing_came_after(hours: int, offset_s: int) -> None:
    series = past(24 * 9)
    walked = Knowledge(iter(hours_of(series)))
    now = BEGIN + hours * HOUR_S + offset_s
    for at in (now - 30 * HOUR_S, now - HOUR_S / 3, now):
        found = walked.outlook(at, at + DAY_S)
    assert found == history_forecast(hours_of(series.between(BEGIN, now)), now, now + DAY_S)


@pytest.mark.parametrize("hours", [0, 5, 71])
def test_too_little_of_the_past_says_nothing(hours: int) -> None:
    now = BEGIN + hours * HOUR_S
    assert not Knowledge.of(past(hours)).outlook(now, now + DAY_S)


def test_an_hour_counts_only_once_it_has_ended() -> None:
    for now, known in ((BEGIN + 72 * HOUR_S - 1e-3, False), (BEGIN + 72 * HOUR_S, True)):
        assert bool(Knowledge.of(past(100)).outlook(now, now + HOUR_S)) == known


@pytest.mark.parametrize("until_s", [0.0, -HOUR_S, -3 * DAY_S])
def test_no_time_ahead_is_no_outlook(until_s: float) -> None:
    now = BEGIN + 100 * HOUR_S + 5
    issues = Recorded(BEGIN, BEGIN + 200 * HOUR_S).issued()
    for knowledge in (Knowledge.of(past(100)), Knowledge.of(past(100), issues)):
        outlook = knowledge.outlook(now, now + until_s)
        assert all(slot.start < now + max(until_s, 0) + HOUR_S for slot in outlook)


def test_after_a_long_gap_what_is_too_old_is_not_learnt_from() -> None:
    now = BEGIN + 400 * DAY_S
    assert not Knowledge.of(past(24 * 10)).outlook(now, now + DAY_S)


# --- slots that end later than an hour ----------------------------------------------------------


def test_what_was_observed_in_a_slot_is_known_at_its_end() -> None:
    series = Series([*past(6, step_s=3 * HOUR_S), *past(2, begin=BEGIN + 8 * HOUR_S)])
    for at_h, known_h in ((0, 0), (1, 3), (2.9, 3), (3, 3), (4, 6), (7, 7), (9, 9), (11, 11)):
        assert known_at(series, BEGIN + at_h * HOUR_S) == BEGIN + known_h * HOUR_S


@pytest.mark.parametrize(("step_h", "shift_h"), [(3, 0), (6, 0), (1, 0.5), (3, 0.25)])
def test_a_walk_learns_of_no_slot_before_its_end(step_h: float, shift_h: float) -> None:
    series = past(24 * 6, begin=BEGIN - shift_h * HOUR_S, step_s=step_h * HOUR_S)
    for slot in series.slots[-5:]:
        for now in (slot.start, slot.start + 1, slot.end - 1):
            ended = Series(s for s in series if s.end <= now)
            found = Knowledge.of(series).outlook(now, now + DAY_S)
            assert found == Knowledge.of(ended).outlook(now, now + DAY_S)
            assert found


def test_news_are_the_next_hour_observation_or_issue() -> None:
    knowledge = Knowledge.of(past(12, begin=BEGIN - HOUR_S / 2, step_s=3 * HOUR_S))
    now = BEGIN + 2 * HOUR_S
    knowledge.outlook(now, now + HOUR_S)
    assert knowledge.next_news(now) == BEGIN + 2.5 * HOUR_S
    assert knowledge.next_news(BEGIN + 2.5 * HOUR_S) == BEGIN + 3 * HOUR_S
    issues = Recorded(BEGIN, BEGIN + DAY_S)
    tidings = IssuedHours(issues.hours, issues.series, lambda now: now + 60)
    assert Knowledge(iter(()), tidings).next_news(now) == now + 60
    assert Knowledge(iter(()), issues.issued()).next_news(now + 1) == now + HOUR_S
    assert issues.issued().news(now) == inf


# --- with issues --------------------------------------------------------------------------------


def test_where_nothing_has_been_issued_the_past_fills_in_or_not() -> None:
    now = BEGIN + 100 * HOUR_S
    issues = Recorded(now, now + 6 * HOUR_S)
    whole = Knowledge.of(past(100), issues.issued()).outlook(now, now + 12 * HOUR_S)
    assert whole.covers(now, now + 12 * HOUR_S)
    issued = Knowledge.of(past(100), issues.issued()).outlook(now, now + 12 * HOUR_S, fill=False)
    assert (issued.edges[0], issued.edges[-1]) == (now, now + 6 * HOUR_S)
    none = Recorded(now - DAY_S, now - DAY_S + HOUR_S).issued()
    assert not Knowledge.of(past(100), none).outlook(now, now + DAY_S, fill=False)
    alone = Knowledge.of(past(100)).outlook(now, now + DAY_S)
    assert Knowledge.of(past(100), none).outlook(now, now + DAY_S) == alone


def test_an_issue_of_which_no_error_is_known_is_taken_as_it_is() -> None:
    now = BEGIN + 100 * HOUR_S
    issues = Recorded(now, now + DAY_S, 1800.0)
    outlook = Knowledge(iter(()), issues.issued()).outlook(now, now + 5 * HOUR_S)
    assert outlook == Series(Slot(now + i * 1800, now + (i + 1) * 1800, 500.0) for i in range(10))


def test_an_issue_keeps_its_finer_steps_when_it_is_blended() -> None:
    now = BEGIN + 200 * HOUR_S
    issues = Recorded(BEGIN, now + DAY_S, 900.0)
    outlook = Knowledge.of(past(200), issues.issued()).outlook(now, now + 5 * HOUR_S)
    assert len(outlook) == 20
    assert all(200 < slot.g_per_kwh < 500 and slot.sigma_g_per_kwh > 0 for slot in outlook)


def test_no_issue_is_asked_for_as_of_a_later_moment() -> None:
    issues = Recorded(BEGIN, BEGIN + 300 * HOUR_S)
    knowledge = Knowledge.of(past(200), issues.issued())
    for hour in (80, 81, 81.5, 90):
        now = BEGIN + hour * HOUR_S
        knowledge.outlook(now, now + DAY_S)
        assert all(at <= now for at, _ in issues.asked)
        assert all(first * HOUR_S <= at < (first + 1) * HOUR_S for at, first in issues.asked)


@pytest.mark.parametrize("step_h", [1, 3])
def test_no_moment_is_remembered_twice(step_h: int, monkeypatch: pytest.MonkeyPatch) -> None:
    issues = Recorded(BEGIN, BEGIN + 300 * HOUR_S)
    knowledge = Knowledge.of(past(201, step_s=step_h * HOUR_S), issues.issued())
    remembered = []
    plain = knowledge._issues.blend

    def blend(
        first: int,
        issued: Sequence[float | None],
        history: Sequence[float | None],
        *,
        remember: bool = True,
    ) -> list[Blended | None]:
        if remember:
            remembered.append(first)
        return plain(first, issued, history, remember=remember)

    monkeypatch.setattr(knowledge._issues, "blend", blend)
    for half_hours in [*range(160, 200), *range(300, 320), 400]:
        now = BEGIN + half_hours * HOUR_S / 2
        knowledge.outlook(now, now + DAY_S)
        knowledge.outlook(now, now + HOUR_S)
    assert len(remembered) == len(set(remembered)) > 150


def test_when_it_was_asked_before_does_not_change_what_is_known() -> None:
    series = past(200)
    asked = Knowledge.of(series, Recorded(BEGIN, BEGIN + 300 * HOUR_S).issued())
    silent = Knowledge.of(series, Recorded(BEGIN, BEGIN + 300 * HOUR_S).issued())
    for hour in range(100, 150):
        asked.outlook(BEGIN + hour * HOUR_S, BEGIN + (hour + 9) * HOUR_S)
    now = BEGIN + 180 * HOUR_S
    assert asked.outlook(now, now + DAY_S) == silent.outlook(now, now + DAY_S)


# --- issues that have been kept -----------------------------------------------------------------


def test_a_forecast_is_kept_by_its_hours() -> None:
    half_hours = past(3, step_s=HOUR_S / 2)
    kept = issue_of(BEGIN + 600, half_hours)
    assert (kept.made, kept.first) == (BEGIN + 600, int(BEGIN // HOUR_S) + 1)
    spans = [(BEGIN + HOUR_S * h, BEGIN + HOUR_S * (h + 1)) for h in (1, 2)]
    assert kept.means == [half_hours.mean(*span) for span in spans]


def test_a_forecast_that_covers_no_hour_is_kept_as_nothing() -> None:
    assert issue_of(BEGIN, Series()).means == []
    assert issue_of(BEGIN + 10, Series([Slot(BEGIN, BEGIN + 60, 1.0)])).means == []


def test_the_latest_issue_by_then_is_in_force_for_a_day() -> None:
    first = int(BEGIN // HOUR_S)
    kept = [Issue(BEGIN, first, [1.0, 2.0, 3.0]), Issue(BEGIN + HOUR_S, first + 1, [20.0, 30.0])]
    issued = issued_by(kept, past(3))
    assert issued.hours(BEGIN, first, 4) == [1.0, 2.0, 3.0, None]
    assert issued.hours(BEGIN + HOUR_S, first, 4) == [None, 20.0, 30.0, None]
    assert issued.hours(BEGIN - 1, first, 2) == [None, None]
    assert issued.hours(BEGIN + HOUR_S + DAY_S + 1, first, 2) == [None, None]
    assert issued.series(BEGIN + 600, BEGIN + 1200) == past(3).between(BEGIN + 600, BEGIN + 1200)


def test_issues_that_were_always_too_high_are_corrected() -> None:
    observed = past(24 * 10)
    now = observed.edges[-1]
    first = int(BEGIN // HOUR_S)
    made = [
        Issue(at, int(at // HOUR_S), [value(at + HOUR_S * h) + 80 for h in range(48)])
        for at in (BEGIN + 12 * HOUR_S * n for n in range(20))
    ]
    coming = Series(
        Slot(now + HOUR_S * h, now + HOUR_S * (h + 1), value(now + HOUR_S * h) + 80)
        for h in range(24)
    )
    assert first == made[0].first
    knowledge = Knowledge(iter(hours_of(observed)), issued_by(made, coming))
    found = knowledge.outlook(now, now + DAY_S, fill=False)
    off = [slot.g_per_kwh - value(slot.start) for slot in found]
    assert max(map(abs, off[:12])) < 20
