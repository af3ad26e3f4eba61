"""How far forecasts were off, by how far ahead they looked."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from carbonwait.core.records import Instant
from carbonwait.core.series import Series

# Lead times are told as "up to so many hours".
LEADS_H = (1, 3, 6, 12, 24, 48, 96)
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class LeadError:
    """The mean absolute error in percent of what was, over `hours` hours.

    Of forecasts for what began less than `lead_h` hours later, and no less than the lead before.
    """

    zone: str | None
    lead_h: int
    mape_pct: float
    hours: float


@dataclass(slots=True)
class ErrorSums:
    """Errors of one zone, added up by lead time."""

    _sums: dict[int, tuple[float, float]] = field(default_factory=dict)

    def add(self, issued: Instant, forecast: Series, actual: Series) -> None:
        """Compare a forecast made at `issued` with what was; where that is not known, nothing."""
        for slot in forecast:
            if slot.kind != "forecast" or slot.start < issued:
                continue
            index = bisect_right(LEADS_H, (slot.start - issued) / _HOUR_S)
            was = actual.mean(slot.start, slot.end)
            # Of nothing there is no percentage.
            if was is None or was == 0 or index == len(LEADS_H):
                continue
            length_s = slot.end - slot.start
            error, over_s = self._sums.get(index, (0.0, 0.0))
            error += abs(slot.g_per_kwh - was) / was * length_s
            self._sums[index] = error, over_s + length_s

    def by_lead(self, zone: str | None) -> Iterable[LeadError]:
        """The shortest lead first; one about which nothing is known is left out."""
        for index, (error, over_s) in sorted(self._sums.items()):
            yield LeadError(zone, LEADS_H[index], 100 * error / over_s, over_s / _HOUR_S)
