"""Where a run goes that the ledger does not take: a private file, taken in later.

A spool file holds one complete record as JSON. It is never written to again: a later state of the
run goes into a file of its own, so that who takes one in and removes it removes just that. What is
damaged, of another user or no regular file is left alone. Of a run of which the ledger knows more,
be it its end, nothing is taken in: it may be settled by now.
"""

import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from sqlite3 import IntegrityError
from typing import Any, NamedTuple

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.prices import Prices
from carbonwait.core.records import Decision, Pause, Run
from carbonwait.ledger import rows
from carbonwait.ledger.connection import make_private_folder
from carbonwait.ledger.store import Ledger

_PREFIX = "carbonwait-spool-"
_VERSION = 1
# A file that has not got its name after this time never will.
_HALF_WRITTEN_S = 3600.0
_MOST_BYTES = 64 * 1024 * 1024
# How far a run has come. One that is lost may turn out to have gone on.
_STAGES = {"waiting": 0, "running": 1, "paused": 1, "lost": 1, "finished": 2, "aborted": 2}


class SpoolRecord(NamedTuple):
    """A run with all that belongs to it."""

    run: Run
    decisions: Sequence[Decision] = ()
    slots: Sequence[MeteredSlot] = ()
    planned_on: rows.StoredSeries | None = None
    accounted_with: rows.StoredSeries | None = None
    priced_with: Prices | None = None
    pauses: Sequence[Pause] = ()


def spool(record: SpoolRecord, folders: Sequence[Path]) -> Path | None:
    """Write a record to a new file in the first folder that takes it; None if none does."""
    text = json.dumps(_document(record))
    # In order of time among the files of one run, whatever the wall clock does.
    name = f"{_PREFIX}{record.run.id}-{time.monotonic_ns():020}.json"
    for folder in folders:
        path = folder / name
        with suppress(Exception):
            make_private_folder(folder)
            _write(path, text)
            return path
    return None


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            with suppress(OSError):
                os.fchmod(descriptor, 0o600)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        # Half a record could never be taken in.
        new.unlink()
        raise
    _settle_name(path.parent)


def _settle_name(folder: Path) -> None:
    """Have the disk know the file by its name, should the power go."""
    with suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def waiting(folders: Sequence[Path]) -> bool:
    """True if there is anything to take in."""
    return next(_files(folders), None) is not None


def collect(ledger: Ledger, folders: Sequence[Path]) -> int:
    """Take in every spooled record and remove its file; how many. Raises LedgerUnavailable."""
    taken = 0
    _sweep(folders)
    for path in _files(folders):
        try:
            taken += put(ledger, _read(path))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue
        except LedgerUnavailable as unavailable:
            # It is the record that the tables refuse, and the next one may be sound.
            if isinstance(unavailable.__cause__, IntegrityError | OverflowError):
                continue
            raise
        with suppress(OSError):
            path.unlink()
    return taken


def _sweep(folders: Sequence[Path]) -> None:
    """Remove the halves of files whose writers were killed."""
    for folder in folders:
        with suppress(OSError):
            for path in folder.glob(f".{_PREFIX}*"):
                if time.time() - path.lstat().st_mtime > _HALF_WRITTEN_S:
                    path.unlink()


def put(ledger: Ledger, record: SpoolRecord) -> bool:
    """Bring the ledger up to date with a record; False if it knows more already."""
    run_id = record.run.id
    with ledger.transaction():
        known_stage = _STAGES.get(ledger.state_of(run_id) or "", -1)
        if known_stage == _STAGES["finished"] or known_stage > _STAGES[record.run.state]:
            return False
        ledger.save(record.run)
        known = set(ledger.decisions(run_id))
        planned = None
        if record.planned_on is not None:
            planned = ledger.save_series(record.planned_on)
        for decision in record.decisions:
            if decision not in known:
                ledger.add_decision(run_id, decision, planned)
        ledger.replace_energy(run_id, record.slots)
        ledger.replace_pauses(run_id, record.pauses)
        if record.accounted_with is not None:
            ledger.account_with(run_id, ledger.save_series(record.accounted_with))
        if record.priced_with is not None:
            ledger.price_with(run_id, record.priced_with)
    return True


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        with suppress(OSError):
            yield from sorted(folder.glob(f"{_PREFIX}*.json"))


def _read(path: Path) -> SpoolRecord:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="ascii") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.getuid():
            raise ValueError(path)
        return _record(json.loads(file.read(_MOST_BYTES)))


def _document(record: SpoolRecord) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "run": dict(zip(rows.RUN_COLUMNS, rows.values_of(record.run), strict=True)),
        "decisions": [rows.values_of_decision(decision) for decision in record.decisions],
        "slots": [rows.values_of_slot(slot) for slot in record.slots],
        "planned_on": _series_document(record.planned_on),
        "accounted_with": _series_document(record.accounted_with),
        "priced_with": _series_document(record.priced_with),
        "pauses": [(pause.start, pause.end) for pause in record.pauses],
    }


def _series_document(stored: rows.StoredSeries | Prices | None) -> list[Any] | None:
    return None if stored is None else [list(stored.series), *stored[1:]]


def _record(document: Any) -> SpoolRecord:
    if document["version"] != _VERSION:
        raise ValueError(document["version"])
    # Files of earlier versions lack what has been added since.
    values = rows.ADDED | document["run"]
    return SpoolRecord(
        rows.run_from([values.get(column) for column in rows.RUN_COLUMNS]),
        [rows.decision_from(values) for values in document["decisions"]],
        [rows.slot_from(values) for values in document["slots"]],
        _series(document["planned_on"]),
        _series(document["accounted_with"]),
        _prices(document.get("priced_with")),
        tuple(rows.pause_from(values) for values in document.get("pauses", ())),
    )


def _prices(document: list[Any] | None) -> Prices | None:
    if document is None:
        return None
    points, *source = document
    return rows.prices_from(points, source)


def _series(document: list[Any] | None) -> rows.StoredSeries | None:
    if document is None:
        return None
    points, *source = document
    return rows.stored_from(points, source)
