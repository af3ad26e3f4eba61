"""`carbonwait start`: start a waiting run now."""

import os

from carbonwait.cli import options


def start(run_id: options.RunId) -> int:
    """Start a waiting run now; a paused one goes on."""
    from carbonwait.cli.output import put, say
    from carbonwait.process.clock import SystemClock
    from carbonwait.stories import control

    told = control.start(os.environ, SystemClock(), run_id)
    if not told.done or told.run.started is None:
        still = "" if told.done else "still "
        say(f"run {told.run.id} has been told to start, and is {still}{told.run.state}")
        return 1
    put(f"run {told.run.id}: started")
    return 0
