"""Where the intensities of a run come from: a ladder, tried from the top.

A `--forecast` file or the zone's provider, then the typical days of the zone, then nothing, in
which case the configured static window or the present moment has to do. No failure of a provider
stops a job: it costs a rung, and the reason is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.intensity_csv import IntensityFile
from carbonwait.core.records import Instant, Rung, Scope, Signal
from carbonwait.core.series import Kind, Series
from carbonwait.grid import registry, typical, zones
from carbonwait.grid.file import ForecastFile
from carbonwait.grid.protocol import Fetch, Provider
from carbonwait.settings import Settings

_FILE_LOOK_S = 5.0
_SERVICE_LOOK_S = 30 * 60.0
# A service may take ten seconds to fail; so close to the start the plan stands.
_SERVICE_REST_S = 30.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the grid at one moment.

    `series` is what may be planned on. `warnings` say what is missing and what serves instead.
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


def choose_zone(
    asked: str | None, settings: Settings, job_zone: str | None, environ: Mapping[str, str]
) -> zones.ZoneChoice:
    """The zone and how it was found. Raises Mistake for one that does not exist."""
    named = (
        (asked, "--zone"),
        (settings.environment.zone, "CARBONWAIT_ZONE"),
        (job_zone, "the config file"),
    )
    for zone, source in named:
        if zone:
            return zones.ZoneChoice(zones.require_known(zone), source)
    return zones.detect(environ, zones.local_timezone(environ))


class Intensities:
    """The ladder for one run. Raises Mistake for an unknown provider or an unusable file."""

    def __init__(
        self,
        choice: zones.ZoneChoice,
        settings: Settings,
        fetch: Fetch,
        *,
        provider: str | None = None,
        forecast: Path | None = None,
    ) -> None:
        self._choice = choice
        self._settings = settings
        self._fetch = fetch
        self._file = ForecastFile(forecast) if forecast else None
        self._rows: IntensityFile | None = self._file.load() if self._file else None
        self._provider = None if self._file else _provider(provider, choice.zone, settings)
        self._looked: Instant | None = None
        self._next_issue: Instant | None = None

    def outlook(self, now: Instant, until: Instant) -> Outlook:
        """The best rung that stands at `now`, looking ahead as far as `until`."""
        self._looked = now
        warnings: list[str] = []
        for rung in (self._from_file, self._from_provider, self._from_typical):
            try:
                found = rung(now, until)
            except ProviderUnavailable as unavailable:
                warnings.append(str(unavailable))
                continue
            if found is not None:
                return replace(found, warnings=_explained(warnings, found))
        fallback = self._bare("static" if self._settings.windows else "now")
        if self._choice.zone is None:
            warnings.append(f"no zone: {self._choice.source}")
        return replace(fallback, warnings=_explained(warnings, fallback))

    def nothing(self) -> Outlook:
        """The lowest rung: no intensities at all."""
        return self._bare("now")

    def next_look(self, now: Instant, series: Series) -> Instant:
        """When there may be news; `series` is the one planned on."""
        looked = now if self._looked is None else self._looked
        if self._file is None:
            return looked + _SERVICE_LOOK_S if self._provider else float("inf")
        edge = next((edge for edge in series.edges if edge > now), float("inf"))
        return min(now + _FILE_LOOK_S, edge)

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if another outlook may differ from the last one; `start` is the planned one."""
        if self._file is None:
            due = now - (self._looked or 0) >= _SERVICE_LOOK_S
            return self._provider is not None and due and start - now > _SERVICE_REST_S
        if self._next_issue is not None and now >= self._next_issue:
            return True
        if not self._file.changed():
            return False
        try:
            self._rows = self._file.reload()
        except ProviderUnavailable:
            # The last good plan stands; a later look may find the file whole again.
            return False
        return True

    def to_account_with(self, planned_on: Series, now: Instant) -> Series:
        """The intensities of what has been: actual where known, else what was planned on."""
        if self._rows is not None:
            return self._rows.actuals().over(self._rows.forecast_at(now)).over(planned_on)
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
        zone = self._choice.zone
        return zone is not None and registry.default_for(zone) is not None

    def _from_file(self, now: Instant, _until: Instant) -> Outlook | None:
        if self._rows is None:
            return None
        self._next_issue = self._rows.next_issue_after(now)
        series = self._rows.forecast_at(now)
        if self._rows.ends <= now:
            raise ProviderUnavailable("every row of the forecast file has ended")
        found = self._bare("live", "file")
        return replace(found, series=series, issued=self._rows.issued_at(now))

    def _from_provider(self, now: Instant, until: Instant) -> Outlook | None:
        provider, zone = self._provider, self._choice.zone
        if provider is None or zone is None:
            return None
        forecast = provider.forecast(zone, now, until, self._fetch)
        return replace(
            self._bare("live", provider.name),
            series=forecast.series,
            signal=provider.signal,
            scope=provider.scope,
            issued=forecast.issued,
        )

    def _from_typical(self, now: Instant, until: Instant) -> Outlook | None:
        zone = self._choice.zone
        if zone is None or not typical.has_table(zone):
            return None
        series = typical.typical_series(zone, now - 3600, until)
        return replace(self._bare("typical", "typical"), series=series, scope="life-cycle")

    def _bare(self, rung: Rung, provider: str | None = None) -> Outlook:
        return Outlook(Series(), self._choice.zone, self._choice.source, provider, rung)


def _explained(reasons: list[str], found: Outlook) -> tuple[str, ...]:
    instead = {
        "typical": f"planning with typical days of {found.zone}",
        "static": "using the static window of the config file",
        "now": "starting at once",
    }
    return tuple(f"{reason}; {instead.get(found.rung, found.rung)}" for reason in reasons)


def _provider(name: str | None, zone: str | None, settings: Settings) -> Provider | None:
    """The provider asked for, or the one that serves the zone without a key."""
    if name is not None and name not in registry.NAMES:
        raise Mistake(f"provider {name!r} is not known; use one of {', '.join(registry.NAMES)}")
    if name == "file":
        raise Mistake("provider 'file' needs a file; use --forecast FILE")
    if name == "typical":
        return None
    chosen = name or (registry.default_for(zone) if zone else None)
    if chosen is None:
        return None
    provider = registry.PROVIDERS[chosen](settings.providers.get(chosen, {}))
    if name is not None and zone is not None and not provider.covers(zone):
        raise Mistake(f"provider {name!r} does not cover {zone}; leave --provider out")
    return provider
