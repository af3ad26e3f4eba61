"""Looking back: the runs in the ledger, and one of them in full."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from carbonwait.core.attribution import job_slots
from carbonwait.core.errors import Mistake
from carbonwait.core.records import Decision, EnergySlot, Instant, Pause, Run, State
from carbonwait.stories.upkeep import opened

STATES: tuple[str, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class Entry:
    """One run with its decisions and pauses and, where asked for, its slots of energy.

    `providers` are those whose forecasts the decisions rest on, one each. `overlapping` is how many
    other runs shared its host for some of its time.
    """

    run: Run
    decisions: Sequence[Decision]
    slots: Sequence[EnergySlot] = ()
    pauses: Sequence[Pause] = ()
    providers: Sequence[str | None] = ()
    overlapping: int = 0


def runs(
    environ: Mapping[str, str],
    now: Instant,
    *,
    states: Collection[str] = (),
    limit: int | None = None,
) -> list[Entry]:
    """Waiting, running and past runs, newest first. Raises Mistake for an unknown state."""
    for state in states:
        if state not in STATES:
            raise Mistake(f"state {state!r} is not known; use one of {', '.join(STATES)}")
    with opened(environ, now) as ledger:
        if ledger is None:
            return []
        found = ledger.runs(states=states or None, limit=limit)
        ids = [run.id for run in found]
        decisions, pauses = ledger.decisions_of(ids), ledger.pauses_of(ids)
        return [
            Entry(run, decisions.get(run.id, ()), pauses=pauses.get(run.id, ())) for run in found
        ]


def show(environ: Mapping[str, str], now: Instant, run_id: str) -> Entry:
    """One run in full. Raises Mistake for an ID that is unknown or ambiguous."""
    with opened(environ, now) as ledger:
        if ledger is None:
            raise Mistake(f"no run {run_id!r}; nothing has been recorded yet")
        run = ledger.run(run_id)
        slots = job_slots(ledger.energy(run.id))
        others = 0
        if run.started is not None:
            until = now if run.ended is None else run.ended
            others = len(ledger.overlapping(run.owner.host, run.started, until, run.id))
        return Entry(
            run,
            ledger.decisions(run.id),
            slots,
            ledger.pauses(run.id),
            ledger.providers_of_decisions(run.id),
            others,
        )
