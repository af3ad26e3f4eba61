"""`carbonwait forecast`: the forecast as a chart."""

import os
import sys
import time
from typing import Annotated

import typer

from carbonwait.cli import options


def forecast(
    deadline: options.Deadline = None,
    duration: options.Duration = None,
    zone: options.Zone = None,
    provider: options.Provider = None,
    file: options.Forecast = None,
    json: options.Json = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Rows that --forecast can read, on stdout.")
    ] = False,
) -> None:
    """Show the forecast, up to two days or the deadline; with a duration the window chosen."""
    from carbonwait.cli.documents import forecast_document
    from carbonwait.cli.output import print_json, say
    from carbonwait.cli.texts import csv_lines, forecast_lines
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
    for line in csv_lines(view) if csv else forecast_lines(view, sys.stdout):
        print(line)
