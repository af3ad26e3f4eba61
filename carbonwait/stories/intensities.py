"""Where the intensities of a run come from: a ladder, tried from the top.

A `--forecast` file or the zone's provider; the provider's last good answer; a forecast from what
has been observed in the zone; the typical days of the zone; then nothing, in which case the
configured static window or the present moment has to do. No failure of a provider stops a job: it
costs a rung, and the reason is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from carbonwait.core.blend import biased
from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.forecaster import HOUR_S
from carbonwait.core.records import Instant
from carbonwait.core.series import Kind, Series
from carbonwait.grid import registry, typical, zones
from carbonwait.grid.refusals import GivenUp
from carbonwait.settings import Settings, cache_folder
from carbonwait.stories.outlook import Outlook, RungOf, continued, explained
from carbonwait.stories.service_forecasts import ServiceForecasts

if TYPE_CHECKING:
    # Few runs are given a file, and none of the others is to wait for it.
    from carbonwait.stories.file_forecasts import FileForecasts

_TYPICAL_BACK_S = 4 * HOUR_S


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

    `provider` is the service that is asked, None with a file. `give_up` tells, while a service is
    waited for, that there is something better to do.
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
        file = None if forecast is None else _file(forecast, choice)
        # With a file no provider is asked, but a wrong name is a mistake all the same.
        chosen = None if file and provider == "file" else provider
        known = registry.choose(chosen, choice.zone, settings.provider)
        self.provider = None if file else known
        self._service: ServiceForecasts | None = None
        if self.provider is not None and choice.zone is not None:
            folder = cache_folder(environ)
            self._service = ServiceForecasts(
                self.provider, choice.zone, choice.source, settings, folder, give_up
            )
        self._upper = file or self._service

    @property
    def has_observed(self) -> bool:
        """True once there have been actual intensities that earlier runs may be waiting for."""
        return self._service is not None and self._service.has_observed

    def outlook(
        self,
        now: Instant,
        until: Instant,
        beyond: Instant | None = None,
        *,
        room_s: float = inf,
    ) -> Outlook:
        """The best rung that stands at `now`, looking ahead as far as `until`.

        What lies between there and `beyond` is good to know, but nobody is told if it comes from
        a lower rung. A service that hangs is waited for no longer than half of `room_s`.
        """
        far = until if beyond is None else max(until, beyond)
        if self._service is not None:
            self._service.in_haste(room_s)
        rungs: tuple[RungOf, ...] = (*(self._upper.rungs if self._upper else ()), self._typical)
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
            found = lower if found is None else continued(found, lower, now, until)
            if found.provider == "file" or found.series.edges[-1] >= far:
                break
        if found is not None:
            return explained(replace(found, notes=(*notes, *found.notes)), reasons)
        if self.choice.zone is None:
            reasons.append(f"no zone: {self.choice.source}")
        elif not reasons and not notes:
            reasons.append(f"there is no forecast for {self.choice.zone}")
        bare = replace(self.nothing(), notes=tuple(notes))
        return explained(replace(bare, rung="static") if self._has_windows else bare, reasons)

    def nothing(self) -> Outlook:
        """The lowest rung: no intensities at all."""
        return Outlook(Series(), self.choice.zone, self.choice.source, None, "now")

    def observed(self, start: Instant, end: Instant) -> Series:
        """What is known to have been, from earlier answers of the provider."""
        return Series() if self._service is None else self._service.observed(start, end)

    def next_look(self, now: Instant, series: Series) -> Instant:
        """When there may be news; `series` is the one planned on."""
        return inf if self._upper is None else self._upper.next_look(now, series)

    def has_news(self, now: Instant, start: Instant) -> bool:
        """True if another outlook may differ from the last one; `start` is the planned one."""
        return self._upper is not None and self._upper.has_news(now, start)

    def to_account_with(self, planned_on: Series, now: Instant) -> Series:
        """The intensities of what has been: actual where known, else what was planned on."""
        return planned_on if self._upper is None else self._upper.to_account_with(planned_on, now)

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

    def _typical(self, now: Instant, until: Instant) -> Outlook | None:
        zone = self.choice.zone
        if zone is None or not typical.has_table(zone):
            return None
        begin = now - _TYPICAL_BACK_S
        series = typical.typical_series(zone, begin, until)
        if self._service is not None:
            series = biased(series, self._service.observed(begin, now), now)
        return Outlook(series, zone, self.choice.source, "typical", "typical", scope="life-cycle")


def _file(path: Path, choice: zones.ZoneChoice) -> "FileForecasts":
    from carbonwait.stories.file_forecasts import FileForecasts

    return FileForecasts(path, choice.zone, choice.source)
