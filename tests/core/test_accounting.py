"""What a run emitted and would have emitted, against the same sums done plainly."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import (
    MIDNIGHT,
    ROUNDING_S,
    plain_covered_s,
    plain_integral,
    profiles,
    series,
    span_of,
)

from carbonwait.core.accounting import Account, Starts, account, closed_up, replay
from carbonwait.core.records import Emissions, Energy, EnergySlot
from carbonwait.core.series import Kind, Series, Slot

HOUR_S = 3600.0
KWH_J = 3.6e6
Slots = list[EnergySlot]


def shares(least: float, most: float) -> st.SearchStrategy[float]:
    """Numbers that are not drawn towards nought as floats are."""
    step = (most - least) / 1000
    return st.integers(0, 1000).map(lambda count: least + step * count)


@st.composite
def runs(
    draw: st.DrawFn, *, gaps: bool = True, in_time: bool = False
) -> tuple[Slots, Series, Starts]:
    """A run that began and ended within its series, and the starts to compare it with."""
    a_series = draw(series(gaps=gaps, steps_s=(7, 300, 1800), min_slots=4, max_slots=20))
    first, last = span_of(a_series)
    submitted = first + draw(shares(0, 0.6)) * (last - first)
    started = submitted + draw(st.sampled_from([0.0, 0.1, 0.3])) * (last - submitted)
    slots = draw(profiles(started, longest_s=(last - started) / 2))
    ended = slots[-1].end
    deadline = ended + draw(shares(0 if in_time else -0.2, 1)) * (last - ended)
    others = st.one_of(st.none(), shares(0, 1).map(lambda x: submitted + x * (last - submitted)))
    return slots, a_series, Starts(submitted, started, ended, deadline, draw(others), draw(others))


def plain_replay(slots: Sequence[EnergySlot], a_series: Series, shift_s: float) -> float | None:
    grams = 0.0
    for slot in slots:
        joules = [j for j in astuple(slot.energy) if j is not None]
        if not joules:
            continue
        begin, end = slot.start + shift_s, slot.end + shift_s
        if plain_covered_s(a_series, begin, end) < end - begin - ROUNDING_S:
            return None
        grams += sum(joules) / KWH_J * plain_integral(a_series, begin, end) / (end - begin)
    return grams


def feasible(start: float | None, starts: Starts) -> bool:
    return start is not None and starts.submitted <= start <= starts.deadline - (
        starts.ended - starts.started
    )


def hourly(*values: float | None, kind: Kind = "actual") -> Series:
    """One value an hour from midnight on; None is a gap."""
    return Series(
        Slot(MIDNIGHT + HOUR_S * hour, MIDNIGHT + HOUR_S * (hour + 1), value, kind)
        for hour, value in enumerate(values)
        if value is not None
    )


# One kWh, evenly over an hour, begun two hours after it was submitted at midnight.
ONE_KWH = [EnergySlot(MIDNIGHT + 2 * HOUR_S, MIDNIGHT + 3 * HOUR_S, Energy(cpu_j=KWH_J))]
STARTS = Starts(
    submitted=MIDNIGHT,
    started=MIDNIGHT + 2 * HOUR_S,
    ended=MIDNIGHT + 3 * HOUR_S,
    deadline=MIDNIGHT + 6 * HOUR_S,
    static=MIDNIGHT + HOUR_S,
    dynamic=MIDNIGHT + 3 * HOUR_S,
)
SIX_HOURS = hourly(500, 400, 300, 200, 100, 600)


def figures(
    a_series: Series, starts: Starts = STARTS, slots: Slots = ONE_KWH, **options: object
) -> Account:
    return account(slots, a_series, starts, **options)  # type: ignore[arg-type]


# --- replay -------------------------------------------------------------------------------------


@given(runs(), shares(-1, 1))
def test_a_replay_is_each_slots_energy_times_its_mean_intensity(
    run: tuple[Slots, Series, Starts], shift: float
) -> None:
    slots, a_series, _ = run
    first, last = span_of(a_series)
    shift_s = shift * (last - first) / 2
    expected = plain_replay(slots, a_series, shift_s)
    assert replay(slots, a_series, shift_s) == (
        None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-9)
    )


@given(runs(gaps=False), st.data())
def test_cutting_an_energy_slot_changes_no_replay(
    run: tuple[Slots, Series, Starts], data: st.DataObject
) -> None:
    slots, a_series, _ = run
    slot = data.draw(st.sampled_from(slots))
    cut = slot.start + (slot.end - slot.start) / 2
    halves = [None if j is None else j / 2 for j in astuple(slot.energy)]
    parts = [replace(slot, end=cut, energy=Energy(*halves))]
    parts += [replace(slot, start=cut, energy=Energy(*halves))]
    finer = sorted([*(s for s in slots if s is not slot), *parts], key=lambda s: s.start)
    assert replay(finer, a_series, 0) == pytest.approx(replay(slots, a_series, 0), rel=1e-6)


def test_energy_in_a_gap_makes_the_replay_unknown() -> None:
    assert replay(ONE_KWH, hourly(1, 1, None, 1), 0) is None


def test_energy_partly_in_a_gap_makes_the_replay_unknown() -> None:
    assert replay(ONE_KWH, SIX_HOURS, 3.5 * HOUR_S) is None


def test_a_slot_that_no_meter_saw_is_left_out_of_the_replay() -> None:
    unseen = EnergySlot(MIDNIGHT + 3 * HOUR_S, MIDNIGHT + 4 * HOUR_S, Energy())
    assert replay([*ONE_KWH, unseen], hourly(1, 1, 7, None), 0) == 7


def test_all_components_that_are_known_count() -> None:
    slot = replace(ONE_KWH[0], energy=Energy(cpu_j=KWH_J, gpu_j=None, ram_j=KWH_J / 2))
    assert replay([slot], SIX_HOURS, 0) == 450


# --- the figures --------------------------------------------------------------------------------


def test_each_figure_is_the_same_energy_at_the_intensity_of_its_own_start() -> None:
    expected = Emissions(
        actual_g=300, if_now_g=500, if_static_g=400, if_dynamic_g=200, best_g=100, waiting_g=0
    )
    assert figures(SIX_HOURS).emissions == expected


@given(runs())
def test_every_figure_is_the_replay_of_its_start(run: tuple[Slots, Series, Starts]) -> None:
    slots, a_series, starts = run
    found = account(slots, a_series, starts).emissions
    times = (starts.started, starts.submitted, starts.static, starts.dynamic)
    expected = [
        None if at is None else plain_replay(slots, a_series, at - starts.started) for at in times
    ]
    shown = (found.actual_g, found.if_now_g, found.if_static_g, found.if_dynamic_g)
    assert [g is None for g in shown] == [g is None for g in expected]
    assert [g for g in shown if g is not None] == pytest.approx(
        [g for g in expected if g is not None], rel=1e-6, abs=1e-9
    )


@given(runs(gaps=False), st.floats(0, 200))
def test_the_saving_is_if_now_less_actual_less_waiting_exactly(
    run: tuple[Slots, Series, Starts], idle_watts: float
) -> None:
    found = account(*run, idle_watts=idle_watts).emissions
    assert found.if_now_g is not None
    assert found.actual_g is not None
    assert found.waiting_g is not None
    assert found.saving_g == found.if_now_g - found.actual_g - found.waiting_g


def test_a_saving_may_be_negative() -> None:
    assert figures(hourly(100, 0, 300, 0)).emissions.saving_g == -200


@given(runs(gaps=False))
def test_a_run_that_did_not_wait_saves_nothing(run: tuple[Slots, Series, Starts]) -> None:
    slots, a_series, starts = run
    at_once = replace(starts, submitted=starts.started)
    assert account(slots, a_series, at_once, idle_watts=50).emissions.saving_g == 0


def test_without_a_static_start_there_is_no_such_figure() -> None:
    assert figures(SIX_HOURS, replace(STARTS, static=None)).emissions.if_static_g is None


def test_without_a_dynamic_start_there_is_no_such_figure() -> None:
    assert figures(SIX_HOURS, replace(STARTS, dynamic=None)).emissions.if_dynamic_g is None


# --- gaps: a figure is None, never 0 ------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "name"),
    [(2, "actual_g"), (0, "if_now_g"), (1, "if_static_g"), (3, "if_dynamic_g")],
)
def test_a_gap_makes_the_figure_that_needs_it_unknown(hour: int, name: str) -> None:
    values: list[float | None] = [500, 400, 300, 200, 100, 600]
    values[hour] = None
    found = figures(hourly(*values)).emissions
    assert [n for n in FIGURE_NAMES if getattr(found, n) is None] == [name]


FIGURE_NAMES = ("actual_g", "if_now_g", "if_static_g", "if_dynamic_g", "best_g", "waiting_g")


@pytest.mark.parametrize("hour", [0, 2])
def test_a_gap_under_a_figure_that_it_needs_makes_the_saving_unknown(hour: int) -> None:
    values: list[float | None] = [500, 400, 300, 200, 100, 600]
    values[hour] = None
    assert figures(hourly(*values)).emissions.saving_g is None


def test_a_gap_during_the_wait_makes_its_emissions_unknown() -> None:
    found = figures(hourly(500, None, 300, 200), idle_watts=100).emissions
    assert found.waiting_g is None


def test_a_saving_without_the_emissions_of_the_wait_is_unknown() -> None:
    found = figures(hourly(500, None, 300, 200), idle_watts=100).emissions
    assert found.saving_g is None


@given(runs())
def test_no_figure_is_ever_nought_for_lack_of_intensities(
    run: tuple[Slots, Series, Starts],
) -> None:
    slots, _, starts = run
    found = account(slots, Series(), starts).emissions
    known = [name for name in FIGURE_NAMES if getattr(found, name) is not None]
    energy_j = sum(slot.energy.total_j or 0.0 for slot in slots)
    assume(energy_j > 0)
    assert known in ([], ["waiting_g"])


# --- the best start in hindsight ----------------------------------------------------------------


@given(runs(in_time=True))
def test_no_start_that_met_the_deadline_emitted_less_than_the_best(
    run: tuple[Slots, Series, Starts],
) -> None:
    slots, a_series, starts = run
    found = account(slots, a_series, starts).emissions
    candidates = [
        (starts.submitted, found.if_now_g),
        (starts.started, found.actual_g),
        (starts.static, found.if_static_g),
        (starts.dynamic, found.if_dynamic_g),
    ]
    others = [g for at, g in candidates if g is not None and feasible(at, starts)]
    assert all(found.best_g is not None and found.best_g <= g + 1e-6 for g in others)


@given(runs(in_time=True))
def test_the_best_is_the_least_over_all_breakpoints(run: tuple[Slots, Series, Starts]) -> None:
    slots, a_series, starts = run
    slots = [s if s.energy.total_j is not None else replace(s, energy=Energy(1.0)) for s in slots]
    last = starts.deadline - (starts.ended - starts.started)
    offsets = [slot.start - starts.started for slot in slots]
    offsets.append(starts.ended - starts.started)
    tried = {starts.submitted, max(last, starts.submitted), starts.started}
    tried |= {edge - offset for edge in a_series.edges for offset in offsets}
    grams = [
        plain_replay(slots, a_series, at - starts.started)
        for at in tried
        if starts.submitted <= at <= last or at == starts.started
    ]
    known = [g for g in grams if g is not None]
    best_g = account(slots, a_series, starts).emissions.best_g
    assert best_g == (pytest.approx(min(known), rel=1e-6, abs=1e-6) if known else None)


def test_the_best_may_lie_between_two_edges_of_the_series() -> None:
    slots = [
        EnergySlot(MIDNIGHT, MIDNIGHT + 600, Energy(cpu_j=0.0)),
        EnergySlot(MIDNIGHT + 600, MIDNIGHT + 1200, Energy(cpu_j=KWH_J)),
    ]
    starts = Starts(MIDNIGHT, MIDNIGHT, MIDNIGHT + 1200, MIDNIGHT + 3 * HOUR_S, None, None)
    a_series = Series(
        [
            Slot(MIDNIGHT, MIDNIGHT + HOUR_S, 300.0),
            Slot(MIDNIGHT + HOUR_S, MIDNIGHT + HOUR_S + 600, 100.0),
            Slot(MIDNIGHT + HOUR_S + 600, MIDNIGHT + 3 * HOUR_S, 300.0),
        ]
    )
    assert account(slots, a_series, starts).emissions.best_g == pytest.approx(100)


def test_the_best_meets_the_deadline() -> None:
    found = figures(SIX_HOURS, replace(STARTS, deadline=MIDNIGHT + 4.5 * HOUR_S)).emissions
    assert found.best_g == pytest.approx(150)


def test_the_best_is_not_before_submission() -> None:
    found = figures(hourly(1, 400, 300, 200), replace(STARTS, submitted=MIDNIGHT + HOUR_S))
    assert found.emissions.best_g == pytest.approx(200)


def test_the_start_that_was_taken_counts_even_if_it_missed_the_deadline() -> None:
    late = replace(STARTS, deadline=MIDNIGHT + 2 * HOUR_S)
    assert figures(hourly(500, 400, 300, 200), late).emissions.best_g == 300


def test_the_best_avoids_gaps() -> None:
    assert figures(hourly(500, 400, 300, None, 100, 600)).emissions.best_g == pytest.approx(100)


def test_a_slot_that_no_meter_saw_may_lie_in_a_gap_of_the_best() -> None:
    unseen = EnergySlot(STARTS.ended, STARTS.ended + HOUR_S, Energy())
    starts = replace(STARTS, ended=STARTS.ended + HOUR_S)
    found = figures(hourly(500, 100, None, 300, 400), starts, [*ONE_KWH, unseen]).emissions
    assert found.best_g == pytest.approx(100)


def test_of_a_long_run_at_fine_steps_no_known_figure_is_below_the_best() -> None:
    # A minute of load in each half hour; every other five minutes are clean.
    a_series = Series(
        Slot(MIDNIGHT + 300 * i, MIDNIGHT + 300 * (i + 1), 500.0 if i % 2 else 100.0)
        for i in range(576)
    )
    begun = MIDNIGHT + 4 * HOUR_S
    slots = [
        EnergySlot(begun + 60 * i, begun + 60 * (i + 1), Energy(KWH_J if i % 30 == 7 else 0.0))
        for i in range(480)
    ]
    clean = MIDNIGHT + 2 * HOUR_S + 180
    starts = Starts(MIDNIGHT, begun, slots[-1].end, MIDNIGHT + 48 * HOUR_S, None, clean)
    found = account(slots, a_series, starts).emissions
    assert found.if_dynamic_g == pytest.approx(1600)
    assert found.best_g == pytest.approx(1600)


def test_of_a_long_run_at_fine_steps_the_best_is_what_some_start_would_have_emitted() -> None:
    # Four even hours, then three of a load that changes by the minute.
    a_series = Series(
        Slot(MIDNIGHT + 300 * i, MIDNIGHT + 300 * (i + 1), 500.0 if i % 2 else 100.0)
        for i in range(576)
    )
    begun = MIDNIGHT + 4 * HOUR_S
    slots = [EnergySlot(begun, begun + 4 * HOUR_S, Energy(100 * KWH_J))]
    for minute in range(180):
        start = begun + 4 * HOUR_S + 60 * minute
        slots.append(EnergySlot(start, start + 60, Energy(1.0 + minute % 3)))
    starts = Starts(MIDNIGHT, begun, slots[-1].end, MIDNIGHT + 48 * HOUR_S, None, None)
    # The intensities repeat every ten minutes.
    replays = [replay(slots, a_series, 60.0 * minute - 4 * HOUR_S) for minute in range(10)]
    least = min(grams for grams in replays if grams is not None)
    best_g = account(slots, a_series, starts).emissions.best_g
    assert best_g == pytest.approx(least, rel=1e-3)


def test_of_a_short_run_at_fine_steps_the_best_is_what_some_start_would_have_emitted() -> None:
    # An even load over two seconds meets one dirty second wherever it starts.
    seconds = Series(
        Slot(MIDNIGHT + i, MIDNIGHT + i + 1, 500.0 if i % 2 else 100.0) for i in range(34_000)
    )
    begun = MIDNIGHT + 0.5
    cuts = [begun, MIDNIGHT + 1, MIDNIGHT + 2, MIDNIGHT + 2.5]
    slots = [EnergySlot(a, b, Energy((b - a) * KWH_J)) for a, b in pairwise(cuts)]
    starts = Starts(begun, begun, begun + 2, MIDNIGHT + 34_000, None, None)
    assert account(slots, seconds, starts).emissions.best_g == pytest.approx(600)


# --- waiting ------------------------------------------------------------------------------------


def test_a_machine_kept_on_emits_while_it_waits() -> None:
    # 100 W for two hours are 0.2 kWh, at 450 g/kWh on average.
    assert figures(SIX_HOURS, idle_watts=100).emissions.waiting_g == pytest.approx(90)


def test_a_machine_that_is_on_anyway_emits_nothing_for_the_wait() -> None:
    assert figures(hourly(500, None, 300, 200), idle_watts=0).emissions.waiting_g == 0


# --- is it final, and what does it stand on? ----------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "final_kinds", "accounting"),
    [
        ("actual", {"actual"}, "settled"),
        ("forecast", {"actual"}, "pending"),
        ("typical", {"actual"}, "pending"),
        ("typical", {"actual", "typical"}, "settled"),
    ],
)
def test_the_account_is_settled_once_all_intensities_are_final(
    kind: Kind, final_kinds: set[Kind], accounting: str
) -> None:
    a_series = hourly(500, 400, 300, 200, 100, 600, kind=kind)
    assert figures(a_series, final_kinds=frozenset(final_kinds)).accounting == accounting


@pytest.mark.parametrize("hour", range(6))
def test_one_forecast_hour_up_to_the_deadline_keeps_the_account_open(hour: int) -> None:
    slots = [
        slot._replace(kind="forecast") if index == hour else slot
        for index, slot in enumerate(SIX_HOURS)
    ]
    assert figures(Series(slots)).accounting == "pending"


def test_a_forecast_after_the_deadline_does_not_matter() -> None:
    later = Slot(MIDNIGHT + 6 * HOUR_S, MIDNIGHT + 7 * HOUR_S, 1.0, "forecast")
    assert figures(Series([*SIX_HOURS, later])).accounting == "settled"


def test_an_unknown_figure_keeps_the_account_open_while_more_may_be_published() -> None:
    assert figures(hourly(500, None, 300, 200), more_to_come=True).accounting == "pending"


def test_an_unknown_figure_stays_unknown_where_nothing_more_will_come() -> None:
    assert figures(hourly(500, None, 300, 200), more_to_come=False).accounting == "settled"


def test_a_best_start_that_may_yet_be_published_keeps_the_account_open() -> None:
    until_the_end = hourly(500, 400, 300, 200)
    shorter = replace(STARTS, dynamic=None)
    assert figures(until_the_end, shorter, more_to_come=True).accounting == "pending"


def test_without_any_energy_there_is_no_account() -> None:
    unseen = [replace(ONE_KWH[0], energy=Energy())]
    assert figures(SIX_HOURS, slots=unseen) == Account(Emissions(), "none", None)


def test_without_any_slot_there_is_no_account() -> None:
    at_once = replace(STARTS, ended=STARTS.started)
    assert figures(SIX_HOURS, at_once, slots=[]) == Account(Emissions(), "none", None)


def test_without_intensities_there_is_no_account() -> None:
    assert figures(Series()).accounting == "none"


def test_without_intensities_yet_the_account_is_open() -> None:
    assert figures(Series(), more_to_come=True).accounting == "pending"


@pytest.mark.parametrize("late_s", [0, 1, 3600, 1e6])
def test_a_deadline_that_was_past_at_submission_does_not_stop_the_account(late_s: float) -> None:
    slots = [EnergySlot(MIDNIGHT + 60, MIDNIGHT + 120, Energy(KWH_J))]
    at_once = Starts(
        MIDNIGHT + 60, MIDNIGHT + 60, MIDNIGHT + 120, MIDNIGHT + 60 - late_s, None, None
    )
    assert account(slots, SIX_HOURS, at_once).emissions.actual_g == pytest.approx(500)


@pytest.mark.parametrize("kind", ["actual", "forecast", "typical"])
def test_the_basis_is_the_kind_of_intensity_under_the_run(kind: Kind) -> None:
    slots = [s._replace(kind=kind) if i == 2 else s for i, s in enumerate(SIX_HOURS)]
    assert figures(Series(slots)).basis == kind


def test_a_run_over_two_kinds_has_a_mixed_basis() -> None:
    slots = [s._replace(kind="forecast") if i == 3 else s for i, s in enumerate(SIX_HOURS)]
    longer = [EnergySlot(STARTS.started, STARTS.ended + 600, Energy(KWH_J))]
    found = figures(Series(slots), replace(STARTS, ended=STARTS.ended + 600), longer)
    assert found.basis == "mixed"


# --- pauses -------------------------------------------------------------------------------------


def account_of_a_pause(a_series: Series, *, submitted_h: float = 0.0) -> Emissions:
    """Two kWh in the first and the fourth hour after midnight, and a pause in between."""
    begun = MIDNIGHT
    lengths = [(0, KWH_J), (1, 0.0), (2, 0.0), (3, KWH_J)]
    slots = [
        EnergySlot(begun + h * HOUR_S, begun + (h + 1) * HOUR_S, Energy(cpu_j=j))
        for h, j in lengths
    ]
    starts = Starts(
        begun + submitted_h * HOUR_S,
        begun,
        begun + 4 * HOUR_S,
        begun + 8 * HOUR_S,
        begun + 4 * HOUR_S,
        None,
    )
    pauses = [(begun + HOUR_S, begun + 2 * HOUR_S), (begun + 2 * HOUR_S, begun + 3 * HOUR_S)]
    return account(slots, a_series, starts, pauses=pauses).emissions


def test_a_paused_run_emits_in_the_time_in_which_it_ran() -> None:
    assert account_of_a_pause(hourly(100, 900, 900, 200, 50, 70, 0, 0)).actual_g == 300


def test_a_start_at_once_or_in_the_window_would_not_have_been_paused() -> None:
    figures = account_of_a_pause(hourly(100, 900, 900, 200, 50, 70, 60, 60))
    assert figures.if_now_g == 1000
    assert figures.if_static_g == 120
    assert figures.saving_g == 700


def test_where_pausing_beat_every_run_in_one_piece_it_is_the_best() -> None:
    assert account_of_a_pause(hourly(100, 900, 900, 200, 900, 900, 900, 900)).best_g == 300
    assert account_of_a_pause(hourly(100, 900, 900, 200, 900, 50, 70, 900)).best_g == 120


def test_a_gap_of_the_intensities_in_a_pause_leaves_what_was_emitted_known() -> None:
    figures = account_of_a_pause(hourly(100, None, 900, 200, 50, 70, 60, 60))
    assert figures.actual_g == 300
    assert figures.if_now_g is None


@given(runs())
def test_no_pauses_change_nothing(case: tuple[Slots, Series, Starts]) -> None:
    assert account(*case, pauses=()) == account(*case)


@given(runs(gaps=False), st.floats(1, 3000))
def test_closing_a_pause_up_gives_the_run_without_it(
    case: tuple[Slots, Series, Starts], pause_s: float
) -> None:
    slots, _, starts = case
    cut = slots[len(slots) // 2].start
    later = [
        slot
        if slot.start < cut
        else replace(slot, start=slot.start + pause_s, end=slot.end + pause_s)
        for slot in slots
    ]
    closed = closed_up(later, [(cut, cut + pause_s)])
    assert [slot.energy for slot in closed] == [slot.energy for slot in slots]
    for one, other in zip(closed, slots, strict=True):
        assert one.start == pytest.approx(other.start, abs=ROUNDING_S)
        assert one.end == pytest.approx(other.end, abs=ROUNDING_S)
    assert starts.started == closed[0].start
