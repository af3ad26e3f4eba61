"""What a file says at each moment, and what it keeps to itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intensity_files import ACTUALS, DAY, FORECASTS, HOUR_S, ISSUES, at, file_of, written

from carbonwait.core.intensity_csv import parse
from carbonwait.core.series import Series


def test_without_a_forecast_column_the_intensities_are_known_at_once() -> None:
    file = file_of(ACTUALS, "2026-11-23T00:00Z,1", "2026-11-25T00:00Z,2")
    slots = file.forecast_at(at("-0:00")).slots
    assert [(slot.g_per_kwh, slot.kind) for slot in slots] == [(1, "forecast"), (2, "forecast")]


def test_without_a_forecast_column_what_has_ended_is_actual() -> None:
    file = file_of(ACTUALS, "2026-11-23T00:00Z,1", "2026-11-23T01:00Z,2")
    assert [slot.kind for slot in file.forecast_at(at("1:00"))] == ["actual", "forecast"]


def test_the_intensity_of_a_slot_that_has_not_ended_is_never_planned_on() -> None:
    file = file_of(
        FORECASTS, "2026-11-23T00:00Z,1,10", "2026-11-23T01:00Z,2,", "2026-11-23T02:00Z,3,30"
    )
    slots = file.forecast_at(at("0:59")).slots
    assert [(slot.start, slot.g_per_kwh) for slot in slots] == [(at("0:00"), 10), (at("2:00"), 30)]


def test_the_intensity_of_a_slot_that_has_ended_counts() -> None:
    file = file_of(FORECASTS, "2026-11-23T00:00Z,1,10", "2026-11-23T01:00Z,2,20")
    slots = file.forecast_at(at("1:00")).slots
    assert [(slot.g_per_kwh, slot.kind) for slot in slots] == [(1, "actual"), (20, "forecast")]


def test_a_slot_that_has_ended_without_an_intensity_keeps_its_forecast() -> None:
    file = file_of(FORECASTS, "2026-11-23T00:00Z,,10", "2026-11-23T01:00Z,2,20")
    slot = file.forecast_at(at("5:00")).slots[0]
    assert (slot.g_per_kwh, slot.kind) == (10, "forecast")


def test_without_issues_a_forecast_is_issued_at_midnight_of_its_own_day() -> None:
    file = file_of(FORECASTS, "2026-11-23T23:00Z,,10", "2026-11-24T00:00Z,,20")
    known = [
        [slot.g_per_kwh for slot in file.forecast_at(now)]
        for now in (at("-23:59"), at("0:00"), at("23:59"), at("+0:00"))
    ]
    assert known == [[], [10], [10], [10, 20]]


def test_the_latest_issue_that_is_out_counts() -> None:
    file = file_of(
        ISSUES,
        "2026-11-23T12:00Z,,30,2026-11-23T08:00Z",
        "2026-11-23T12:00Z,,10,2026-11-22T20:00Z",
        "2026-11-23T12:00Z,,20,2026-11-23T06:00Z",
    )
    known = [
        [slot.g_per_kwh for slot in file.forecast_at(now)]
        for now in (at("-19:59"), at("-20:00"), at("6:00"), at("7:59"), at("8:00"))
    ]
    assert known == [[], [10], [20], [20], [30]]


def test_an_issue_without_a_value_leaves_the_one_before_in_force() -> None:
    file = file_of(
        ISSUES,
        "2026-11-23T12:00Z,,10,2026-11-23T06:00Z",
        "2026-11-23T12:00Z,,,2026-11-23T08:00Z",
    )
    assert file.forecast_at(at("9:00")).at(at("12:00")) == 10


def test_an_actual_may_stand_on_a_row_of_its_own() -> None:
    file = file_of(ISSUES, "2026-11-23T12:00Z,,10,2026-11-23T06:00Z", "2026-11-23T12:00Z,9,,")
    assert file.actuals().at(at("12:00")) == 9
    assert file.forecast_at(at("6:00")).at(at("12:00")) == 10


def test_a_row_without_its_issue_is_issued_at_midnight() -> None:
    file = file_of(ISSUES, "2026-11-23T12:00Z,,10,")
    assert file.issued_at(at("0:00")) == at("0:00")


def test_the_issue_in_force_is_the_latest_one_for_what_lies_ahead() -> None:
    file = file_of(
        ISSUES,
        "2026-11-23T06:00Z,,10,2026-11-23T05:30Z",
        "2026-11-23T07:00Z,,10,2026-11-23T05:00Z",
    )
    assert file.issued_at(at("4:59")) is None
    assert file.issued_at(at("6:30")) == at("5:30")
    assert file.issued_at(at("7:00")) == at("5:00")
    assert file.issued_at(at("8:00")) is None


def test_the_next_issue_is_the_first_one_that_is_still_to_come() -> None:
    file = file_of(
        ISSUES,
        "2026-11-23T12:00Z,,10,2026-11-23T06:00Z",
        "2026-11-23T12:00Z,,20,2026-11-23T08:00Z",
        "2026-11-23T13:00Z,,20,2026-11-23T07:00Z",
    )
    moments = (at("5:00"), at("6:00"), at("7:30"), at("8:00"))
    assert [file.next_issue_after(now) for now in moments] == [
        at("6:00"),
        at("7:00"),
        at("8:00"),
        None,
    ]


def test_a_forecast_for_what_will_be_over_is_no_news() -> None:
    file = file_of(ISSUES, "2026-11-23T12:00Z,,10,2026-11-23T14:00Z")
    assert file.next_issue_after(at("11:00")) is None


def test_a_file_without_forecasts_has_no_issue() -> None:
    file = file_of(ACTUALS, "2026-11-23T12:00Z,10")
    assert (file.issued_at(at("0:00")), file.next_issue_after(at("0:00"))) == (None, None)


@given(st.data())
def test_nothing_is_planned_on_before_it_is_out(data: st.DataObject) -> None:
    """Whatever is changed about the future, the plan of now stays the same."""
    hours = st.integers(0, 30)
    cells = st.tuples(st.booleans(), st.none() | st.integers(0, 900))
    table = data.draw(st.dictionaries(st.tuples(hours, hours), cells, min_size=1))
    now = at("0:00") + data.draw(hours) * HOUR_S

    def text(lie: int) -> str:
        lines = [ISSUES]
        for (hour, issue), (has_actual, forecast) in table.items():
            start, issued = DAY + hour * HOUR_S, DAY + issue * HOUR_S
            actual = 10 * hour + lie * (start + HOUR_S > now)
            guess = None if forecast is None else forecast + lie * (issued > now)
            lines.append(
                f"{written(start)},{actual if has_actual else ''},"
                f"{'' if guess is None else guess},{written(issued)}"
            )
        return "\n".join(lines)

    honest, lying = (parse(text(lie), "grid.csv") for lie in (0, 1))
    assert honest.forecast_at(now) == lying.forecast_at(now)


# --- for those who must not see a later issue ---------------------------------------------------


HOUR_0 = int(DAY // HOUR_S)


def test_an_hour_has_the_mean_of_the_issues_in_force_then() -> None:
    issued = file_of(
        ISSUES,
        "2026-11-23T00:00Z,1,100,2026-11-22T12:00Z",
        "2026-11-23T00:30Z,1,200,2026-11-22T12:00Z",
        "2026-11-23T00:30Z,1,300,2026-11-22T18:00Z",
        "2026-11-23T01:00Z,1,400,2026-11-22T18:00Z",
    ).issued()
    assert issued.hours(at("-11:59"), HOUR_0, 2) == [None, None]
    assert issued.hours(at("-12:00"), HOUR_0, 2) == [150, None]
    assert issued.hours(at("-18:00"), HOUR_0 - 1, 3) == [None, 200, None]
    assert issued.hours(at("-18:00"), HOUR_0, 0) == []


def test_a_row_that_is_longer_than_an_hour_counts_in_each_of_them() -> None:
    issued = file_of(
        ISSUES,
        "2026-11-23T00:30Z,,100,2026-11-22T12:00Z",
        "2026-11-23T02:30Z,,200,2026-11-22T12:00Z",
    ).issued()
    assert issued.hours(DAY, HOUR_0, 6) == [None, 100, 150, 200, None, None]


def test_rows_of_parts_of_a_second_make_whole_hours() -> None:
    step_s = HOUR_S / 7000
    lines = [f"{written(DAY + i * step_s)},,100" for i in range(14_001)]
    hours = file_of(FORECASTS, *lines).issued().hours(DAY, HOUR_0, 2)
    assert list(hours) == pytest.approx([100, 100])


def test_the_steps_are_those_that_have_not_ended_up_to_the_bound() -> None:
    rows = [f"2026-11-23T{hour:02d}:00Z,1,{hour},2026-11-22T12:00Z" for hour in range(10)]
    issued = file_of(ISSUES, *rows).issued()
    series = issued.series(at("3:30"), at("6:00"))
    assert [(slot.start, slot.g_per_kwh) for slot in series] == [
        (at("3:00"), 3),
        (at("4:00"), 4),
        (at("5:00"), 5),
    ]
    assert [slot.g_per_kwh for slot in issued.series(at("4:00"), at("4:01"))] == [4]
    assert not issued.series(at("-11:00"), at("9:00"))
    assert not issued.series(at("+11:00"), at("+12:00"))
    assert not issued.series(at("5:00"), at("4:00"))


def test_actuals_are_no_issues() -> None:
    issued = file_of(ACTUALS, "2026-11-23T00:00Z,1", "2026-11-23T01:00Z,1").issued()
    assert issued.hours(at("+9:00"), HOUR_0, 2) == [None, None]
    assert not issued.series(DAY, at("2:00"))
    assert issued.news(0.0) == float("inf")


def test_news_are_looked_at_on_the_edge_of_a_row() -> None:
    issued = file_of(
        ISSUES,
        "2026-11-23T00:00Z,1,100,2026-11-22T12:00Z",
        "2026-11-23T00:30Z,1,200,2026-11-23T00:10Z",
        "2026-11-23T01:00Z,1,400,2026-11-23T01:00Z",
        "2026-11-23T01:30Z,1,400,2026-11-23T09:00Z",
    ).issued()
    looks = [issued.news(at(clock)) for clock in ("-11:00", "0:00", "0:30", "1:00")]
    assert looks == [DAY, at("0:30"), at("1:00"), float("inf")]


@given(st.data())
def test_issues_are_those_of_the_forecast_at_each_moment(data: st.DataObject) -> None:
    minutes = data.draw(st.sampled_from([15, 30, 60, 180]))
    rows = []
    for index in range(data.draw(st.integers(2, 40))):
        start = DAY + index * minutes * 60
        for lead_h in data.draw(st.sets(st.integers(-2, 30), max_size=3)):
            forecast = data.draw(st.integers(0, 900))
            rows.append(f"{written(start)},7,{forecast},{written(start - lead_h * HOUR_S)}")
        rows.append(f"{written(start)},7,,{written(start + 90 * HOUR_S)}")
    file = file_of(ISSUES, *rows)
    now = DAY + data.draw(st.integers(-30 * 60, 60 * 60)) * 60
    until = now + data.draw(st.integers(0, 40)) * HOUR_S
    issued = file.issued()
    expected = [s for s in file.forecast_at(now) if s.end > now and s.start < until]
    assert list(issued.series(now, until)) == expected
    first = int(now // HOUR_S) + 3
    ahead = Series(s for s in file.forecast_at(now) if s.end > now)
    means = [ahead.mean(h * HOUR_S, (h + 1) * HOUR_S) for h in range(first, first + 20)]
    if all(row.end > now for row in file.rows if row.start >= (first - 3) * HOUR_S):
        assert issued.hours(now, first, 20) == [m if m is None else pytest.approx(m) for m in means]
