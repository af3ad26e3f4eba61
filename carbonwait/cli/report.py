"""`carbonwait report`: what was emitted and avoided."""

import os
import time
from typing import Annotated

import typer

from carbonwait.cli import options


def report(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From: 7d (ago) or 2026-11-01T00:00.  [all]"),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Up to, likewise.  [now]")
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="KEY", help="Group by name, zone, provider, strategy or rung."
        ),
    ] = "name",
    json: options.Json = False,
) -> None:
    """Add up what was emitted, and what it would have been at once or in the static window."""
    from carbonwait.cli.documents import report_document
    from carbonwait.cli.output import print_json
    from carbonwait.stories.report import make_report

    made = make_report(os.environ, time.time(), since=since, until=until, by=by)
    if json:
        print_json(report_document(made))
    else:
        from carbonwait.cli.tables import print_report

        print_report(made)
