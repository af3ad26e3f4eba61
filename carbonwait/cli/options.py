"""The options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

Command = Annotated[
    list[str],
    typer.Argument(metavar="COMMAND [ARG]...", help="The command; its options are its own."),
]
OptionalCommand = Annotated[
    list[str] | None,
    typer.Argument(metavar="[COMMAND [ARG]...]", help="The command that would be run."),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        "-d",
        metavar="WHEN",
        help="Be finished by: 45m, 12h, 07:00, tomorrow 07:00 or 2026-11-23T07:00.  [12h]",
    ),
]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration", metavar="SPAN", help="Expected run time; else learned from past runs."
    ),
]
Now = Annotated[bool, typer.Option("--now", help="Start at once; meter and record all the same.")]
Static = Annotated[bool, typer.Option("--static", help="Wait for the static window.")]
Strategy = Annotated[
    str | None, typer.Option("--strategy", metavar="NAME", help="dynamic, static or now.")
]
Windows = Annotated[
    list[str] | None,
    typer.Option(
        "--window",
        metavar="HH:MM-HH:MM",
        help='The static window for this run, also "Mon-Fri 22:00-06:00"; repeatable.',
    ),
]
MinSaving = Annotated[
    float | None,
    typer.Option("--min-saving", metavar="PCT", help="Wait only to save at least this.  [1]"),
]
Objective = Annotated[
    str | None,
    typer.Option(
        "--objective",
        metavar="carbon|price|W",
        help="What to minimise; W from 0 to 1 is the weight of carbon against price.  [carbon]",
    ),
]
Zone = Annotated[
    str | None, typer.Option("--zone", "-z", metavar="ZONE", help="The grid zone, such as GB.")
]
Provider = Annotated[
    str | None,
    typer.Option("--provider", "-p", metavar="NAME", help="Where the forecast comes from."),
]
Forecast = Annotated[
    Path | None,
    typer.Option("--forecast", metavar="FILE", help="A CSV file in place of a provider."),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="The job's name; else from COMMAND.")
]
RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's ID or the beginning of it.")]
Lock = Annotated[
    str | None,
    typer.Option(
        "--lock", metavar="NAME", help="One run of this name at a time; a second one exits 75."
    ),
]
Interruptible = Annotated[
    bool,
    typer.Option(
        "--interruptible",
        help="Pause the job through dirty hours. A paused GPU job keeps its memory on the GPU; "
        "one of several ranks may hit a watchdog.",
    ),
]
PauseCommand = Annotated[
    str | None,
    typer.Option("--pause-command", metavar="CMD", help="Run before a pause: to checkpoint."),
]
ResumeCommand = Annotated[
    str | None, typer.Option("--resume-command", metavar="CMD", help="Run after a resume.")
]
ResumeCost = Annotated[
    str | None,
    typer.Option(
        "--resume-cost", metavar="SPAN", help="Energy of a resume, as running time.  [5m]"
    ),
]
NoMeter = Annotated[bool, typer.Option("--no-meter", help="Run without metering.")]
Sample = Annotated[str, typer.Option("--sample", metavar="SPAN", help="Sampling period.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but faults.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say everything, everywhere.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
