"""`carbonwait show`: one run in full."""

import os
import time
from typing import Annotated

import typer

from carbonwait.cli import options


def show(
    run_id: options.RunId,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Show each decision of a long log."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Show one run: decisions, energy and figures."""
    from carbonwait.cli.documents import show_document
    from carbonwait.cli.output import print_json
    from carbonwait.stories import history

    entry = history.show(os.environ, time.time(), run_id)
    if json:
        document = show_document(entry.run, entry.decisions, entry.slots, entry.pauses)
        print_json(document | {"overlapping_runs": entry.overlapping})
    else:
        from carbonwait.cli.run_view import print_run
        from carbonwait.grid.zones import local_timezone
        from carbonwait.process.clock import local_zone

        local = local_zone(local_timezone(os.environ))
        print_run(entry, time.time(), local, verbose=verbose)
