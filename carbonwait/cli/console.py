"""The console and the tables that all commands print with."""

import sys

from rich.console import Console
from rich.table import Table

_PLAIN_WIDTH = 120


def new_console() -> Console:
    """Rich's console; as wide as the terminal, or wide enough for a pipe."""
    width = None if sys.stdout.isatty() else _PLAIN_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)


def new_table(*columns: str, left: int = 1) -> Table:
    """A table without lines; the first `left` columns are text, the others figures."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        if index < left:
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right", no_wrap=True)
    return table
