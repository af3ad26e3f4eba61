"""Last good answers of providers, shared by every process of the user.

One private JSON file per provider, zone and kind of answer, replaced atomically. A lock beside it
sees to it that of fifty processes that want the same answer one asks and the others read; what a
failed attempt was told, and when the next one is allowed, is shared in the same way, but for what
lies in the settings of one process. Everything here is disposable: a damaged file is removed, and
without a folder every process asks for itself.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.records import Instant
from carbonwait.core.series import Series, Slot
from carbonwait.grid.points import number
from carbonwait.grid.protocol import Forecast
from carbonwait.grid.refusals import CalledAway, SettingsRefused

# An asker gets ten seconds; whoever waits for it gives up soon after.
_LONGEST_WAIT_S = 11.0
_POLL_S = 0.05
# Fifty waiting jobs must not ask a service that is down fifty times.
_REST_AFTER_FAILURE_S = 60.0
_LONGEST_REST_S = 86400.0
# Processes that wait for each other looked at the clock at slightly different times.
_CLOCK_SLACK_S = 60.0
_MOST_BYTES = 16 * 1024 * 1024
_CAREFULLY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer and when it was retrieved."""

    forecast: Forecast
    retrieved: Instant

    @property
    def made(self) -> Instant:
        """When it was issued or, where that is not known, retrieved."""
        return self.retrieved if self.forecast.issued is None else self.forecast.issued


class Cache:
    """The answers in one folder; None: no folder can be had and nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def last(self, *key: str) -> Stored | None:
        """The last good answer for a provider, a zone and a kind, however old."""
        document = self._read(_name(key))
        try:
            return None if document is None else _stored(document)
        except (KeyError, TypeError, ValueError):
            self._drop(_name(key))
            return None

    def get(
        self,
        key: tuple[str, ...],
        now: Instant,
        ask: Callable[[], Forecast],
        *,
        max_age_s: float,
        patience_s: float = _LONGEST_WAIT_S,
        give_up: Callable[[], bool] = lambda: False,
    ) -> Stored:
        """An answer no older than `max_age_s`, asked for by one process only.

        Raises ProviderUnavailable, also for a while after somebody else's attempt failed, and if
        another process keeps asking for more than `patience_s`.
        """
        stored = self._fresh(key, now, max_age_s)
        if stored is not None:
            return stored
        with self._alone(key, patience_s, give_up):
            stored = self._fresh(key, now, max_age_s)
            if stored is not None:
                return stored
            self._respect_failure(key, now)
            try:
                forecast = ask()
            except SettingsRefused:
                raise
            except ProviderUnavailable as unavailable:
                if not give_up():
                    rest_s = max(_REST_AFTER_FAILURE_S, getattr(unavailable, "retry_after_s", 0.0))
                    failure = {"at": now, "rest_s": rest_s, "reason": str(unavailable)}
                    self._write(_name(key, "failure"), failure)
                raise
            stored = Stored(forecast, now)
            self._write(_name(key), _document(stored))
            self._drop(_name(key, "failure"))
            return stored

    def _fresh(self, key: tuple[str, ...], now: Instant, max_age_s: float) -> Stored | None:
        stored = self.last(*key)
        # A clock that was set back makes an answer look as if it came from the future.
        if stored is not None and -max_age_s < now - stored.retrieved < max_age_s:
            return stored
        return None

    def _respect_failure(self, key: tuple[str, ...], now: Instant) -> None:
        failure = self._read(_name(key, "failure"))
        if not isinstance(failure, dict):
            return
        at, rest_s = number(failure.get("at")), number(failure.get("rest_s"))
        reason = failure.get("reason")
        if at is None or rest_s is None or not isinstance(reason, str):
            self._drop(_name(key, "failure"))
        # One from the future was written before the clock was set back.
        elif at - _CLOCK_SLACK_S <= now < at + min(rest_s, _LONGEST_REST_S):
            raise ProviderUnavailable(reason)

    @contextmanager
    def _alone(
        self, key: tuple[str, ...], patience_s: float, give_up: Callable[[], bool]
    ) -> Iterator[None]:
        """Hold the key's lock; where there can be none, go on without it."""
        import fcntl

        descriptor = self._open(_name(key, "lock"), os.O_RDWR | os.O_CREAT)
        if descriptor is None:
            yield
            return
        try:
            end = time.monotonic() + patience_s
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    pass
                except OSError:  # some file systems have no locks
                    break
                if give_up():
                    raise CalledAway(f"{key[0]}: something else came before its answer")
                if time.monotonic() > end:
                    raise ProviderUnavailable(f"{key[0]}: another process still waits for it")
                time.sleep(_POLL_S)
            yield
        finally:
            os.close(descriptor)

    def _open(self, name: str, flags: int) -> int | None:
        if self.folder is None:
            return None
        try:
            # The cache's own folder and the one above it may be missing, a home is never made up.
            if not self.folder.is_dir() and self.folder.parent.parent.is_dir():
                for level in (self.folder.parent, self.folder):
                    with suppress(FileExistsError):
                        level.mkdir(mode=0o700)
                        with suppress(OSError):
                            level.chmod(0o700)
            descriptor = os.open(self.folder / name, flags | _CAREFULLY, 0o600)
            if flags & os.O_CREAT:
                # Whatever the umask has taken away; not every file system has modes.
                with suppress(OSError):
                    os.fchmod(descriptor, 0o600)
        except OSError:
            return None
        return descriptor

    def _read(self, name: str) -> Any:
        descriptor = self._open(f"{name}.json", os.O_RDONLY)
        if descriptor is None:
            return None
        import json

        try:
            with os.fdopen(descriptor, "rb") as file:
                return json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            self._drop(name)
            return None

    def _write(self, name: str, document: dict[str, Any]) -> None:
        """Replace a file in one step; a cache that cannot be written is no fault to speak of."""
        import json

        temporary = f".{name}.{os.getpid()}"
        descriptor = self._open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if descriptor is None or self.folder is None:
            return
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, allow_nan=False)
            (self.folder / temporary).replace(self.folder / f"{name}.json")
        except (OSError, ValueError):
            with suppress(OSError):
                (self.folder / temporary).unlink()

    def _drop(self, name: str) -> None:
        if self.folder is not None:
            with suppress(OSError):
                (self.folder / f"{name}.json").unlink()


def _name(key: tuple[str, ...], suffix: str = "") -> str:
    """A file name for a key; what is no plain word in it cannot lead out of the folder."""
    words = [re.sub(r"[^A-Za-z0-9-]", "_", word) for word in (*key, suffix) if word]
    return "-".join(words)


def _document(stored: Stored) -> dict[str, Any]:
    return {
        "retrieved": stored.retrieved,
        "issued": stored.forecast.issued,
        "points": [list(slot) for slot in stored.forecast.series],
    }


def _stored(document: Any) -> Stored:
    """Raises KeyError, TypeError or ValueError for what this program has not written."""
    slots = []
    for start, end, g_per_kwh, kind, sigma in document["points"]:
        if kind not in {"forecast", "actual", "typical"}:
            raise ValueError(kind)
        figures = _finite(start), _finite(end), _finite(g_per_kwh)
        slots.append(Slot(*figures, kind, _finite(sigma)))
    issued = document["issued"]
    forecast = Forecast(Series(slots), None if issued is None else _finite(issued))
    return Stored(forecast, _finite(document["retrieved"]))


def _finite(value: object) -> float:
    """A number as it is. Raises ValueError for anything else."""
    found = number(value)
    if found is None:
        raise ValueError(value)
    return found
