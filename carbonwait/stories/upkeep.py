"""What every look into the ledger does first: take in spooled runs, find out which are lost."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.records import Instant, Run, State
from carbonwait.ledger import spool
from carbonwait.ledger.connection import is_missing
from carbonwait.ledger.store import Ledger
from carbonwait.process.owner import is_gone
from carbonwait.settings import cache_folder, ledger_path

# From another host or pid namespace nobody can see whether a run's process is alive; a day after
# its deadline it is taken to be gone.
_GIVEN_UP_AFTER_S = 24 * 3600.0

UNFINISHED: frozenset[State] = frozenset({"waiting", "running", "paused"})


def spool_folders(environ: Mapping[str, str]) -> list[Path]:
    """Where a run is put that cannot be written to the ledger, best place first."""
    folders = []
    with suppress(LedgerUnavailable, OSError):
        path = ledger_path(environ)
        # Where a device or a pipe stands in the place of the file, its folder is not the user's.
        if is_missing(path) or path.is_file():
            folders.append(path.parent)
    cache = cache_folder(environ)
    if cache is not None:
        folders.append(cache)
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_absolute():
        folders.append(Path(runtime))
    return folders


@contextmanager
def opened(environ: Mapping[str, str], now: Instant) -> Iterator[Ledger | None]:
    """The ledger in good order, None if nothing has been recorded yet.

    Raises LedgerUnavailable if there is one that cannot be read. One that cannot be written to is
    shown as it is.
    """
    path = ledger_path(environ)
    folders = spool_folders(environ)
    if is_missing(path) and not spool.waiting(folders):
        yield None
        return
    try:
        ledger = Ledger.open(path)
    except LedgerUnavailable:
        ledger = Ledger.open(path, create=False, read_only=True)
    with ledger:
        # Nothing is lost by leaving it for a look that may write.
        with suppress(LedgerUnavailable):
            tidy(ledger, folders, now)
        yield ledger


def tidy(ledger: Ledger, folders: list[Path], now: Instant) -> None:
    """Take in what was spooled and mark what is lost. Raises LedgerUnavailable."""
    spool.collect(ledger, folders)
    for run in ledger.runs(states=UNFINISHED):
        if is_lost(run, now):
            ledger.mark_lost(run.id)


def is_lost(run: Run, now: Instant) -> bool:
    """Whether a run that has not ended never will, as far as can be told from here."""
    gone = is_gone(run.owner)
    if gone is None:
        return now > run.deadline + _GIVEN_UP_AFTER_S
    return gone
