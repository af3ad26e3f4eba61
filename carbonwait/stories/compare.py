"""Is dynamic shifting worth it, against a fixed window? One job, replayed over a history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from carbonwait.core.comparison import (
    Figures,
    SubmitHour,
    by_submit_hour,
    figures_of,
    usual_hour,
    verdict,
)
from carbonwait.core.errors import Mistake
from carbonwait.core.planner import ASSUMED_WINDOW
from carbonwait.core.records import Instant
from carbonwait.core.replay import (
    Job,
    Outcome,
    StrategyName,
    clear_submits,
    dynamic_starts,
    learnt_static_starts,
    oracle_starts,
    replay_starts,
    static_starts,
)
from carbonwait.core.replay_pausing import interruptible_runs
from carbonwait.core.units import (
    format_span,
    parse_span,
)
from carbonwait.core.windows import Window, openings, parse_window
from carbonwait.grid import zones
from carbonwait.process.clock import local_zone
from carbonwait.settings import Settings
from carbonwait.stories.compare_history import (
    History,
    load_history,
    nothing_to_replay,
    span_of,
    submissions,
)
from carbonwait.stories.compare_request import CompareRequest, job_of

_DAY_S = 86400.0


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


def compare(
    request: CompareRequest, settings: Settings, environ: Mapping[str, str], now: Instant
) -> Comparison:
    """Replay the job. Raises Mistake for options and histories that leave nothing to replay."""
    local = local_zone(zones.local_timezone(environ))
    window_zone = settings.config.window_zone or local
    resume_s = parse_span(request.resume_cost)
    history = load_history(request, settings, environ, now)
    notes: list[str] = []
    job, energy_kwh = job_of(request, settings, environ)
    if job.slack_s < 0:
        notes.append(
            f"a job of {format_span(job.duration_s)} cannot meet a deadline of "
            f"{format_span(job.deadline_s)}; it starts at once"
        )
    begin, end = span_of(request, history, job, now, local)
    asked = submissions(request, begin, end, local)
    submits = clear_submits(history.actuals, job, asked)
    if len(submits) < len(asked):
        notes.append(
            f"{len(asked) - len(submits)} submissions are left out for gaps in the history"
        )
    if not submits:
        raise Mistake(nothing_to_replay(request, history, job, (begin, end), asked))
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
    history: History,
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
        "dynamic": dynamic_starts(history.knowledge(), job, submits),
    }
    outcomes: dict[StrategyName, Sequence[Outcome]] = {
        name: replay_starts(actuals, job, submits, found) for name, found in starts.items()
    }
    if request.interruptible:
        outcomes["interruptible"] = interruptible_runs(
            history.knowledge(), actuals, job, submits, resume_s
        )
    oracle = oracle_starts(actuals, job, submits)
    outcomes["oracle"] = replay_starts(actuals, job, submits, oracle)
    return outcomes


def _hour_of_day(zone: tzinfo) -> Callable[[Instant], int]:
    """The hour on the wall; worked out once an hour, as a replay asks for each many times."""
    known: dict[Instant, int] = {}

    def hour_of_day(instant: Instant) -> int:
        if instant not in known:
            known[instant] = datetime.fromtimestamp(instant, zone).hour
        return known[instant]

    return hour_of_day
