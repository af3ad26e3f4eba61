"""Where a run goes that the ledger does not take: a private file, taken in later.

A spool file holds one complete record as JSON. What is damaged, of another user or no regular file
is left alone. A run whose end the ledger knows is not taken in again: it may be settled by now.
"""

import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from sqlite3 import IntegrityError
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.errors import LedgerUnavailable
from carbonwait.core.prices import Prices
from carbonwait.core.records import Decision, Pause, Run
from carbonwait.ledger import rows
from carbonwait.ledger.connection import make_private_folder
from carbonwait.ledger.store import Ledger

_PREFIX = "carbonwait-spool-"
_VERSION = 1


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
    """Write a record to the first folder that takes it; None if none does."""
    text = json.dumps(_document(record))
    for folder in folders:
        path = folder / f"{_PREFIX}{record.run.id}.json"
        with suppress(Exception):
            make_private_folder(folder)
            _write(path, text)
            return path
    return None


def _write(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        # Half a record could never be taken in.
        path.unlink()
        raise


def waiting(folders: Sequence[Path]) -> bool:
    """True if there is anything to take in."""
    return next(_files(folders), None) is not None


def collect(ledger: Ledger, folders: Sequence[Path]) -> int:
    """Take in every spooled record and remove its file; how many. Raises LedgerUnavailable."""
    taken = 0
    for path in _files(folders):
        try:
            taken += _take_in(ledger, _read(path))
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


def _take_in(ledger: Ledger, record: SpoolRecord) -> bool:
    """False if the ledger has had it before."""
    run_id = record.run.id
    with ledger.transaction():
        if ledger.has_ended(run_id):
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
        return _record(json.load(file))


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
    run = rows.run_from([values.get(column) for column in rows.RUN_COLUMNS])
    record = SpoolRecord(
        run,
        [Decision(*values) for values in document["decisions"]],
        [rows.slot_from(values) for values in document["slots"]],
        _series(document["planned_on"]),
        _series(document["accounted_with"]),
        _prices(document.get("priced_with")),
        tuple(Pause(*values) for values in document.get("pauses", ())),
    )
    kept = (record.planned_on, record.accounted_with, record.priced_with)
    points = [s.series for s in kept if s is not None]
    for part in (run, *record.decisions, *record.slots, *record.pauses, *chain(*points)):
        if not fits(part, type(part)):
            raise ValueError(part)
    return record


def fits(value: Any, kind: Any) -> bool:
    """True if a value is what an annotation says, down to its own fields."""
    if get_origin(kind) in {Union, UnionType}:
        return any(fits(value, one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if not isinstance(value, int | float if kind is float else kind):
        return False
    fields = getattr(kind, "__annotations__", {})
    return all(fits(getattr(value, field), of) for field, of in fields.items())


def _prices(document: list[Any] | None) -> Prices | None:
    if document is None:
        return None
    points, *source = document
    return Prices(rows.series_from(points), *source)


def _series(document: list[Any] | None) -> rows.StoredSeries | None:
    if document is None:
        return None
    points, *source = document
    return rows.StoredSeries(rows.series_from(points), *source)
