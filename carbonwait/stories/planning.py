"""From what the user asked to a plan: what `run` does before it waits and what `plan` shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from math import isfinite
from pathlib import Path

from carbonwait.core.config import JobDefaults
from carbonwait.core.durations import Durations, durations_from, known_duration
from carbonwait.core.errors import LedgerUnavailable, Mistake
from carbonwait.core.jobname import job_name
from carbonwait.core.planner import Plan, Task, plan, static_opening
from carbonwait.core.records import Instant, Run, Strategy
from carbonwait.core.secrets import masked
from carbonwait.core.units import parse_span, parse_when
from carbonwait.core.windows import parse_window
from carbonwait.grid import zones
from carbonwait.ledger.store import Ledger
from carbonwait.process.clock import local_zone
from carbonwait.settings import Settings, ledger_path
from carbonwait.stories.intensities import Intensities, Outlook, choose_zone

DEFAULT_DEADLINE = "12h"
DEFAULT_MIN_SAVING_PCT = 1.0
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

    @property
    def sample_s(self) -> float:
        """The sampling period in seconds. Raises Mistake outside 1 s to 60 s."""
        sample_s = parse_span(self.sample)
        if not 1.0 <= sample_s <= LONGEST_SAMPLE_S:
            raise Mistake(f"--sample {self.sample!r} is not between 1s and 60s")
        return sample_s


@dataclass(frozen=True, slots=True)
class Preparation:
    """All that a plan needs but the forecast; `local` is the machine's time zone."""

    name: str
    task: Task
    intensities: Intensities
    local: tzinfo
    idle_watts: float

    def think(self, now: Instant) -> "Forethought":
        """Look at the grid and plan."""
        task = self.task
        longest_s = max(task.durations.support_s[-1], task.durations.longest_s)
        opens = static_opening(task, now)
        outlook = self.intensities.outlook(
            now, max(task.deadline, now) + longest_s, opens + longest_s
        )
        if outlook.rung == "static" and task.strategy == "now":
            # The window serves for want of a forecast, not for those who do not wait.
            outlook = replace(outlook, rung="now")
        return Forethought(self.name, task, outlook, _plan(task, outlook, now), now, self.local)

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
    return Preparation(name, task, intensities, local, settings.config.idle_watts)


def past_runs(name: str, environ: Mapping[str, str]) -> Sequence[Run]:
    """Earlier runs of a job, newest first; none if the ledger cannot be read.

    A ledger that cannot be read is told of where it is written to, not here.
    """
    try:
        path = ledger_path(environ)
        if not path.exists():
            return ()
        with Ledger.open(path, create=False, read_only=True, busy_timeout_s=_PATIENCE_S) as ledger:
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


def _plan(task: Task, outlook: Outlook, now: Instant) -> Plan:
    if outlook.series or task.strategy != "dynamic":
        return plan(task, outlook.series, now)
    # Without a forecast the rung itself is the strategy: the static window or the present moment.
    strategy: Strategy = "static" if outlook.rung == "static" else "now"
    made = plan(replace(task, strategy=strategy), outlook.series, now)
    reason = made.reason if strategy == "static" else "there is no forecast"
    return replace(made, dynamic_start=made.start, reason=reason)


def _durations(request: Request, defaults: JobDefaults, past: Sequence[Run]) -> Durations:
    given = _first(request.duration, defaults.duration)
    if given is not None:
        duration_s = parse_span(given)
        if duration_s <= 0:
            raise Mistake(f"--duration {given!r} is no time to run; write 45m or 2h")
        return known_duration(duration_s)
    spans = [run.ended - run.started for run in past if run.started and run.ended]
    return durations_from(spans)


def _min_saving_pct(asked: float | None, default: float | None) -> float:
    if asked is None:
        return DEFAULT_MIN_SAVING_PCT if default is None else default
    if not isfinite(asked) or not 0 <= asked <= 100:
        raise Mistake(f"--min-saving {asked:g} is no percentage; write a number from 0 to 100")
    return asked


def _idle_ratio(idle_watts: float, past: Sequence[Run]) -> float:
    """Power drawn while waiting over the job's own power, which past runs tell."""
    if idle_watts == 0:
        return 0.0
    joules = seconds = 0.0
    for run in past:
        if run.energy.total_j is not None and run.started and run.ended:
            joules += run.energy.total_j
            seconds += run.ended - run.started
    return idle_watts * seconds / joules if joules > 0 else _ASSUMED_IDLE_RATIO
