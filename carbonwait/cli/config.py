"""`carbonwait config`: init, show, path and check."""

import os

import typer

from carbonwait.cli.output import put, say

app = typer.Typer(
    help="The config file: init writes a commented one, show and path print it, check reads it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def init() -> None:
    """Write a commented config file."""
    from carbonwait.stories import config

    put(str(config.initialise(os.environ)))


@app.command()
def show() -> None:
    """Print the config file as it is."""
    from carbonwait.stories import config

    file = config.read(os.environ)
    if file.text is None:
        say(f"{file.path} does not exist; carbonwait config init writes one")
    else:
        for line in file.text.splitlines():
            put(line.expandtabs())


@app.command()
def path() -> None:
    """Print where the config file is or would be."""
    from carbonwait.stories import config

    put(str(config.place(os.environ)))


@app.command()
def check() -> None:
    """Read the config file and say whether it can be used."""
    from carbonwait.stories import config

    settings = config.check(os.environ)
    if settings.path is None or not settings.path.exists():
        put("no config file; built-in values are used")
    else:
        put(f"{settings.path} is fine")
