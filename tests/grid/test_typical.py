from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import carbonwait
from carbonwait.core.errors import ProviderUnavailable
from carbonwait.grid import typical
from carbonwait.grid.typical import has_table, table_zones, typical_series

HOUR_S = 3600.0


def at(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("zone", "month", "hour", "g_per_kwh"),
    [
        ("AT", 1, 0, 293),
        ("AT", 1, 3, 297),
        ("GB", 1, 0, 155),
        ("GB", 7, 12, 134),
        ("ZA", 12, 23, 721),
    ],
)
def test_figures_stand_at_their_month_and_hour(
    zone: str, month: int, hour: int, g_per_kwh: float
) -> None:
    start = at(2026, month, 15, hour)
    assert typical_series(zone, start, start + HOUR_S).at(start) == g_per_kwh


def test_each_slot_is_one_whole_hour_even_between_equal_ones() -> None:
    slots = typical_series("HK", at(2026, 11, 23), at(2026, 11, 24)).slots
    assert [(slot.start, slot.end) for slot in slots] == [
        (at(2026, 11, 23, hour), at(2026, 11, 23, hour) + HOUR_S) for hour in range(24)
    ]


def test_each_slot_is_marked_as_typical() -> None:
    assert typical_series("GB", 0, 9 * HOUR_S).kinds(0, 9 * HOUR_S) == {"typical"}


def test_a_new_year_begins_with_january() -> None:
    series = typical_series("GB", at(2026, 12, 31, 23), at(2027, 1, 1, 1))
    january = typical_series("GB", at(2027, 1, 15), at(2027, 1, 15, 1))
    assert series.slots[1].g_per_kwh == january.slots[0].g_per_kwh


def test_the_leap_day_is_a_day_of_february() -> None:
    leap, other = at(2028, 2, 29, 5), at(2028, 2, 28, 5)
    assert typical_series("GB", leap, leap + 1).at(leap) == typical_series(
        "GB", other, other + 1
    ).at(other)


@given(st.floats(0, 4e9), st.floats(0, 1e6))
def test_the_span_asked_for_is_covered_without_gaps(start: float, span_s: float) -> None:
    assert typical_series("GB", start, start + span_s).covered_s(
        start, start + span_s
    ) == pytest.approx(span_s, abs=1e-5)


def test_an_empty_span_has_no_slots() -> None:
    assert not typical_series("GB", 10 * HOUR_S, 0)


def test_a_zone_without_a_table_is_not_available() -> None:
    with pytest.raises(ProviderUnavailable, match="there are no typical days of zone US"):
        typical_series("US", 0, HOUR_S)


def test_it_is_known_which_zones_have_a_table() -> None:
    assert (len(table_zones()), has_table("GB"), has_table("IS")) == (131, True, False)


def test_every_figure_is_plausible() -> None:
    for zone in table_zones():
        for month in range(1, 13):
            start = at(2026, month, 2)
            for slot in typical_series(zone, start, start + 24 * HOUR_S):
                assert 5 < slot.g_per_kwh < 1200, f"{zone} in month {month}"


def test_a_table_that_cannot_be_read_is_not_available(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "typical_days.bin"
    broken.write_bytes(b"not zlib")
    monkeypatch.setattr(typical, "_FILE", broken)
    typical._tables.cache_clear()
    with pytest.raises(ProviderUnavailable, match="install carbonwait again"):
        has_table("GB")
    typical._tables.cache_clear()


def test_the_attribution_stands_beside_the_data() -> None:
    licence = Path(carbonwait.__file__).parent / "data" / "LICENCE.md"
    words = licence.read_text(encoding="utf-8").replace("\n> ", " ")
    assert typical.ATTRIBUTION in words
