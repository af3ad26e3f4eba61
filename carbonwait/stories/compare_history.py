"""The history that a job is replayed over, and when in it the job is submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from carbonwait.core.errors import Mistake
from carbonwait.core.intensity_file import IntensityFile
from carbonwait.core.knowledge import IssuedHours, Knowledge
from carbonwait.core.records import Instant
from carbonwait.core.replay import Job, full_hours
from carbonwait.core.series import Series
from carbonwait.core.units import format_instant, format_span, parse_span, parse_when
from carbonwait.core.windows import openings, parse_moments
from carbonwait.grid import registry
from carbonwait.grid.file import ForecastFile
from carbonwait.settings import Settings
from carbonwait.stories.compare_request import CompareRequest
from carbonwait.stories.intensities import Intensities, choose_zone

DEFAULT_DAYS = 365
_DAY_S = 86400.0
# Dynamic and learnt strategies need a past to look back on.
_WARM_UP_S = 60 * _DAY_S


@dataclass(frozen=True, slots=True)
class History:
    """What was, and what was forecast of it, over `[first, last)`; `name` is for messages."""

    actuals: Series
    issued: IssuedHours | None
    zone: str | None
    name: str
    first: Instant
    last: Instant

    def knowledge(self) -> Knowledge:
        """It as it comes to be known, hour by hour, by one planner."""
        return Knowledge.of(self.actuals, self.issued)


def load_history(
    request: CompareRequest, settings: Settings, environ: Mapping[str, str], now: Instant
) -> History:
    """The history that was asked for. Raises Mistake for one that cannot be used."""
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
        return History(actuals, _issued(request, file), zone, str(request.history), *span)
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
    return History(actuals, None, choice.zone, f"the history of {choice.zone}", *span)


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


def span_of(
    request: CompareRequest, history: History, job: Job, now: Instant, local: tzinfo
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


def _bound(text: str, history: History, now: Instant, local: tzinfo) -> Instant:
    """A span reaches back, an instant stands for itself, in a history of years to come as well."""
    present = max(now, history.last)
    try:
        return present - parse_span(text)
    except Mistake:
        return parse_when(text, present, local)


def submissions(
    request: CompareRequest, begin: Instant, end: Instant, local: tzinfo
) -> list[Instant]:
    """When the job is submitted in `[begin, end)`: as asked for, else at every full hour."""
    if request.submit is None:
        return full_hours(begin, end)
    moments = openings((parse_moments(request.submit),), begin - 60, end, local)
    return [opens for opens, _ in moments if begin <= opens < end]


def nothing_to_replay(
    request: CompareRequest,
    history: History,
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
