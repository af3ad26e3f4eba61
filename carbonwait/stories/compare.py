"""Is dynamic shifting worth it, against a fixed window? One job, replayed over a history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from carbonwait.core.comparison import (
    Figures,
    SubmitHour,
    by_submit_hour,
    figures_of,
    usual_hour,
    verdict,
)
from carbonwait.core.errors import Mistake
from carbonwait.core.intensity_file import IntensityFile
from carbonwait.core.knowledge import IssuedHours, Knowledge
from carbonwait.core.planner import ASSUMED_WINDOW
from carbonwait.core.records import Instant
from carbonwait.core.replay import (
    Job,
    Outcome,
    StrategyName,
    clear_submits,
    dynamic_starts,
    full_hours,
    learnt_static_starts,
    oracle_starts,
    replay_starts,
    static_starts,
)
from carbonwait.core.replay_pausing import interruptible_runs
from carbonwait.core.series import Series
from carbonwait.core.units import (
    JOULES_PER_KWH,
    format_instant,
    format_span,
    parse_span,
    parse_when,
)
from carbonwait.core.windows import Window, openings, parse_moments, parse_window
from carbonwait.grid import registry, zones
from carbonwait.grid.file import ForecastFile
from carbonwait.process.clock import local_zone
from carbonwait.settings import Settings
from carbonwait.stories.intensities import Intensities, choose_zone
from carbonwait.stories.planning import (
    DEFAULT_DEADLINE,
    DEFAULT_MIN_SAVING_PCT,
    past_runs,
)

DEFAULT_DAYS = 365
DEFAULT_RESUME_COST = "5m"
_DAY_S = 86400.0
# Dynamic and learnt strategies need a past to look back on.
_WARM_UP_S = 60 * _DAY_S


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


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer. `energy_kwh` is what past runs of the job used, None if that is not known."""

    zone: str | None
    begin: Instant
    end: Instant
    job: Job
    outcomes: Mapping[StrategyName, Sequence[Outcome]]
    figures: Mapping[StrategyName, Figures]
    by_hour: Sequence[SubmitHour]
    verdict: str
    window: str
    energy_kwh: float | None = None
    notes: Sequence[str] = field(default=())

    @property
    def jobs(self) -> int:
        """How many jobs were submitted."""
        return len(self.outcomes["now"])


@dataclass(frozen=True, slots=True)
class _History:
    actuals: Series
    issued: IssuedHours | None
    zone: str | None
    name: str
    first: Instant
    last: Instant


def compare(
    request: CompareRequest, settings: Settings, environ: Mapping[str, str], now: Instant
) -> Comparison:
    """Replay the job. Raises Mistake for options and histories that leave nothing to replay."""
    local = local_zone(zones.local_timezone(environ))
    window_zone = settings.config.window_zone or local
    resume_s = parse_span(request.resume_cost)
    history = _history(request, settings, environ, now)
    notes: list[str] = []
    duration_s, energy_kwh = _duration(request, environ)
    job = Job(
        duration_s,
        _deadline_s(request, settings),
        _min_saving_pct(request, settings),
    )
    if job.slack_s < 0:
        notes.append(
            f"a job of {format_span(duration_s)} cannot meet a deadline of "
            f"{format_span(job.deadline_s)}; it starts at once"
        )
    begin, end = _range(request, history, job, now, local)
    asked = _submits(request, begin, end, local)
    submits = clear_submits(history.actuals, job, asked)
    if len(submits) < len(asked):
        notes.append(
            f"{len(asked) - len(submits)} submissions are left out for gaps in the history"
        )
    if not submits:
        raise Mistake(_nothing_to_replay(request, history, job, (begin, end), asked))
    windows = tuple(map(parse_window, request.windows)) or settings.config.windows
    outcomes = _outcomes(request, history, job, submits, windows, window_zone, resume_s)
    if (
        windows
        and all(outcome.start == outcome.submitted for outcome in outcomes["static"])
        and job.slack_s > 0
    ):
        notes.append("no job can wait for the static window; it starts at once")
    figures = figures_of(outcomes, job.deadline_s)
    hour_of_day = _hour_of_day(window_zone)
    learnt = [o.start for o in outcomes["static_best"] if o.start > o.submitted]
    named = ", ".join(map(str, windows)) or f"{ASSUMED_WINDOW}, assumed"
    return Comparison(
        zone=history.zone,
        begin=begin,
        end=end,
        job=job,
        outcomes=outcomes,
        figures=figures,
        by_hour=by_submit_hour(outcomes, _hour_of_day(local)),
        verdict=verdict(figures, named, usual_hour(learnt, hour_of_day)),
        window=named,
        energy_kwh=energy_kwh,
        notes=notes,
    )


def _outcomes(
    request: CompareRequest,
    history: _History,
    job: Job,
    submits: Sequence[Instant],
    windows: Sequence[Window],
    window_zone: tzinfo,
    resume_s: float,
) -> dict[StrategyName, Sequence[Outcome]]:
    actuals = history.actuals
    opens = openings(
        windows or (ASSUMED_WINDOW,),
        submits[0] - 2 * _DAY_S,
        submits[-1] + 16 * _DAY_S,
        window_zone,
    )
    starts: dict[StrategyName, Sequence[Instant]] = {
        "now": submits,
        "static": static_starts(opens, job, submits),
        "static_best": learnt_static_starts(actuals, job, submits, _hour_of_day(window_zone)),
        "dynamic": dynamic_starts(_knowledge(history), job, submits),
    }
    outcomes: dict[StrategyName, Sequence[Outcome]] = {
        name: replay_starts(actuals, job, submits, found) for name, found in starts.items()
    }
    if request.interruptible:
        outcomes["interruptible"] = interruptible_runs(
            _knowledge(history), actuals, job, submits, resume_s
        )
    oracle = oracle_starts(actuals, job, submits)
    outcomes["oracle"] = replay_starts(actuals, job, submits, oracle)
    return outcomes


def _knowledge(history: _History) -> Knowledge:
    return Knowledge.of(history.actuals, history.issued)


def _history(
    request: CompareRequest, settings: Settings, environ: Mapping[str, str], now: Instant
) -> _History:
    if request.history is not None and request.days is not None:
        raise Mistake("--history and --days contradict each other; give one of them")
    if request.history is not None:
        _keep_apart(request.history, request.decisions)
        zone = request.zone
        if zone is not None:
            zone = choose_zone(zone, settings, None, environ, request.provider).zone
        if request.provider is not None:
            # None is asked, but a wrong name is a mistake all the same.
            name = None if request.provider == "file" else request.provider
            registry.choose(name, zone, settings.provider)
        file = ForecastFile(request.history).load()
        actuals = file.actuals()
        if not actuals:
            raise Mistake(f"{request.history} holds no intensity; fill the second column")
        # A row that says nothing counts for how far the file reaches, as it does for its steps.
        span = file.rows[0].start, file.ends
        return _History(actuals, _issued(request, file), zone, str(request.history), *span)
    if request.issued:
        raise Mistake("--issued needs a file with forecasts; name it with --history")
    days = DEFAULT_DAYS if request.days is None else request.days
    if days < 1:
        raise Mistake(f"--days {days} is no number of days; write 1 or more")
    defaults = settings.for_job(request.job or "")
    provider = request.provider if request.provider is not None else defaults.provider
    choice = choose_zone(request.zone, settings, defaults.zone, environ, provider)
    intensities = Intensities(choice, settings, environ, provider=provider)
    if choice.zone is None or intensities.provider is None:
        raise Mistake(f"no zone with a provider: {choice.source}; give --history FILE")
    actuals = intensities.observed(now - days * _DAY_S, now)
    if not actuals:
        raise Mistake(
            f"nothing has been observed in {choice.zone} by {intensities.provider.name} yet; "
            "give --history FILE, or come back after some runs"
        )
    span = actuals.edges[0], actuals.edges[-1]
    return _History(actuals, None, choice.zone, f"the history of {choice.zone}", *span)


def _keep_apart(history: Path, decisions: Path | None) -> None:
    """The decisions must not be written over what they were made from. Raises Mistake."""
    if decisions is None:
        return
    try:
        same = decisions.samefile(history)
    except (OSError, ValueError):
        # One of them does not exist, or is not to be read or written: that is told of elsewhere.
        return
    if same:
        raise Mistake(f"--decisions {decisions} is the history itself; name another file")


def _issued(request: CompareRequest, file: IntensityFile) -> IssuedHours | None:
    if not request.issued:
        return None
    if not file.has_forecasts:
        raise Mistake(
            f"--issued: {request.history} has no column forecast_gco2_per_kwh; leave it out"
        )
    return file.issued()


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


def _range(
    request: CompareRequest, history: _History, job: Job, now: Instant, local: tzinfo
) -> tuple[Instant, Instant]:
    """The submissions' first instant, and the end that they lie before."""
    begin, end = history.first + _WARM_UP_S, history.last - job.deadline_s
    if begin >= end:
        begin = history.first + (history.last - history.first) / 3
    if request.begin is not None:
        begin = _bound(request.begin, history, now, local)
    if request.end is not None:
        end = _bound(request.end, history, now, local)
    return begin, end


def _bound(text: str, history: _History, now: Instant, local: tzinfo) -> Instant:
    """A span reaches back, an instant stands for itself, in a history of years to come as well."""
    present = max(now, history.last)
    try:
        return present - parse_span(text)
    except Mistake:
        return parse_when(text, present, local)


def _submits(request: CompareRequest, begin: Instant, end: Instant, local: tzinfo) -> list[Instant]:
    if request.submit is None:
        return full_hours(begin, end)
    moments = openings((parse_moments(request.submit),), begin - 60, end, local)
    return [opens for opens, _ in moments if begin <= opens < end]


def _nothing_to_replay(
    request: CompareRequest,
    history: _History,
    job: Job,
    span: tuple[Instant, Instant],
    asked: Sequence[Instant],
) -> str:
    """Why there is no job to replay, and what to do about it; submissions lie in `span`."""
    covered_s = history.last - history.first
    covers = f"{history.name} covers {format_span(covered_s)}"
    if job.duration_s > covered_s:
        least = f"less than the {format_span(job.duration_s)} of the job"
        return f"{covers}, {least}; give a longer history or a shorter --duration"
    if (request.begin, request.end, request.submit) == (None, None, None) and not asked:
        return (
            f"{covers}, which leaves no submission with a deadline of "
            f"{format_span(job.deadline_s)}; give a longer history or a shorter --deadline"
        )
    begin, end = span
    if not asked or begin >= history.last or end <= history.first:
        return (
            f"no job is submitted from {format_instant(begin)} to {format_instant(end)} within "
            f"{history.name}, {format_instant(history.first)} to {format_instant(history.last)}; "
            "give another --from, --to or --submit"
        )
    needed = format_span(max(job.deadline_s, job.duration_s))
    return (
        f"{history.name} ends or has a gap within {needed} of every submission; "
        "give a longer history, or one without gaps"
    )


def _hour_of_day(zone: tzinfo) -> Callable[[Instant], int]:
    """The hour on the wall; worked out once an hour, as a replay asks for each many times."""
    known: dict[Instant, int] = {}

    def hour_of_day(instant: Instant) -> int:
        if instant not in known:
            known[instant] = datetime.fromtimestamp(instant, zone).hour
        return known[instant]

    return hour_of_day
