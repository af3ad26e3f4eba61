"""Sentences of the report that answer whether waiting was worth it, from the user's own runs."""

from collections.abc import Sequence

from carbonwait.core.forecast_error import LeadError
from carbonwait.core.units import format_grams
from carbonwait.ledger.totals import Totals
from carbonwait.stories.report import Report

_LEADS_SHOWN = (1, 6, 24)


def in_hindsight(report: Report, total: Totals) -> list[str]:
    """Dynamic against static, what was missed, what went wrong, and how good forecasts were."""
    lines = []
    dynamic = report.by_strategy.get("dynamic")
    if dynamic is not None:
        lines += _against_the_window(dynamic)
    for strategy, words in (("static", "in the static window"), ("now", "at once")):
        totals = report.by_strategy.get(strategy)
        if totals is not None:
            lines += _missed(totals, words)
    if total.dirtier_than_now:
        runs = "run" if total.dirtier_than_now == 1 else "runs"
        lines.append(
            f"{total.dirtier_than_now:,} of {total.runs:,} {runs} ended dirtier than at once."
        )
    if total.regret_g is not None:
        best = format_grams(total.emissions.best_g)
        regret = format_grams(total.regret_g)
        lines.append(f"The best possible starts would have emitted {best}: {regret} of regret.")
    lines += _forecast_lines(report.forecast_error)
    return lines


def _against_the_window(dynamic: Totals) -> list[str]:
    if dynamic.static_saving_g is None or dynamic.static_saving_of_g is None:
        return []
    emitted = format_grams(dynamic.static_saving_of_g - dynamic.static_saving_g)
    window = format_grams(dynamic.static_saving_of_g)
    pct = dynamic.static_saving_pct or 0.0
    if abs(pct) < 0.05:
        verdict = "no difference"
    elif pct > 0:
        verdict = f"dynamic emitted {pct:.1f} % less"
    else:
        verdict = f"dynamic emitted {-pct:.1f} % more"
    settled = f"{dynamic.settled:,} of {dynamic.runs:,} settled"
    figures = f"{emitted} emitted, {window} in the window"
    told = f"{verdict} (estimated, dynamic runs, {settled})"
    return [f"Dynamic against your static window: {figures}: {told}."]


def _missed(totals: Totals, words: str) -> list[str]:
    if totals.missed_g is None or totals.missed_pct is None:
        return []
    grams = format_grams(abs(totals.missed_g))
    if totals.missed_g < 0:
        return [f"Of the runs {words}, dynamic would have emitted {grams} more."]
    return [f"Of the runs {words}, dynamic would have saved {grams} ({totals.missed_pct:.0f} %)."]


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
