"""What `compare` was asked to replay: the options as typed, and the job that they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from carbonwait.core.errors import Mistake
from carbonwait.core.replay import Job
from carbonwait.core.units import JOULES_PER_KWH, parse_span
from carbonwait.settings import Settings
from carbonwait.stories.planning import DEFAULT_DEADLINE, DEFAULT_MIN_SAVING_PCT, past_runs

DEFAULT_RESUME_COST = "5m"


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """The options of `compare` as typed; None: not given."""

    history: Path | None = None
    days: int | None = None
    duration: str | None = None
    job: str | None = None
    deadline: str | None = None
    begin: str | None = None
    end: str | None = None
    submit: str | None = None
    min_saving_pct: float | None = None
    windows: tuple[str, ...] = ()
    zone: str | None = None
    provider: str | None = None
    interruptible: bool = False
    resume_cost: str = DEFAULT_RESUME_COST
    issued: bool = False
    decisions: Path | None = None


def job_of(
    request: CompareRequest, settings: Settings, environ: Mapping[str, str]
) -> tuple[Job, float | None]:
    """The job, and the mean energy of its past runs in kWh, None if that is not known.

    Raises Mistake.
    """
    duration_s, energy_kwh = _duration(request, environ)
    deadline_s, min_saving_pct = _deadline_s(request, settings), _min_saving_pct(request, settings)
    return Job(duration_s, deadline_s, min_saving_pct), energy_kwh


def _duration(request: CompareRequest, environ: Mapping[str, str]) -> tuple[float, float | None]:
    """Seconds, and the energy of past runs where the job has a name."""
    past = past_runs(request.job, environ) if request.job else ()
    joules = [run.energy.total_j for run in past if run.energy.total_j is not None]
    energy_kwh = sum(joules) / len(joules) / JOULES_PER_KWH if joules else None
    if request.duration is not None:
        duration_s = parse_span(request.duration)
        if duration_s <= 0:
            raise Mistake(f"--duration {request.duration!r} is no time to run; write 45m or 2h")
        return duration_s, energy_kwh
    if request.job is None:
        raise Mistake("compare needs --duration SPAN or --job NAME")
    spans = [run.ran_s for run in past if run.ran_s is not None]
    if not spans:
        raise Mistake(f"no run of {request.job!r} has succeeded so far; give --duration SPAN")
    return max(sum(spans) / len(spans), 1.0), energy_kwh


def _deadline_s(request: CompareRequest, settings: Settings) -> float:
    if request.deadline is not None:
        return _span(request.deadline, "--deadline")
    own = settings.for_job(request.job or "").deadline
    try:
        return parse_span(own or DEFAULT_DEADLINE)
    except Mistake:
        # An hour of the day is no span, and each submission would have another one.
        return parse_span(DEFAULT_DEADLINE)


def _span(text: str, option: str) -> float:
    span_s = parse_span(text)
    if span_s <= 0:
        raise Mistake(f"{option} {text!r} leaves no time; write 12h")
    return span_s


def _min_saving_pct(request: CompareRequest, settings: Settings) -> float:
    asked = request.min_saving_pct
    if asked is None:
        own = settings.for_job(request.job or "").min_saving_pct
        return DEFAULT_MIN_SAVING_PCT if own is None else own
    if not 0 <= asked <= 100:
        raise Mistake(f"--min-saving {asked:g} is no percentage; write a number from 0 to 100")
    return asked
