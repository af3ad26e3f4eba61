"""What a provider says of a zone, through the life of a run: asked, stored, observed, corrected."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.forecaster import HOUR_S, LOOK_BACK_S, history_forecast
from carbonwait.core.knowledge import (
    JUDGED_EVERY_H,
    JUDGED_FROM_S,
    Knowledge,
    issue_of,
    issued_by,
)
from carbonwait.core.records import Instant, Rung
from carbonwait.core.series import Series
from carbonwait.grid.cache import Cache, Stored
from carbonwait.grid.history import History
from carbonwait.grid.http import Patience
from carbonwait.grid.protocol import Forecast, Provider
from carbonwait.grid.refusals import SettingsRefused
from carbonwait.settings import Settings
from carbonwait.stories.outlook import Outlook, RungOf

# A service may take ten seconds to fail; so close to the start the plan stands.
_SERVICE_REST_S = 30.0
_PATIENCE_S = 10.0
_LEAST_PATIENCE_S = 0.2
# Asked for whatever the deadline is, so that one stored answer serves every plan.
_HORIZON_S = 72 * 3600.0
_STALE_S = 24 * 3600.0
_OBSERVE_EVERY_S = 3 * 3600.0
_OBSERVE_BACK_S = 14 * 86400.0
# Below so many issues of the last weeks, a forecast is taken as it is.
_TRUSTED_S = 20 * 86400.0
_LEAST_ISSUES = 3
# Observations are revised for about a day after they have first been published.
_REVISED_S = 24 * 3600.0


class ServiceForecasts:
    """The forecasts and observations of one provider for one zone.

    `folder` is the cache's. `give_up` tells, while the service is waited for, that there is
    something better to do.
    """

    def __init__(
        self,
        provider: Provider,
        zone: str,
        zone_source: str,
        settings: Settings,
        folder: Path | None,
        give_up: Callable[[], bool],
    ) -> None:
        self._provider, self._zone, self._zone_source = provider, zone, zone_source
        self._give_up = give_up
        self._key = _key(provider, zone, settings)
        self._source = "/".join(self._key)
        self._cache, self._history = Cache(folder), History(folder)
        self._looked: Instant | None = None
        self._patience_s = _PATIENCE_S
        # True once there have been actual intensities that earlier runs may be waiting for.
        self.has_observed = False

    def in_haste(self, room_s: float) -> None:
        """From now on, wait for the service no longer than half of this."""
        self._patience_s = min(_PATIENCE_S, max(_LEAST_PATIENCE_S, room_s / 2))

    @property
    def rungs(self) -> tuple[RungOf, ...]:
        """What may be planned on, best first."""
        return self._live, self._cached, self._from_history

    def next_look(self, now: Instant, _series: Series) -> Instant:
        """When there may be news."""
        return (now if self._looked is None else self._looked) + self._refresh_s

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if another answer may differ from the last one; `start` is the planned one."""
        if start - now <= _SERVICE_REST_S:
            return False
        return self._looked is None or now - self._looked >= self._refresh_s

    def observed(self, start: Instant, end: Instant) -> Series:
        """What is known to have been, from earlier answers."""
        return self._history.observed(self._source, start, end)

    def to_account_with(self, planned_on: Series, _now: Instant) -> Series:
        """The intensities of what has been: actual where known, else what was planned on."""
        if not planned_on:
            return planned_on
        return self.observed(planned_on.edges[0], planned_on.edges[-1]).over(planned_on)

    # --- the rungs ---

    def _live(self, now: Instant, _until: Instant) -> Outlook:
        self._looked = now
        patience = Patience(self._patience_s, self._give_up)

        def ask() -> Forecast:
            return self._provider.forecast(self._zone, now, now + _HORIZON_S, patience.fetch)

        try:
            stored = self._asked("forecast", now, ask, self._provider.refresh_s, patience)
        except SettingsRefused:
            # A plan without forecasts may well have what a forecast can be made from.
            self._observe(now, patience)
            raise
        self._history.add(self._source, stored.forecast.series, now)
        self._history.add_issue(self._source, issue_of(stored.made, stored.forecast.series))
        self._observe(now, patience)
        return self._corrected(self._outlook("live", stored.forecast.series, stored.made), now)

    def _cached(self, now: Instant, _until: Instant) -> Outlook | None:
        stored = self._cache.last(*self._key, "forecast")
        if stored is None or now - stored.made > _STALE_S:
            return None
        series = stored.forecast.series
        if not series or series.edges[-1] <= now:
            return None
        return self._corrected(self._outlook("cached", series, stored.made), now)

    def _from_history(self, now: Instant, until: Instant) -> Outlook | None:
        hours = self._history.hours(self._source, now - LOOK_BACK_S, now)
        series = history_forecast(hours, now, until)
        if not series:
            return None
        recent = self.observed(now - _STALE_S, now)
        issued = recent.edges[-1] if recent else hours[-1][0] + HOUR_S
        return self._outlook("history", series.over(recent), issued)

    def _corrected(self, found: Outlook, now: Instant) -> Outlook:
        """An issued forecast, corrected by how earlier ones have erred, if that is known."""
        issues = self._history.issues(self._source, now - _TRUSTED_S, now + 1)
        if len(issues) < _LEAST_ISSUES:
            return found
        hours = self._history.hours(self._source, now - JUDGED_FROM_S, now)
        issued = issued_by(issues, found.series)
        knowledge = Knowledge(iter(hours), issued, judged_every_h=JUDGED_EVERY_H)
        series = knowledge.outlook(now, found.series.edges[-1], fill=False)
        return replace(found, series=series.over(found.series))

    def _observe(self, now: Instant, patience: Patience) -> None:
        """Keep what has been observed and is not known yet; a failure costs nothing.

        Some forecasts come with today's observations: the newest one known tells nothing of what
        is missing before it.
        """
        earliest = now - min(_OBSERVE_BACK_S, self._provider.reaches_back_s)
        unknown = self._history.unknown_since(self._source, earliest, now, _OBSERVE_EVERY_S)
        if unknown is None:
            return
        begin = max(unknown - _REVISED_S, earliest)

        def ask() -> Forecast:
            return Forecast(self._provider.actuals(self._zone, begin, now, patience.fetch_once))

        try:
            stored = self._asked("actuals", now, ask, _OBSERVE_EVERY_S, patience)
        except ProviderUnavailable:
            # The forecast is there, and the next look asks again.
            return
        if stored.retrieved == now:
            # Else whoever asked has added it already.
            self._history.add(self._source, stored.forecast.series, now)
        self.has_observed = True

    # --- what they have in common ---

    @property
    def _refresh_s(self) -> float:
        return min(self._provider.refresh_s, HOUR_S)

    def _asked(
        self,
        what: str,
        now: Instant,
        ask: Callable[[], Forecast],
        max_age_s: float,
        patience: Patience,
    ) -> Stored:
        """A stored answer of that age at the most, or a new one. Raises ProviderUnavailable."""
        return self._cache.get(
            (*self._key, what),
            now,
            ask,
            max_age_s=max_age_s,
            patience_s=patience.left_s(),
            give_up=self._give_up,
        )

    def _outlook(self, rung: Rung, series: Series, issued: Instant) -> Outlook:
        provider = self._provider
        return Outlook(
            series,
            self._zone,
            self._zone_source,
            provider.name,
            rung,
            provider.signal,
            provider.scope,
            issued,
        )


def history_source(provider: Provider, zone: str, settings: Settings) -> str:
    """What the actual intensities of a provider and a zone are kept under."""
    return "/".join(_key(provider, zone, settings))


def _key(provider: Provider, zone: str, settings: Settings) -> tuple[str, ...]:
    """Provider, zone and a checksum of what else decides the answer: places and addresses."""
    import zlib

    config = settings.config.providers.get(provider.name, {})
    told = ("base_url", "postcode", "region_id", "region", "location")
    places = repr([(name, config.get(name)) for name in told])
    return provider.name, zone, f"{zlib.crc32(places.encode()):08x}"
