"""Sentences of the report that answer whether waiting was worth it, from the user's own runs."""

from collections.abc import Sequence

from carbonwait.core.forecast_error import LeadError
from carbonwait.core.units import format_grams
from carbonwait.ledger.totals import Totals
from carbonwait.stories.report import Report

_LEADS_SHOWN = (1, 6, 24)
# Below this a difference is rounding in the figures shown.
_NOTHING_PCT = 0.05


def in_hindsight(report: Report, total: Totals) -> list[str]:
    """Dynamic against static, what was missed, what went wrong, and how good forecasts were."""
    lines = [*_against_the_window(total), *_missed(total)]
    if total.dirtier_than_now:
        among = _runs(total.runs, "run")
        lines.append(f"{total.dirtier_than_now:,} of {among} ended dirtier than at once.")
    if total.regret_g is not None:
        best = format_grams(total.emissions.best_g)
        regret = format_grams(total.regret_g)
        lines.append(f"The best possible starts would have emitted {best}: {regret} of regret.")
    lines += _forecast_lines(report.forecast_error)
    return lines


def _against_the_window(total: Totals) -> list[str]:
    saving_g, of_g = total.dynamic_saving_g, total.dynamic_saving_of_g
    if saving_g is None or of_g is None:
        return []
    pct = total.dynamic_saving_pct or 0.0
    verdict = "no difference"
    if abs(pct) >= _NOTHING_PCT:
        verdict = f"dynamic emitted {abs(pct):.1f} % {'less' if pct > 0 else 'more'}"
    runs = _runs(total.dynamic_runs, "dynamic run")
    whose = "the assumed" if total.static_assumed else "your"
    figures = f"{format_grams(of_g - saving_g)} emitted, {format_grams(of_g)} in the window"
    return [f"Dynamic against {whose} static window, {runs}: {figures}: {verdict} (estimated)."]


def _missed(total: Totals) -> list[str]:
    if total.missed_g is None:
        return []
    runs = _runs(total.missed_runs, "static or immediate run")
    pct = total.missed_pct or 0.0
    if abs(pct) < _NOTHING_PCT:
        return [f"Dynamic would have made no difference to {runs}."]
    grams = format_grams(abs(total.missed_g))
    verdict = "saved" if total.missed_g > 0 else "added"
    return [f"Dynamic would have {verdict} {grams} ({abs(pct):.1f} %) in {runs} (estimated)."]


def _runs(count: int, words: str) -> str:
    return f"{count:,} {words}{'' if count == 1 else 's'}"


def _forecast_lines(errors: Sequence[LeadError]) -> list[str]:
    """One line a zone, at a few lead times."""
    zones: dict[str | None, list[str]] = {}
    for error in errors:
        if error.lead_h in _LEADS_SHOWN:
            text = f"{error.mape_pct:.0f} % up to {error.lead_h} h ahead"
            zones.setdefault(error.zone, []).append(text)
    return [
        f"Forecast error of recent runs in {zone or 'no zone'}: {', '.join(texts)}."
        for zone, texts in zones.items()
    ]
