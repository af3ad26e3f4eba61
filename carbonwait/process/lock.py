"""`--lock NAME`: one run of a name at a time.

A lock is a flock(2) on an empty file, which the kernel gives back however its holder ends. The
file's descriptor is closed in every program that is executed, so that a daemon which the command
leaves behind does not hold the lock; and the file stays, since removing it would let a third one
lock another file of the same name.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carbonwait.core.errors import LockUnavailable

# ~/.local/share/carbonwait/ledger.db.locks: as many levels as may be missing below a home.
_LEVELS_MADE = 4
# Who looks (`is_held`) holds the lock for a moment, a run for longer than this.
_SECOND_TRY_S = 0.1


def file_name(name: str) -> str:
    """A file name of its own for each lock, with what is readable of the name in it.

    A name is any text: one that holds slashes, is empty but for dots or too long stays within the
    folder, and two names never share a file.
    """
    import hashlib

    digest = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    readable = "".join(c if c.isascii() and c.isalnum() else "_" for c in name[:40])
    return f"{readable}-{digest}.lock"


def take(folder: Path, name: str) -> bool:
    """Take the lock until this process ends; False if another one holds it.

    Raises LockUnavailable.
    """
    with _in_words(folder, name):
        _make_private(folder)
        descriptor = _opened(folder / file_name(name), os.O_RDWR | os.O_CREAT)
        taken = False
        try:
            taken = _locked(descriptor, fcntl.LOCK_EX)
            if not taken:
                time.sleep(_SECOND_TRY_S)
                taken = _locked(descriptor, fcntl.LOCK_EX)
        finally:
            if not taken:
                os.close(descriptor)
        return taken


def is_held(folder: Path, name: str) -> bool:
    """True if a process holds the lock now. Makes nothing. Raises LockUnavailable."""
    with _in_words(folder, name):
        try:
            descriptor = _opened(folder / file_name(name), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look do not see each other.
            return not _locked(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


def _make_private(folder: Path) -> None:
    levels = (folder, *folder.parents)
    missing = [level for level in levels[: _LEVELS_MADE + 1] if not level.is_dir()]
    if len(missing) > _LEVELS_MADE:
        raise FileNotFoundError(None, f"{folder.parent} does not exist")
    for level in reversed(missing):
        level.mkdir(mode=0o700, exist_ok=True)


def _opened(path: Path, flags: int) -> int:
    # NFS takes an exclusive lock only on a file that is open for writing.
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "it is no plain file")
    return descriptor


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _in_words(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LockUnavailable(
            f"--lock {name!r} cannot be taken in {folder}: {error.strerror}; "
            "make that folder writable, or set CARBONWAIT_LEDGER to a file in another one"
        ) from None
