"""A log shortened to what changed."""

from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.decisions import telling
from carbonwait.core.records import Decision, Rung

LONG = 48


def decision(at: float, start: float = 9000.0, rung: Rung = "live") -> Decision:
    return Decision(at, start, rung, None, "why")


def alike(count: int = LONG) -> list[Decision]:
    return [decision(at) for at in range(count)]


def test_a_short_log_is_told_in_full() -> None:
    assert [step.decision for step in telling(alike(6))] == alike(6)


def test_of_a_long_log_that_changed_nothing_the_first_and_the_last_are_told() -> None:
    assert [step.decision.at for step in telling(alike())] == [0, LONG - 1]


def test_how_many_were_left_out_is_told_with_the_one_before_them() -> None:
    assert [step.alike for step in telling(alike())] == [LONG - 2, 0]


def test_a_decision_that_moved_the_start_is_told_with_where_it_was() -> None:
    log = [*alike(), *(decision(at, 9900.0) for at in range(LONG, 2 * LONG))]
    assert [(step.decision.at, step.moved_from) for step in telling(log)] == [
        (0, None),
        (LONG, 9000.0),
        (2 * LONG - 1, None),
    ]


def test_a_decision_on_another_rung_is_told() -> None:
    log = [*alike(), decision(LONG, rung="history"), *alike()]
    assert LONG in [step.decision.at for step in telling(log)]


def test_a_decision_on_the_forecast_of_another_provider_is_told() -> None:
    providers = ["neso"] * 20 + ["watttime"] * (LONG - 20)
    told = [(step.decision.at, step.provider) for step in telling(alike(), providers)]
    assert told == [(0, "neso"), (20, "watttime"), (LONG - 1, "watttime")]


def test_a_start_that_is_a_moment_later_has_not_moved() -> None:
    log = [decision(at, 9000.0 + at / 100) for at in range(LONG)]
    assert all(step.moved_from is None for step in telling(log))


def test_every_decision_is_told_to_those_who_ask() -> None:
    assert [step.decision for step in telling(alike(), every=True)] == alike()


def test_of_no_decision_nothing_is_told() -> None:
    assert telling([]) == []


@given(st.lists(st.sampled_from([100.0, 200.0, 300.0]), max_size=60), st.booleans())
def test_each_decision_is_told_or_counted(starts: list[float], every: bool) -> None:
    log = [decision(at, start) for at, start in enumerate(starts)]
    steps = telling(log, every=every)
    assert len(steps) + sum(step.alike for step in steps) == len(log)


@given(st.lists(st.sampled_from([100.0, 200.0, 300.0]), max_size=60))
def test_the_starts_told_are_all_the_starts_there_were_in_turn(starts: list[float]) -> None:
    log = [decision(at, start) for at, start in enumerate(starts)]

    def turns(values: list[float]) -> list[float]:
        return [b for a, b in zip([None, *values], values, strict=False) if a != b]

    assert turns([step.decision.start for step in telling(log)]) == turns(starts)
