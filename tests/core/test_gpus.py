from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.gpus import GpuUser, devices_of, shares

SLOT = [(0.0, 300.0)]
ALONE = GpuUser(0.0, 300.0, None)


def test_an_unset_variable_means_all_devices() -> None:
    assert devices_of(None) is None


def test_an_empty_variable_means_no_device() -> None:
    assert devices_of("") == frozenset()


def test_a_list_of_devices_may_have_spaces() -> None:
    assert devices_of("0, GPU-8a") == frozenset({"0", "GPU-8a"})


@pytest.mark.parametrize("visible", ["-1", "none", "NoDevFiles", " -1 ", "-1,0"])
def test_a_choice_that_begins_with_no_device_is_none(visible: str) -> None:
    assert devices_of(visible) == frozenset()


def test_a_list_ends_at_the_first_name_of_no_device() -> None:
    assert devices_of("0,-1,1") == frozenset({"0"})


def test_two_parts_of_one_device_share_it() -> None:
    one, other = devices_of("MIG-GPU-8a/1/0"), devices_of("MIG-GPU-8a/2/0")
    own = GpuUser(0.0, 300.0, one)
    assert shares(SLOT, own, [GpuUser(0.0, 300.0, other)]) == [0.5]


def test_alone_a_run_has_all_of_its_devices() -> None:
    assert shares(SLOT, ALONE, []) == [1.0]


def test_two_runs_on_the_same_devices_have_half_each() -> None:
    assert shares(SLOT, ALONE, [ALONE]) == [0.5]


def test_a_run_that_is_there_half_of_the_time_costs_a_quarter() -> None:
    assert shares(SLOT, ALONE, [replace(ALONE, end=150.0)]) == [pytest.approx(0.75)]


def test_a_run_that_was_over_before_costs_nothing() -> None:
    assert shares(SLOT, ALONE, [replace(ALONE, start=-300.0, end=0.0)]) == [1.0]


def test_runs_on_different_devices_do_not_share() -> None:
    one, other = (replace(ALONE, devices=frozenset(name)) for name in "01")
    assert shares(SLOT, one, [other]) == [1.0]


def test_of_two_devices_only_the_common_one_is_shared() -> None:
    both = replace(ALONE, devices=frozenset("01"))
    assert shares(SLOT, both, [replace(ALONE, devices=frozenset("1"))]) == [0.75]


def test_a_run_that_sees_no_device_takes_none_from_others() -> None:
    assert shares(SLOT, ALONE, [replace(ALONE, devices=frozenset())]) == [1.0]


@pytest.mark.parametrize("other", ["GPU-8a", "GPU-8a1f", "0"])
def test_a_device_that_may_be_the_same_under_another_name_is_shared(other: str) -> None:
    one = replace(ALONE, devices=frozenset({"GPU-8a1"}))
    assert shares(SLOT, one, [replace(ALONE, devices=frozenset({other}))]) == [0.5]


def test_devices_of_other_names_are_not_shared() -> None:
    one, other = (replace(ALONE, devices=frozenset({name})) for name in ("GPU-8a", "GPU-9b"))
    assert shares(SLOT, one, [other]) == [1.0]


def test_a_number_is_not_the_beginning_of_another() -> None:
    one, other = (replace(ALONE, devices=frozenset({name})) for name in ("1", "10"))
    assert shares(SLOT, one, [other]) == [1.0]


users = st.builds(
    GpuUser,
    start=st.floats(0, 200),
    end=st.floats(200, 400),
    devices=st.just(frozenset({"0"})),
)


@given(st.lists(users, min_size=1, max_size=5))
def test_together_runs_on_one_device_never_have_more_than_all_of_it(runs: list[GpuUser]) -> None:
    # At any moment the parts of those that are there add up to one at the most.
    cuts = sorted({0.0, 400.0, *(run.start for run in runs), *(run.end for run in runs)})
    for start, end in pairwise(cuts):
        there = [run for run in runs if run.start <= start and end <= run.end]
        parts = [
            shares([(start, end)], run, [other for other in runs if other is not run])[0]
            for run in there
        ]
        assert sum(parts) <= 1 + 1e-9
