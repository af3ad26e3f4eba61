"""What settled runs cost, where the prices became known only after they had ended."""

from collections.abc import Mapping, Sequence

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.objective import CARBON
from carbonwait.core.prices import Prices
from carbonwait.core.records import Instant, Pause, Run
from carbonwait.ledger.store import Ledger
from carbonwait.settings import Settings
from carbonwait.stories.accounts import price
from carbonwait.stories.prices import PriceSource

# Prices are kept for so long.
_KEPT_S = 14 * 86400.0


class Repricing:
    """Prices runs again; each zone's service is asked as little as for one run."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], now: Instant) -> None:
        self._settings, self._environ, self._now = settings, environ, now
        self._sources: dict[tuple[str | None, bool], PriceSource | None] = {}

    def reprice(
        self, ledger: Ledger, run: Run, slots: Sequence[MeteredSlot], pauses: Sequence[Pause]
    ) -> Prices | None:
        """Write into `run` what it cost if more of that is known now; the prices, else None."""
        if run.ended is None or run.energy.total_j is None or not self._lacks(run):
            return None
        key = run.zone, run.objective < CARBON
        if key not in self._sources:
            self._sources[key] = PriceSource(run.zone, run.objective, self._settings, self._environ)
        source = self._sources[key]
        if source is None:
            return None
        last = max(run.deadline, run.ended)
        found = source.to_account_with(run.submitted, run.ended, last)
        if found is None:
            # Whoever did not answer once is not asked for every run.
            self._sources[key] = None
            return None
        before = run.cost
        if before.currency is not None:
            if (found.currency, found.kind) != (before.currency, before.kind):
                return None
            earlier = ledger.prices_of(run.id)
            if earlier is not None:
                found = found._replace(series=found.series.over(earlier.series))
        price(run, slots, found, pauses)
        return None if run.cost == before else found

    def _lacks(self, run: Run) -> bool:
        """True if prices that are still kept may make a figure known that is not."""
        if run.ended is None or self._now - run.ended > _KEPT_S:
            return False
        cost = run.cost
        return (
            cost.actual is None
            or cost.if_now is None
            or (cost.if_static is None and run.static_start is not None)
            or (cost.if_dynamic is None and run.dynamic_start is not None)
        )
