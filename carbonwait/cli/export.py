"""`carbonwait export`: every run, for an auditor."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer


def export(
    kind: Annotated[
        str, typer.Option("--format", metavar="NAME", help="csv, json or jsonl.")
    ] = "csv",
    verify: Annotated[
        Path | None,
        typer.Option("--verify", metavar="FILE", help="Say whether an exported file is whole."),
    ] = None,
) -> int:
    """Print every run with every input of its figures, in rows that a SHA-256 chain links."""
    return _export(kind) if verify is None else _verify(verify)


def _export(kind: str) -> int:
    import sys
    from typing import cast

    from carbonwait.cli.export_rows import TEMPLATE, export_rows
    from carbonwait.core.chain import FORMATS, Format, written
    from carbonwait.core.errors import Mistake, OutputUnavailable
    from carbonwait.stories.export import every_run

    if kind not in FORMATS:
        raise Mistake(f"--format {kind!r} is not one of {', '.join(FORMATS)}")
    with every_run(os.environ, time.time()) as (count, records):
        rows = export_rows(count, records)
        for piece in written(cast("Format", kind), rows, TEMPLATE):
            try:
                # UTF-8 whatever the terminal has: the chain is over bytes.
                sys.stdout.buffer.write(piece)
            except OSError as error:
                raise OutputUnavailable(
                    f"standard output cannot be written ({error.strerror}); the rows are not whole"
                ) from None
    return 0


def _verify(path: Path) -> int:
    from carbonwait.cli.output import put, say
    from carbonwait.stories import export as story

    found = story.verify(path)
    if found.fault is not None:
        say(f"{path}: {found.fault}")
        return 1
    put(f"{path}: whole, {found.rows} rows, sha256 {found.sha256}")
    return 0
