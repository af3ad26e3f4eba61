"""What a plan minimises: the extremes are exact, and no unit of money makes a difference."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import MIDNIGHT, durations, intensities, plain_expected_mean, series, span_of

from carbonwait.core.durations import known_duration
from carbonwait.core.errors import Mistake
from carbonwait.core.objective import named, parse_weight, scores, words
from carbonwait.core.planner import Plan, Task, plan
from carbonwait.core.series import Series, Slot

HOUR_S = 3600.0
HALF = 1 / 2


def hourly(*values: float | None, begin: float = 0.0) -> Series:
    """A value an hour; None is a gap."""
    return Series(
        Slot(begin + HOUR_S * hour, begin + HOUR_S * (hour + 1), value)
        for hour, value in enumerate(values)
        if value is not None
    )


def task(hours: float, deadline_h: float, **fields: object) -> Task:
    made = Task(submitted=0, deadline=HOUR_S * deadline_h, durations=known_duration(HOUR_S * hours))
    return replace(made, **({"min_saving_pct": 0.0} | fields))  # type: ignore[arg-type]


def planned(a_task: Task, grams: Series, money: Series, weight: float, until: float = 1e6) -> Plan:
    a_task = replace(a_task, carbon_weight=weight)
    return plan(a_task, grams, 0, objective=scores(grams, money, weight, 0, until))


# --- the weight ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("carbon", 1),
        ("price", 0),
        ("0", 0),
        ("1", 1),
        ("0.25", 0.25),
        (" Price ", 0),
        ("1e-1", 0.1),
    ],
)
def test_an_objective_is_a_name_or_a_weight(text: str, weight: float) -> None:
    assert parse_weight(text) == weight


@pytest.mark.parametrize("text", ["", "cost", "-0.1", "1.01", "nan", "inf", "50%", "0,5", "None"])
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match="is not carbon, price or a number from 0 to 1"):
        parse_weight(text)


@given(st.floats(0, 1))
def test_a_weight_is_named_as_it_can_be_typed(weight: float) -> None:
    assert parse_weight(str(named(weight))) == weight


def test_the_words_are_those_of_the_objective() -> None:
    assert [words(weight).best for weight in (1, 0, HALF)] == ["cleanest", "cheapest", "best"]


# --- the scores, by hand ------------------------------------------------------------------------


def test_each_is_measured_by_its_own_level() -> None:
    # The means are 200 g and 0.2 EUR.
    found = scores(hourly(100, 300), hourly(0.3, 0.1), 0.75, 0, 2 * HOUR_S)
    assert [slot.g_per_kwh for slot in found] == pytest.approx(
        [0.75 * 0.5 + 0.25 * 1.5, 0.75 * 1.5 + 0.25 * 0.5]
    )


def test_the_level_of_prices_is_that_of_their_sizes() -> None:
    found = scores(hourly(1, 1), hourly(-0.3, 0.1), 0, 0, 2 * HOUR_S)
    assert [slot.g_per_kwh for slot in found] == pytest.approx([-1.5, 0.5])


def test_the_level_is_that_of_the_span_alone() -> None:
    found = scores(hourly(100, 900), hourly(1, 1), HALF, 0, HOUR_S)
    assert found.at(0) == pytest.approx(1.0)


def test_a_mixture_is_known_where_both_are() -> None:
    found = scores(hourly(1, None, 3, 4), hourly(1, 2, None, 4), HALF, 0, 4 * HOUR_S)
    assert [slot.start for slot in found] == [0, 3 * HOUR_S]


def test_a_mixture_has_the_edges_of_both() -> None:
    halves = Series(Slot(1800 + 1800 * n, 3600 + 1800 * n, n + 1.0) for n in range(3))
    found = scores(hourly(1, 2), halves, HALF, 0, 2 * HOUR_S)
    assert found.edges == [1800, 3600, 5400, 7200]


def test_prices_alone_need_no_intensities() -> None:
    assert scores(Series(), hourly(1, 2), 0, 0, HOUR_S).edges == [0, HOUR_S, 2 * HOUR_S]


@pytest.mark.parametrize("weight", [0.0, HALF, 1.0])
def test_what_is_zero_all_the_time_has_no_say(weight: float) -> None:
    nothing = scores(hourly(0, 0), hourly(0, 0), weight, 0, 2 * HOUR_S)
    assert {slot.g_per_kwh for slot in nothing} == {0.0}
    for grams, money in ((hourly(0, 0, 0), hourly(3, 1, 2)), (hourly(3, 1, 2), hourly(0, 0, 0))):
        found = planned(task(1, 4), grams, money, HALF)
        assert found.start == HOUR_S


def test_a_forecasts_error_counts_as_much_as_the_forecast() -> None:
    unsure = Series([Slot(0, HOUR_S, 100.0, "forecast", 20.0)])
    (slot,) = scores(unsure, hourly(1), HALF, 0, HOUR_S)
    assert slot.sigma_g_per_kwh == pytest.approx(0.1)


# --- the plan, by hand --------------------------------------------------------------------------

GRAMS = hourly(300, 100, 200, 300, 300, 300)
MONEY = hourly(0.2, 0.3, 0.1, -0.05, 0.2, 0.2)


@pytest.mark.parametrize(("weight", "hour"), [(1.0, 1), (0.0, 3), (0.75, 1), (0.4, 3)])
def test_the_weight_decides(weight: float, hour: int) -> None:
    assert planned(task(1, 6), GRAMS, MONEY, weight, 6 * HOUR_S).start == hour * HOUR_S


def test_the_intensities_that_are_told_are_intensities_all_the_same() -> None:
    found = planned(task(1, 6), GRAMS, MONEY, 0)
    assert (found.intensities.now, found.intensities.chosen) == (300, 300)
    assert (found.intensities.best, found.saving_pct) == (100, 0)
    assert {c.g_per_kwh for c in found.candidates} <= {100, 150, 200, 250, 300}


def test_the_reason_is_in_the_words_of_the_objective() -> None:
    assert planned(task(1, 6), GRAMS, MONEY, 0).reason == (
        "the cheapest start before the deadline, expected to save 125 % of the cost"
    )


def test_the_least_saving_is_one_of_cost() -> None:
    dear = hourly(0.200, 0.199, 0.2, 0.2)
    assert planned(task(1, 4, min_saving_pct=1.0), GRAMS, dear, 0).start == 0
    assert planned(task(1, 4, min_saving_pct=0.4), GRAMS, dear, 0).start == HOUR_S


@pytest.mark.parametrize("now", [0.0, -0.01])
def test_electricity_that_costs_nothing_may_become_cheaper_still(now: float) -> None:
    found = planned(task(1, 4, min_saving_pct=5.0), GRAMS, hourly(now, 0.1, -0.2, 0.1), 0)
    assert found.start == 2 * HOUR_S


def test_waiting_at_a_price_counts_against_waiting() -> None:
    money = hourly(0.10, 0.10, 0.08, 0.1)
    assert planned(task(1, 4), GRAMS, money, 0).start == 2 * HOUR_S
    assert planned(task(1, 4, idle_ratio=0.2), GRAMS, money, 0).start == 0


def test_a_start_without_a_price_is_not_taken() -> None:
    found = planned(task(1, 6), hourly(9, 9, 9, 1, 9, 9), hourly(3, 2, None, None, 2, 3), HALF)
    assert found.start in (HOUR_S, 4 * HOUR_S)


# --- laws ---------------------------------------------------------------------------------------

money_values = st.integers(-2000, 9000).map(lambda tenths: tenths / 10)


@st.composite
def markets(draw: st.DrawFn) -> tuple[Task, Series, Series]:
    """A job, intensities and, over the same time, prices of another step."""
    grams = draw(series(max_slots=20, min_slots=4))
    begin, end = span_of(grams)
    step_s = draw(st.sampled_from((300, 900, 1800, 3600)))
    count = min(40, int((end - begin) / step_s) + 1)
    values = draw(st.lists(money_values, min_size=count, max_size=count))
    money = Series(
        Slot(begin + index * step_s, begin + (index + 1) * step_s, value)
        for index, value in enumerate(values)
    )
    length_s = (end - begin) / draw(st.integers(2, 8))
    a_task = Task(
        submitted=begin,
        deadline=end,
        durations=draw(durations(length_s)),
        min_saving_pct=0.0,
    )
    return a_task, grams, money


def chosen(market: tuple[Task, Series, Series], weight: float, unit: float = 1.0) -> Plan:
    a_task, grams, money = market
    scaled = Series(slot._replace(g_per_kwh=slot.g_per_kwh * unit) for slot in money)
    objective = scores(grams, scaled, weight, a_task.submitted, span_of(grams)[1])
    return plan(replace(a_task, carbon_weight=weight), grams, a_task.submitted, objective=objective)


@given(markets())
def test_a_weight_of_one_is_exactly_the_plan_without_prices(
    market: tuple[Task, Series, Series],
) -> None:
    a_task, grams, _ = market
    found, alone = chosen(market, 1.0), plan(a_task, grams, a_task.submitted)
    # The candidates are looked at one by one, which rounds in another way than one pass.
    assert replace(found, candidates=()) == replace(alone, candidates=())


@given(markets(), st.data())
def test_a_weight_of_zero_is_the_cheapest_of_all_starts(
    market: tuple[Task, Series, Series], data: st.DataObject
) -> None:
    a_task, _, money = market
    found = chosen(market, 0.0)
    if found.deadline_at_risk:
        assert found.start == a_task.submitted
        return
    price = plain_expected_mean(money, a_task.durations, found.start)
    now = plain_expected_mean(money, a_task.durations, a_task.submitted)
    assume(price is not None and now is not None)
    assert price is not None
    size = sum(abs(slot.g_per_kwh) for slot in money) + 1
    for _ in range(20):
        start = data.draw(st.floats(a_task.submitted, a_task.latest_start))
        other = plain_expected_mean(money, a_task.durations, start)
        assert other is None or price <= other + 1e-5 * size


@given(markets(), st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.sampled_from([0.01, 100.0, 1e-3, 7.5]))
def test_the_unit_of_prices_makes_no_difference(
    market: tuple[Task, Series, Series], weight: float, unit: float
) -> None:
    one, other = chosen(market, weight), chosen(market, weight, unit)
    if one.start != other.start:
        # Rounding may tell apart what is equally good.
        a_task, grams, money = market
        objective = scores(grams, money, weight, a_task.submitted, span_of(grams)[1])
        values = [
            plain_expected_mean(objective, a_task.durations, found.start) for found in (one, other)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-5)


@given(markets(), st.floats(0, 1))
def test_no_objective_moves_a_start_past_the_latest(
    market: tuple[Task, Series, Series], weight: float
) -> None:
    found = chosen(market, weight)
    assert market[0].submitted <= found.start
    assert found.deadline_at_risk or found.start <= found.latest_start


@given(st.lists(st.tuples(intensities, money_values), min_size=3, max_size=20))
def test_more_weight_on_carbon_never_makes_a_plan_dirtier(
    values: list[tuple[float, float]],
) -> None:
    grams = hourly(*(one for one, _ in values), begin=MIDNIGHT)
    money = hourly(*(other for _, other in values), begin=MIDNIGHT)
    last = MIDNIGHT + HOUR_S * len(values)
    a_task = Task(MIDNIGHT, last, known_duration(HOUR_S), min_saving_pct=0.0)
    means = [
        chosen((a_task, grams, money), weight).intensities.chosen for weight in (0.1, 0.5, 0.9, 1)
    ]
    assert None not in means
    level = sum(one for one, _ in values) / len(values) + 1
    for before, after in pairwise(means):
        assert after <= before + 1e-4 * level  # type: ignore[operator]
