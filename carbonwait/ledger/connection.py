"""The ledger's file: made private, opened carefully, and its faults put in words.

A file that is damaged or foreign is never removed or written to. The rollback journal is kept,
as SQLite's write-ahead log does not work on network file systems, where many homes are.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from carbonwait.core.errors import LedgerBusy, LedgerUnavailable
from carbonwait.ledger import schema

# ~/.local/share/carbonwait: as many levels as may be missing below a home that exists. One more
# and the home itself would be made up, where nobody looks.
_LEVELS_MADE = 3

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FORBIDDEN = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}


def connect(
    path: Path, *, create: bool, read_only: bool, busy_timeout_s: float
) -> sqlite3.Connection:
    """A connection without transactions of its own. Raises LedgerUnavailable."""
    named = path
    with in_words(named):
        # SQLite keeps its journal beside the file itself, wherever links lead.
        path = Path(os.path.realpath(named))
        if create and not read_only:
            make_private_folder(path.parent)
            _make_private_file(path)
        elif is_missing(path):
            raise LedgerUnavailable(f"{named}: there is no ledger; carbonwait run makes one")
        if not stat.S_ISREG(path.stat().st_mode):
            # To open a pipe or a device may hang, or do something.
            raise LedgerUnavailable(f"{named} is no file; set CARBONWAIT_LEDGER to one")
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        if not writable and not read_only:
            raise LedgerUnavailable(
                f"{named} cannot be written; make it and its folder writable, "
                "or set CARBONWAIT_LEDGER to another file"
            )
        # Even a reader has to undo what a killed writer left half done.
        connection = sqlite3.connect(
            _uri(path, "rw" if writable else "ro"),
            uri=True,
            timeout=busy_timeout_s,
            isolation_level=None,
        )
        _mend_journal(path)
        try:
            connection.execute(f"PRAGMA query_only = {int(read_only)}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            if not read_only:
                connection.execute("PRAGMA journal_mode = DELETE")
            schema.require_current(connection, named, may_write=not read_only)
        except BaseException:
            connection.close()
            raise
        return connection


def copy_ledger(path: Path, copy: Path) -> None:
    """Write what a ledger of any version holds to another file. Raises LedgerUnavailable."""
    with (
        in_words(path),
        closing(sqlite3.connect(_uri(Path(os.path.realpath(path)), "ro"), uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise into LedgerUnavailable, in one line with a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        kind = LedgerBusy if _kind(error) in _LOCKED else LedgerUnavailable
        raise kind(_explained(path, error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise LedgerUnavailable(f"{path}: {reason}; set CARBONWAIT_LEDGER to a file") from error
    except (OverflowError, UnicodeError) as error:
        raise LedgerUnavailable(f"{path}: {error}; set CARBONWAIT_LEDGER to a file") from error


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn what reading a row raises that nobody can have written into LedgerUnavailable."""
    try:
        yield
    except (ValueError, TypeError, RecursionError) as error:
        raise LedgerUnavailable(
            f"{path} is damaged: a row in it makes no sense; move it away to begin a new one"
        ) from error


def is_missing(path: Path) -> bool:
    """True if there is nothing of that name; what cannot be told apart is left to who opens it."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def make_private_folder(folder: Path) -> None:
    """Make the missing last levels of a folder, for its owner only.

    Raises LedgerUnavailable if more is missing than lies below a home, OSError if the system does.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if len(missing) > _LEVELS_MADE:
            raise LedgerUnavailable(
                f"{missing[0]}: {folder} does not exist; create it or choose another place"
            )
        folder = folder.parent
    for level in reversed(missing):
        with suppress(FileExistsError):
            level.mkdir(mode=0o700)
            # Whatever the umask has taken away; not every file system has modes.
            with suppress(OSError):
                level.chmod(0o700)


def _make_private_file(path: Path) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(FileExistsError):
        descriptor = os.open(path, flags, 0o600)
        with suppress(OSError):
            os.fchmod(descriptor, 0o600)
        os.close(descriptor)


def _mend_journal(path: Path) -> None:
    """Let SQLite undo what a killed writer left half done, if the ledger was read-only just then.

    The journal had the ledger's mode, and without write access nobody could open either again.
    """
    journal = path.with_name(f"{path.name}-journal")
    with suppress(OSError):
        state = journal.lstat()
        if stat.S_ISREG(state.st_mode) and not state.st_mode & stat.S_IWUSR:
            journal.chmod(0o600)


def _uri(path: Path, mode: str) -> str:
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{quoted}?mode={mode}"


def _kind(error: sqlite3.Error) -> int | None:
    # The lowest byte is the kind of fault, the others its details.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _explained(path: Path, error: sqlite3.Error) -> str:
    kind = _kind(error)
    if kind in _DAMAGED:
        return f"{path} is damaged or no ledger ({error}); move it away to begin a new one"
    if kind in _LOCKED:
        return f"{path} is locked by another process; try again when that has ended"
    if kind in _FORBIDDEN:
        return f"{path}: {error}; make the file and its folder accessible to you"
    if kind == sqlite3.SQLITE_FULL or kind == sqlite3.SQLITE_IOERR:
        return f"{path}: {error}; free some space on that disk"
    return f"{path}: {error}"
