"""`carbonwait import`: merge the ledgers of other machines."""

import os
from pathlib import Path
from typing import Annotated

import typer


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Ledgers of other machines.")
    ],
) -> int:
    """Take in the runs of other ledgers; of a run in both the more complete record stays."""
    from carbonwait.cli.output import put, say
    from carbonwait.stories.merge import merge_ledgers

    status = 0
    for outcome in merge_ledgers(os.environ, files):
        if outcome.merged is None:
            say(outcome.fault or "")
            status = 1
        else:
            added, replaced, kept = outcome.merged
            put(f"{outcome.path}: {added} new, {replaced} more complete, {kept} as they were")
    return status
