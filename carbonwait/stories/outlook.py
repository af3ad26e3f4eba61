"""What is known of the grid at one moment: a series to plan on, what it stands on, what is missing.

An outlook is of one rung of the ladder (`carbonwait.stories.intensities`), and may go on with a
lower one where that ends too early.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from carbonwait.core.blend import topped_up
from carbonwait.core.records import Instant, Rung, Scope, Signal
from carbonwait.core.series import Series
from carbonwait.core.units import format_span

_RUNG_WORDS: dict[Rung, str] = {
    "live": "its forecast",
    "cached": "its last good forecast",
    "history": "what has been observed in {zone}",
    "typical": "typical days of {zone}",
    "static": "the static window of the config file",
    "now": "nothing but the present moment",
}


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


RungOf = Callable[[Instant, Instant], Outlook | None]
"""A rung: the outlook from one instant as far as another, None if it has nothing to say.

Raises ProviderUnavailable where that is worth telling.
"""


def continued(found: Outlook, lower: Outlook, now: Instant, until: Instant) -> Outlook:
    """An outlook that ends too early, continued on a lower rung; told of if before `until`."""
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


def explained(found: Outlook, reasons: Sequence[str]) -> Outlook:
    """An outlook with a warning for each reason why it is no better: that, and what serves."""
    instead = "starting at once"
    if found.rung != "now":
        instead = f"planning with {_RUNG_WORDS[found.rung].format(zone=found.zone)}"
    return replace(found, warnings=tuple(f"{reason}; {instead}" for reason in reasons))
