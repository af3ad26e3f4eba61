"""`carbonwait report`: what was emitted and avoided."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from carbonwait.cli import options


def report(
    since: Annotated[
        str,
        typer.Option("--since", metavar="WHEN", help="From: 7d (ago), 2026-11-01T00:00 or all."),
    ] = "30d",
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Up to, likewise.  [now]")
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="KEY",
            help="Group by name, day, week, zone, provider, strategy, rung or host.",
        ),
    ] = "name",
    attribution: Annotated[
        str,
        typer.Option(
            "--attribution", metavar="WHOSE", help="Figures of the job, or of the whole machine."
        ),
    ] = "job",
    signal: Annotated[
        str | None,
        typer.Option("--signal", metavar="KIND", help="Only average, or only marginal."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with charts to this file."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Add up what was emitted, and what it would have been at once or in the static window."""
    from carbonwait.cli.output import print_json
    from carbonwait.cli.report_document import report_document
    from carbonwait.core.errors import Mistake
    from carbonwait.stories.report import make_report

    if json and html is not None:
        raise Mistake("--json and --html contradict each other; give one of them")
    made = make_report(
        os.environ,
        time.time(),
        since=since,
        until=until,
        by=by,
        attribution=attribution,
        signal=signal,
    )
    if html is not None:
        from carbonwait.cli.html_report import page
        from carbonwait.cli.output import write_lines

        write_lines(html, page(made))
    elif json:
        print_json(report_document(made))
    else:
        from carbonwait.cli.report_view import print_report

        print_report(made)
