"""`carbonwait runs`: waiting, running and past runs."""

import os
import time
from typing import Annotated

import typer

from carbonwait.cli import options


def runs(
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only runs in this state; repeatable."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", metavar="N", min=1, help="The newest N; else 20, JSON all."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show the list anew every two seconds.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List waiting, running and past runs, newest first."""
    from carbonwait.cli.documents import SCHEMA, run_document
    from carbonwait.cli.output import print_json
    from carbonwait.core.errors import Mistake
    from carbonwait.stories import history

    if json and watch:
        raise Mistake("--json and --watch contradict each other; give one of them")
    shown = limit if limit is not None or json else 20

    def look() -> list[history.Entry]:
        return history.runs(os.environ, time.time(), states=state or (), limit=shown)

    if json:
        items = [run_document(entry.run, entry.decisions, entry.pauses) for entry in look()]
        print_json({"schema": SCHEMA, "runs": items})
        return
    from carbonwait.cli.runs_view import print_runs, watch_runs
    from carbonwait.process.signals import SignalQueue, die_of

    if watch:
        die_of(watch_runs(look, SignalQueue()))
    else:
        print_runs(look(), time.time())
