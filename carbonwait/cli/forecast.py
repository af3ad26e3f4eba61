"""`carbonwait forecast`: the forecast as a chart."""

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from carbonwait.cli import options

if TYPE_CHECKING:
    from carbonwait.stories.forecast import ForecastView

_MILLISECOND_S = 1e-3


def forecast(
    deadline: options.Deadline = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration", metavar="SPAN", help="Show when a job of this length would be started."
        ),
    ] = None,
    zone: options.Zone = None,
    provider: options.Provider = None,
    file: options.Forecast = None,
    json: options.Json = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Rows that --forecast can read, on stdout.")
    ] = False,
) -> None:
    """Show the forecast, up to two days or the deadline; with a duration the window chosen."""
    from carbonwait.cli.output import print_json, put, say
    from carbonwait.cli.plan_documents import forecast_document
    from carbonwait.core.errors import Mistake
    from carbonwait.settings import read_settings
    from carbonwait.stories.forecast import DEFAULT_SPAN, look_ahead
    from carbonwait.stories.planning import Request

    if json and csv:
        raise Mistake("--json and --csv contradict each other; give one of them")
    request = Request(
        deadline=deadline or DEFAULT_SPAN,
        duration=duration,
        zone=zone,
        provider=provider,
        forecast=file,
    )
    view = look_ahead(request, read_settings(os.environ), os.environ, time.time())
    for warning in view.outlook.warnings:
        say(warning)
    if json:
        print_json(forecast_document(view))
        return
    for line in _csv(view) if csv else _chart(view, sys.stdout):
        put(line)


def _chart(view: "ForecastView", stdout: TextIO) -> list[str]:
    """A chart with what it stands on below."""
    from shutil import get_terminal_size

    from carbonwait.cli.chart import chart_lines
    from carbonwait.cli.output import ascii_only
    from carbonwait.cli.texts import intensity, source_line, zone_line
    from carbonwait.core.units import format_local

    outlook, points = view.outlook, view.points
    lines = []
    if points:
        lines += chart_lines(
            points,
            points.edges[0],
            points.edges[-1],
            width=get_terminal_size().columns,
            zone=view.local,
            now=view.now,
            window=None if view.plan is None else (view.plan.start, view.plan.end),
            plain=ascii_only(stdout),
        )
    else:
        lines.append("there is no forecast")
    lines.append("")
    lines.append(f"zone:   {zone_line(outlook)}")
    lines.append(f"source: {source_line(outlook, view.now)}, {outlook.scope}, gCO2eq/kWh")
    if view.plan is not None:
        start = format_local(view.plan.start, view.local, view.now)
        end = format_local(view.plan.end, view.local, view.now)
        mean = intensity(view.plan.intensities.chosen)
        lines.append(f"window: {start} to {end} (=), {mean}; {view.plan.reason}")
    lines += [f"note:   {note}" for note in outlook.notes]
    return lines


def _csv(view: "ForecastView") -> list[str]:
    """Rows in the format that `--forecast` reads; where there is a gap, one says nothing."""
    from carbonwait.core.intensity_csv import parse
    from carbonwait.core.units import format_instant

    rows = ["datetime_utc,intensity_gco2_per_kwh"]
    end = None
    for slot in view.points:
        # A row lasts until the next one, so that it takes one to end it early.
        if end is not None and end < slot.start:
            rows.append(f"{format_instant(end)},")
        rows.append(f"{format_instant(slot.start)},{slot.g_per_kwh:g}")
        end = slot.end
    if end is not None and abs(parse("\n".join(rows), "").ends - end) > _MILLISECOND_S:
        rows.append(f"{format_instant(end)},")
    return rows
