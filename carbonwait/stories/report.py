"""What was emitted and what shifting is estimated to have avoided, added up from the ledger.

Figures of the average and of the marginal signal answer different questions and are never added
up: the marginal ones stand apart.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import cast, get_args

from carbonwait.core.errors import Mistake
from carbonwait.core.forecast_error import ErrorSums, LeadError
from carbonwait.core.records import Instant, Signal
from carbonwait.core.units import parse_span, parse_when
from carbonwait.grid.zones import local_timezone
from carbonwait.ledger.costs import CostTotals, all_keys
from carbonwait.ledger.past_forecasts import PastForecast
from carbonwait.ledger.totals import Attribution, By, Cell, Totals, added
from carbonwait.process.clock import local_zone
from carbonwait.stories.upkeep import opened

KEYS: tuple[str, ...] = get_args(By)
ATTRIBUTIONS: tuple[str, ...] = get_args(Attribution)
SIGNALS: tuple[str, ...] = get_args(Signal)
SINCE = "30d"
ALL = "all"

_IN_TIME = ("day", "week")


@dataclass(frozen=True, slots=True)
class Report:
    """Totals by group, and by local day, oldest first.

    Groups come by their emissions, most first; days and weeks, oldest first. `by` is what they are
    groups of, and `attribution` whose energy and emissions these are; costs are always the jobs'.

    `rungs` and `methods` say how many runs stood on which rung and which CPU meter. `costs` are of
    the runs that have a price, by currency, of all runs and of those of each group. `trends` has
    the grams that each group emitted by day, from the first day to the last.
    """

    since: Instant | None
    until: Instant
    by: str = "name"
    attribution: str = "job"
    total: Totals | None = None
    groups: list[Totals] = field(default_factory=list)
    days: list[Totals] = field(default_factory=list)
    trends: dict[str | None, list[float]] = field(default_factory=dict)
    rungs: dict[str, int] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)
    forecast_error: list[LeadError] = field(default_factory=list)
    marginal: Totals | None = None
    marginal_groups: list[Totals] = field(default_factory=list)
    costs: list[CostTotals] = field(default_factory=list)
    marginal_forecast_error: list[LeadError] = field(default_factory=list)
    group_costs: list[CostTotals] = field(default_factory=list)


def make_report(
    environ: Mapping[str, str],
    now: Instant,
    *,
    since: str = SINCE,
    until: str | None = None,
    by: str = "name",
    attribution: str = "job",
    signal: str | None = None,
) -> Report:
    """Add up the runs submitted in `[since, until)`, of one signal if it is given.

    Raises Mistake for a bound that cannot be read and for a value that is not among those allowed.
    """
    for option, value, allowed in (
        ("--by", by, KEYS),
        ("--attribution", attribution, ATTRIBUTIONS),
        ("--signal", signal, (*SIGNALS, None)),
    ):
        if value not in allowed:
            known = ", ".join(name for name in allowed if name is not None)
            raise Mistake(f"{option} {value!r} is not one of {known}")
    local = local_zone(local_timezone(environ))
    first = None if since == ALL else _bound(since, now, local)
    last = now if until is None else _bound(until, now, local)
    offset = datetime.fromtimestamp(now, local).utcoffset()
    offset_s = 0 if offset is None else int(offset.total_seconds())
    with opened(environ, now) as ledger:
        if ledger is None:
            return Report(first, last, by, attribution)
        cells = ledger.totals(
            cast(By, by),
            since=first,
            until=last,
            utc_offset_s=offset_s,
            attribution=cast(Attribution, attribution),
        )
        costs = ledger.costs(cast(By, by), since=first, until=last, utc_offset_s=offset_s)
        past = ledger.past_forecasts(since=first, until=last)
    if signal is not None:
        cells = [cell for cell in cells if cell.signal_kind == signal]
        costs = [cost for cost in costs if cost.signal_kind == signal]
        past = [one for one in past if one.signal == signal]
    ordered = _in_order if by in _IN_TIME else _dirtiest_first
    average = [cell for cell in cells if cell.signal_kind == "average"]
    marginal = [cell for cell in cells if cell.signal_kind == "marginal"]
    return Report(
        since=first,
        until=last,
        by=by,
        attribution=attribution,
        total=added(average),
        groups=ordered(_grouped(average, lambda cell: cell.key)),
        days=_in_order(_grouped(average, lambda cell: cell.day)),
        trends=_trends(average),
        rungs=_counts(average, lambda cell: cell.rung),
        methods=_counts(average, lambda cell: cell.method),
        forecast_error=_errors(past, "average"),
        marginal_forecast_error=_errors(past, "marginal"),
        marginal=added(marginal),
        marginal_groups=ordered(_grouped(marginal, lambda cell: cell.key)),
        costs=all_keys(costs),
        group_costs=costs,
    )


def _grouped(cells: Iterable[Cell], key: Callable[[Cell], str | None]) -> list[Totals]:
    groups: dict[str | None, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    sums = (added(several, name) for name, several in groups.items())
    return [total for total in sums if total is not None]


def _errors(past: Iterable[PastForecast], signal: Signal) -> list[LeadError]:
    """The errors of the forecasts of one signal, by zone and lead time."""
    zones: dict[str | None, ErrorSums] = {}
    for one in past:
        if one.signal == signal:
            zones.setdefault(one.zone, ErrorSums()).add(one.at, one.forecast, one.actual)
    named = sorted(zones.items(), key=lambda item: str(item[0]))
    return [error for zone, sums in named for error in sums.by_lead(zone)]


def _in_order(groups: Iterable[Totals]) -> list[Totals]:
    return sorted(groups, key=lambda group: str(group.key))


def _dirtiest_first(groups: Iterable[Totals]) -> list[Totals]:
    def rank(group: Totals) -> tuple[float, int, str]:
        return -(group.emissions.actual_g or 0.0), -group.runs, str(group.key)

    return sorted(groups, key=rank)


def _trends(cells: Iterable[Cell]) -> dict[str | None, list[float]]:
    """What each group emitted by local day; on a day without runs that is nothing."""
    found: dict[str | None, dict[int, float]] = {}
    for cell in cells:
        grams, day = found.setdefault(cell.key, {}), date.fromisoformat(cell.day).toordinal()
        grams[day] = grams.get(day, 0.0) + (cell.emitted_g or 0.0)
    days = {day for grams in found.values() for day in grams}
    if not days:
        return {}
    span = range(min(days), max(days) + 1)
    return {key: [grams.get(day, 0.0) for day in span] for key, grams in found.items()}


def _counts(cells: Iterable[Cell], key: Callable[[Cell], str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[key(cell)] += cell.runs
    return dict(counts)


def _bound(text: str, now: Instant, local: tzinfo) -> Instant:
    """A bound of the report: a span reaches back, an instant stands for itself."""
    try:
        return now - parse_span(text)
    except Mistake:
        return parse_when(text, now, local)
