"""`carbonwait cancel`: end a waiting or running run."""

import os

from carbonwait.cli import options


def cancel(run_id: options.RunId) -> int:
    """End a waiting run as Ctrl-C does, or send the command of a running one SIGTERM."""
    from carbonwait.cli.output import put, say
    from carbonwait.cli.texts import ended_line
    from carbonwait.process.clock import SystemClock
    from carbonwait.stories import control

    told = control.cancel(os.environ, SystemClock(), run_id)
    if not told.done or told.run.state == "lost":
        still = "" if told.done else "still "
        say(f"run {told.run.id} has been told to end, and is {still}{told.run.state}")
        return 1
    put(ended_line(told.run))
    return 0
