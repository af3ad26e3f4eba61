from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intensity_files import ACTUALS, DAY, FORECASTS, HOUR_S, ISSUES, at, file_of, written

from carbonwait.core.errors import Mistake
from carbonwait.core.intensity_csv import parse
from carbonwait.core.series import Series, Slot


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
