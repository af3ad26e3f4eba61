"""The offsets of a place over the years."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.local_time import utc_offsets

FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2020, 2027))
PLACES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")


def test_clocks_are_put_forward_and_back_at_the_very_second() -> None:
    first, last = (datetime(2026, month, 1, tzinfo=UTC).timestamp() for month in (1, 12))
    summer, winter = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
    assert utc_offsets(ZoneInfo("Europe/Berlin"), first, last) == [
        (int(first), 3600),
        (int(summer.timestamp()), 7200),
        (int(winter.timestamp()), 3600),
    ]


@pytest.mark.parametrize("place", PLACES)
@given(at=st.floats(FIRST, LAST))
def test_the_offset_in_force_is_that_of_the_place(place: str, at: float) -> None:
    offsets = utc_offsets(ZoneInfo(place), FIRST, LAST)
    (*_, offset_s) = (ahead_s for since, ahead_s in offsets if since <= at)
    moment = datetime.fromtimestamp(int(at), ZoneInfo(place))
    assert offset_s == moment.utcoffset().total_seconds()  # type: ignore[union-attr]


def test_a_span_of_nothing_has_the_offset_of_its_instant() -> None:
    assert utc_offsets(ZoneInfo("Europe/Berlin"), LAST, FIRST) == [(int(LAST), 3600)]
