"""A forecast file of the user's, read once and looked at again while a run waits.

The first load raises Mistake, since somebody has just typed the name. Later on the file may be
gone or half written: then the last good plan stands, so `reload` raises ProviderUnavailable.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.core.intensity_csv import parse
from carbonwait.core.intensity_file import IntensityFile

MAX_BYTES = 64 * 1024 * 1024


class _Look(NamedTuple):
    """What tells one state of a file from the next."""

    modified_ns: int
    size: int
    inode: int


class ForecastFile:
    """A CSV file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: _Look | None = None

    def load(self) -> IntensityFile:
        """Read the file. Raises Mistake if it cannot be read or used."""
        self._seen = None
        # A name may hold a line break; what is said of it must stay on one line.
        name = str(self.path) if str(self.path).isprintable() else repr(str(self.path))
        if str(self.path) == "-":
            raise Mistake("- is no file, and carbonwait does not read standard input; name a file")
        try:
            text = self._read(name).decode("utf-8")
        except OSError as error:
            raise Mistake(f"{name} cannot be read: {error.strerror}; name a CSV file") from None
        except UnicodeDecodeError as error:
            where = f"byte {error.start + 1} is not UTF-8"
            raise Mistake(f"{name} cannot be read: {where}; save it as UTF-8") from None
        except ValueError:
            raise Mistake(f"{name} is no file name; name a CSV file") from None
        return parse(text, name)

    def changed(self) -> bool:
        """True if the file is not as it was when it was last read, or tried to."""
        try:
            return _look(self.path.stat()) != self._seen
        except OSError:
            return self._seen is not None

    def reload(self) -> IntensityFile:
        """Read the file again. Raises ProviderUnavailable if it cannot be read or used."""
        try:
            return self.load()
        except Mistake as mistake:
            raise ProviderUnavailable(str(mistake)) from None

    def _read(self, name: str) -> bytes:
        # Without O_NONBLOCK, opening a FIFO waits for a writer that may never come.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            state = os.fstat(descriptor)
            # Taken before the content: what is written meanwhile makes the file look changed.
            self._seen = _look(state)
            if not stat.S_ISREG(state.st_mode):
                raise Mistake(f"{name} is no regular file; name a CSV file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_BYTES + 1) or b""
        finally:
            os.close(descriptor)
        if len(content) > MAX_BYTES:
            limit = f"{MAX_BYTES // 1024**2} MiB"
            raise Mistake(f"{name} is larger than {limit}; keep the days that are needed")
        return content


def _look(state: os.stat_result) -> _Look:
    return _Look(state.st_mtime_ns, state.st_size, state.st_ino)
