"""How surprises fade, against the normal equations solved plainly."""

from collections.abc import Sequence
from math import isfinite, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.fading import FADED_H, Fading, _prediction

RECENT_H = 12
LAGS = FADED_H + RECENT_H


def fed(values: Sequence[float]) -> Fading:
    fading = Fading()
    for value in values:
        fading.learn(value)
    return fading


def ar1(rho: float, count: int, *, seed: int = 1) -> list[float]:
    random, value, found = Random(seed), 0.0, []
    for _ in range(count):
        value = rho * value + random.gauss(0, sqrt(1 - rho * rho))
        found.append(value)
    return found


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss and Jordan, with the largest pivot."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        pivot = max(range(i, len(rows)), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(len(rows)):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def covariance(one: dict[int, float], other: dict[int, float], r: Sequence[float]) -> float:
    """Of two weighted sums of lags."""
    return sum(a * b * r[abs(i - k)] for i, a in one.items() for k, b in other.items())


PREDICTORS = [{0: 1.0}, {-1: 1.0}, {-lag: 1 / RECENT_H for lag in range(RECENT_H)}]


# --- the weights --------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-0.98, 0.98), st.floats(0.1, 9)), min_size=1, max_size=3))
def test_the_weights_solve_the_normal_equations(parts: list[tuple[float, float]]) -> None:
    # A sum of fading parts is an autocovariance that there can be.
    r = [sum(size * rho**lag for rho, size in parts) for lag in range(LAGS)]
    matrix = [[covariance(one, other, r) for other in PREDICTORS] for one in PREDICTORS]
    for index in range(3):
        matrix[index][index] *= 1 + 1e-3
    weights, errors = _prediction(r)
    assert len(weights) == len(errors) == FADED_H
    for ahead in (0, 1, 11, 30, FADED_H - 1):
        right = [covariance(one, {ahead + 1: 1.0}, r) for one in PREDICTORS]
        assert weights[ahead] == pytest.approx(solved(matrix, right), rel=1e-5, abs=1e-6)
        left = r[0] - sum(w * y for w, y in zip(weights[ahead], right, strict=True))
        assert errors[ahead] == pytest.approx(sqrt(max(left, 0)), abs=1e-5)


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.95])
def test_a_surprise_that_fades_evenly_is_foreseen_to_fade_so(rho: float) -> None:
    values = ar1(rho, 4000)
    values[-1] = 2.0
    ahead = fed(values).ahead(0, 6)
    assert ahead == pytest.approx([2 * rho**h for h in range(1, 7)], abs=0.2)


def test_the_error_grows_with_the_hours_ahead() -> None:
    errors = fed(ar1(0.9, 4000)).errors(0, 60)
    expected = [sqrt(1 - 0.9 ** (2 * h)) for h in range(1, 49)]
    assert errors[:48] == pytest.approx(expected, abs=0.12)
    assert errors[48:] == [errors[47]] * 12


def test_before_there_is_experience_a_surprise_fades_by_a_twentieth_an_hour() -> None:
    fading = fed([0.0, 0.0, 0.0, 1.0])
    assert Fading().ahead(0, 60) == [0.0] * 60
    assert all(a > b > 0 for a, b in zip(fading.ahead(0, 20), fading.ahead(1, 20), strict=True))


def test_as_much_the_other_way_is_foreseen_the_other_way() -> None:
    values = ar1(0.8, 500)
    one, other = fed(values), fed([-value for value in values])
    assert other.ahead(0, 48) == pytest.approx([-value for value in one.ahead(0, 48)])
    assert other.errors(0, 48) == pytest.approx(one.errors(0, 48))


def test_one_odd_hour_counts_no_more_than_four_usual_ones() -> None:
    values = ar1(0.9, 300)
    assert fed([*values, 1e12]).ahead(0, 48) == fed([*values, 4.0]).ahead(0, 48)
    assert fed([*values, -1e12]).ahead(0, 48) == fed([*values, -4.0]).ahead(0, 48)


@pytest.mark.parametrize("value", [0.0, 1.0, -4.0, 1e-200, 1e300])
@pytest.mark.parametrize("count", [1, 2, 100, 5000])
def test_what_never_changes_is_no_division_by_zero(value: float, count: int) -> None:
    fading = fed([value] * count)
    assert all(isfinite(a) and abs(a) < 5 for a in fading.ahead(0, 60))
    assert all(isfinite(e) and e >= 0 for e in fading.errors(0, 60))


def test_what_alternates_is_foreseen_to_alternate() -> None:
    ahead = fed([1.0, -1.0] * 1000).ahead(0, 4)
    assert ahead == pytest.approx([1, -1, 1, -1], abs=0.2)


# --- memory -------------------------------------------------------------------------------------


def test_years_of_hours_do_not_overflow_and_the_last_months_count() -> None:
    fading = Fading()
    for value in ar1(0.3, 45_000):
        fading.learn(value)
    for value in ar1(0.95, 12_000, seed=2):
        fading.learn(value)
    fading.learn(2.0)
    assert fading._gain < 2e9
    assert fading.ahead(0, 1)[0] == pytest.approx(1.9, abs=0.15)


def test_the_sums_are_brought_down_without_a_change() -> None:
    plain, scaled = Fading(), Fading()
    scaled._gain = 0.999e9
    scaled._total *= scaled._gain
    for value in ar1(0.9, 400):
        plain.learn(value)
        scaled.learn(value)
    assert scaled._gain < 2
    assert scaled.ahead(0, 48) == pytest.approx(plain.ahead(0, 48), rel=1e-9)
    assert scaled.errors(0, 48) == pytest.approx(plain.errors(0, 48), rel=1e-9)


# --- hours that nobody observed -----------------------------------------------------------------


def test_hours_passed_over_count_as_usual_ones() -> None:
    values = ar1(0.9, 200)
    skipped = fed(values)
    skipped.skip(3)
    skipped.learn(1.5)
    assert list(skipped._recent)[-5:] == [values[-1], 0.0, 0.0, 0.0, 1.5]


@pytest.mark.parametrize("hours", [60, 10_000_000])
def test_after_a_long_gap_nothing_is_remembered_of_the_time_before(hours: int) -> None:
    fading = fed(ar1(0.9, 200))
    fading.skip(hours)
    assert fading.ahead(0, 48) == [0.0] * 48


@pytest.mark.parametrize("hours", [0, -3])
def test_no_gap_is_nothing_passed_over(hours: int) -> None:
    values = ar1(0.9, 200)
    fading = fed(values)
    fading.skip(hours)
    assert fading.ahead(0, 48) == fed(values).ahead(0, 48)


def test_hours_skipped_ahead_are_left_out() -> None:
    fading = fed(ar1(0.9, 200))
    assert fading.ahead(5, 10) == fading.ahead(0, 15)[5:]
    assert fading.ahead(40, 20) == fading.ahead(0, 48)[40:] + [0.0] * 12
    assert fading.ahead(48, 5) == fading.ahead(10_000, 5) == [0.0] * 5
    assert fading.ahead(0, 0) == []


def test_before_the_end_of_what_was_learnt_the_first_hour_after_it_is_given() -> None:
    fading = fed(ar1(0.9, 200))
    first = fading.ahead(0, 1)[0]
    assert fading.ahead(-2, 5) == [first, first, *fading.ahead(0, 3)]
    assert fading.ahead(-9, 3) == [first] * 3
    assert fading.errors(-2, 3) == [fading.errors(0, 1)[0]] * 3


def test_what_is_foreseen_does_not_depend_on_when_it_was_last_asked_for() -> None:
    asked, silent = Fading(), Fading()
    for index, value in enumerate(ar1(0.9, 500)):
        asked.learn(value)
        silent.learn(value)
        if index % 7 == 0:
            asked.ahead(0, 1)
    assert asked.ahead(0, 48) == silent.ahead(0, 48)
