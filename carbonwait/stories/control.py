"""Starting a waiting run now, and ending one that waits or runs.

Both tell the process that looks after the run and wait, for a bounded time, until the ledger
shows what came of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from carbonwait.core.errors import Mistake
from carbonwait.core.records import Run, State
from carbonwait.process.clock import Clock
from carbonwait.process.reach import Reached, reach
from carbonwait.stories.upkeep import UNFINISHED, opened

# A wait is over within moments of being told; a command may take its time to end, and the account
# of it a few seconds more.
PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.1

_STARTABLE: frozenset[State] = frozenset({"waiting", "paused"})


@dataclass(frozen=True, slots=True)
class Told:
    """A run as it is after it was told; `done` is false if it has not got there yet."""

    run: Run
    done: bool


def start(environ: Mapping[str, str], clock: Clock, run_id: str) -> Told:
    """Have a waiting run start now, or a paused one go on. Raises Mistake and Unreachable."""
    run = _look(environ, clock, run_id)
    if run.state not in _STARTABLE:
        raise Mistake(f"run {run.id} is {run.state}; only a waiting or paused one can be started")
    with reach(run.owner, f"run {run.id}") as process:
        process.tell_to_start()
        _wake(run, process)
        return _follow(environ, clock, run, process, _STARTABLE)


def cancel(environ: Mapping[str, str], clock: Clock, run_id: str) -> Told:
    """End the wait of a run, or send its command SIGTERM. Raises Mistake and Unreachable."""
    run = _look(environ, clock, run_id)
    if run.state not in UNFINISHED:
        raise Mistake(f"run {run.id} is {run.state}; there is nothing left to cancel")
    with reach(run.owner, f"run {run.id}") as process:
        process.terminate()
        _wake(run, process)
        return _follow(environ, clock, run, process, UNFINISHED)


def _wake(run: Run, process: Reached) -> None:
    """Have a wait that was stopped (Ctrl-Z) hear what it was told.

    A command that was stopped stays so: that is between its user and the shell.
    """
    if run.state == "waiting":
        process.wake()


def _look(environ: Mapping[str, str], clock: Clock, run_id: str) -> Run:
    """The run as it is now. Raises Mistake for an ID that is unknown or ambiguous."""
    with opened(environ, clock.wall()) as ledger:
        if ledger is None:
            raise Mistake(f"no run {run_id!r}; nothing has been recorded yet")
        return ledger.run(run_id)


def _follow(
    environ: Mapping[str, str],
    clock: Clock,
    run: Run,
    process: Reached,
    leaving: Collection[State],
) -> Told:
    """Look until the run has left these states, its process has ended or patience has."""
    give_up = clock.elapsed() + PATIENCE_S
    while True:
        ended = process.ended(_LOOK_EVERY_S)
        run = _look(environ, clock, run.id)
        if run.state not in leaving:
            return Told(run, done=True)
        if ended or clock.elapsed() >= give_up:
            return Told(run, done=False)
