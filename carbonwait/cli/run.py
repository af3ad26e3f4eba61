"""`carbonwait run`: wait, run, meter, record."""

import os
import signal
import sys

import typer

from carbonwait.cli import options


def run(
    context: typer.Context,
    command: options.Command,
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
) -> int:
    """Wait for the cleanest window before the deadline, then run COMMAND and account for it."""
    from carbonwait.cli.request import request_from
    from carbonwait.cli.voices import voice_for
    from carbonwait.process.child import occupy_standard_descriptors
    from carbonwait.process.clock import SystemClock
    from carbonwait.process.signals import SignalQueue, die_of
    from carbonwait.settings import read_settings
    from carbonwait.stories import job

    queue = SignalQueue()
    # The reader of our stderr may go away; that must not end the job.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    occupy_standard_descriptors()
    request = request_from(context.params)
    voice = voice_for(sys.stderr, quiet=quiet, verbose=verbose)
    settings = read_settings(os.environ)
    outcome = job.run(request, settings, os.environ, queue, SystemClock(), voice)
    if outcome.signal is not None:
        die_of(outcome.signal)
    return outcome.status
