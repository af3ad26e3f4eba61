"""The console and the tables that all commands print with."""

import sys
from shutil import get_terminal_size

from rich.table import Table

from carbonwait.cli.screen import Screen

_PLAIN_WIDTH = 120


def new_console() -> Screen:
    """As wide as the terminal, or wide enough for a pipe."""
    screen = Screen(sys.stdout, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    if screen.is_dumb_terminal:
        # Rich takes one to be 80 columns wide, whatever it is.
        screen.size = get_terminal_size()
    return screen


def new_table(*columns: str, left: int = 1) -> Table:
    """A table without lines; the first `left` columns are text, the others figures."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        if index < left:
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right", no_wrap=True)
    return table
