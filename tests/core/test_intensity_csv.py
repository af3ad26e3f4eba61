from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.errors import Mistake
from carbonwait.core.intensity_csv import IntensityFile, parse
from carbonwait.core.series import Series, Slot

HOUR_S = 3600.0
DAY = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
ACTUALS = "datetime_utc,intensity_gco2_per_kwh"
FORECASTS = f"{ACTUALS},forecast_gco2_per_kwh"
ISSUES = f"{FORECASTS},issued_utc"


def file_of(header: str, *rows: str) -> IntensityFile:
    return parse("\n".join([header, *rows, ""]), "grid.csv")


def at(clock: str) -> float:
    """An instant of the day, or of the day before or after with `-` or `+` in front."""
    shift = {"-": -1, "+": 1}.get(clock[0], 0)
    hours, minutes = clock.lstrip("+-").split(":")
    return DAY + shift * 24 * HOUR_S + int(hours) * HOUR_S + int(minutes) * 60


def written(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat()


def told(mistake: pytest.ExceptionInfo[Mistake]) -> str:
    return str(mistake.value)


# --- reading ------------------------------------------------------------------------------------


def test_a_row_is_the_interval_that_begins_at_its_instant() -> None:
    file = file_of(ACTUALS, "2026-11-23T00:00:00Z,120.5", "2026-11-23T00:30:00Z,90")
    assert file.actuals() == Series(
        [
            Slot(at("0:00"), at("0:30"), 120.5, "actual"),
            Slot(at("0:30"), at("1:00"), 90.0, "actual"),
        ]
    )


def test_an_instant_without_an_offset_is_utc() -> None:
    file = file_of(ACTUALS, "2026-11-23 05:00,1")
    assert file.rows[0].start == at("5:00")


def test_an_offset_is_taken_into_account() -> None:
    file = file_of(ACTUALS, "2026-11-23T05:00+02:00,1")
    assert file.rows[0].start == at("3:00")


def test_a_date_is_its_midnight() -> None:
    file = file_of(ACTUALS, "2026-11-23,1")
    assert file.rows[0].start == at("0:00")


def test_rows_in_any_order_are_sorted() -> None:
    file = file_of(ACTUALS, "2026-11-23T02:00Z,3", "2026-11-23T00:00Z,1", "2026-11-23T01:00Z,2")
    assert [row.g_per_kwh for row in file.rows] == [1, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{ACTUALS}\n2026-11-23T00:00Z,120\n",
        f"{ACTUALS}\r\n2026-11-23T00:00Z,120\r\n",
        f"{ACTUALS}\r2026-11-23T00:00Z,120\r",
        f"{ACTUALS}\n2026-11-23T00:00Z,120",
        f"{ACTUALS}\n2026-11-23T00:00Z,120\n\n  \n\n",
        f"\n\n{ACTUALS}\n2026-11-23T00:00Z,120\n",
        " datetime_utc , intensity_gco2_per_kwh \n 2026-11-23T00:00Z , 120 \n",
        "intensity_gco2_per_kwh,datetime_utc\n120,2026-11-23T00:00Z\n",
        "zone,datetime_utc,note,intensity_gco2_per_kwh\nGB,2026-11-23T00:00Z,,120\n",
        '"datetime_utc", "intensity_gco2_per_kwh"\n"2026-11-23T00:00Z", "120"\n',
        f"{ACTUALS}\n2026-11-23T00:00Z,120,,\n",
    ],
    ids=[
        "byte order mark",
        "Windows line ends",
        "old Mac line ends",
        "no last line end",
        "blank lines at the end",
        "blank lines at the beginning",
        "spaces",
        "other order",
        "other columns",
        "quotes",
        "commas at the end",
    ],
)
def test_spreadsheets_may_write_it_their_way(text: str) -> None:
    assert parse(text, "grid.csv").actuals().slots == (
        Slot(at("0:00"), at("1:00"), 120.0, "actual"),
    )


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_lacks_its_columns(text: str) -> None:
    with pytest.raises(Mistake, match=r"grid\.csv, line 1: column datetime_utc is missing; name"):
        parse(text, "grid.csv")


def test_a_file_without_rows_is_a_mistake() -> None:
    with pytest.raises(Mistake, match=r"grid\.csv has no row; write"):
        file_of(ISSUES)


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("datetime_utc;intensity_gco2_per_kwh", "datetime_utc"),
        ("2026-11-23T00:00Z,120", "datetime_utc"),
        ("datetime_utc,intensity", "intensity_gco2_per_kwh"),
        ("datetime_utc,forecast_gco2_per_kwh", "intensity_gco2_per_kwh"),
    ],
)
def test_a_missing_column_is_named(header: str, missing: str) -> None:
    with pytest.raises(Mistake, match=f"line 1: column {missing} is missing"):
        file_of(header, "2026-11-23T00:00Z,120")


def test_a_column_that_is_there_twice_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="line 1: column intensity_gco2_per_kwh is there twice"):
        file_of(f"{ACTUALS},intensity_gco2_per_kwh", "2026-11-23T00:00Z,120,130")


def test_issues_need_forecasts() -> None:
    with pytest.raises(Mistake, match="line 1: issued_utc goes with a column forecast_gco2"):
        file_of(f"{ACTUALS},issued_utc", "2026-11-23T00:00Z,120,2026-11-23T00:00Z")


@pytest.mark.parametrize(
    "value",
    ["nan", "inf", "-inf", "-1", "-0.001", "5000.1", "1e9", "1_000", "12.5.2", "n/a", "0x1"],
)
@pytest.mark.parametrize("column", [1, 2])
def test_a_value_that_is_no_intensity_is_a_mistake(value: str, column: int) -> None:
    cells = ["2026-11-23T01:00Z", "100", "100"]
    cells[column] = value
    with pytest.raises(Mistake) as mistake:
        file_of(FORECASTS, "2026-11-23T00:00Z,100,100", ",".join(cells))
    name = FORECASTS.split(",")[column]
    assert told(mistake).startswith(f"grid.csv, line 3: {name} {value!r} is no number from 0 to")


@pytest.mark.parametrize("value", ["0", "-0", "5000", "1e3", "0.5"])
def test_the_ends_of_the_range_are_intensities(value: str) -> None:
    assert file_of(ACTUALS, f"2026-11-23T00:00Z,{value}").rows[0].g_per_kwh == float(value)


@pytest.mark.parametrize(
    "cell",
    ["", "yesterday", "2026-13-01", "2026-11-23T25:00Z", "23.11.2026 05:00", "1795392000",
     "1969-12-31T23:59Z", "2201-01-01", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59"],
)  # fmt: skip
def test_a_cell_that_is_no_instant_is_a_mistake(cell: str) -> None:
    with pytest.raises(Mistake) as mistake:
        file_of(ACTUALS, "2026-11-23T00:00Z,1", f"{cell},2")
    assert told(mistake).startswith(f"grid.csv, line 3: datetime_utc {cell!r} is no instant from")


def test_an_issue_that_is_no_instant_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="line 2: issued_utc 'noon' is no instant"):
        file_of(ISSUES, "2026-11-23T00:00Z,1,2,noon")


@pytest.mark.parametrize("row", ["2026-11-23T00:00Z", "2026-11-23T00:00Z,12,5,", ",,,9"])
def test_a_row_with_too_few_or_too_many_cells_is_a_mistake(row: str) -> None:
    with pytest.raises(Mistake, match=r"line 2: the row has \d cells where the column"):
        file_of(ACTUALS, row)


def test_a_quote_that_does_not_end_is_a_mistake() -> None:
    with pytest.raises(Mistake, match=r"grid\.csv, line 3: "):
        file_of(ACTUALS, "2026-11-23T00:00Z,1", '"2026-11-23T01:00Z,2', "2026-11-23T02:00Z,3")


def test_a_cell_that_is_too_long_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="line 2: field larger than field limit"):
        file_of(ACTUALS, "x" * 200_000)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(Mistake) as mistake:
        file_of(ACTUALS, f"2026-11-23T00:00Z,{'9' * 1000}")
    assert len(told(mistake)) < 200


def test_a_mistake_counts_lines_as_an_editor_does() -> None:
    with pytest.raises(Mistake, match="line 5: "):
        parse(f"{ACTUALS}\r\n\r\n2026-11-23T00:00Z,1\r\n\r\n2026-11-23T01:00Z,x\r\n", "grid.csv")


def test_an_instant_that_occurs_twice_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="line 3: datetime_utc occurs twice without issued_utc"):
        file_of(FORECASTS, "2026-11-23T00:00Z,1,2", "2026-11-23T00:00:00+00:00,1,3")


def test_one_issue_that_occurs_twice_is_a_mistake() -> None:
    row = "2026-11-23T12:00Z,1,2,2026-11-23T06:00Z"
    with pytest.raises(Mistake, match="line 3: datetime_utc occurs twice with one issued_utc"):
        file_of(ISSUES, row, row)


def test_intensities_that_differ_between_issues_are_a_mistake() -> None:
    with pytest.raises(Mistake, match="line 3: intensity_gco2_per_kwh is 8 here and 7 before"):
        file_of(
            ISSUES,
            "2026-11-23T12:00Z,7,2,2026-11-23T06:00Z",
            "2026-11-23T12:00Z,8,2,2026-11-23T07:00Z",
        )


@pytest.mark.parametrize(
    "intensities", [("7", "7", "7"), ("7", "", ""), ("", "", "7"), ("", "7", "")]
)
def test_an_intensity_may_be_repeated_or_left_out_on_further_issues(
    intensities: tuple[str, ...],
) -> None:
    rows = (
        f"2026-11-23T12:00Z,{intensity},2,2026-11-23T0{hour}:00Z"
        for hour, intensity in enumerate(intensities)
    )
    assert file_of(ISSUES, *rows).rows[0].g_per_kwh == 7


@given(st.text() | st.text("0123456789-:TZ,.\n\r\"' +naif"))
def test_any_text_is_a_file_or_a_mistake_of_one_line(text: str) -> None:
    for header in ("", f"{ACTUALS}\n", f"{ISSUES}\n"):
        try:
            told = f"{len(parse(header + text, 'grid.csv').rows)} rows"
        except Mistake as mistake:
            told = str(mistake)
        assert told.isprintable()


# --- how long a row lasts -----------------------------------------------------------------------


def lengths(*hours: float) -> list[float]:
    """The lengths in hours of rows that begin at these hours."""
    rows = (f"{written(DAY + hour * HOUR_S)},1" for hour in hours)
    return [(row.end - row.start) / HOUR_S for row in file_of(ACTUALS, *rows).rows]


def test_a_single_row_lasts_an_hour() -> None:
    assert lengths(5) == [1]


def test_the_last_row_lasts_as_long_as_the_one_before() -> None:
    assert lengths(0, 1, 2, 4, 6) == [1, 1, 2, 2, 2]


def test_a_row_before_a_hole_lasts_as_long_as_the_step_before_it() -> None:
    assert lengths(0, 1, 2, 8, 9) == [1, 1, 1, 1, 1]


def test_three_median_steps_are_no_hole() -> None:
    assert lengths(0, 1, 2, 3, 6, 7) == [1, 1, 1, 3, 1, 1]


def test_a_row_between_two_holes_lasts_the_median_step() -> None:
    assert lengths(0, 1, 2, 3, 4, 20, 40, 41, 42) == [1, 1, 1, 1, 1, 1, 1, 1, 1]


def test_a_first_row_before_a_hole_lasts_the_median_step() -> None:
    assert lengths(0, 20, 21, 22) == [1, 1, 1, 1]


def test_a_file_may_change_its_step() -> None:
    assert lengths(0, 1, 2, 2.5, 3, 3.5) == [1, 1, 0.5, 0.5, 0.5, 0.5]


def test_a_row_without_values_is_a_hole_of_its_own_length() -> None:
    file = file_of(ACTUALS, "2026-11-23T00:00Z,1", "2026-11-23T01:00Z,", "2026-11-23T02:00Z,1")
    assert file.actuals().gaps(at("0:00"), at("3:00")) == [(at("1:00"), at("2:00"))]


def test_the_end_is_that_of_the_last_row_even_if_it_is_empty() -> None:
    file = file_of(ACTUALS, "2026-11-23T00:00Z,1", "2026-11-23T01:00Z,")
    assert file.ends == at("2:00")


def test_the_edges_are_the_starts_and_ends_of_all_rows() -> None:
    file = file_of(ACTUALS, "2026-11-23T00:00Z,1", "2026-11-23T01:00Z,")
    assert file.edges == [at("0:00"), at("1:00"), at("2:00")]


@given(st.sets(st.integers(0, 10**11), min_size=2, max_size=20))
def test_rows_last_as_the_contract_says(microseconds: set[int]) -> None:
    starts = [DAY + whole / 1e6 for whole in sorted(microseconds)]
    rows = (f"{written(start)},1" for start in starts)
    found = file_of(ACTUALS, *rows).rows
    begins = [row.start for row in found]
    steps = [after - before for before, after in pairwise(begins)]
    for index, row in enumerate(found[:-1]):
        around = steps[max(0, index - 1) : index + 1]
        usual = [step for step in around if step <= 3 * median(steps)] or [median(steps)]
        assert row.end == pytest.approx(row.start + min(steps[index], max(usual)), abs=1e-6)
        assert row.end <= begins[index + 1]
    assert found[-1].end - found[-1].start == pytest.approx(
        found[-2].end - found[-2].start, abs=1e-6
    )


# --- what is known when -------------------------------------------------------------------------


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
