"""Pausing plans, against every way to choose units of time."""

from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.durations import Durations
from carbonwait.core.lanes import Segment
from carbonwait.core.pausing import PausingPlan, PausingPlanner, Phase
from carbonwait.core.planner import Task, plan
from carbonwait.core.series import Series, Slot

UNIT_S = 60.0
HOUR_S = 3600.0
PHASES: tuple[Phase, ...] = ("new", "running", "paused")

phases: st.SearchStrategy[Phase] = st.sampled_from(PHASES)


class Case(NamedTuple):
    """A small case in units of a minute: intensities by slot, None for a gap."""

    values: tuple[int | None, ...]
    per_slot: int
    now: int
    finish: int
    work: int
    resume: float
    phase: Phase

    @property
    def series(self) -> Series:
        length_s = self.per_slot * UNIT_S
        return Series(
            Slot(MIDNIGHT + index * length_s, MIDNIGHT + (index + 1) * length_s, float(value))
            for index, value in enumerate(self.values)
            if value is not None
        )

    def plan(self) -> PausingPlan | None:
        finish_by = at(self.finish)
        planner = PausingPlanner(
            self.series, at(self.now), finish_by, resume_cost_s=self.resume * UNIT_S
        )
        return planner.plan(self.work * UNIT_S, finish_by, self.phase)

    def value(self, unit: int) -> int | None:
        slot = unit // self.per_slot
        return self.values[slot] if slot < len(self.values) else None

    def cost(self, units: tuple[int, ...]) -> float | None:
        """In g/kWh x units; None where a gap is in the way."""
        values = [self.value(unit) for unit in units]
        if None in values:
            return None
        resumes = [unit for before, unit in pairwise(units) if unit != before + 1]
        first = units[0]
        if self.phase == "paused" or (self.phase == "running" and first > self.now):
            resumes.append(first)
        return sum(v or 0 for v in values) + self.resume * sum(self.value(u) or 0 for u in resumes)

    def free_ends(self, units: tuple[int, ...]) -> int:
        """How many ends of segments lie on no edge."""
        ends = {unit for unit in units if unit - 1 not in units}
        ends |= {unit + 1 for unit in units if unit + 1 not in units}
        fixed = {self.now, self.finish}
        return sum(end % self.per_slot != 0 and end not in fixed for end in ends)

    def choices(self) -> Iterable[tuple[int, ...]]:
        return combinations(range(self.now, self.finish), self.work)

    def least(self, *, most_free_ends: int | None = None) -> float | None:
        found = (
            self.cost(units)
            for units in self.choices()
            if most_free_ends is None or self.free_ends(units) <= most_free_ends
        )
        return min((cost for cost in found if cost is not None), default=None)


@st.composite
def cases(draw: st.DrawFn, *, resume: float | None = None, gaps: bool = True) -> Case:
    per_slot = draw(st.integers(1, 4))
    slots = draw(st.integers(1, 12 // per_slot))
    value = st.integers(0, 9)
    values = draw(st.lists(value | st.none() if gaps else value, min_size=slots, max_size=slots))
    units = slots * per_slot
    now = draw(st.integers(0, units - 1))
    finish = draw(st.integers(now + 1, units))
    work = draw(st.integers(1, finish - now))
    cost = draw(st.sampled_from([0.0, 0.5, 1.0, 2.5])) if resume is None else resume
    return Case(tuple(values), per_slot, now, finish, work, cost, draw(phases))


def at(unit: float) -> float:
    return MIDNIGHT + unit * UNIT_S


def hourly(*values: float | None, sigma: float = 0.0) -> Series:
    """A forecast of one value an hour from midnight on."""
    return Series(
        Slot(
            MIDNIGHT + HOUR_S * hour,
            MIDNIGHT + HOUR_S * (hour + 1),
            value,
            sigma_g_per_kwh=sigma,
        )
        for hour, value in enumerate(values)
        if value is not None
    )


def hours(made: PausingPlan | None) -> list[tuple[float, float]]:
    """The segments in hours after midnight."""
    assert made is not None
    return [((s.start - MIDNIGHT) / HOUR_S, (s.end - MIDNIGHT) / HOUR_S) for s in made.segments]


def plan_of(
    series: Series,
    work_h: float,
    *,
    finish_h: float,
    now_h: float = 0.0,
    resume_s: float = 0.0,
    phase: Phase = "new",
) -> PausingPlan | None:
    finish_by = MIDNIGHT + finish_h * HOUR_S
    planner = PausingPlanner(series, MIDNIGHT + now_h * HOUR_S, finish_by, resume_cost_s=resume_s)
    return planner.plan(work_h * HOUR_S, finish_by, phase)


# --- against every choice of units --------------------------------------------------------------


@given(cases())
def test_no_plan_with_one_free_end_is_cheaper(case: Case) -> None:
    least, made = case.least(most_free_ends=1), case.plan()
    if least is None:
        assert made is None
    else:
        assert made is not None
        assert made.cost == pytest.approx(least * UNIT_S, abs=1e-2)


@given(cases(resume=0.0))
def test_where_resuming_is_free_no_plan_at_all_is_cheaper(case: Case) -> None:
    least, made = case.least(), case.plan()
    assert (made is None) == (least is None)
    if made is not None and least is not None:
        assert made.cost == pytest.approx(least * UNIT_S, abs=1e-2)


@given(cases())
def test_a_plan_is_dearer_than_any_other_by_no_more_than_resuming_a_moment_before_an_edge(
    case: Case,
) -> None:
    least, made = case.least(), case.plan()
    assume(least is not None and made is not None)
    assert made is not None
    assert least is not None
    known = [value for value in case.values if value is not None]
    rise = case.resume * (max(known) - min(known)) * case.work
    assert made.cost <= (least + rise) * UNIT_S + 1e-2


@given(cases())
def test_the_segments_do_the_work_between_now_and_the_finish_and_in_no_gap(case: Case) -> None:
    made = case.plan()
    assume(made is not None)
    assert made is not None
    assert sum(s.end - s.start for s in made.segments) == pytest.approx(case.work * UNIT_S)
    assert made.segments[0].start >= at(case.now)
    assert made.segments[-1].end <= at(case.finish) + 1e-5
    assert all(before.end < after.start for before, after in pairwise(made.segments))
    assert all(case.series.covers(*segment) for segment in made.segments)


@given(cases())
def test_the_cost_is_that_of_the_segments(case: Case) -> None:
    made = case.plan()
    assume(made is not None)
    assert made is not None
    starts = [round((segment.start - MIDNIGHT) / UNIT_S) for segment in made.segments]
    ends = [round((segment.end - MIDNIGHT) / UNIT_S) for segment in made.segments]
    units = tuple(u for start, end in zip(starts, ends, strict=True) for u in range(start, end))
    cost = case.cost(units)
    assert cost is not None
    assert made.cost == pytest.approx(cost * UNIT_S, abs=1e-6)


@given(cases())
def test_the_action_is_the_beginning_of_the_plan(case: Case) -> None:
    finish_by = at(case.finish)
    planner = PausingPlanner(
        case.series, at(case.now), finish_by, resume_cost_s=case.resume * UNIT_S
    )
    made = planner.plan(case.work * UNIT_S, finish_by, case.phase)
    action = planner.action(case.work * UNIT_S, finish_by, case.phase)
    assert (made is None) == (action is None)
    if made is None or action is None:
        return
    first = made.segments[0]
    assert action.runs == (first.start <= at(case.now))
    assert at(case.now) < action.until <= (first.end if action.runs else first.start) + 1e-5


@given(cases(), st.data())
def test_a_planner_gives_each_of_many_jobs_what_it_would_have_alone(
    case: Case, data: st.DataObject
) -> None:
    last = at(case.finish)
    shared = PausingPlanner(case.series, at(case.now), last, resume_cost_s=case.resume * UNIT_S)
    for _ in range(3):
        finish = data.draw(st.integers(case.now + 1, case.finish))
        work = data.draw(st.integers(1, case.finish - case.now))
        phase = data.draw(phases)
        alone = case._replace(finish=finish, work=work, phase=phase).plan()
        together = shared.plan(work * UNIT_S, at(finish), phase)
        assert (alone is None) == (together is None)
        if alone is not None and together is not None:
            assert alone.cost == pytest.approx(together.cost, abs=1e-2)


@given(cases(), st.integers(0, 3))
def test_to_know_the_most_work_changes_no_plan(case: Case, more: int) -> None:
    last, work_s = at(case.finish), case.work * UNIT_S
    planner = PausingPlanner(
        case.series,
        at(case.now),
        last,
        resume_cost_s=case.resume * UNIT_S,
        most_work_s=work_s + more * UNIT_S,
    )
    assert planner.plan(work_s, last, case.phase) == case.plan()


@given(
    st.lists(st.integers(0, 5) | st.none(), min_size=4, max_size=20),
    st.data(),
    phases,
    st.sampled_from([0.0, 0.3]),
)
def test_the_short_way_for_whole_cells_finds_what_all_choices_do(
    values: list[int | None], data: st.DataObject, phase: Phase, resume: float
) -> None:
    # Two slots at the beginning tell how long a slot is, whatever else is missing.
    units = [1, 1, *values, 2]
    finish = data.draw(st.integers(4, len(units)))
    work_s = data.draw(st.integers(2, finish - 2)) * UNIT_S
    case = Case(tuple(units), 1, 0, finish, 1, resume, phase)
    planner = PausingPlanner(
        case.series, at(0), at(len(units)), resume_cost_s=resume * UNIT_S, most_work_s=work_s
    )
    short = planner._whole(work_s, at(finish), phase)
    assert short is not None
    assert short == min(planner._choices(work_s, at(finish), phase), key=lambda one: one.cost)


# --- against the plan for a job that is never paused --------------------------------------------


@given(cases(resume=1e6, gaps=False))
def test_with_dear_resumes_it_is_the_plan_of_a_job_that_is_never_paused(case: Case) -> None:
    assume(0 not in case.values)
    case = case._replace(phase="new")
    work_s, finish_by = case.work * UNIT_S, at(case.finish)
    exact = Durations((work_s,), work_s, work_s, "option")
    task = Task(at(case.now), finish_by, exact, min_saving_pct=0)
    contiguous = plan(task, case.series, at(case.now))
    made = case.plan()
    assert made is not None
    assert made.pauses == 0
    assert len(made.segments) == 1
    assert contiguous.intensities.chosen is not None
    assert made.cost == pytest.approx(contiguous.intensities.chosen * work_s, abs=1e-2)
    assert made.segments[0].start == pytest.approx(contiguous.start, abs=1e-3)


# --- what a user would expect -------------------------------------------------------------------


def test_a_long_job_runs_in_the_clean_hours_on_both_sides_of_a_dirty_one() -> None:
    made = plan_of(hourly(100, 300, 300, 100), 2, finish_h=4, resume_s=300)
    assert hours(made) == [(0, 1), (3, 4)]


def test_a_pause_that_saves_less_than_its_resume_costs_is_not_made() -> None:
    series = hourly(100, 105, 100)
    assert hours(plan_of(series, 2, finish_h=3, resume_s=300)) == [(0, 2)]
    assert hours(plan_of(series, 2, finish_h=3, resume_s=60)) == [(0, 1), (2, 3)]


def test_a_pause_for_nothing_is_not_made_even_if_it_costs_nothing() -> None:
    assert hours(plan_of(hourly(200, 200, 200), 2, finish_h=3)) == [(0, 2)]


@pytest.mark.parametrize(("phase", "start_h"), [("running", 0.0), ("paused", 1.0), ("new", 1.0)])
def test_a_running_job_is_paused_only_for_more_than_the_resume(
    phase: Phase, start_h: float
) -> None:
    series = hourly(110, 100, 100)
    assert hours(plan_of(series, 1, finish_h=3, resume_s=600, phase=phase))[0][0] == start_h


def test_the_pauses_are_those_still_to_begin() -> None:
    series = hourly(300, 100, 300, 100)
    counts = []
    for phase in PHASES:
        made = plan_of(series, 2, finish_h=4, phase=phase)
        assert made is not None
        counts.append(made.pauses)
    assert counts == [1, 2, 1]


def test_a_part_of_an_hour_goes_where_it_costs_least() -> None:
    made = plan_of(hourly(100, 300, 50, 200), 1.5, finish_h=4, resume_s=60)
    assert hours(made) == [(0, 0.5), (2, 3)]


def test_the_first_start_costs_nothing_wherever_in_a_slot_it_is() -> None:
    assert hours(plan_of(hourly(300, 200, 100), 1.5, finish_h=3, resume_s=3600)) == [(1.5, 3)]


def test_a_forecast_that_is_unsure_has_to_promise_more() -> None:
    values = (100, 125, 100)
    assert len(hours(plan_of(hourly(*values), 2, finish_h=3, resume_s=300))) == 2
    assert len(hours(plan_of(hourly(*values, sigma=80.0), 2, finish_h=3, resume_s=300))) == 1


def test_there_is_no_plan_where_the_forecast_leaves_too_little_time() -> None:
    assert plan_of(hourly(100, None, 100), 3, finish_h=3) is None
    assert plan_of(hourly(100, 100), 3, finish_h=6) is None
    assert plan_of(Series(), 1, finish_h=6) is None


def test_there_is_no_plan_once_the_latest_finish_is_too_near() -> None:
    assert plan_of(hourly(100, 100), 1.5, now_h=1, finish_h=2) is None


def test_a_gap_is_paused_through() -> None:
    assert hours(plan_of(hourly(100, None, 100), 2, finish_h=3, resume_s=300)) == [(0, 1), (2, 3)]


@pytest.mark.parametrize("step_s", [60.0, 300.0])
def test_a_fine_forecast_is_planned_on_in_coarser_cells(step_s: float) -> None:
    count = round(48 * HOUR_S / step_s)
    values = [300.0 if (index * step_s // HOUR_S) % 24 < 12 else 100.0 for index in range(count)]
    series = Series(
        Slot(MIDNIGHT + index * step_s, MIDNIGHT + (index + 1) * step_s, value)
        for index, value in enumerate(values)
    )
    made = plan_of(series, 20, finish_h=48, resume_s=300)
    assert made is not None
    assert made.pauses == 1
    assert sum(segment.end - segment.start for segment in made.segments) == 20 * HOUR_S
    assert made.cost == pytest.approx(20 * HOUR_S * 100 + 300 * 100, rel=0.02)


def test_slots_of_different_lengths_are_cut_to_what_measures_all_of_them() -> None:
    series = Series(
        [
            Slot(MIDNIGHT, MIDNIGHT + 1800, 300),
            Slot(MIDNIGHT + 1800, MIDNIGHT + 7200, 100),
            Slot(MIDNIGHT + 7200, MIDNIGHT + 9000, 400),
            Slot(MIDNIGHT + 9000, MIDNIGHT + 10800, 100),
        ]
    )
    assert hours(plan_of(series, 2, finish_h=3, resume_s=60)) == [(0.5, 2), (2.5, 3)]


def test_segments_are_plain_pairs_of_instants() -> None:
    made = plan_of(hourly(100), 1, finish_h=1)
    assert made is not None
    assert made.segments == (Segment(MIDNIGHT, MIDNIGHT + HOUR_S),)
