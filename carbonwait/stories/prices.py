"""The prices of a run's electricity: fetched only where somebody has asked for them.

That is where the objective needs them, or the config says `prices = true`; any other run is priced
with what such runs have left in the cache, or not at all, and never pays a request for it. No
failure of a service stops a job: it is planned on carbon, and one line says so.

One stored answer per zone serves all runs and keeps what it has held for two weeks, so that a long
run can be priced when it ends.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.objective import CARBON
from carbonwait.core.prices import DAY_S, Prices, repeated, with_earlier
from carbonwait.core.records import Instant
from carbonwait.core.series import Series
from carbonwait.core.units import format_span
from carbonwait.grid.cache import Cache, Stored
from carbonwait.grid.http import Patience
from carbonwait.grid.points import touching
from carbonwait.grid.prices import PriceProvider, currency, per_kwh
from carbonwait.grid.protocol import Forecast
from carbonwait.grid.refusals import GivenUp
from carbonwait.settings import Settings, cache_folder

# The intensities have had their time before: together they must not hold up a start for long.
_PATIENCE_S = 5.0
_LEAST_PATIENCE_S = 0.2
# When the command has ended its caller waits.
_LAST_PATIENCE_S = 2.0
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
        self._providers = self._chosen() if self._wanted else []
        self._seen: Prices | None = None
        self._looked: Instant | None = None
        self._complete = False

    def outlook(self, now: Instant, until: Instant, latest_start: Instant) -> PriceOutlook:
        """What is known at `now`, with stand-ins as far as `until`; nothing if nobody asked.

        A service that hangs is waited for no longer than half of the time to `latest_start`, since
        that of the intensities may have hung as long. Of several providers of the zone the next one
        is asked where one has failed.
        """
        if not self._wanted:
            return NO_PRICES
        self._looked, self._complete = now, False
        if not self._providers:
            where = "without a zone" if self._zone is None else f"for {self._zone}"
            return self._without(f"no price is known {where}")
        patience_s = min(_PATIENCE_S, max(_LEAST_PATIENCE_S, latest_start - now))
        reasons: list[str] = []
        patience = Patience(patience_s, self._give_up)
        for provider in self._providers:
            stored = self._stored(provider)
            try:
                if stored is None or not stored.forecast.series.covers(now, until):
                    since = now - DAY_S
                    stored = self._asked(provider, now, since, provider.refresh_s, patience)
            except GivenUp:
                break
            except ProviderUnavailable as unavailable:
                reasons.append(str(unavailable))
                continue
            if stored.forecast.series.edges[-1] > now:
                return self._found(provider, stored, now, until, reasons)
            reasons.append(f"{provider.name}: no prices for {self._zone} from now on")
        for provider in self._providers:
            stored = self._stored(provider)
            if stored is not None and stored.forecast.series.edges[-1] > now:
                return self._found(provider, stored, now, until, reasons)
        return self._without("; ".join(reasons)) if reasons else NO_PRICES

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if there may be prices that the last plan did without; `start` is the planned one.

        What has been published is final, so that nobody asks again once all of it is known.
        """
        return start - now > _SERVICE_REST_S and now >= self.next_look(now)

    def next_look(self, now: Instant) -> Instant:
        """When there may be news."""
        if not self._decides or not self._providers or self._complete:
            return float("inf")
        return (now if self._looked is None else self._looked) + self._providers[0].refresh_s

    def to_account_with(self, start: Instant, end: Instant, last: Instant) -> Prices | None:
        """The prices published of `[start, last)`, None if there are none; the run ended at `end`.

        Only where prices are wanted and the run itself is not covered is anybody asked.
        """
        found = self._seen
        patience = Patience(_LAST_PATIENCE_S, self._give_up)
        for provider in self._providers if self._wanted else self._chosen_quietly():
            if found is not None and found.series.covers(start, end):
                break
            stored = self._stored(provider)
            known = stored is not None and stored.forecast.series.covers(start, end)
            if self._wanted and not known:
                # What is not known is left out of the account: the plan has told of a failure.
                with suppress(ProviderUnavailable):
                    stored = self._asked(provider, end, start, _JUST_ASKED_S, patience)
            if stored is not None:
                found = with_earlier(self._as_prices(provider, stored), found)
        if found is None:
            return None
        # Whole slots, so that runs of the same hours share them in the ledger.
        series = touching(found.series, start, last)
        return found._replace(series=series) if series else None

    # --- helpers ---

    def _chosen(self) -> list[PriceProvider]:
        from carbonwait.grid.price_registry import price_providers

        if self._zone is None:
            return []
        prices = self._settings.config.prices
        preferred = prices if isinstance(prices, str) else None
        return price_providers(self._zone, self._settings.provider, preferred)

    def _chosen_quietly(self) -> list[PriceProvider]:
        """The same for a run that has not asked for prices, and must not trip over them."""
        try:
            return self._chosen()
        except Mistake:
            return []

    def _found(
        self,
        provider: PriceProvider,
        stored: Stored,
        now: Instant,
        until: Instant,
        reasons: list[str],
    ) -> PriceOutlook:
        found = self._as_prices(provider, stored)
        self._seen = with_earlier(found, self._seen)
        self._complete = found.series.covers(now, until) and not reasons
        age = format_span(max(0.0, now - stored.retrieved))
        instead = f"planning with prices of {provider.name}, {age} old"
        warnings = (f"{'; '.join(reasons)}; {instead}",) if reasons else ()
        ends = found.series.edges[-1]
        beyond = "from there on those of the day before"
        note = f"{provider.name}'s prices end in {format_span(ends - now)}; {beyond}"
        notes = (note,) if ends < until else ()
        return PriceOutlook(found, repeated(found.series, until), warnings, notes)

    def _without(self, reason: str) -> PriceOutlook:
        if self._decides:
            return PriceOutlook(warnings=(f"{reason}; planning on carbon",))
        # Whoever has all runs priced knows where there are no prices; a failure is news.
        if not self._providers:
            return NO_PRICES
        return PriceOutlook(warnings=(f"{reason}; the cost is not known",))

    def _stored(self, provider: PriceProvider) -> Stored | None:
        stored = self._cache.last(*self._key(provider))
        return stored if stored is not None and stored.forecast.series else None

    def _asked(
        self,
        provider: PriceProvider,
        now: Instant,
        since: Instant,
        max_age_s: float,
        patience: Patience,
    ) -> Stored:
        """A stored answer or a new one that reaches back to `since`. Raises ProviderUnavailable."""

        def ask() -> Forecast:
            zone = self._zone or ""
            slots = provider.prices(zone, now, now + _HORIZON_S, patience.fetch, since)
            fresh = per_kwh(slots, provider.unit)
            if not fresh:
                raise ProviderUnavailable(f"{provider.name}: no plausible price for {zone}")
            earlier = self._stored(provider)
            kept = Series() if earlier is None else earlier.forecast.series
            return Forecast(fresh.over(kept.between(now - _KEPT_S, now + _HORIZON_S)))

        return self._cache.get(
            self._key(provider),
            now,
            ask,
            max_age_s=max_age_s,
            patience_s=patience.left_s(),
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
