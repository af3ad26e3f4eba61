"""A comparison as a table, as a JSON document and as rows for a spreadsheet."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from carbonwait.cli.documents import SCHEMA
from carbonwait.core.comparison import Figures
from carbonwait.core.replay import StrategyName
from carbonwait.core.units import format_grams, format_instant, format_span
from carbonwait.stories.compare import Comparison

_NAMES: dict[StrategyName, str] = {
    "now": "at once",
    "static": "static window",
    "static_best": "learnt window",
    "dynamic": "dynamic",
    "interruptible": "dynamic, pausing",
    "oracle": "best possible",
}


def comparison_document(found: Comparison) -> dict[str, Any]:
    """What `compare --json` prints."""
    return {
        "schema": SCHEMA,
        "zone": found.zone,
        "from": format_instant(found.begin),
        "to": format_instant(found.end),
        "jobs": found.jobs,
        "duration_s": found.job.duration_s,
        "deadline_s": found.job.deadline_s,
        "window": found.window,
        "energy_kwh": found.energy_kwh,
        "strategies": {name: asdict(figures) for name, figures in found.figures.items()},
        "by_submit_hour": [asdict(row) for row in found.by_hour],
        "verdict": found.verdict,
        "notes": list(found.notes),
    }


def decision_rows(found: Comparison) -> Iterator[str]:
    """One row for each job and strategy, below the names of the columns."""
    yield "submit,strategy,start,g_per_kwh,segments"
    for name, outcomes in found.outcomes.items():
        for outcome in outcomes:
            segments = ";".join("/".join(map(format_instant, pair)) for pair in outcome.segments)
            submit, start = format_instant(outcome.submitted), format_instant(outcome.start)
            yield f"{submit},{name},{start},{outcome.g_per_kwh!r},{segments}"


def print_comparison(found: Comparison) -> None:
    """The strategies, how they split by submit hour, and the verdict."""
    from rich.text import Text

    from carbonwait.cli.console import new_console, new_table

    out = new_console()
    span = f"{format_instant(found.begin)[:10]} to {format_instant(found.end)[:10]}"
    job = f"{format_span(found.job.duration_s)} within {format_span(found.job.deadline_s)}"
    out.print(Text(f"{found.jobs:,} jobs of {job}, {found.zone or 'no zone'}, {span}\n"))
    per_run = found.energy_kwh is not None
    rows = new_table(
        "strategy",
        "g/kWh",
        "saved",
        "of best",
        "mean wait",
        "late",
        "dirtier",
        *(["a run"] if per_run else []),
    )
    for name, figures in found.figures.items():
        cells = [_NAMES[name], *_cells(figures)]
        if found.energy_kwh is not None:
            cells.append(format_grams(figures.emissions_per_kwh * found.energy_kwh))
        rows.add_row(*cells)
    out.print(rows)
    out.print()
    shown: list[StrategyName] = [name for name in found.figures if name != "now"]
    hours = new_table("submitted", "jobs", *(_NAMES[name] for name in shown))
    for row in found.by_hour:
        cells = [f"{row.hour:02d}:00", f"{row.jobs:,}"]
        hours.add_row(*cells, *(_percent(row.reduction_pct[name]) for name in shown))
    out.print(hours)
    out.print()
    out.print(Text(f"{found.verdict[0].upper()}{found.verdict[1:]}."))


def _cells(figures: Figures) -> list[str]:
    return [
        f"{figures.emissions_per_kwh:.1f}",
        _percent(figures.reduction_pct),
        _percent(figures.of_oracle_pct),
        format_span(figures.mean_wait_s),
        _percent(figures.late_pct),
        _percent(figures.dirtier_than_now_pct),
    ]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:z.1f} %"
