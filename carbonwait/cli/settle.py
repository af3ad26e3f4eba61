"""`carbonwait settle`: the figures of past runs, with the intensities that there really were."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from carbonwait.cli import options


def settle(
    actuals: Annotated[
        Path | None,
        typer.Option(
            "--actuals", metavar="FILE", help="A CSV file of actual intensities; nobody is asked."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", "-z", metavar="ZONE", help="Only the runs of this zone.  [all]"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Fetch actual intensities for runs that are pending, and work out their figures again."""
    from carbonwait.cli.documents import SCHEMA
    from carbonwait.cli.output import print_json, put, say
    from carbonwait.settings import read_settings
    from carbonwait.stories.settle import settle as settle_runs

    settings = read_settings(os.environ)
    done = settle_runs(settings, os.environ, time.time(), actuals=actuals, zone=zone)
    for warning in done.warnings:
        say(warning)
    if json:
        counts = {"settled": done.settled, "pending": done.pending, "revised": done.revised}
        said = {"warnings": done.warnings, "notes": done.notes}
        print_json({"schema": SCHEMA, **counts, **said})
        return
    runs = "run" if done.settled == 1 else "runs"
    put(f"{done.settled:,} {runs} settled, {done.pending:,} pending, {done.revised:,} revised.")
    for note in done.notes:
        put(f"Pending: {note}.")
