"""What a replay says, in figures: a row for each strategy, and how it splits by submit hour."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from carbonwait.core.records import Instant
from carbonwait.core.replay import Outcome, Outcomes, StrategyName

# Less than this, in points of a hundred, is no reason to prefer one strategy to another.
_WORTH_POINTS = 2.0
_ROUNDING_S = 1e-3


@dataclass(frozen=True, slots=True)
class Figures:
    """One strategy over all jobs; a percentage is None where there is nothing to divide by.

    `emissions_per_kwh` is in g, resumes included. `reduction_pct` is against starting at once,
    `of_oracle_pct` against what the best start in hindsight saves.
    """

    emissions_per_kwh: float
    reduction_pct: float | None
    of_oracle_pct: float | None
    mean_wait_s: float
    late_pct: float
    dirtier_than_now_pct: float


@dataclass(frozen=True, slots=True)
class SubmitHour:
    """What submissions at one hour of the day saved, in percent, by each strategy."""

    hour: int
    jobs: int
    reduction_pct: Mapping[StrategyName, float | None]


def figures_of(outcomes: Outcomes, deadline_s: float) -> dict[StrategyName, Figures]:
    """The table. All strategies have an outcome for each job, in the same order."""
    now = [_emissions(outcome) for outcome in outcomes["now"]]
    best = sum(now) - sum(_emissions(outcome) for outcome in outcomes["oracle"])
    return {
        name: _figures(found, now, best, deadline_s) for name, found in outcomes.items() if found
    }


def _emissions(outcome: Outcome) -> float:
    return outcome.g_per_kwh + outcome.resumes_g_per_kwh


def _figures(
    found: Sequence[Outcome], now: Sequence[float], best: float, deadline_s: float
) -> Figures:
    jobs = len(found)
    grams = [_emissions(outcome) for outcome in found]
    late = sum(outcome.end > outcome.submitted + deadline_s + _ROUNDING_S for outcome in found)
    dirtier = sum(ours > theirs * (1 + 1e-9) for ours, theirs in zip(grams, now, strict=True))
    return Figures(
        emissions_per_kwh=sum(grams) / jobs,
        reduction_pct=_percent(sum(now) - sum(grams), sum(now)),
        of_oracle_pct=_percent(sum(now) - sum(grams), best),
        mean_wait_s=sum(outcome.start - outcome.submitted for outcome in found) / jobs,
        late_pct=100 * late / jobs,
        dirtier_than_now_pct=100 * dirtier / jobs,
    )


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole > 0 else None


def by_submit_hour(
    outcomes: Outcomes, hour_of_day: Callable[[Instant], int]
) -> tuple[SubmitHour, ...]:
    """The reductions by the hour on the wall at submission."""
    grams: dict[StrategyName, list[float]] = {name: [0.0] * 24 for name in outcomes}
    counts = [0] * 24
    hours = [hour_of_day(outcome.submitted) for outcome in outcomes["now"]]
    for hour in hours:
        counts[hour] += 1
    for name, found in outcomes.items():
        for hour, outcome in zip(hours, found, strict=True):
            grams[name][hour] += _emissions(outcome)
    return tuple(
        SubmitHour(
            hour,
            counts[hour],
            {
                name: _percent(grams["now"][hour] - grams[name][hour], grams["now"][hour])
                for name in outcomes
            },
        )
        for hour in range(24)
        if counts[hour]
    )


def verdict(figures: Mapping[StrategyName, Figures], window: str, learnt_hour: int | None) -> str:
    """The answer in one sentence: whether planning is worth it, against a fixed window."""
    dynamic = figures["dynamic"].reduction_pct or 0.0
    static, learnt = (figures[name].reduction_pct or 0.0 for name in ("static", "static_best"))
    named = window
    if learnt > static:
        static = learnt
        named = "a learnt hour" if learnt_hour is None else f"about {learnt_hour:02d}:00, learnt"
    told = (
        f"for this job a static window ({named}) gets you {static:z.1f} %, dynamic {dynamic:z.1f} %"
    )
    if max(dynamic, static) < _WORTH_POINTS / 2:
        return f"{told}: there is next to nothing to save"
    if dynamic - static > _WORTH_POINTS:
        return f"{told}: planning is worth it"
    if static - dynamic > _WORTH_POINTS:
        return f"{told}: the window is better"
    return f"{told}: the window is enough"


def usual_hour(starts: Sequence[Instant], hour_of_day: Callable[[Instant], int]) -> int | None:
    """The hour at which most of these starts lie."""
    counted = Counter(hour_of_day(start) for start in starts)
    return counted.most_common(1)[0][0] if counted else None
