"""Where the intensities of a run come from: a ladder, tried from the top.

A `--forecast` file or the zone's provider; the provider's last good answer; a forecast from what
has been observed in the zone; the typical days of the zone; then nothing, in which case the
configured static window or the present moment has to do. No failure of a provider stops a job: it
costs a rung, and the reason is told.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from carbonwait.core.blend import biased, topped_up
from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.forecaster import (
    HOUR_S,
    LOOK_BACK_S,
    history_forecast,
    observed_hours,
)
from carbonwait.core.intensity_csv import IntensityFile
from carbonwait.core.knowledge import Knowledge, issue_of, issued_by
from carbonwait.core.records import Instant, Rung, Scope, Signal
from carbonwait.core.series import Kind, Series
from carbonwait.core.units import format_span
from carbonwait.grid import registry, typical, zones
from carbonwait.grid.cache import Cache, Stored
from carbonwait.grid.file import ForecastFile
from carbonwait.grid.history import History
from carbonwait.grid.http import Patience
from carbonwait.grid.protocol import Forecast, Provider
from carbonwait.grid.refusals import GivenUp, SettingsRefused
from carbonwait.settings import Settings, cache_folder

_FILE_LOOK_S = 5.0
# A service may take ten seconds to fail; so close to the start the plan stands.
_SERVICE_REST_S = 30.0
_PATIENCE_S = 10.0
# Asked for whatever the deadline is, so that one stored answer serves every plan.
_HORIZON_S = 72 * 3600.0
_STALE_S = 24 * 3600.0
_OBSERVE_EVERY_S = 3 * 3600.0
_OBSERVE_BACK_S = 14 * 86400.0
# What a forecast has to show before it is corrected. Looking further back would tell little more,
# and a plan is not to take its time.
_TRUSTED_S = 20 * 86400.0
_LOOK_BACK_TO_JUDGE_S = 56 * 86400.0
_JUDGED_EVERY_H = 7
_LEAST_ISSUES = 3
_TYPICAL_BACK_S = 4 * HOUR_S
# Observations are revised for about a day after they have first been published.
_REVISED_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the grid at one moment.

    `series` is what may be planned on. `warnings` say what is missing and what serves instead;
    `notes` are less than that. `issued` is when the forecast was made, as far as is known.
    """

    series: Series
    zone: str | None
    zone_source: str
    provider: str | None
    rung: Rung
    signal: Signal = "average"
    scope: Scope = "unknown"
    issued: Instant | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose_zone(
    asked: str | None,
    settings: Settings,
    job_zone: str | None,
    environ: Mapping[str, str],
    provider: str | None = None,
) -> zones.ZoneChoice:
    """The zone and how it was found. Raises Mistake for one that does not exist.

    A provider of the whole world, asked for by name, may know zones that are not known here.
    """
    require = zones.require_known
    if provider in registry.WORLDWIDE:
        require = zones.require_well_formed
    named = (
        (asked, "--zone"),
        (settings.environment.zone, "CARBONWAIT_ZONE"),
        (job_zone, "the config file"),
    )
    for zone, source in named:
        if zone is not None:
            return zones.ZoneChoice(require(zone), source)
    return zones.detect(environ, zones.local_timezone(environ))


class Intensities:
    """The ladder for one run. Raises Mistake for an unknown provider or an unusable file.

    `give_up` tells, while a service is waited for, that there is something better to do.
    """

    def __init__(
        self,
        choice: zones.ZoneChoice,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        provider: str | None = None,
        forecast: Path | None = None,
        give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.choice = choice
        self._has_windows = bool(settings.config.windows)
        self._give_up = give_up
        self._file = ForecastFile(forecast) if forecast else None
        self._rows: IntensityFile | None = self._file.load() if self._file else None
        # With a file no provider is asked, but a wrong name is a mistake all the same.
        chosen = None if self._file and provider == "file" else provider
        service = registry.choose(chosen, choice.zone, settings.provider)
        self.provider = None if self._file else service
        self.key = () if self.provider is None else _key(self.provider, choice.zone, settings)
        folder = cache_folder(environ)
        self._cache, self._history = Cache(folder), History(folder)
        self._file_knowledge: Knowledge | None = None
        self._looked: Instant | None = None
        self._next_issue: Instant | None = None
        # True once there have been actual intensities that earlier runs may be waiting for.
        self.has_observed = False

    def outlook(self, now: Instant, until: Instant, beyond: Instant | None = None) -> Outlook:
        """The best rung that stands at `now`, looking ahead as far as `until`.

        What lies between there and `beyond` is good to know, but nobody is told if it comes from
        a lower rung.
        """
        far = until if beyond is None else max(until, beyond)
        self._looked = now
        rungs = (self._from_file, self._live, self._cached, self._from_history, self._from_typical)
        reasons: list[str] = []
        notes: list[str] = []
        found: Outlook | None = None
        for rung in rungs:
            try:
                lower = rung(now, far)
            except GivenUp as given_up:
                notes.append(str(given_up))
                continue
            except ProviderUnavailable as unavailable:
                reasons.append(str(unavailable))
                continue
            if lower is None:
                continue
            found = lower if found is None else _continued(found, lower, now, until)
            if found.provider == "file" or found.series.edges[-1] >= far:
                break
        if found is not None:
            notes += found.notes
            return replace(found, warnings=_explained(reasons, found), notes=tuple(notes))
        bare = self._bare("static" if self._has_windows else "now")
        if self.choice.zone is None:
            reasons.append(f"no zone: {self.choice.source}")
        return replace(bare, warnings=_explained(reasons, bare), notes=tuple(notes))

    def observed(self, start: Instant, end: Instant) -> Series:
        """What is known to have been, from earlier answers of the provider."""
        return self._history.observed(self._source, start, end)

    def nothing(self) -> Outlook:
        """The lowest rung: no intensities at all."""
        return self._bare("now")

    def next_look(self, now: Instant, series: Series) -> Instant:
        """When there may be news; `series` is the one planned on."""
        looked = now if self._looked is None else self._looked
        if self._file is None:
            if self.provider is None:
                return float("inf")
            return looked + min(self.provider.refresh_s, HOUR_S)
        following = bisect_right(series.edges, now)
        edge = series.edges[following] if following < len(series.edges) else float("inf")
        return min(now + _FILE_LOOK_S, edge)

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if another outlook may differ from the last one; `start` is the planned one."""
        if self._file is None:
            if self.provider is None or start - now <= _SERVICE_REST_S:
                return False
            return now - (self._looked or 0) >= min(self.provider.refresh_s, HOUR_S)
        learns = self._rows is not None and self._rows.has_forecasts
        if learns and int(now // HOUR_S) > int((self._looked or now) // HOUR_S):
            # Another hour has ended, which tells how good the forecasts are.
            return True
        if self._next_issue is not None and now >= self._next_issue:
            return True
        if not self._file.changed():
            return False
        try:
            self._rows = self._file.reload()
            self._file_knowledge = None
        except ProviderUnavailable:
            # The last good plan stands; a later look may find the file whole again.
            return False
        return True

    def to_account_with(self, planned_on: Series, now: Instant) -> Series:
        """The intensities of what has been: actual where known, else what was planned on."""
        if self._rows is not None:
            return self._rows.actuals().over(self._rows.forecast_at(now)).over(planned_on)
        if self.provider is not None and planned_on:
            span = planned_on.edges[0], planned_on.edges[-1]
            return self._history.observed(self._source, *span).over(planned_on)
        return planned_on

    def final_kinds(self, outlook: Outlook) -> frozenset[Kind]:
        """The kinds of intensity that nobody will revise."""
        if outlook.rung == "typical" and not self._has_actuals():
            return frozenset({"actual", "typical"})
        return frozenset({"actual"})

    def more_to_come(self, outlook: Outlook) -> bool:
        """True if actual intensities may be published that are not known yet."""
        return outlook.provider != "file" and self._has_actuals()

    def _has_actuals(self) -> bool:
        zone = self.choice.zone
        return self.provider is not None or (
            zone is not None and registry.keyless(zone) is not None
        )

    # --- the rungs ---

    def _from_file(self, now: Instant, _until: Instant) -> Outlook | None:
        if self._rows is None:
            return None
        self._next_issue = self._rows.next_issue_after(now)
        if self._rows.ends <= now:
            raise ProviderUnavailable("every row of the forecast file has ended")
        series = self._rows.forecast_at(now)
        if not series or series.edges[-1] <= now:
            raise ProviderUnavailable("the forecast file says nothing yet of what is to come")
        found = self._bare("live", "file")
        if self._rows.has_forecasts:
            series = self._corrected_file(self._rows, now).over(series)
        return replace(found, series=series, issued=self._rows.issued_at(now))

    def _corrected_file(self, rows: IntensityFile, now: Instant) -> Series:
        """The file's forecasts, corrected by how earlier ones have erred; no gap is filled."""
        if self._file_knowledge is None:
            actuals = rows.actuals()
            hours = observed_hours(actuals, now - _LOOK_BACK_TO_JUDGE_S, rows.ends)
            self._file_knowledge = Knowledge(hours, rows.issued(), judged_every_h=_JUDGED_EVERY_H)
        return self._file_knowledge.outlook(now, rows.ends, fill=False)

    def _live(self, now: Instant, _until: Instant) -> Outlook | None:
        provider, zone = self.provider, self.choice.zone
        if provider is None or zone is None:
            return None
        patience = Patience(_PATIENCE_S, self._give_up)

        def ask() -> Forecast:
            return provider.forecast(zone, now, now + _HORIZON_S, patience.fetch)

        try:
            stored = self._cache.get(
                (*self.key, "forecast"),
                now,
                ask,
                max_age_s=provider.refresh_s,
                patience_s=patience.left_s(),
                give_up=self._give_up,
            )
        except SettingsRefused:
            # A plan without forecasts may well have what a forecast can be made from.
            self._observe(provider, zone, now, patience)
            raise
        self._history.add(self._source, stored.forecast.series, now)
        self._history.add_issue(self._source, issue_of(stored.made, stored.forecast.series))
        self._observe(provider, zone, now, patience)
        return self._corrected(self._stored(provider, stored, "live"), now)

    def _cached(self, now: Instant, _until: Instant) -> Outlook | None:
        if self.provider is None:
            return None
        stored = self._cache.last(*self.key, "forecast")
        if stored is None or now - stored.made > _STALE_S:
            return None
        if not stored.forecast.series or stored.forecast.series.edges[-1] <= now:
            return None
        return self._corrected(self._stored(self.provider, stored, "cached"), now)

    def _from_history(self, now: Instant, until: Instant) -> Outlook | None:
        if self.provider is None:
            return None
        hours = self._history.hours(self._source, now - LOOK_BACK_S, now)
        series = history_forecast(hours, now, until)
        if not series:
            return None
        found = self._of(self.provider, "history")
        recent = self._history.observed(self._source, now - _STALE_S, now)
        issued = recent.edges[-1] if recent else hours[-1][0] + HOUR_S
        return replace(found, series=series.over(recent), issued=issued)

    def _from_typical(self, now: Instant, until: Instant) -> Outlook | None:
        zone = self.choice.zone
        if zone is None or not typical.has_table(zone):
            return None
        series = typical.typical_series(zone, now - _TYPICAL_BACK_S, until)
        if self.provider is not None:
            observed = self._history.observed(self._source, now - _TYPICAL_BACK_S, now)
            series = biased(series, observed, now)
        return replace(self._bare("typical", "typical"), series=series, scope="life-cycle")

    def _corrected(self, found: Outlook, now: Instant) -> Outlook:
        """An issued forecast, corrected by how earlier ones have erred, if that is known."""
        issues = self._history.issues(self._source, now - _TRUSTED_S, now + 1)
        if len(issues) < _LEAST_ISSUES:
            return found
        hours = self._history.hours(self._source, now - _LOOK_BACK_TO_JUDGE_S, now)
        issued = issued_by(issues, found.series)
        knowledge = Knowledge(iter(hours), issued, judged_every_h=_JUDGED_EVERY_H)
        series = knowledge.outlook(now, found.series.edges[-1], fill=False)
        return replace(found, series=series.over(found.series))

    def _observe(self, provider: Provider, zone: str, now: Instant, patience: Patience) -> None:
        """Keep what has been observed and is not known yet; a failure costs nothing.

        Some forecasts come with today's observations: the newest one known tells nothing of what
        is missing before it.
        """
        earliest = now - min(_OBSERVE_BACK_S, provider.reaches_back_s)
        unknown = self._history.unknown_since(self._source, earliest, now, _OBSERVE_EVERY_S)
        if unknown is None:
            return
        begin = max(unknown - _REVISED_S, earliest)

        def ask() -> Forecast:
            return Forecast(provider.actuals(zone, begin, now, patience.fetch_once))

        try:
            stored = self._cache.get(
                (*self.key, "actuals"),
                now,
                ask,
                max_age_s=_OBSERVE_EVERY_S,
                patience_s=patience.left_s(),
                give_up=self._give_up,
            )
        except ProviderUnavailable:
            # The forecast is there, and the next look asks again.
            return
        if stored.retrieved == now:
            # Else whoever asked has added it already.
            self._history.add(self._source, stored.forecast.series, now)
        self.has_observed = True

    # --- helpers ---

    @property
    def _source(self) -> str:
        return "/".join(self.key)

    def _bare(self, rung: Rung, provider: str | None = None) -> Outlook:
        return Outlook(Series(), self.choice.zone, self.choice.source, provider, rung)

    def _of(self, provider: Provider, rung: Rung) -> Outlook:
        bare = self._bare(rung, provider.name)
        return replace(bare, signal=provider.signal, scope=provider.scope)

    def _stored(self, provider: Provider, stored: Stored, rung: Rung) -> Outlook:
        found = self._of(provider, rung)
        return replace(found, series=stored.forecast.series, issued=stored.made)


def _key(provider: Provider, zone: str | None, settings: Settings) -> tuple[str, ...]:
    """Provider, zone and a checksum of what else decides the answer: places and addresses."""
    import zlib

    config = settings.config.providers.get(provider.name, {})
    told = ("base_url", "postcode", "region_id", "region", "location")
    places = repr([(name, config.get(name)) for name in told])
    return provider.name, zone or "none", f"{zlib.crc32(places.encode()):08x}"


def history_source(provider: Provider, zone: str, settings: Settings) -> str:
    """What the actual intensities of a provider and a zone are kept under."""
    return "/".join(_key(provider, zone, settings))


def _continued(found: Outlook, lower: Outlook, now: Instant, until: Instant) -> Outlook:
    """An outlook that ends too early, continued on a lower rung."""
    if lower.signal != found.signal:
        return found
    end = found.series.edges[-1]
    if lower.series.edges[-1] <= end:
        return found
    series = topped_up(found.series, lower.series, now)
    if end >= until:
        return replace(found, series=series)
    note = (
        f"{found.provider}'s forecast ends in {format_span(end - now)}; "
        f"from there on {_RUNG_WORDS[lower.rung].format(zone=lower.zone)}"
    )
    return replace(found, series=series, notes=(*found.notes, note))


_RUNG_WORDS: dict[Rung, str] = {
    "live": "its forecast",
    "cached": "its last good forecast",
    "history": "what has been observed in {zone}",
    "typical": "typical days of {zone}",
    "static": "the static window of the config file",
    "now": "nothing but the present moment",
}


def _explained(reasons: list[str], found: Outlook) -> tuple[str, ...]:
    instead = "starting at once"
    if found.rung != "now":
        instead = f"planning with {_RUNG_WORDS[found.rung].format(zone=found.zone)}"
    return tuple(f"{reason}; {instead}" for reason in reasons)
