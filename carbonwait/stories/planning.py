"""From what the user asked to a plan: what `run` does before it waits and what `plan` shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from math import inf, isfinite
from pathlib import Path

from carbonwait.core.config import JobDefaults
from carbonwait.core.durations import Durations, durations_from, known_duration
from carbonwait.core.errors import LedgerUnavailable, Mistake
from carbonwait.core.jobname import job_name
from carbonwait.core.objective import CARBON, parse_weight, scores
from carbonwait.core.planner import Plan, Task, expected_mean, plan, static_opening
from carbonwait.core.records import Instant, Run, Strategy
from carbonwait.core.secrets import masked
from carbonwait.core.series import Series
from carbonwait.core.units import parse_span, parse_when
from carbonwait.core.windows import parse_window
from carbonwait.grid import zones
from carbonwait.ledger.schema import OldLedger
from carbonwait.ledger.store import Ledger
from carbonwait.process.clock import local_zone
from carbonwait.settings import Settings, ledger_path
from carbonwait.stories.intensities import Intensities, choose_zone
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.prices import NO_PRICES, PriceOutlook, PriceSource

DEFAULT_DEADLINE = "12h"
DEFAULT_MIN_SAVING_PCT = 1.0
DEFAULT_RESUME_COST = "5m"
LONGEST_SAMPLE_S = 60.0

# With no past run to tell what the job draws, it is taken to draw twice what waiting does.
_ASSUMED_IDLE_RATIO = 0.5
# The job is not to wait long for other processes that write to the ledger.
_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `run` and `plan` as typed; None: not given."""

    command: tuple[str, ...] = ()
    deadline: str | None = None
    duration: str | None = None
    strategy: Strategy | None = None
    windows: tuple[str, ...] = ()
    min_saving_pct: float | None = None
    zone: str | None = None
    provider: str | None = None
    forecast: Path | None = None
    name: str | None = None
    meter: bool = True
    sample: str = "5s"
    lock: str | None = None
    objective: str | None = None
    interruptible: bool = False
    pause_command: str | None = None
    resume_command: str | None = None
    resume_cost: str | None = None

    @property
    def sample_s(self) -> float:
        """The sampling period in seconds. Raises Mistake outside 1 s to 60 s."""
        sample_s = parse_span(self.sample)
        if not 1.0 <= sample_s <= LONGEST_SAMPLE_S:
            raise Mistake(f"--sample {self.sample!r} is not between 1s and 60s")
        return sample_s


@dataclass(frozen=True, slots=True)
class Interruption:
    """How a job may be paused; hooks are argument lists, empty where there is none."""

    resume_cost_s: float
    pause_command: tuple[str, ...] = ()
    resume_command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preparation:
    """All that a plan needs but the forecast; `local` is the machine's time zone.

    `interruption` is None for a job that may not be paused.
    """

    name: str
    task: Task
    intensities: Intensities
    local: tzinfo
    idle_watts: float
    prices: PriceSource
    lock: str | None = None
    interruption: Interruption | None = None

    def starts_at_once(self, now: Instant) -> bool:
        """True if no forecast could have the job wait: so nobody is to be asked before."""
        return self.task.strategy == "now" or not now < self._waits_until(now)

    def _waits_until(self, now: Instant) -> Instant:
        """When the job starts at the latest, whatever the forecast is."""
        latest_start = self.task.latest_start
        if self.task.strategy == "static":
            opens = static_opening(self.task, now)
            return opens if opens <= latest_start else now
        return latest_start

    def think(self, now: Instant, planned: Instant | None = None) -> "Forethought":
        """Look at the grid and plan; `planned` is the start planned so far, once the wait began."""
        task = self.task
        longest_s = max(task.durations.support_s[-1], task.durations.longest_s)
        opens = static_opening(task, now)
        until = max(task.deadline, now) + longest_s
        # What starts at once has nothing to be late for: it is planned when it has started.
        room_s = inf if self.starts_at_once(now) else self._waits_until(now) - now
        outlook = self.intensities.outlook(now, until, opens + longest_s, room_s=room_s)
        if outlook.rung == "static" and task.strategy == "now":
            # The window serves for want of a forecast, not for those who do not wait.
            outlook = replace(outlook, rung="now")
        prices = self.prices.outlook(now, until, now + room_s)
        outlook = replace(
            outlook,
            warnings=(*outlook.warnings, *prices.warnings),
            notes=(*outlook.notes, *prices.notes),
        )
        objective = _objective(task, outlook.series, prices, now, until)
        made = _plan(task, outlook, now, objective, planned)
        if self.interruption is not None and outlook.series:
            from carbonwait.core.interrupting import interruptible

            cost_s = self.interruption.resume_cost_s
            made = interruptible(
                made, task, outlook.series, now, resume_cost_s=cost_s, objective=objective
            )
        return Forethought(self.name, task, outlook, made, now, self.local, prices)

    def minimised(self, series: Series, now: Instant) -> Series:
        """What the job minimises while it runs, `series` being the intensities."""
        task = self.task
        if task.carbon_weight >= CARBON:
            return series
        until = max(task.deadline, now)
        prices = self.prices.outlook(now, until, now)
        return _objective(task, series, prices, now, until) or series

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if another plan may differ from the last one; `start` is the planned one."""
        news = self.intensities.has_news(now, start)
        return news or self.prices.has_news(now, start)

    def next_look(self, now: Instant, series: Series) -> Instant:
        """When there may be news; `series` are the intensities planned on."""
        return min(self.intensities.next_look(now, series), self.prices.next_look(now))

    def without_forecast(self, now: Instant) -> "Forethought":
        """The plan of last resort: start now."""
        outlook = self.intensities.nothing()
        return Forethought(
            self.name, self.task, outlook, _plan(self.task, outlook, now), now, self.local
        )


@dataclass(frozen=True, slots=True)
class Forethought:
    """A plan with all that it stands on, as of `now`."""

    name: str
    task: Task
    outlook: Outlook
    plan: Plan
    now: Instant
    local: tzinfo
    prices: PriceOutlook = NO_PRICES

    def price(self, start: Instant) -> float | None:
        """The mean price per kWh over the expected run from a start, None if it is not known."""
        return expected_mean(self.prices.planned_on, self.task.durations, start)


def prepare(
    request: Request,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    now: Instant,
    give_up: Callable[[], bool] = lambda: False,
    past: Sequence[Run] | None = None,
) -> Preparation:
    """Check all that was asked, before anything runs or waits.

    `past` are earlier runs of the job; by default the ledger is asked. Raises Mistake.
    """
    name = _name(request)
    defaults = settings.for_job(name)
    timezone = zones.local_timezone(environ)
    local = local_zone(timezone)
    request.sample_s  # noqa: B018 (a mistake in it must be found before the wait)
    if past is None:
        past = past_runs(name, environ) if name else ()
    deadline = _first(request.deadline, defaults.deadline, DEFAULT_DEADLINE)
    task = Task(
        submitted=now,
        deadline=parse_when(deadline or "", now, local),
        durations=_durations(request, defaults, past),
        strategy=request.strategy or defaults.strategy or "dynamic",
        windows=tuple(parse_window(text) for text in request.windows) or settings.config.windows,
        zone=settings.config.window_zone or local,
        min_saving_pct=_min_saving_pct(request.min_saving_pct, defaults.min_saving_pct),
        idle_ratio=_idle_ratio(settings.config.idle_watts, past),
        carbon_weight=_weight(request.objective, defaults.objective),
    )
    provider = _first(request.provider, defaults.provider)
    intensities = Intensities(
        choose_zone(request.zone, settings, defaults.zone, environ, provider),
        settings,
        environ,
        give_up=give_up,
        provider=provider,
        forecast=request.forecast,
    )
    lock = _first(request.lock, defaults.lock)
    if lock is not None and not lock.strip():
        raise Mistake(f"--lock {lock!r} is no name; leave it out or write one")
    prices = PriceSource(
        intensities.choice.zone, task.carbon_weight, settings, environ, give_up=give_up
    )
    return Preparation(
        name,
        task,
        intensities,
        local,
        settings.config.idle_watts,
        prices,
        lock,
        _interruption(request, defaults, task.strategy),
    )


def past_runs(name: str, environ: Mapping[str, str]) -> Sequence[Run]:
    """Earlier runs of a job, newest first; none if the ledger cannot be read.

    A ledger that cannot be read is told of where it is written to, not here.
    """
    try:
        path = ledger_path(environ)
        if not path.exists():
            return ()
        try:
            ledger = Ledger.open(path, create=False, read_only=True, busy_timeout_s=_PATIENCE_S)
        except OldLedger:
            ledger = Ledger.open(path, create=False, busy_timeout_s=_PATIENCE_S)
        with ledger:
            return ledger.past_runs(name)
    except (LedgerUnavailable, OSError):
        return ()


def _name(request: Request) -> str:
    """The job's name; empty where a plan is made for no job in particular."""
    if request.name is None:
        return job_name(masked(request.command)) if request.command else ""
    if not request.name.strip():
        raise Mistake(f"--name {request.name!r} is no name; leave it out or write one")
    return request.name


def _first(*values: str | None) -> str | None:
    """The first value that was given, be it empty: that is a mistake for its parser to find."""
    return next((value for value in values if value is not None), None)


def _objective(
    task: Task, series: Series, prices: PriceOutlook, now: Instant, until: Instant
) -> Series | None:
    """The scores to minimise, None where it is the intensities themselves."""
    if task.carbon_weight >= CARBON or not prices.planned_on:
        return None
    return scores(series, prices.planned_on, task.carbon_weight, now, until)


def _plan(
    task: Task,
    outlook: Outlook,
    now: Instant,
    objective: Series | None = None,
    planned: Instant | None = None,
) -> Plan:
    if objective is None:
        task = replace(task, carbon_weight=CARBON)
    if outlook.series or task.strategy != "dynamic":
        return plan(task, outlook.series, now, planned=planned, objective=objective)
    # Without a forecast the rung itself is the strategy: the static window or the present moment.
    strategy: Strategy = "static" if outlook.rung == "static" else "now"
    made = plan(replace(task, strategy=strategy), outlook.series, now)
    known = strategy == "static" or made.deadline_at_risk
    reason = made.reason if known else "there is no forecast"
    return replace(made, dynamic_start=made.start, reason=reason)


def _durations(request: Request, defaults: JobDefaults, past: Sequence[Run]) -> Durations:
    given = _first(request.duration, defaults.duration)
    if given is not None:
        duration_s = parse_span(given)
        if duration_s <= 0:
            raise Mistake(f"--duration {given!r} is no time to run; write 45m or 2h")
        return known_duration(duration_s)
    return durations_from([run.ran_s for run in past if run.ran_s is not None])


def _interruption(
    request: Request, defaults: JobDefaults, strategy: Strategy
) -> Interruption | None:
    """How the job may be paused, None if it may not. Raises Mistake.

    The option holds whatever the strategy is, since it can mean nothing else. The config file's
    word is for the dynamic strategy: `--now` is to run a job now, not in pieces.
    """
    given = (request.pause_command, request.resume_command, request.resume_cost)
    allowed = request.interruptible or bool(defaults.interruptible)
    if not allowed and any(value is not None for value in given):
        raise Mistake("--pause-command, --resume-command and --resume-cost need --interruptible")
    cost_s = parse_span(_first(request.resume_cost, defaults.resume_cost) or DEFAULT_RESUME_COST)
    if cost_s < 0:
        raise Mistake(f"--resume-cost {request.resume_cost!r} is negative; write 5m or 0")
    hooks = (
        _hook("--pause-command", _first(request.pause_command, defaults.pause_command)),
        _hook("--resume-command", _first(request.resume_command, defaults.resume_command)),
    )
    if not request.interruptible and not (defaults.interruptible and strategy == "dynamic"):
        return None
    return Interruption(cost_s, *hooks)


def _hook(option: str, line: str | None) -> tuple[str, ...]:
    import shlex

    if line is None:
        return ()
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise Mistake(f"{option} {line!r} cannot be read: {error}") from None
    if not words:
        raise Mistake(f"{option} {line!r} names no program; leave it out or write one")
    return words


def _min_saving_pct(asked: float | None, default: float | None) -> float:
    if asked is None:
        return DEFAULT_MIN_SAVING_PCT if default is None else default
    if not isfinite(asked) or not 0 <= asked <= 100:
        raise Mistake(f"--min-saving {asked:g} is no percentage; write a number from 0 to 100")
    return asked


def _weight(asked: str | None, default: float | None) -> float:
    if asked is None:
        return CARBON if default is None else default
    try:
        return parse_weight(asked)
    except Mistake as mistake:
        raise Mistake(f"--{mistake}") from None


def _idle_ratio(idle_watts: float, past: Sequence[Run]) -> float:
    """Power drawn while waiting over the job's own power, which past runs tell."""
    if idle_watts == 0:
        return 0.0
    joules = seconds = 0.0
    for run in past:
        if run.energy.total_j is not None and run.ran_s is not None:
            joules += run.energy.total_j
            seconds += run.ran_s
    return idle_watts * seconds / joules if joules > 0 else _ASSUMED_IDLE_RATIO
