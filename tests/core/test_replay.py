"""The walk through a history: nothing of the future is used, and what is compared is exact."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MIDNIGHT

from carbonwait.core.intensity_file import IntensityFile, Issue, Row
from carbonwait.core.knowledge import Knowledge
from carbonwait.core.lanes import Segment
from carbonwait.core.replay import (
    Job,
    clear_submits,
    dynamic_starts,
    full_hours,
    learnt_static_starts,
    oracle_starts,
    replay_starts,
    static_starts,
    within,
)
from carbonwait.core.replay_pausing import interruptible_runs
from carbonwait.core.series import Series, Slot
from carbonwait.core.windows import openings, parse_window

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
BEGIN = MIDNIGHT - 4 * DAY_S  # a Tuesday


def day_like(at: float, random: Random) -> float:
    return round(200 + 100 * ((at // HOUR_S * 7) % 24) / 24 + random.uniform(0, 80), 2)


def steps(lengths_s: Sequence[float], begin: float = BEGIN, *, seed: int = 1) -> Series:
    """Slots of these lengths, one after the other; a negative one is a gap."""
    random, at, slots = Random(seed), begin, []
    for length_s in lengths_s:
        if length_s > 0:
            slots.append(Slot(at, at + length_s, day_like(at, random), "actual"))
        at += abs(length_s)
    return Series(slots)


def hourly(*values: float, begin: float = BEGIN) -> Series:
    return Series(
        Slot(begin + i * HOUR_S, begin + (i + 1) * HOUR_S, value, "actual")
        for i, value in enumerate(values)
    )


def file_of(actuals: Series, seed: int = 2) -> IntensityFile:
    """The actuals with forecasts, issued at various times before each slot and within it."""
    random, rows = Random(seed), []
    for slot in actuals:
        leads_s = random.sample([-600, 0, 1800, 5400, 6 * HOUR_S, DAY_S, 2 * DAY_S], 3)
        issues = [Issue(slot.start - s, slot.g_per_kwh + random.gauss(0, 40)) for s in leads_s]
        rows.append(Row(slot.start, slot.end, slot.g_per_kwh, tuple(sorted(issues))))
    return IntensityFile(tuple(rows), has_forecasts=True)


def altered_after(file: IntensityFile, now: float) -> IntensityFile:
    """Another future: other actuals of what has not ended by `now`, other later issues."""
    random, rows = Random(3), []
    for row in file.rows:
        actual = row.g_per_kwh if row.end <= now else random.uniform(0, 900)
        issues = [i if i.at <= now else Issue(i.at, random.uniform(0, 900)) for i in row.issues]
        rows.append(Row(row.start, row.end, actual, tuple(issues)))
    return IntensityFile(tuple(rows), has_forecasts=True)


def knowledge_of(file: IntensityFile, *, issued: bool) -> Knowledge:
    return Knowledge.of(file.actuals(), file.issued() if issued else None)


# --- no leakage ---------------------------------------------------------------------------------


HISTORIES: dict[str, Callable[[], Series]] = {
    "5 minutes": lambda: steps([300.0] * (288 * 5)),
    "15 minutes": lambda: steps([900.0] * (96 * 5)),
    "30 minutes": lambda: steps([1800.0] * (48 * 6)),
    "an hour": lambda: steps([HOUR_S] * (24 * 6)),
    "3 hours": lambda: steps([3 * HOUR_S] * (8 * 6)),
    "40 minutes": lambda: steps([2400.0] * (36 * 6)),
    "hours of another time zone": lambda: steps([HOUR_S] * (24 * 6), BEGIN - 5.5 * HOUR_S),
    "three hours of another time zone": lambda: steps([3 * HOUR_S] * 48, BEGIN - 5.75 * HOUR_S),
    "a changed step": lambda: steps([HOUR_S] * 72 + [1800.0] * 48 + [3 * HOUR_S] * 16),
    "gaps": lambda: steps(([HOUR_S] * 30 + [-5 * HOUR_S]) * 4),
    "five hours": lambda: steps([HOUR_S] * 5),
}


def what_was_done_by(
    file: IntensityFile, job: Job, submits: Sequence[float], now: float, *, issued: bool
) -> list[object]:
    """Which starts and segments of both strategies had begun by `now`, and which pauses."""
    dynamic = dynamic_starts(knowledge_of(file, issued=issued), job, submits)
    runs = interruptible_runs(
        knowledge_of(file, issued=issued), whole(file), job, submits, resume_s=60
    )
    cut = [[(s.start, min(s.end, now)) for s in run.segments if s.start < now] for run in runs]
    return [[start if start <= now else None for start in dynamic], cut]


def whole(file: IntensityFile) -> Series:
    """The actuals without gaps, so that every run can be accounted."""
    actuals = file.actuals()
    ends = Series([Slot(actuals.edges[0], actuals.edges[-1] + 9 * DAY_S, 100.0, "actual")])
    return actuals.over(ends)


@pytest.mark.parametrize("issued", [False, True])
@pytest.mark.parametrize("name", HISTORIES)
@settings(max_examples=5)
@given(data=st.data())
def test_a_decision_does_not_change_when_the_file_is_altered_after_it(
    name: str, issued: bool, data: st.DataObject
) -> None:
    file = file_of(HISTORIES[name]())
    first, last = file.rows[0].start, file.rows[-1].end
    duration_s = data.draw(st.sampled_from([1000.0, 1.5 * HOUR_S, 3 * HOUR_S, 5 * HOUR_S]))
    job = Job(duration_s, duration_s + data.draw(st.sampled_from([0, 1234, 18000, 43200])), 0.5)
    begin = last - (last - first) * 0.4
    offsets = data.draw(st.lists(st.integers(0, 24 * 60), min_size=1, max_size=5, unique=True))
    submits = [begin + 60.0 * minutes for minutes in sorted(offsets)]
    now = begin + 60.0 * data.draw(st.integers(0, 36 * 60))
    before = what_was_done_by(file, job, submits, now, issued=issued)
    after = what_was_done_by(altered_after(file, now), job, submits, now, issued=issued)
    assert before == after


def test_the_end_of_a_long_slot_is_not_known_before_it_has_ended() -> None:
    actuals = steps([3 * HOUR_S] * 40)
    other = Series([*actuals.slots[:-1], actuals.slots[-1]._replace(g_per_kwh=900.0)])
    now = actuals.slots[-1].start + HOUR_S
    outlooks = [Knowledge.of(series).outlook(now, now + DAY_S) for series in (actuals, other)]
    assert outlooks[0]
    assert outlooks[0] == outlooks[1]


def test_what_is_decided_for_a_job_does_not_depend_on_when_others_come() -> None:
    file = file_of(steps([1800.0] * 48 * 8))
    job = Job(2.5 * HOUR_S, 14 * HOUR_S, 0.5)
    submits = [BEGIN + 5 * DAY_S + 1200.0 * index for index in range(60)]
    for mine in (submits[::9], submits[4::7]):
        dynamic = dynamic_starts(knowledge_of(file, issued=False), job, submits)
        alone = dynamic_starts(knowledge_of(file, issued=False), job, mine)
        assert alone == [dynamic[submits.index(at)] for at in mine]
        runs, few = (
            interruptible_runs(knowledge_of(file, issued=False), whole(file), job, some, 0)
            for some in (submits, mine)
        )
        assert few == [runs[submits.index(at)] for at in mine]


def test_an_issue_between_two_hours_is_planned_on_at_its_slots_edge() -> None:
    begin = BEGIN + HOUR_S
    halves = [begin + 1800.0 * index for index in range(12)]
    first = [300.0] * 8 + [100.0, 100.0, 300.0, 300.0]
    second = [300.0, 100.0, *[300.0] * 10]
    rows = [
        Row(at, at + 1800, 300.0, (Issue(BEGIN, one), Issue(begin + 1700, two)))
        for at, one, two in zip(halves, first, second, strict=True)
    ]
    file = IntensityFile(tuple(rows), has_forecasts=True)
    job = Job(1800.0, 6 * HOUR_S, 0.0)
    assert dynamic_starts(knowledge_of(file, issued=True), job, [begin]) == [begin + 1800]


# --- the dynamic strategy -----------------------------------------------------------------------


@pytest.mark.parametrize("deadline_s", [3 * HOUR_S, 2 * HOUR_S, 0.0])
def test_without_slack_every_job_starts_at_once(deadline_s: float) -> None:
    actuals = steps([HOUR_S] * 24 * 7)
    submits = [BEGIN + 5 * DAY_S + 600.0 * index for index in range(30)]
    job = Job(3 * HOUR_S, deadline_s)
    assert dynamic_starts(Knowledge.of(actuals), job, submits) == submits
    assert oracle_starts(actuals, job, submits) == submits
    runs = interruptible_runs(Knowledge.of(actuals), actuals, job, submits, 300)
    assert [run.segments for run in runs] == [((at, at + job.duration_s),) for at in submits]


@settings(max_examples=10)
@given(st.integers(1, 40), st.integers(0, 30), st.integers(0, 3599))
def test_no_start_is_before_its_submission_or_after_the_latest(
    quarters: int, slack_h: int, offset_s: int
) -> None:
    actuals = steps([HOUR_S] * 24 * 8)
    job = Job(quarters * 900.0, quarters * 900.0 + slack_h * HOUR_S)
    submits = [BEGIN + 4 * DAY_S + offset_s + 1500.0 * index for index in range(40)]
    for start, at in zip(dynamic_starts(Knowledge.of(actuals), job, submits), submits, strict=True):
        assert at <= start <= job.latest(at)


def test_a_history_that_says_nothing_is_no_reason_to_wait() -> None:
    submits = [BEGIN, BEGIN + 100, BEGIN + HOUR_S]
    job = Job(HOUR_S, DAY_S)
    assert dynamic_starts(Knowledge(iter(())), job, submits) == submits
    assert dynamic_starts(Knowledge.of(Series()), job, []) == []


def test_a_day_that_is_like_all_others_is_foreseen() -> None:
    actuals = hourly(*[100.0 if hour % 24 == 13 else 300.0 for hour in range(24 * 10)])
    submitted = BEGIN + 8 * DAY_S
    starts = dynamic_starts(Knowledge.of(actuals), Job(HOUR_S, DAY_S), [submitted])
    assert starts == [submitted + 13 * HOUR_S]


# --- the oracle ---------------------------------------------------------------------------------


@given(st.data())
def test_the_oracle_is_as_good_as_every_start_on_a_fine_grid(data: st.DataObject) -> None:
    step = data.draw(st.sampled_from([5, 6, 10, 15]))
    values = data.draw(st.lists(st.integers(0, 9), min_size=90 // step, max_size=180 // step))
    actuals = Series(
        Slot(BEGIN + 60 * step * i, BEGIN + 60 * step * (i + 1), float(value), "actual")
        for i, value in enumerate(values)
    )
    total = step * len(values)
    minutes = [value for value in values for _ in range(step)]
    duration = data.draw(st.integers(1, total // 2))
    slack = data.draw(st.integers(-5, total - duration))
    room = total - duration - max(slack, 0)
    submits = sorted(data.draw(st.sets(st.integers(0, room), min_size=1, max_size=6)))
    job = Job(60.0 * duration, 60.0 * (duration + slack))
    starts = oracle_starts(actuals, job, [BEGIN + 60.0 * at for at in submits])
    for at, start in zip(submits, starts, strict=True):
        sums = [sum(minutes[s : s + duration]) for s in range(at, at + max(slack, 0) + 1)]
        found = actuals.integral(start, start + job.duration_s) / 60
        assert found == pytest.approx(min(sums), abs=1e-4)
        assert start == pytest.approx(BEGIN + 60 * (at + sums.index(min(sums))))


def test_of_equal_starts_the_oracle_takes_the_earliest_whatever_sums_round_to() -> None:
    random = Random(7)
    day = [random.randint(5_000, 90_000) / 100 for _ in range(288)]
    actuals = Series(
        Slot(BEGIN + 300 * i, BEGIN + 300 * (i + 1), day[i % 288], "actual")
        for i in range(288 * 20)
    )
    job = Job(7001.0, 5 * DAY_S)
    submits = [BEGIN + 3600.0 * index for index in range(14 * 24)]
    starts = oracle_starts(actuals, job, submits)
    first_day = oracle_starts(actuals, replace(job, deadline_s=DAY_S + 7000), submits[:24])
    best = {round((start - BEGIN) % DAY_S, 2) for start in first_day}
    assert len(best) == 1
    assert all(start - at < DAY_S for start, at in zip(starts, submits, strict=True))


def test_the_oracle_does_not_run_into_a_gap() -> None:
    actuals = Series([*hourly(300, 300), *hourly(100, 300, begin=BEGIN + 3 * HOUR_S)])
    starts = oracle_starts(actuals, Job(1.5 * HOUR_S, 5 * HOUR_S), [BEGIN, BEGIN + HOUR_S])
    assert starts == [BEGIN + 3 * HOUR_S] * 2
    with pytest.raises(ValueError, match="gap"):
        oracle_starts(actuals, Job(1.5 * HOUR_S, 2 * HOUR_S), [BEGIN + HOUR_S])


def test_no_strategy_beats_the_oracle() -> None:
    actuals = steps([HOUR_S] * 24 * 12)
    job = Job(2.5 * HOUR_S, 15 * HOUR_S)
    submits = clear_submits(actuals, job, full_hours(BEGIN + 5 * DAY_S, BEGIN + 11 * DAY_S))
    oracle = replay_starts(actuals, job, submits, oracle_starts(actuals, job, submits))
    dynamic = replay_starts(
        actuals, job, submits, dynamic_starts(Knowledge.of(actuals), job, submits)
    )
    for one, other in zip(oracle, dynamic, strict=True):
        assert one.g_per_kwh <= other.g_per_kwh + 1e-6


# --- what became of it --------------------------------------------------------------------------


def test_the_mean_of_a_run_is_that_of_its_time() -> None:
    outcome = replay_starts(hourly(100, 200), Job(HOUR_S, 2 * HOUR_S), [BEGIN], [BEGIN + 900])[0]
    assert (outcome.start, outcome.end) == (BEGIN + 900, BEGIN + 900 + HOUR_S)
    assert outcome.g_per_kwh == pytest.approx(125)


def test_a_run_into_a_gap_has_no_mean() -> None:
    with pytest.raises(ValueError, match="gap"):
        replay_starts(hourly(100), Job(2 * HOUR_S, 2 * HOUR_S), [BEGIN], [BEGIN])


def test_only_jobs_that_no_gap_can_touch_are_submitted() -> None:
    actuals = Series([*hourly(1, 1, 1, 1), *hourly(1, 1, begin=BEGIN + 5 * HOUR_S)])
    hours = full_hours(BEGIN, BEGIN + 7 * HOUR_S)
    for job in (Job(HOUR_S, 2 * HOUR_S), Job(2 * HOUR_S, HOUR_S)):
        clear = clear_submits(actuals, job, hours)
        assert [(at - BEGIN) / HOUR_S for at in clear] == [0, 1, 2, 5]


def test_full_hours_are_those_of_utc_from_the_first_up_to_before_the_last() -> None:
    assert full_hours(BEGIN + 1, BEGIN + 2 * HOUR_S) == [BEGIN + HOUR_S]
    assert full_hours(BEGIN, BEGIN) == []
    assert within([1.0, 2.0, 3.0], 2.0, 3.0) == [2.0]


# --- static windows -----------------------------------------------------------------------------


def static_hours(submit_hours: Sequence[float], deadline_h: float, text: str) -> list[float]:
    opened = openings([parse_window(text)], BEGIN - 2 * DAY_S, BEGIN + 9 * DAY_S, UTC)
    job = Job(HOUR_S, deadline_h * HOUR_S)
    submits = [BEGIN + hour * HOUR_S for hour in submit_hours]
    return [(start - BEGIN) / HOUR_S for start in static_starts(opened, job, submits)]


def test_a_static_start_is_the_next_opening_or_at_once_within_it() -> None:
    assert static_hours([0, 1, 3.5, 5, 20], 24, "01:00-05:00") == [1, 1, 3.5, 25, 25]


def test_a_window_that_opens_after_the_latest_start_is_passed_over() -> None:
    assert static_hours([20, 19.75, 19], 6, "01:00-05:00") == [25, 19.75, 19]
    assert static_hours([0, 12], 6, "23:00-23:30") == [0, 12]


def test_without_an_opening_a_static_job_starts_at_once() -> None:
    assert static_starts([], Job(HOUR_S, DAY_S), [BEGIN]) == [BEGIN]


def test_a_static_window_keeps_to_the_wall_clock_when_the_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    opened = openings([parse_window("01:00-05:00")], BEGIN, BEGIN + 9 * DAY_S, zone)
    days = [BEGIN + day * DAY_S + 12 * HOUR_S for day in range(7)]
    starts = static_starts(opened, Job(HOUR_S, 24 * HOUR_S), days)
    clocks = [datetime.fromtimestamp(start, zone).strftime("%d %H:%M") for start in starts]
    assert clocks == [f"{day} 01:00" for day in range(21, 28)]
    assert [b - a for a, b in pairwise(starts)] == [DAY_S] * 4 + [25 * HOUR_S, DAY_S]


# --- the start hour that has been learnt --------------------------------------------------------


def utc_hour(at: float) -> int:
    return int(at // HOUR_S) % 24


def learnt(actuals: Series, job: Job, *submits: float) -> list[float]:
    return [
        (start - BEGIN) / HOUR_S for start in learnt_static_starts(actuals, job, submits, utc_hour)
    ]


def test_the_hour_that_was_best_so_far_is_waited_for() -> None:
    actuals = hourly(*[100.0 if hour % 24 == 3 else 300.0 for hour in range(24 * 4)])
    job = Job(HOUR_S, DAY_S)
    submits = BEGIN + 2 * DAY_S, BEGIN + 2 * DAY_S + 4 * HOUR_S, BEGIN + 51 * HOUR_S + 60
    assert learnt(actuals, job, *submits) == [51, 75, 51 + 1 / 60]


def test_where_the_learnt_hour_is_too_late_the_job_starts_at_once() -> None:
    actuals = hourly(*[100.0 if hour % 24 == 3 else 300.0 for hour in range(24 * 4)])
    assert learnt(actuals, Job(HOUR_S, 4 * HOUR_S), BEGIN + 2 * DAY_S) == [51]
    assert learnt(actuals, Job(HOUR_S, 3.5 * HOUR_S), BEGIN + 2 * DAY_S) == [48]


def test_nothing_is_learnt_of_runs_that_have_not_ended() -> None:
    values = [300.0] * 48
    values[30] = 1.0
    job = Job(2 * HOUR_S, DAY_S)
    # The runs that began at 29 h and 30 h end at 31 h and 32 h.
    assert learnt(hourly(*values), job, BEGIN + 30.5 * HOUR_S) == [48]
    assert learnt(hourly(*values), job, BEGIN + 31 * HOUR_S) == [53]


def test_nothing_is_learnt_of_slots_that_have_not_ended() -> None:
    actuals = Series(
        Slot(BEGIN + 6 * HOUR_S * i, BEGIN + 6 * HOUR_S * (i + 1), value, "actual")
        for i, value in enumerate([300.0, 300.0, 1.0, 300.0, 300.0, 300.0, 300.0, 300.0])
    )
    job = Job(HOUR_S, DAY_S)
    assert learnt(actuals, job, BEGIN + 17 * HOUR_S) == [24]
    assert learnt(actuals, job, BEGIN + 18 * HOUR_S) == [36]


def test_before_anything_has_been_seen_the_job_starts_at_once() -> None:
    assert learnt(hourly(300, 100, 300), Job(HOUR_S, 3 * HOUR_S), BEGIN) == [0]
    assert learnt(hourly(300, 100, 300), Job(HOUR_S, 3 * HOUR_S)) == []


def test_only_the_last_sixty_days_are_learnt_from() -> None:
    first, second = [300.0] * 24, [300.0] * 24
    first[5], second[9] = 10.0, 290.0
    actuals = hourly(*first * 70, *second * 61, *second * 2)
    job = Job(HOUR_S, DAY_S)
    changed = BEGIN + 70 * DAY_S
    found = learnt(actuals, job, changed, changed + 30 * DAY_S, changed + 61 * DAY_S)
    assert [hour % 24 for hour in found] == [5, 5, 9]


def test_of_equally_good_hours_the_earliest_is_learnt_whatever_sums_round_to() -> None:
    random = Random(5)
    values = [random.uniform(100, 900) for _ in range(24 * 90)]
    for day in range(90):
        values[24 * day + 7 : 24 * day + 21] = [33.12345] * 14
    submits = [BEGIN + day * DAY_S for day in range(62, 88)]
    found = learnt(hourly(*values), Job(HOUR_S, DAY_S), *submits)
    assert [hour % 24 for hour in found] == [7] * len(submits)


def test_the_learnt_hour_is_that_of_the_wall_clock() -> None:
    zone = ZoneInfo("Europe/Berlin")

    def berlin_hour(at: float) -> int:
        return datetime.fromtimestamp(at, zone).hour

    # Clocks go back early on the 25th.
    hours = full_hours(BEGIN, BEGIN + 9 * DAY_S)
    actuals = hourly(*[100.0 if berlin_hour(at) == 4 else 300.0 for at in hours])
    submits = [BEGIN + day * DAY_S + 12 * HOUR_S for day in range(2, 8)]
    starts = learnt_static_starts(actuals, Job(HOUR_S, 26 * HOUR_S), submits, berlin_hour)
    assert [berlin_hour(start) for start in starts] == [4] * 6


# --- jobs that may be paused --------------------------------------------------------------------


def check_segments(job: Job, submitted: float, segments: Sequence[Segment]) -> None:
    assert sum(s.end - s.start for s in segments) == pytest.approx(job.duration_s, abs=1e-5)
    assert segments[0].start >= submitted
    assert all(a.end < b.start for a, b in pairwise(segments))
    assert all(s.start < s.end for s in segments)
    longest_s = max(job.deadline_s, job.duration_s)
    assert segments[-1].end <= submitted + longest_s + 1e-5


@pytest.mark.parametrize("issued", [False, True])
@pytest.mark.parametrize("name", HISTORIES)
@settings(max_examples=4)
@given(data=st.data())
def test_a_job_that_may_be_paused_does_its_work_by_the_deadline(
    name: str, issued: bool, data: st.DataObject
) -> None:
    file = file_of(HISTORIES[name]())
    duration_s = data.draw(st.integers(1, 300)) * 61.0
    slack_s = data.draw(st.sampled_from([-HOUR_S, 0.0, 17.0, 4321.0, 5 * HOUR_S]))
    job = Job(duration_s, max(duration_s + slack_s, 1.0), data.draw(st.sampled_from([0.0, 1.0])))
    begin = file.rows[0].start + (file.rows[-1].end - file.rows[0].start) * 0.6
    offset_s = data.draw(st.integers(0, 7200))
    submits = [begin + offset_s + 1000.0 * index for index in range(3)]
    resume_s = data.draw(st.sampled_from([0.0, 300.0]))
    actuals = whole(file)
    runs = interruptible_runs(knowledge_of(file, issued=issued), actuals, job, submits, resume_s)
    for at, run in zip(submits, runs, strict=True):
        check_segments(job, at, run.segments)
        assert (run.start, run.end) == (run.segments[0].start, run.segments[-1].end)
        total = sum(actuals.integral(*segment) for segment in run.segments)
        assert run.g_per_kwh == pytest.approx(total / job.duration_s)


def perfect(actuals: Series) -> Knowledge:
    """All is foretold long before, and nothing is known of the past, so that it is not blended."""
    rows = [Row(s.start, s.end, None, (Issue(0.0, s.g_per_kwh),)) for s in actuals]
    return Knowledge(iter(()), IntensityFile(tuple(rows), has_forecasts=True).issued())


@pytest.mark.parametrize("step_s", [900.0, 1800.0, HOUR_S, 2 * HOUR_S])
@settings(max_examples=15)
@given(st.integers(1, 20), st.integers(0, 20), st.sampled_from([0.0, 300.0]), st.integers(1, 99))
def test_with_a_perfect_forecast_a_pause_never_costs_anything(
    step_s: float, work: int, slack: int, resume_s: float, seed: int
) -> None:
    actuals = steps([step_s] * round(DAY_S / step_s), seed=seed)
    job = Job(work * 1800.0, (work + slack) * 1800.0, 0.0)
    submits = [BEGIN + 1800.0 * index for index in range(5)]
    runs = interruptible_runs(perfect(actuals), actuals, job, submits, resume_s)
    plain = replay_starts(actuals, job, submits, oracle_starts(actuals, job, submits))
    for run, other in zip(runs, plain, strict=True):
        assert run.g_per_kwh + run.resumes_g_per_kwh <= other.g_per_kwh + 1e-3


def test_what_is_planned_in_half_hours_is_carried_out_in_half_hours() -> None:
    halves = [100.0, 900.0, 900.0, 100.0, 100.0, 100.0, 900.0, 900.0]
    actuals = Series(
        Slot(BEGIN + 1800 * i, BEGIN + 1800 * (i + 1), value, "actual")
        for i, value in enumerate(halves)
    )
    run = interruptible_runs(
        perfect(actuals), actuals, Job(2 * HOUR_S, 4 * HOUR_S, 0.0), [BEGIN], 60
    )[0]
    assert [((s.start - BEGIN) / 1800, (s.end - BEGIN) / 1800) for s in run.segments] == [
        (0, 1),
        (3, 6),
    ]
    assert run.g_per_kwh == 100
    assert run.resumes_g_per_kwh == pytest.approx(60 * 100 / 7200)


def test_a_pause_that_saves_less_than_asked_for_is_not_made() -> None:
    actuals = hourly(300, 310, 300, 300)
    pausing = Job(2 * HOUR_S, 3 * HOUR_S, 0.0)
    asked = replace(pausing, min_saving_pct=5.0)
    for job, count in ((pausing, 2), (asked, 1)):
        run = interruptible_runs(perfect(actuals), actuals, job, [BEGIN], 0)[0]
        assert len(run.segments) == count


def test_a_start_that_saves_less_than_asked_for_is_not_waited_for() -> None:
    actuals = hourly(300, 299, 299, 299)
    for least, start in ((0.0, BEGIN + HOUR_S), (1.0, BEGIN)):
        job = Job(HOUR_S, 3 * HOUR_S, least)
        assert interruptible_runs(perfect(actuals), actuals, job, [BEGIN], 0)[0].start == start


def test_no_work_is_done_where_the_forecast_has_a_gap_if_it_can_be_helped() -> None:
    actuals = hourly(100, 100, 100, 100, 100)
    known = Series([slot for index, slot in enumerate(actuals) if index != 1])
    job = Job(3 * HOUR_S, 5 * HOUR_S)
    run = interruptible_runs(perfect(known), actuals, job, [BEGIN], 300)[0]
    assert all(known.covers(*segment) for segment in run.segments)


def test_a_job_for_which_nothing_is_known_runs_right_through() -> None:
    actuals = hourly(*[100.0] * 30)
    submits = [BEGIN, BEGIN + 1.0, BEGIN + 90.0, BEGIN + DAY_S]
    job = Job(2.1 * HOUR_S, 5 * HOUR_S)
    runs = interruptible_runs(Knowledge(iter(())), actuals, job, submits, 300)
    assert [run.start for run in runs] == submits
    assert all(len(run.segments) == 1 for run in runs)
    assert interruptible_runs(Knowledge(iter(())), actuals, job, [], 300) == []


def test_a_run_that_meets_a_gap_of_the_history_is_not_accounted() -> None:
    actuals = Series([*hourly(100), *hourly(100, 100, begin=BEGIN + 2 * HOUR_S)])
    with pytest.raises(ValueError, match="gap"):
        interruptible_runs(Knowledge(iter(())), actuals, Job(2 * HOUR_S, 2 * HOUR_S), [BEGIN], 300)
