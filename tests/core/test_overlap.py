"""What runs that overlap are billed together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.attribution import MeteredSlot, attribute
from carbonwait.core.overlap import unbilled_j
from carbonwait.core.records import Energy, MeterInfo, Methods, Usage

INFO = MeterInfo(Methods("rapl", "none", "none"), None, 2, 2**34)
POWER_W = 60.0


def slot(start: float, end: float, job_j: float | None = None) -> MeteredSlot:
    """A slot of a machine that always draws the same."""
    return MeteredSlot(start, end, Energy(POWER_W * (end - start)), job=Energy(job_j))


def test_alone_all_of_the_machine_is_left() -> None:
    assert unbilled_j([slot(0, 10)], []) == 600.0


def test_what_a_run_within_is_billed_is_not_left() -> None:
    assert unbilled_j([slot(0, 10)], [[slot(2, 4, 100.0)]]) == 500.0


def test_what_the_machine_used_before_counts_for_both() -> None:
    assert unbilled_j([slot(5, 15)], [[slot(0, 10, 500.0)]]) == 400.0


def test_time_that_several_saw_counts_once() -> None:
    others = [[slot(0, 10, 100.0)], [slot(0, 10, 100.0)], [slot(2, 8, 100.0)]]
    assert unbilled_j([slot(5, 15)], others) == 600.0


def test_what_no_meter_saw_counts_for_nobody() -> None:
    assert unbilled_j([slot(0, 10), MeteredSlot(10, 20, Energy())], []) == 600.0


def test_no_less_than_nothing_is_left() -> None:
    assert unbilled_j([slot(0, 1)], [[slot(0, 1, 90.0)]]) == 0.0


seconds = st.integers(0, 20)
runs = st.lists(
    st.tuples(seconds, st.integers(1, 20), st.floats(0, 40), st.floats(0, 40)),
    min_size=2,
    max_size=2,
)


@given(runs)
def test_two_runs_are_never_billed_more_than_the_machine_used(
    drawn: list[tuple[int, int, float, float]],
) -> None:
    billed: list[list[MeteredSlot]] = []
    for start, length_s, cpu_s, neighbours_s in sorted(drawn, key=lambda one: one[0] + one[1]):
        own = [slot(start, start + length_s)]
        part = attribute(
            own,
            INFO,
            Usage(cpu_s, 0),
            busy_s=cpu_s + neighbours_s,
            idle_floor_w=None,
            cpu_at_most_j=unbilled_j(own, billed),
        )
        billed.append(list(part.slots))
    covered_s = len({s for start, length_s, *_ in drawn for s in range(start, start + length_s)})
    in_all_j = sum(one.job.cpu_j or 0.0 for slots in billed for one in slots)
    assert in_all_j <= POWER_W * covered_s + 1e-6


def test_the_first_to_end_keeps_its_share() -> None:
    part = attribute(
        [slot(0, 10)],
        INFO,
        Usage(3.0, 0),
        busy_s=6.0,
        idle_floor_w=None,
        cpu_at_most_j=600.0,
    )
    assert part.energy.cpu_j == pytest.approx(300.0)
