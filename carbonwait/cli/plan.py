"""`carbonwait plan`: what `run` would do now, and why."""

import os
import sys
import time

import typer

from carbonwait.cli import options


def plan(
    context: typer.Context,
    command: options.OptionalCommand = None,
    deadline: options.Deadline = None,
    duration: options.Duration = None,
    now: options.Now = False,
    static: options.Static = False,
    strategy: options.Strategy = None,
    window: options.Windows = None,
    min_saving: options.MinSaving = None,
    objective: options.Objective = None,
    zone: options.Zone = None,
    provider: options.Provider = None,
    forecast: options.Forecast = None,
    name: options.Name = None,
    lock: options.Lock = None,
    no_meter: options.NoMeter = False,
    sample: options.Sample = "5s",
    interruptible: options.Interruptible = False,
    pause_command: options.PauseCommand = None,
    resume_command: options.ResumeCommand = None,
    resume_cost: options.ResumeCost = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Show when COMMAND would be started, and why; change nothing."""
    from carbonwait.cli.output import print_json, put, say
    from carbonwait.cli.plan_documents import plan_document
    from carbonwait.cli.request import request_from
    from carbonwait.cli.texts import plan_lines
    from carbonwait.settings import read_settings
    from carbonwait.stories.allocation import allocation_warning
    from carbonwait.stories.locking import held_warning
    from carbonwait.stories.planning import prepare

    request = request_from(context.params)
    settings = read_settings(os.environ)
    submitted = time.time()
    prepared = prepare(request, settings, os.environ, now=submitted)
    thought = prepared.think(submitted)
    if not quiet:
        around = (
            allocation_warning(thought, os.environ),
            held_warning(prepared.lock, os.environ),
        )
        for warning in (*settings.warnings, *thought.outlook.warnings, *filter(None, around)):
            say(warning)
    if json:
        print_json(plan_document(thought))
        return
    if sys.stdout.isatty():
        from carbonwait.cli.plan_view import print_plan

        print_plan(thought, verbose=verbose)
        return
    for line in plan_lines(thought, verbose=verbose):
        put(line)
