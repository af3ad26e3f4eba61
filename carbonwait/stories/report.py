"""What was emitted and what shifting is estimated to have avoided, added up from the ledger.

Figures of the average and of the marginal signal answer different questions and are never added
up: the marginal ones stand apart.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import cast

from carbonwait.core.errors import Mistake
from carbonwait.core.forecast_error import ErrorSums, LeadError
from carbonwait.core.records import Instant, Signal
from carbonwait.core.units import parse_span, parse_when
from carbonwait.grid.zones import local_timezone
from carbonwait.ledger.costs import CostTotals, all_keys
from carbonwait.ledger.past_forecasts import PastForecast
from carbonwait.ledger.totals import By, Cell, Totals, added
from carbonwait.process.clock import local_zone
from carbonwait.stories.upkeep import opened

KEYS = ("name", "zone", "provider", "strategy", "rung")


@dataclass(frozen=True, slots=True)
class Report:
    """Totals by group, most emissions first, and by local day, oldest first.

    `rungs` and `methods` say how many runs stood on which rung and which CPU meter. `costs` are of
    the runs that have a price, by currency, of all runs and of those of each group.
    """

    since: Instant | None
    until: Instant
    total: Totals | None = None
    groups: list[Totals] = field(default_factory=list)
    days: list[Totals] = field(default_factory=list)
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
    since: str | None = None,
    until: str | None = None,
    by: str = "name",
) -> Report:
    """Add up the runs submitted in `[since, until)`. Raises Mistake for a bad bound or key."""
    if by not in KEYS:
        raise Mistake(f"--by {by!r} is not one of {', '.join(KEYS)}")
    local = local_zone(local_timezone(environ))
    first = None if since is None else _bound(since, now, local)
    last = now if until is None else _bound(until, now, local)
    offset = datetime.fromtimestamp(now, local).utcoffset()
    offset_s = 0 if offset is None else int(offset.total_seconds())
    with opened(environ, now) as ledger:
        if ledger is None:
            return Report(first, last)
        cells = ledger.totals(cast(By, by), since=first, until=last, utc_offset_s=offset_s)
        costs = ledger.costs(cast(By, by), since=first, until=last)
        past = ledger.past_forecasts(since=first, until=last)
    average = [cell for cell in cells if cell.signal_kind == "average"]
    marginal = [cell for cell in cells if cell.signal_kind == "marginal"]
    return Report(
        since=first,
        until=last,
        total=added(average),
        groups=_dirtiest_first(_grouped(average, lambda cell: cell.key)),
        days=sorted(_grouped(average, lambda cell: cell.day), key=lambda day: str(day.key)),
        rungs=_counts(average, lambda cell: cell.rung),
        methods=_counts(average, lambda cell: cell.method),
        forecast_error=_errors(past, "average"),
        marginal_forecast_error=_errors(past, "marginal"),
        marginal=added(marginal),
        marginal_groups=_dirtiest_first(_grouped(marginal, lambda cell: cell.key)),
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


def _dirtiest_first(groups: Iterable[Totals]) -> list[Totals]:
    def rank(group: Totals) -> tuple[float, int, str]:
        return -(group.emissions.actual_g or 0.0), -group.runs, str(group.key)

    return sorted(groups, key=rank)


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
