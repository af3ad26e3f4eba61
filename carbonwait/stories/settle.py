"""Settling: the figures of runs that have ended, once more, with what the grid has really done.

A run is settled by its own provider, and only if that has published all that its figures need: a
figure of two providers' intensities would mean nothing. One that was planned on a file can be
settled by a file alone. Pages of runs keep memory small, whatever the ledger holds.

Many may do this at the same time, and jobs go on meanwhile: nothing is asked and nothing computed
while the ledger is locked, and of two that come to the same run the second one changes nothing.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import astuple, dataclass, field
from math import ceil, isclose
from pathlib import Path

from carbonwait.core.prices import Prices
from carbonwait.core.records import Instant, Run
from carbonwait.core.series import Series
from carbonwait.grid import registry
from carbonwait.grid.history import History
from carbonwait.grid.zones import require_known
from carbonwait.ledger.rows import StoredSeries
from carbonwait.ledger.settling import Group, Open
from carbonwait.ledger.store import Ledger
from carbonwait.settings import Settings, cache_folder
from carbonwait.stories.accounts import count
from carbonwait.stories.actuals import (
    DAY_S,
    FINAL_AFTER_S,
    FileActuals,
    ServiceActuals,
    Source,
    Span,
    StoredActuals,
)
from carbonwait.stories.costs import Repricing
from carbonwait.stories.service_forecasts import history_source
from carbonwait.stories.upkeep import opened

# Many at once, so that few requests serve them; written by and by, so that no job waits for long.
_PAGE = 1000
_WRITTEN_AT_ONCE = 50
# As many as a job's end may be held up by.
_AT_A_JOBS_END = 20
_SERIES_KEPT = 32


@dataclass(slots=True)
class Settlement:
    """How many runs became settled, are left pending, and were settled but have new figures.

    `warnings` say what failed, `notes` what else keeps runs pending; one line each.
    """

    settled: int = 0
    pending: int = 0
    revised: int = 0
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def settle(
    settings: Settings,
    environ: Mapping[str, str],
    now: Instant,
    *,
    actuals: Path | None = None,
    zone: str | None = None,
) -> Settlement:
    """Settle what can be, of one zone or all. Raises Mistake for the file, the zone or the config.

    With a file it settles whatever is pending, and nobody is asked.
    """
    file = None if actuals is None else FileActuals(actuals)
    done = Settlement()
    with opened(environ, now) as ledger:
        if ledger is None:
            if zone is not None:
                require_known(zone)
            return done
        groups = ledger.unsettled_groups(now - FINAL_AFTER_S)
        if zone is not None:
            asked, zone = zone, zone.strip().upper()
            groups = [group for group in groups if group.zone == zone]
            if not groups:
                require_known(asked)
        # A file says nothing of its zone: where runs of several may be meant, it revises nothing.
        revises = file is None or len({group.zone for group in groups}) == 1
        settler = _Settler(ledger, done, now, Repricing(settings, environ, now))
        history = History(cache_folder(environ))
        for group in groups:
            source, reason = _service(group, settings, history, now) if file is None else (file, "")
            if source is not None:
                settler.settle(group, source, revises=revises)
            elif ledger.pending(group, limit=1):
                done.notes.append(reason)
        done.pending = ledger.count_pending(zone)
    return done


def settle_from_history(
    ledger: Ledger,
    group: Group,
    settings: Settings,
    environ: Mapping[str, str],
    now: Instant,
) -> int:
    """Settle a few runs with what has been fetched for another one; how many became settled."""
    done = Settlement()
    if group.provider not in registry.PROVIDERS or group.zone is None:
        return 0
    provider = registry.PROVIDERS[group.provider](settings.provider(group.provider))
    history = History(cache_folder(environ))
    key = history_source(provider, group.zone, settings)
    stored = StoredActuals(provider, group.zone, history, key, now)
    page = ledger.pending(group, due_by=now, newest=True, limit=_AT_A_JOBS_END)
    _Settler(ledger, done, now, None).work(page, stored)
    return done.settled


def _service(
    group: Group, settings: Settings, history: History, now: Instant
) -> tuple[Source | None, str]:
    """Who has actual intensities for a group; None and the reason where nobody has."""
    name, zone = group.provider, group.zone
    remedy = "carbonwait settle --actuals FILE settles them"
    where = zone or "no zone"
    if name == "file" or zone is None:
        return None, f"runs of {where} planned on a file or on nothing: {remedy}"
    # Typical days are no provider's: the zone's own one knows better.
    chosen = None if name in {None, "typical"} else name
    if chosen is not None and chosen not in registry.PROVIDERS:
        return None, f"runs of {where}: provider {chosen!r} is not known here; {remedy}"
    provider = registry.choose(chosen, zone, settings.provider)
    if provider is None or provider.signal != group.signal:
        return None, f"runs of {where}: no provider of their signal has actuals; {remedy}"
    key = history_source(provider, zone, settings)
    return ServiceActuals(provider, zone, history, key, now), ""


_Recounted = tuple[Run, Run, StoredSeries, Prices | None]
"""A run as it was, with its new figures, and what those rest on."""


class _Settler:
    """Settles runs of a ledger, page by page."""

    def __init__(
        self, ledger: Ledger, done: Settlement, now: Instant, repricing: Repricing | None
    ) -> None:
        self._ledger, self._done, self._now = ledger, done, now
        self._repricing = repricing
        self._series: OrderedDict[int, StoredSeries | None] = OrderedDict()

    def settle(self, group: Group, source: Source, *, revises: bool) -> None:
        """All runs of a group, as long as the source does not fail."""
        ledger, since = self._ledger, self._now - FINAL_AFTER_S
        pages: list[Callable[[str], list[Open]]] = []
        if revises:
            # Before the others: those that are settled now are not revised in the same breath.
            pages.append(
                lambda after: ledger.recently_settled(group, since, after=after, limit=_PAGE)
            )
        pages.append(lambda after: ledger.pending(group, after=after, limit=_PAGE))
        for page_after in pages:
            after = ""
            while page := page_after(after):
                self.work(page, source)
                if source.failure is not None:
                    self._done.warnings.append(
                        f"{group.zone}: {source.failure}; its runs stay as they are"
                    )
                    return
                after = page[-1].run.id

    def work(self, page: list[Open], source: Source) -> None:
        """Work out the new figures of some runs, then write them."""
        page = [one for one in page if self._may(one, source)]
        if not page:
            return
        known = source.known([needed(one.run) for one in page])
        found = [self._recount(one, source, known) for one in page]
        changed = [one for one in found if one is not None]
        for first in range(0, len(changed), _WRITTEN_AT_ONCE):
            with self._ledger.transaction():
                for was, run, stored, prices in changed[first : first + _WRITTEN_AT_ONCE]:
                    if self._ledger.settle(run, was.accounting, stored, prices):
                        self._done.revised += was.accounting == "settled"
                        self._done.settled += was.accounting != run.accounting

    def _may(self, one: Open, source: Source) -> bool:
        """A settled run is revised by whoever has settled it, and by nobody else."""
        if one.run.started is None or one.run.ended is None:
            return False
        if one.run.accounting == "pending":
            return True
        stored = self._stored(one.series_id)
        return stored is not None and stored.provider == source.name

    def _recount(self, one: Open, source: Source, known: Series) -> _Recounted | None:
        """The run as it was and with its new figures; None where there is nothing new."""
        was, stored = one.run, self._stored(one.series_id)
        first, last = needed(was)
        # Whole days, so that the runs of a day share them in the ledger.
        days = first // DAY_S * DAY_S, ceil(last / DAY_S) * DAY_S
        series = known.between(*days)
        own = source.name in {was.provider, stored and stored.provider}
        if own and stored is not None:
            series = series.over(stored.series.between(*days))
        run = copy(was)
        slots, pauses = self._ledger.energy(run.id), self._ledger.pauses(run.id)
        kinds = source.final_kinds(last)
        count(run, slots, series, pauses, final_kinds=kinds, more_to_come=True)
        # Of a run that stays open only its own provider's figures are of any use.
        open_still = run.accounting == was.accounting == "pending" and own
        if run.accounting != "settled" and not open_still:
            return None
        if not own:
            run.scope = source.scope
        prices = None
        if self._repricing is not None:
            prices = self._repricing.reprice(self._ledger, run, slots, pauses)
        if same(was, run) and prices is None:
            return None
        new = StoredSeries(
            series,
            *(run.zone, source.name, run.rung, run.signal_kind, run.scope, "actual"),
            issued=None,
            retrieved=self._now,
        )
        return was, run, new, prices

    def _stored(self, series_id: int | None) -> StoredSeries | None:
        """A series of the ledger; many runs share a few of them."""
        if series_id is None:
            return None
        if series_id not in self._series:
            self._series[series_id] = self._ledger.series(series_id)
            if len(self._series) > _SERIES_KEPT:
                self._series.popitem(last=False)
        return self._series[series_id]


def needed(run: Run) -> Span:
    """The time whose intensities the figures of a run that has ended are made of."""
    if run.started is None or run.ended is None:
        raise ValueError(f"run {run.id} has not ended")
    starts = [run.submitted, run.started]
    starts += [start for start in (run.static_start, run.dynamic_start) if start is not None]
    length_s = run.ended - run.started
    return min(starts), max(run.deadline, run.ended, max(starts) + length_s)


def same(one: Run, other: Run) -> bool:
    """True if nothing that is told of the two accounts differs, but for rounding."""
    if (one.accounting, one.basis) != (other.accounting, other.basis):
        return False
    return all(
        a == b if a is None or b is None else isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
        for a, b in zip(astuple(one.emissions), astuple(other.emissions), strict=True)
    )
