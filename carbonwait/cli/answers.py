"""The sentences of the report: what its figures are, and whether waiting was worth it."""

from collections.abc import Iterator, Sequence

from carbonwait.core.forecast_error import LeadError
from carbonwait.core.units import format_grams, format_money, format_span
from carbonwait.ledger.costs import CostTotals
from carbonwait.ledger.totals import Totals
from carbonwait.stories.report import Report

_LEADS_SHOWN = (1, 6, 24)
# Below this a difference is rounding in the figures shown.
_NOTHING_PCT = 0.05


def honest_words(report: Report) -> list[str]:
    """What the figures are, and what they are not."""
    lines = [
        "Savings are estimated: each run's energy replayed from its submission on the same data.",
        *_of_signals(report),
    ]
    if report.attribution == "machine":
        lines.append(
            "Of the whole machine: the jobs' emissions in proportion to its energy; where runs "
            "overlap, it is in the figures of each."
        )
    rungs = ", ".join(f"{rung} {count:,}" for rung, count in sorted(report.rungs.items()))
    methods = ", ".join(f"{method} {count:,}" for method, count in sorted(report.methods.items()))
    if rungs:
        lines.append(f"Planned on (runs): {rungs}. CPU energy by (runs): {methods}.")
    lines += [_cost_line(cost, report) for cost in report.costs]
    total = report.total
    pending = sum(part.pending for part in (total, report.marginal) if part is not None)
    if pending:
        runs = "run" if pending == 1 else "runs"
        lines.append(f"{pending:,} {runs} pending: carbonwait settle")
    if total is None:
        return lines
    lines += in_hindsight(report, total)
    if total.settled_share is not None and total.settled_share < 1:
        share = 100 * total.settled_share
        lines.append(f"Settled for good: {share:.0f} % of the runs; the rest is provisional.")
    if total.static_assumed:
        lines.append(
            f"The static window is assumed (01:00-05:00) in {total.static_assumed:,} of the runs; "
            "set [static] windows to compare with yours."
        )
    if total.unmetered:
        lines.append(f"Energy is unknown in {total.unmetered:,} of the runs, and not in the sums.")
    if total.uncovered_s:
        lines.append(f"Not seen by a meter: {format_span(total.uncovered_s)} of the runs in all.")
    if total.deadline_missed:
        lines.append(f"Deadlines missed: {total.deadline_missed:,}.")
    return lines


def _of_signals(report: Report) -> Iterator[str]:
    if report.total is not None or report.marginal is None:
        yield "Location-based, operational emissions in CO2eq; average intensities."
    if report.marginal is not None:
        yield "Marginal emissions in CO2eq are what a change causes, and belong in no inventory."


def _cost_line(costs: CostTotals, report: Report) -> str:
    """What the runs with a price of one currency and kind have cost, and would have."""
    totals = report.marginal if costs.signal_kind == "marginal" else report.total
    cost = costs.cost

    def money(amount: float | None) -> str:
        return format_money(amount, cost.currency)

    parts = [money(cost.actual), f"{money(cost.if_now)} at once"]
    if costs.static_runs == costs.runs:
        parts.append(f"{money(cost.if_static)} in window")
    share = "" if costs.saving_pct is None else f" ({costs.saving_pct:.0f} %)"
    parts.append(f"est. saving {money(costs.saving)}{share}")
    among = f"{costs.runs:,} of {0 if totals is None else totals.runs:,} runs"
    return f"Cost at {cost.kind} prices, where known ({among}): {', '.join(parts)}."


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
