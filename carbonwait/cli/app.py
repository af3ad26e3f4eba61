"""The command line as a whole: its commands, and the one place where errors are printed."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

from carbonwait.cli import (
    cancel,
    compare,
    config,
    doctor,
    export,
    forecast,
    import_,
    plan,
    report,
    run,
    runs,
    settle,
    show,
    start,
    stdout,
)
from carbonwait.cli.output import say, say_at_length
from carbonwait.core.errors import CannotRun, LockUnavailable, Mistake, Unavailable

app = typer.Typer(
    name="carbonwait",
    help="Wait for clean power, run a command, and tell what it emitted and what waiting saved.",
    no_args_is_help=True,
    # Rich help, completion and rich tracebacks would each cost more than the rest of the start.
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_WRAPPER = {"allow_interspersed_args": False}
app.command("run", context_settings=_WRAPPER)(run.run)
app.command("plan", context_settings=_WRAPPER)(plan.plan)
app.command("forecast")(forecast.forecast)
app.command("report")(report.report)
app.command("runs")(runs.runs)
app.command("show")(show.show)
app.command("compare")(compare.compare)
app.command("settle")(settle.settle)
app.command("start")(start.start)
app.command("cancel")(cancel.cancel)
app.command("export")(export.export)
app.command("import")(import_.import_)
app.command("doctor")(doctor.doctor)
app.add_typer(config.app, name="config")


def _show_version(asked: bool) -> None:
    if asked:
        from carbonwait import __version__

        typer.echo(f"carbonwait {__version__}")
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option(
        "--version", "-V", callback=_show_version, is_eager=True, help="Show the version."
    ),
]


@app.callback()
def _options(version: _Version = False) -> None:
    """Whatever stands before the command."""


def run_command_line(arguments: Sequence[str]) -> NoReturn:
    """Run one command and end the process with its status."""
    # As with other programs, a reader that has gone ends a command without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    output = stdout.guard()
    _end(_status(arguments), output)


def _status(arguments: Sequence[str]) -> int:
    command = get_command(app)
    try:
        returned = command.main(list(arguments), prog_name="carbonwait", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error)
    except typer.Abort:
        return 130
    except Mistake as mistake:
        say(str(mistake))
        return 2
    except CannotRun as error:
        say(str(error))
        return error.status
    except stdout.OutputLost:
        return 1  # it is told at the very end, since most of it shows only there
    except LockUnavailable as error:
        say(str(error))
        return 125
    except Unavailable as error:
        say(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 (a traceback helps nobody at a prompt)
        say(f"a fault of its own: {error!r}; please report it")
        return 125
    return returned if isinstance(returned, int) else 0


def _usage(error: typer.TyperException) -> int:
    """One line for an error in the options, as for every other mistake."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "carbonwait"
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        # `carbonwait` by itself: the text is the whole help.
        say_at_length(text)
        return 2
    say(f"{' '.join(text.split()).rstrip('.')}; see {path} --help")
    return 2


def _end(status: int, output: stdout.Output) -> NoReturn:
    """Leave without the interpreter's shutdown, in which libraries may hang or print."""
    with suppress(stdout.OutputLost):
        sys.stdout.flush()
    if output.lost is not None:
        say(output.lost)
        status = status or 1
    if sys.stderr is not None:
        with suppress(OSError):  # there is nowhere left to tell it
            sys.stderr.flush()
    os._exit(status)
