"""The wait, with time as the only thing that is not real: a clock that a test can set."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import pi, sin
from pathlib import Path
from random import Random
from signal import SIGTERM, SIGUSR1
from types import SimpleNamespace
from typing import Any

import pytest

from carbonwait.core.records import Run
from carbonwait.core.series import Series, Slot
from carbonwait.settings import Settings
from carbonwait.stories.planning import Forethought, Preparation, Request, prepare
from carbonwait.stories.waiting import Waited, wait

START = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
HOUR_S = 3600.0


@dataclass
class SetClock:
    """A clock that moves only when told to; `offset_s` is what somebody has set it off by."""

    passed_s: float = 0.0
    offset_s: float = 0.0

    def wall(self) -> float:
        return START + self.passed_s + self.offset_s

    def elapsed(self) -> float:
        return self.passed_s


@dataclass
class PassingTime:
    """In place of the signals' queue: time passes as asked, and things happen at their time."""

    clock: SetClock
    events: dict[float, Callable[[], int | None]] = field(default_factory=dict)
    sleeps: list[float] = field(default_factory=list)

    def next(self, timeout_s: float | None = None) -> Any:
        assert timeout_s is not None
        self.sleeps.append(timeout_s)
        self.clock.passed_s += max(timeout_s, 1e-3)
        for at in sorted(self.events):
            if at <= self.clock.passed_s:
                signum = self.events.pop(at)()
                if signum is not None:
                    return SimpleNamespace(si_signo=signum, si_code=0)
        return None


class Listener:
    """A voice that remembers the plans."""

    def __init__(self) -> None:
        self.thoughts: list[Forethought] = []

    def warning(self, text: str) -> None: ...
    def fault(self, text: str) -> None: ...
    def planned(self, thought: Forethought) -> None: ...
    def started(self, run: Run) -> None: ...
    def changed(self, run: Run, why: str) -> None: ...
    def ended(self, run: Run) -> None: ...

    def waiting(self, thought: Forethought, now: float) -> float:
        return float("inf")


def forecast(folder: Path, *g_per_kwh: float) -> Path:
    """Hourly values from the start on."""
    rows = [
        f"{datetime.fromtimestamp(START + HOUR_S * hour, UTC):%Y-%m-%dT%H:%MZ},{value}"
        for hour, value in enumerate(g_per_kwh)
    ]
    path = folder / "f.csv"
    path.write_text("\n".join(["datetime_utc,intensity_gco2_per_kwh", *rows]))
    return path


@pytest.fixture
def job(tmp_path: Path) -> Preparation:
    """An hour's job that has six hours' time; the cleanest hour begins in three."""
    path = forecast(tmp_path, 300, 300, 300, 100, 300, 300)
    request = Request(duration="1h", deadline="6h", forecast=path)
    environ = {"HOME": str(tmp_path), "TZ": "UTC"}
    return prepare(request, Settings(None), environ, now=START, past=())


def waited(
    job: Preparation, clock: SetClock, time: PassingTime, lead: Callable[[], None] = lambda: None
) -> tuple[Waited, list[Forethought]]:
    plans: list[Forethought] = []
    thought = job.think(clock.wall())
    outcome = wait(
        job,
        thought,
        time,  # type: ignore[arg-type]
        clock,
        Listener(),
        on_plan=plans.append,
        lead_s=5.0,
        on_lead=lead,
    )
    return outcome, plans


def test_it_ends_at_the_planned_start(job: Preparation) -> None:
    clock = SetClock()
    waited(job, clock, PassingTime(clock))
    assert clock.wall() == pytest.approx(START + 3 * HOUR_S, abs=0.01)


def test_the_clock_is_looked_at_twice_a_minute(job: Preparation) -> None:
    clock = SetClock()
    time = PassingTime(clock)
    waited(job, clock, time)
    assert max(time.sleeps) <= 30


def test_a_look_that_is_due_when_nobody_is_asked_any_more_keeps_nothing_busy(
    job: Preparation,
) -> None:
    # Within half a minute of the start a service is left alone, due or not.
    quiet: Any = SimpleNamespace(
        has_news=lambda now, start: False, next_look=lambda now, series: START
    )
    thought = job.think(START)
    clock = SetClock(passed_s=3 * HOUR_S - 20)
    time: Any = PassingTime(clock)
    lead: Any = {"lead_s": 5.0, "on_lead": lambda: None}
    wait(quiet, thought, time, clock, Listener(), on_plan=lambda thought: None, **lead)
    assert clock.wall() == pytest.approx(START + 3 * HOUR_S, abs=0.01)
    assert len(time.sleeps) < 5


def test_a_clock_set_forward_past_the_start_ends_the_wait_at_the_next_look(
    job: Preparation,
) -> None:
    clock = SetClock()

    def set_forward() -> None:
        clock.offset_s = 4 * HOUR_S

    time = PassingTime(clock, {600.0: set_forward})
    waited(job, clock, time)
    assert clock.passed_s <= 630


def test_a_clock_set_back_does_not_carry_it_past_the_latest_start(job: Preparation) -> None:
    clock = SetClock()

    def set_back() -> None:
        clock.offset_s = -24 * HOUR_S

    waited(job, clock, PassingTime(clock, {600.0: set_back}))
    latest_s = (6 - 1.2) * HOUR_S
    assert clock.passed_s == pytest.approx(latest_s, abs=0.01)


def test_a_clock_set_back_before_the_wait_does_not_either(job: Preparation) -> None:
    clock = SetClock()
    thought = job.think(clock.wall())
    clock.offset_s = -24 * HOUR_S
    time = PassingTime(clock)
    wait(job, thought, time, clock, Listener(), on_plan=print, lead_s=5.0, on_lead=print)  # type: ignore[arg-type]
    assert clock.passed_s == pytest.approx((6 - 1.2) * HOUR_S, abs=0.01)


def test_a_suspend_past_the_start_ends_the_wait_at_the_next_look(job: Preparation) -> None:
    clock = SetClock()

    def suspend() -> None:
        clock.passed_s += 4 * HOUR_S

    time = PassingTime(clock, {600.0: suspend})
    waited(job, clock, time)
    assert clock.passed_s == pytest.approx(600 + 4 * HOUR_S, abs=31)


def test_the_meter_is_called_once_a_few_seconds_before_the_start(job: Preparation) -> None:
    clock = SetClock()
    calls: list[float] = []
    waited(job, clock, PassingTime(clock), lambda: calls.append(clock.wall()))
    assert calls == [pytest.approx(START + 3 * HOUR_S - 5, abs=0.01)]


def test_a_signal_to_start_ends_the_wait(job: Preparation) -> None:
    clock = SetClock()
    outcome, _ = waited(job, clock, PassingTime(clock, {600.0: lambda: SIGUSR1}))
    assert (outcome.told_to_start, outcome.aborted_by) == (True, None)


def test_a_signal_to_end_aborts_the_wait(job: Preparation) -> None:
    clock = SetClock()
    outcome, _ = waited(job, clock, PassingTime(clock, {600.0: lambda: SIGTERM}))
    assert outcome.aborted_by == SIGTERM


def test_a_forecast_that_changes_moves_the_start(job: Preparation, tmp_path: Path) -> None:
    clock = SetClock()

    def change() -> None:
        forecast(tmp_path, 300, 300, 50, 300, 300, 300)

    _, plans = waited(job, clock, PassingTime(clock, {600.0: change}))
    assert clock.wall() == pytest.approx(START + 2 * HOUR_S, abs=0.01)
    assert [thought.plan.start for thought in plans] == [START + 2 * HOUR_S]


def test_a_forecast_that_changes_just_before_the_start_moves_it_too(
    job: Preparation, tmp_path: Path
) -> None:
    clock = SetClock()

    def change() -> None:
        forecast(tmp_path, 300, 300, 300, 300, 100)

    _, plans = waited(job, clock, PassingTime(clock, {3 * HOUR_S - 2: change}))
    assert clock.wall() == pytest.approx(START + 4 * HOUR_S, abs=0.01)
    assert len(plans) == 1


def test_a_last_look_does_not_leave_the_start_for_one_as_good(
    job: Preparation, tmp_path: Path
) -> None:
    clock = SetClock()

    def change() -> None:
        forecast(tmp_path, 400, 400, 400, 100, 100)

    waited(job, clock, PassingTime(clock, {3 * HOUR_S - 2: change}))
    assert clock.wall() == pytest.approx(START + 3 * HOUR_S, abs=0.01)


@pytest.mark.parametrize("text", ["", "nonsense", "datetime_utc,intensity_gco2_per_kwh\nx,y\n"])
def test_a_forecast_that_breaks_leaves_the_plan_standing(
    job: Preparation, tmp_path: Path, text: str
) -> None:
    clock = SetClock()

    def break_it() -> None:
        (tmp_path / "f.csv").write_text(text)

    _, plans = waited(job, clock, PassingTime(clock, {600.0: break_it}))
    assert clock.wall() == pytest.approx(START + 3 * HOUR_S, abs=0.01)
    assert plans == []


def test_a_forecast_for_a_later_start_does_not_move_it_past_the_latest(
    job: Preparation, tmp_path: Path
) -> None:
    clock = SetClock()

    def change() -> None:
        forecast(tmp_path, 300, 300, 300, 300, 300, 10, 1, 1, 1)

    waited(job, clock, PassingTime(clock, {600.0: change}))
    assert clock.wall() <= START + (6 - 1.2) * HOUR_S + 0.01


# --- three days ---------------------------------------------------------------------------------


def three_days(folder: Path, seed: int) -> tuple[Path, list[float]]:
    """A file with a new forecast every six hours, the worse the further ahead, and what came."""
    random = Random(seed)
    came, level = [], 300.0
    for hour in range(73):
        level += random.gauss(0, 25)
        came.append(max(20.0, level + 60 * sin(hour / 24 * 2 * pi)))
    rows = ["datetime_utc,intensity_gco2_per_kwh,forecast_gco2_per_kwh,issued_utc"]
    for issued in range(0, 72, 6):
        error = 0.0
        for hour in range(issued, 73):
            error += random.gauss(0, 12)
            at, of = (instant_text(START + HOUR_S * h) for h in (hour, issued))
            rows.append(f"{at},{came[hour]:.3f},{max(1.0, came[hour] + error):.3f},{of}")
    path = folder / f"{seed}.csv"
    path.write_text("\n".join(rows) + "\n")
    return path, came


def instant_text(instant: float) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%MZ}"


def emitted(came: list[float], start: float) -> float:
    """The mean intensity of a two-hour run."""
    hours = Series(
        Slot(START + HOUR_S * hour, START + HOUR_S * (hour + 1), value)
        for hour, value in enumerate(came)
    )
    mean = hours.mean(start, start + 2 * HOUR_S)
    assert mean is not None
    return mean


def test_planning_again_for_three_days_beats_planning_once_and_starts_in_time(
    tmp_path: Path,
) -> None:
    once = again = 0.0
    moved = 0
    for seed in range(8):
        path, came = three_days(tmp_path, seed)
        request = Request(duration="2h", deadline="72h", forecast=path)
        environ = {"HOME": str(tmp_path), "TZ": "UTC"}
        job = prepare(request, Settings(None), environ, now=START, past=())
        first = job.think(START).plan
        clock = SetClock()
        outcome, plans = waited(job, clock, PassingTime(clock))
        assert outcome.thought.plan.start <= clock.wall() <= first.latest_start
        # Each new forecast was planned on while the job waited.
        issues = int((clock.wall() - START - 1) // (6 * HOUR_S))
        assert len({plan.outlook.issued for plan in plans}) >= issues
        once += emitted(came, first.start)
        again += emitted(came, clock.wall())
        moved += abs(clock.wall() - first.start) > 60
    assert moved
    assert again < once


def test_the_same_three_days_are_decided_on_in_the_same_way(tmp_path: Path) -> None:
    path, _ = three_days(tmp_path, 3)
    ends = set()
    for _ in range(2):
        request = Request(duration="2h", deadline="72h", forecast=path)
        environ = {"HOME": str(tmp_path), "TZ": "UTC"}
        job = prepare(request, Settings(None), environ, now=START, past=())
        clock = SetClock()
        _, plans = waited(job, clock, PassingTime(clock))
        ends.add((round(clock.wall(), 2), tuple(plan.plan.start for plan in plans)))
    assert len(ends) == 1
