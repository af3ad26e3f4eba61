"""`carbonwait show`: one run in full."""

import os
import time
from typing import Annotated

import typer

from carbonwait.cli import options


def show(
    run_id: Annotated[
        str, typer.Argument(metavar="ID", help="The run's ID or the beginning of it.")
    ],
    json: options.Json = False,
) -> None:
    """Show one run: decisions, energy and figures."""
    from carbonwait.cli.documents import show_document
    from carbonwait.cli.output import print_json
    from carbonwait.stories import history

    entry = history.show(os.environ, time.time(), run_id)
    if json:
        document = show_document(entry.run, entry.decisions, entry.slots)
        print_json(document | {"overlapping_runs": entry.overlapping})
    else:
        from carbonwait.cli.tables import print_run

        print_run(entry, time.time())
