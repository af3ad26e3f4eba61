"""What is expected of a job's run time, and the guard before its deadline."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.durations import Durations, durations_from, known_duration, prior

HOUR_S = 3600.0
past_spans_s = st.lists(st.floats(0.1, 100_000), min_size=1, max_size=60)

# --- the guard ----------------------------------------------------------------------------------


@given(st.floats(1, 1e6), st.floats(-1e6, 1e6))
def test_a_given_duration_is_guarded_by_a_fifth_more(duration_s: float, span_s: float) -> None:
    assert known_duration(duration_s).guard_s(span_s) == pytest.approx(1.2 * duration_s)


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=4), st.floats(-1e6, 1e6))
def test_up_to_four_past_runs_are_guarded_by_a_fifth_more_than_the_longest(
    past_s: list[float], span_s: float
) -> None:
    assert durations_from(past_s).guard_s(span_s) == pytest.approx(1.2 * max(past_s))


@pytest.mark.parametrize(
    ("runs", "guard_s"), [(5, 5), (6, 6), (10, 10), (11, 10), (20, 19), (21, 19), (100, 91)]
)
def test_five_or_more_past_runs_are_guarded_by_their_90th_percentile(
    runs: int, guard_s: float
) -> None:
    assert durations_from([float(run) for run in range(runs, 0, -1)]).guard_s(1e6) == guard_s


@given(st.lists(st.floats(0.1, 1e5), min_size=5, max_size=60))
def test_nine_of_ten_past_runs_fit_into_their_guard(past_s: list[float]) -> None:
    guard_s = durations_from(past_s).guard_s(1e6)
    assert sum(span_s <= guard_s for span_s in past_s) >= 0.9 * len(past_s)


@pytest.mark.parametrize(
    ("span_s", "guard_s"),
    [
        (48 * HOUR_S, 12 * HOUR_S),
        (4 * HOUR_S, HOUR_S),
        (2 * HOUR_S, HOUR_S),
        (HOUR_S, HOUR_S),
        (0.5 * HOUR_S, 0.125 * HOUR_S),
        (0, 0),
    ],
)
def test_with_nothing_known_the_guard_is_a_quarter_and_an_hour_where_it_fits(
    span_s: float, guard_s: float
) -> None:
    assert prior().guard_s(span_s) == guard_s


@given(st.floats(0, 1e7))
def test_with_nothing_known_the_guard_fits_into_the_span(span_s: float) -> None:
    assert 0 <= prior().guard_s(span_s) <= span_s


# --- the distribution ---------------------------------------------------------------------------


def test_a_given_duration_is_the_only_one() -> None:
    assert known_duration(90) == Durations((90,), 90, 108, "option")


def test_a_duration_of_nothing_is_a_tenth_of_a_second() -> None:
    assert known_duration(0).support_s == (0.1,)


def test_past_runs_of_no_length_are_a_tenth_of_a_second_long() -> None:
    assert durations_from([0.0, -5.0]).support_s == (0.1, 0.1)


def test_without_past_runs_the_prior_holds() -> None:
    assert durations_from([]) == prior()


def test_past_runs_are_expected_to_repeat_on_average() -> None:
    assert durations_from([100.0, 200.0, 600.0]).expected_s == 300


def test_the_order_of_past_runs_does_not_matter() -> None:
    assert durations_from([3.0, 1.0, 2.0]) == durations_from([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("durations", "basis"),
    [(known_duration(1), "option"), (durations_from([1.0]), "history"), (prior(), "prior")],
)
def test_the_basis_says_where_the_duration_is_from(durations: Durations, basis: str) -> None:
    assert durations.basis == basis


@given(past_spans_s)
def test_at_most_eight_run_times_are_kept(past_s: list[float]) -> None:
    assert len(durations_from(past_s).support_s) == min(8, len(past_s))


@given(past_spans_s)
def test_run_times_are_ascending_and_within_what_was_seen(past_s: list[float]) -> None:
    support_s = durations_from(past_s).support_s
    assert sorted(support_s) == list(support_s)
    assert min(past_s) <= support_s[0]
    assert support_s[-1] <= max(past_s)


def test_many_run_times_are_thinned_evenly() -> None:
    assert durations_from([float(run) for run in range(80)]).support_s == tuple(range(5, 80, 10))


def test_the_prior_is_an_hour_in_the_middle() -> None:
    below_s, above_s = prior().support_s[3:5]
    assert below_s < HOUR_S < above_s
    assert below_s * above_s == pytest.approx(HOUR_S**2)


def test_the_prior_is_broad() -> None:
    support_s = prior().support_s
    assert support_s[-1] / support_s[0] > 30


@given(past_spans_s)
def test_every_run_time_is_positive_and_finite(past_s: list[float]) -> None:
    assert all(0 < span_s < inf for span_s in durations_from(past_s).support_s)
