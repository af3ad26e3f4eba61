"""From options as typed to a request: which of them go together is settled here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from carbonwait.core.config import STRATEGIES
from carbonwait.core.errors import Mistake
from carbonwait.core.records import Strategy
from carbonwait.stories.planning import Request


def request_from(options: Mapping[str, Any]) -> Request:
    """The request that a command's parameters stand for; `options` holds them by their names.

    Raises Mistake for options that contradict each other.
    """
    windows = tuple(options["window"] or ())
    return Request(
        command=tuple(options["command"] or ()),
        deadline=options["deadline"],
        duration=options["duration"],
        strategy=_strategy(options["now"], options["static"], options["strategy"], windows),
        windows=windows,
        min_saving_pct=options["min_saving"],
        zone=options["zone"],
        provider=options["provider"],
        forecast=Path(options["forecast"]) if options["forecast"] is not None else None,
        name=options["name"],
        meter=not options["no_meter"],
        sample=options["sample"],
        lock=options["lock"],
        objective=options["objective"],
        interruptible=options["interruptible"],
        pause_command=options["pause_command"],
        resume_command=options["resume_command"],
        resume_cost=options["resume_cost"],
    )


def _strategy(
    now: bool, static: bool, strategy: str | None, windows: Sequence[str]
) -> Strategy | None:
    if strategy is not None and strategy not in STRATEGIES:
        raise Mistake(f"--strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")
    asked = {
        "--now": "now" if now else None,
        "--static": "static" if static else None,
        "--window": "static" if windows else None,
        f"--strategy {strategy}": strategy,
    }
    given = {option: value for option, value in asked.items() if value is not None}
    if len(set(given.values())) > 1:
        raise Mistake(f"{' and '.join(given)} contradict each other; give one of them")
    return cast(Strategy, next(iter(given.values()), None))
