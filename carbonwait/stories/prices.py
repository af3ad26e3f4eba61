"""The prices of a run's electricity: fetched only where somebody has asked for them.

That is where the objective needs them, or the config says `prices = true`; any other run is priced
with what such runs have left in the cache, or not at all, and never pays a request for it. No
failure of a service stops a job: it is planned on carbon, and one line says so.

One stored answer per zone serves all runs and keeps what it has held for two weeks, so that a long
run can be priced when it ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.objective import CARBON
from carbonwait.core.prices import DAY_S, Prices, repeated
from carbonwait.core.records import Instant
from carbonwait.core.series import Series
from carbonwait.core.units import format_span
from carbonwait.grid.cache import Cache, Stored
from carbonwait.grid.prices import PriceProvider, currency, per_kwh
from carbonwait.grid.protocol import Forecast
from carbonwait.settings import Settings, cache_folder

# The intensities have had their time before: together they must not hold up a start for long.
_PATIENCE_S = 5.0
_LEAST_PATIENCE_S = 1.0
# So close to the start the plan stands.
_SERVICE_REST_S = 30.0
# Day-ahead prices reach to the end of tomorrow at most.
_HORIZON_S = 2 * DAY_S
_KEPT_S = 14 * DAY_S
# At the end of many runs at once one of them asks.
_JUST_ASKED_S = 60.0


@dataclass(frozen=True, slots=True)
class PriceOutlook:
    """What is known of prices at one moment, nothing if `prices` is None.

    `planned_on` is what has been published and, beyond, what stands in for it.
    """

    prices: Prices | None = None
    planned_on: Series = Series()  # noqa: RUF009 (nothing changes it)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


NO_PRICES = PriceOutlook()


class PriceSource:
    """The prices for one run; `weight` is that of carbon in its objective.

    Raises Mistake for settings of a provider that cannot be used, if its prices are wanted.
    """

    def __init__(
        self,
        zone: str | None,
        weight: float,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._zone = zone
        self._settings = settings
        self._give_up = give_up
        self._cache = Cache(cache_folder(environ))
        self._decides = weight < CARBON
        self._wanted = self._decides or settings.config.prices is not False
        self._provider = self._chosen() if self._wanted else None
        self._seen: Prices | None = None
        self._looked: Instant | None = None
        self._complete = False

    def outlook(self, now: Instant, until: Instant, latest_start: Instant) -> PriceOutlook:
        """What is known at `now`, with stand-ins as far as `until`; nothing if nobody asked."""
        if not self._wanted:
            return NO_PRICES
        self._looked, self._complete = now, False
        if self._provider is None:
            return self._without(f"no price is known for {self._zone or 'no zone'}")
        stored = self._stored()
        failure = ""
        if stored is None or not stored.forecast.series.covers(now, until):
            patience_s = min(_PATIENCE_S, max(_LEAST_PATIENCE_S, latest_start - now))
            try:
                stored = self._asked(now, now - DAY_S, self._provider.refresh_s, patience_s)
            except ProviderUnavailable as unavailable:
                failure = str(unavailable)
        if stored is None or stored.forecast.series.edges[-1] <= now:
            return self._without(failure)
        found = self._as_prices(self._provider, stored)
        self._seen = found
        self._complete = found.series.covers(now, until)
        warnings = (f"{failure}; using its last good prices",) if failure else ()
        notes = () if self._complete else (self._ends(found, now),)
        return PriceOutlook(found, repeated(found.series, until), warnings, notes)

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if there may be prices that the last plan did without; `start` is the planned one.

        What has been published is final, so that nobody asks again once all of it is known.
        """
        if not self._decides or self._provider is None or self._complete:
            return False
        return start - now > _SERVICE_REST_S and now >= self.next_look(now)

    def next_look(self, now: Instant) -> Instant:
        """When there may be news."""
        if not self._decides or self._provider is None or self._complete:
            return float("inf")
        return (now if self._looked is None else self._looked) + self._provider.refresh_s

    def to_account_with(self, start: Instant, end: Instant, last: Instant) -> Prices | None:
        """The prices published of `[start, last)`, None if there are none; the run ended at `end`.

        Only where prices are wanted and the run itself is not covered is anybody asked.
        """
        provider = self._provider or self._chosen_quietly()
        if provider is None:
            return None
        self._provider = provider
        stored = self._stored()
        found = None if stored is None else self._as_prices(provider, stored)
        if self._wanted and (found is None or not found.series.covers(start, end)):
            try:
                stored = self._asked(end, start, _JUST_ASKED_S, _LEAST_PATIENCE_S)
                found = self._as_prices(provider, stored)
            except ProviderUnavailable:
                # What is not known is left out of the account, and the plan has told of a failure.
                pass
        if self._seen is not None:
            earlier = self._seen.series
            found = self._seen if found is None else found
            found = found._replace(series=found.series.over(earlier))
        if found is None:
            return None
        series = found.series.between(start, last)
        return found._replace(series=series) if series else None

    # --- helpers ---

    def _chosen(self) -> PriceProvider | None:
        from carbonwait.grid.price_registry import price_provider

        if self._zone is None:
            return None
        prices = self._settings.config.prices
        preferred = prices if isinstance(prices, str) else None
        return price_provider(self._zone, self._settings.provider, preferred)

    def _chosen_quietly(self) -> PriceProvider | None:
        """The same for a run that has not asked for prices, and must not trip over them."""
        try:
            return None if self._wanted else self._chosen()
        except Mistake:
            return None

    def _without(self, reason: str) -> PriceOutlook:
        if self._decides:
            return PriceOutlook(warnings=(f"{reason}; planning on carbon",))
        # Whoever has all runs priced knows where there are no prices; a failure is news.
        if self._provider is None:
            return NO_PRICES
        return PriceOutlook(warnings=(f"{reason}; the cost is not known",))

    def _stored(self) -> Stored | None:
        stored = None if self._provider is None else self._cache.last(*self._key(self._provider))
        return stored if stored is not None and stored.forecast.series else None

    def _asked(self, now: Instant, since: Instant, max_age_s: float, patience_s: float) -> Stored:
        """A stored answer or a new one that reaches back to `since`. Raises ProviderUnavailable."""
        from carbonwait.grid.http import Patience

        provider, zone = self._provider, self._zone
        if provider is None or zone is None:
            raise ProviderUnavailable("no price is known")
        patience = Patience(patience_s, self._give_up)

        def ask() -> Forecast:
            slots = provider.prices(zone, now, now + _HORIZON_S, patience.fetch, since)
            earlier = self._stored()
            kept = Series() if earlier is None else earlier.forecast.series
            kept = kept.between(now - _KEPT_S, now + _HORIZON_S)
            return Forecast(per_kwh(slots, provider.unit).over(kept))

        return self._cache.get(
            self._key(provider),
            now,
            ask,
            max_age_s=max_age_s,
            patience_s=patience_s,
            give_up=self._give_up,
        )

    def _key(self, provider: PriceProvider) -> tuple[str, ...]:
        """Provider, zone and a checksum of what else decides the answer."""
        import zlib

        config = self._settings.config.providers.get(provider.name, {})
        told = repr([(name, config.get(name)) for name in ("base_url", "region", "product")])
        return provider.name, self._zone or "none", f"{zlib.crc32(told.encode()):08x}", "prices"

    def _as_prices(self, provider: PriceProvider, stored: Stored) -> Prices:
        return Prices(
            stored.forecast.series,
            self._zone,
            provider.name,
            currency(provider.unit),
            provider.kind,
            stored.retrieved,
        )

    def _ends(self, prices: Prices, now: Instant) -> str:
        ends = prices.series.edges[-1]
        return (
            f"{prices.provider}'s prices end in {format_span(ends - now)}; "
            "from there on those of the day before"
        )
