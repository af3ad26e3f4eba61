"""`carbonwait compare`: dynamic against static against now, replayed over history."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from carbonwait.cli import options


def compare(
    history: Annotated[
        Path | None,
        typer.Option("--history", metavar="FILE", help="A CSV of what has been, as --forecast."),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", metavar="N", help="The zone's stored history instead.  [365]"),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("--duration", metavar="SPAN", help="How long the job runs; this or --job."),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="NAME", help="A job whose past runs say how long it takes."),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option("--deadline", "-d", metavar="SPAN", help="Span to be finished in.  [12h]"),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="WHEN", help="First submission.  [after 60 days]"),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="WHEN", help="Submissions end here.  [end less deadline]"),
    ] = None,
    submit: Annotated[
        str | None,
        typer.Option(
            "--submit", metavar="SPEC", help='When jobs are submitted: "Mon-Fri 18:00".  [hourly]'
        ),
    ] = None,
    min_saving: options.MinSaving = None,
    window: options.Windows = None,
    zone: options.Zone = None,
    provider: options.Provider = None,
    interruptible: Annotated[
        bool, typer.Option("--interruptible", help="Add jobs that may be paused.")
    ] = False,
    resume_cost: Annotated[
        str,
        typer.Option("--resume-cost", metavar="SPAN", help="Energy of a resume, as running time."),
    ] = "5m",
    issued: Annotated[
        bool, typer.Option("--issued", help="Plan on the forecasts in the file as well.")
    ] = False,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", metavar="FILE", help="Write each job's start to a CSV file."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Replay a job over history: what each strategy would have saved."""
    from carbonwait.cli.comparison_view import comparison_document, decision_rows, print_comparison
    from carbonwait.cli.output import print_json, say, write_lines
    from carbonwait.settings import read_settings
    from carbonwait.stories.compare import compare as replay
    from carbonwait.stories.compare_request import CompareRequest

    request = CompareRequest(
        history=history,
        days=days,
        duration=duration,
        job=job,
        deadline=deadline,
        begin=begin,
        end=end,
        submit=submit,
        min_saving_pct=min_saving,
        windows=tuple(window or ()),
        zone=zone,
        provider=provider,
        interruptible=interruptible,
        resume_cost=resume_cost,
        issued=issued,
        decisions=decisions,
    )
    found = replay(request, read_settings(os.environ), os.environ, time.time())
    for note in found.notes:
        say(note)
    if decisions is not None:
        write_lines(decisions, decision_rows(found))
    if json:
        print_json(comparison_document(found))
        return
    print_comparison(found)
