"""An outlook that goes on with a lower rung, and what is told of one that is no better."""

from dataclasses import replace

import pytest

from carbonwait.core.series import Series, Slot
from carbonwait.stories.outlook import Outlook, continued, explained

HOUR_S = 3600.0


def hours(*values: float, start: int = 0) -> Series:
    numbered = enumerate(values, start=start)
    return Series(Slot(hour * HOUR_S, (hour + 1) * HOUR_S, value) for hour, value in numbered)


LIVE = Outlook(hours(100, 100), "GB", "--zone", "neso", "live", issued=0.0)
TYPICAL = Outlook(hours(200, 200, 300), "GB", "--zone", "typical", "typical")


def test_what_ends_too_early_goes_on_at_its_own_level() -> None:
    found = continued(LIVE, TYPICAL, 0, 3 * HOUR_S)
    assert found.series == hours(100, 100, 150)
    assert (found.provider, found.rung, found.issued) == ("neso", "live", 0.0)


def test_where_it_goes_on_is_noted_if_it_ends_before_what_was_asked_for() -> None:
    found = continued(LIVE, TYPICAL, 0, 3 * HOUR_S)
    assert found.notes == ("neso's forecast ends in 2h 00m; from there on typical days of GB",)
    assert continued(LIVE, TYPICAL, 0, 2 * HOUR_S).notes == ()


@pytest.mark.parametrize(
    "lower",
    [replace(TYPICAL, signal="marginal"), replace(TYPICAL, series=hours(1, 1))],
    ids=["another signal", "no longer"],
)
def test_what_cannot_go_on_stays_as_it_is(lower: Outlook) -> None:
    assert continued(LIVE, lower, 0, 3 * HOUR_S) is LIVE


def test_each_reason_is_told_with_what_serves_instead() -> None:
    found = explained(TYPICAL, ["neso is down", "nothing is stored"])
    assert found.warnings == (
        "neso is down; planning with typical days of GB",
        "nothing is stored; planning with typical days of GB",
    )


def test_with_nothing_left_it_starts_at_once() -> None:
    bare = Outlook(Series(), None, "--zone", None, "now")
    assert explained(bare, ["no zone"]).warnings == ("no zone; starting at once",)
