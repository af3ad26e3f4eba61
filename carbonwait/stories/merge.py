"""Merging the ledgers of several machines into this one, by the runs' IDs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from carbonwait.core.errors import LedgerUnavailable, Mistake
from carbonwait.ledger.connection import copy_ledger
from carbonwait.ledger.merge import Merged
from carbonwait.ledger.schema import OldLedger
from carbonwait.ledger.store import Ledger
from carbonwait.settings import ledger_path


class Outcome(NamedTuple):
    """What came of one file: what was taken in, or why it was not."""

    path: Path
    merged: Merged | None
    fault: str | None = None


def merge_ledgers(environ: Mapping[str, str], files: Sequence[Path]) -> Iterator[Outcome]:
    """Take in one file after the other, each as a whole or not at all.

    Raises Mistake, before anything is taken in, for a file that is not there or is the ledger
    itself, and LedgerUnavailable if that cannot be written.
    """
    path = ledger_path(environ)
    for file in files:
        _require_other(file, path)
    with Ledger.open(path) as ours:
        for file in files:
            yield _merge(ours, file)


def _merge(ours: Ledger, file: Path) -> Outcome:
    try:
        with Ledger.open(file, create=False, read_only=True) as theirs:
            theirs.require_sound()
            return Outcome(file, ours.take_in(theirs))
    except OldLedger:
        return _merge_copy(ours, file)
    except LedgerUnavailable as unavailable:
        return Outcome(file, None, _nothing_taken(str(unavailable)))


def _merge_copy(ours: Ledger, file: Path) -> Outcome:
    """The same for a ledger of an earlier version: a copy of it is brought up to date."""
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(prefix="carbonwait-") as folder:
            copy = Path(folder, "ledger.db")
            try:
                copy_ledger(file, copy)
                with Ledger.open(copy, create=False) as theirs:
                    theirs.require_sound()
                    return Outcome(file, ours.take_in(theirs))
            except LedgerUnavailable as unavailable:
                return Outcome(file, None, _nothing_taken(str(unavailable), copy, file))
    except OSError as error:
        return Outcome(file, None, _nothing_taken(f"{file} cannot be copied: {error.strerror}"))


def _nothing_taken(fault: str, copy: Path | None = None, file: Path | None = None) -> str:
    """The fault, told of the file itself; the usual remedies are for one's own ledger."""
    told = fault if copy is None else fault.replace(str(copy), str(file))
    return f"{told.partition('; ')[0]}; nothing of it was taken in"


def _require_other(file: Path, path: Path) -> None:
    try:
        if not file.is_file():
            raise Mistake(f"{file} is no file; name the ledger of another machine")
        if path.exists() and file.samefile(path):
            raise Mistake(f"{file} is this ledger itself; name that of another machine")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no file name"
        raise Mistake(f"{file} cannot be read: {reason}") from None
