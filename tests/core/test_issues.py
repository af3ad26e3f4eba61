"""Issued forecasts, corrected and blended with what the zone's own past says."""

from collections.abc import Callable, Sequence
from math import isfinite
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.fading import FADED_H
from carbonwait.core.issues import Blended, IssueModel

Say = Callable[[int], float | None]


def truth(hour: int) -> float:
    return 300.0 + 100 * ((hour * 5) % 24) / 24


def fed(hours: int, issued: Say, history: Say, observed: Say = truth) -> IssueModel:
    """A model that has seen so many hours, and blended before each of them."""
    model = IssueModel()
    for hour in range(hours):
        ahead = range(hour, hour + FADED_H)
        model.blend(hour, [issued(h) for h in ahead], [history(h) for h in ahead])
        value = observed(hour)
        if value is not None:
            model.learn(hour, value, issued(hour))
    return model


def said(model: IssueModel, first: int, issued: Say, history: Say) -> list[Blended | None]:
    ahead = range(first, first + FADED_H)
    return model.blend(first, [issued(h) for h in ahead], [history(h) for h in ahead])


def values(blended: Sequence[Blended | None], issued: Sequence[float | None]) -> list[float | None]:
    return [
        None if b is None else b.share * (i or 0.0) + b.rest
        for b, i in zip(blended, issued, strict=True)
    ]


def noisy(size: float, seed: int) -> Say:
    errors = [Random(seed * 7919 + hour).gauss(0, size) for hour in range(3000)]
    return lambda hour: truth(hour) + errors[hour]


def nothing(_hour: int) -> None:
    return None


# --- how much each of them counts ---------------------------------------------------------------


def test_a_perfect_forecast_gets_nearly_all_the_weight() -> None:
    history = noisy(30, 1)
    blended = said(fed(1500, truth, history), 1500, truth, history)
    assert all(b is not None and b.share > 0.9 for b in blended)


def test_a_useless_forecast_loses_its_weight() -> None:
    issued, history = noisy(200, 1), noisy(5, 2)
    blended = said(fed(1500, issued, history), 1500, issued, history)
    assert all(b is not None and 0 < b.share < 0.1 for b in blended)


def test_two_forecasts_that_are_equally_good_count_equally() -> None:
    issued, history = noisy(20, 1), noisy(20, 2)
    blended = said(fed(1500, issued, history), 1500, issued, history)
    assert all(b is not None and b.share == pytest.approx(0.5, abs=0.12) for b in blended)


def test_a_forecast_that_is_always_too_high_is_corrected() -> None:
    def issued(hour: int) -> float:
        return truth(hour) + 50

    blended = said(fed(1500, issued, nothing), 1500, issued, nothing)
    found = values(blended, [issued(hour) for hour in range(1500, 1548)])
    expected = [truth(hour) for hour in range(1500, 1548)]
    assert found[:12] == pytest.approx(expected[:12], abs=8)
    assert found == pytest.approx(expected, abs=25)


def test_the_error_to_be_expected_is_that_of_the_past() -> None:
    issued, history = noisy(20, 1), noisy(20, 2)
    blended = said(fed(1500, issued, nothing), 1500, issued, nothing)
    assert [b.sigma for b in blended if b] == pytest.approx([20] * 48, rel=0.2)
    blended = said(fed(1500, nothing, history), 1500, nothing, history)
    assert [b.sigma for b in blended if b] == pytest.approx([20] * 48, rel=0.2)


# --- what is missing ----------------------------------------------------------------------------


def test_before_a_days_errors_have_been_seen_an_issue_is_left_as_it_is() -> None:
    issued, history = noisy(20, 1), noisy(5, 2)
    assert said(fed(23, issued, history), 23, issued, history) == [Blended(1.0, 0.0, 0.0)] * 48
    assert said(fed(24, issued, history), 24, issued, history)[0] != Blended(1.0, 0.0, 0.0)


def test_where_nothing_is_issued_the_history_stands() -> None:
    model = fed(100, truth, truth)
    blended = model.blend(100, [None, None], [123.0, None])
    assert blended[0] is not None
    assert (blended[0].share, blended[0].rest) == (0.0, 123.0)
    assert blended[1] is None
    assert model.blend(100, [], []) == []


def test_where_the_history_is_silent_the_issue_stands_alone() -> None:
    issued = noisy(20, 1)
    blended = said(fed(200, issued, nothing), 200, issued, nothing)
    assert all(b is not None and b.share == 1.0 for b in blended)


@given(
    st.lists(
        st.tuples(*[st.one_of(st.none(), st.floats(0, 5000))] * 3),
        min_size=1,
        max_size=120,
    ),
    st.integers(0, 40),
)
def test_whatever_is_missing_each_hour_gets_a_sound_answer_or_none(
    hours: list[tuple[float | None, float | None, float | None]], gap: int
) -> None:
    def pick(which: int) -> Say:
        return lambda hour: hours[hour % len(hours)][which]

    model = fed(len(hours), pick(0), pick(1), pick(2))
    first = len(hours) + gap
    for ahead, how in enumerate(said(model, first, pick(0), pick(1))):
        issued, history = pick(0)(first + ahead), pick(1)(first + ahead)
        assert (how is None) == (issued is None and history is None)
        if how is not None:
            assert 0 <= how.share <= 1
            assert isfinite(how.rest)
            assert isfinite(how.sigma)
            assert how.sigma >= 0


def test_forecasts_that_have_always_been_right_are_no_division_by_zero() -> None:
    blended = said(fed(100, truth, truth), 100, truth, truth)
    assert blended == [Blended(0.5, 0.5 * truth(hour), 0.0) for hour in range(100, 148)]


def test_hours_far_ahead_are_blended_like_the_last_one_that_is_known() -> None:
    issued, history = noisy(20, 1), noisy(40, 2)
    model = fed(500, issued, history)
    blended = model.blend(500, [100.0] * 60, [100.0] * 60)
    assert len({b.share for b in blended[47:] if b}) == 1


# --- what is remembered -------------------------------------------------------------------------


def test_only_what_is_to_be_remembered_is_judged_later() -> None:
    issued, history = noisy(20, 1), noisy(5, 2)
    asked, silent = fed(200, issued, history), fed(200, issued, history)
    for _ in range(5):
        asked.blend(200, [1.0] * 48, [9e3] * 48, remember=False)
    for model in (asked, silent):
        said(model, 200, issued, history)
        model.learn(200, truth(200), issued(200))
    assert said(asked, 201, issued, history) == said(silent, 201, issued, history)


def test_the_past_fades_so_that_a_forecast_that_gets_better_is_trusted_again() -> None:
    bad, history = noisy(60, 1), noisy(20, 2)

    def issued(hour: int) -> float | None:
        return bad(hour) if hour < 300 else truth(hour)

    before = said(fed(300, issued, history), 300, issued, history)[3]
    after = said(fed(2300, issued, history), 2300, issued, history)[3]
    assert before is not None
    assert after is not None
    assert before.share < 0.25
    assert after.share > 0.5


def test_a_gap_in_the_observations_is_passed_over() -> None:
    issued = noisy(20, 1)
    model = fed(300, issued, nothing)
    model.learn(400, truth(400), issued(400))
    assert list(model._fading._recent)[:-1] == [0.0] * 59
