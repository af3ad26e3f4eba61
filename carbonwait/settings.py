"""The user's configuration: one TOML file, some environment variables, the platform's folders.

Only the user's own file is read, never one of the current folder: a cloned repository must not be
able to redirect a provider or to see a key. Nor does what another user has put into a folder that
is open to all, such as /tmp, stand for a file of the user's.

What the command line says goes before the environment, the environment before `[jobs]`, `[jobs]`
before the rest of the file.
"""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path
from typing import Any

from carbonwait.core.config import (
    SECRETS,
    Config,
    JobDefaults,
    config_from,
    defaults_from_environment,
)
from carbonwait.core.errors import LedgerUnavailable, LockUnavailable, Mistake, Unavailable

_MOST_BYTES = 1024 * 1024
_MOST_LINKS = 40

_KEY_VARIABLES = {
    "ELECTRICITYMAPS_TOKEN": ("electricity_maps", "token"),
    "WATTTIME_USERNAME": ("watttime", "username"),
    "WATTTIME_PASSWORD": ("watttime", "password"),
}

TEMPLATE = """\
# carbonwait: every line is optional; what is commented out shows the built-in value or an example.

# zone = "GB"                   # else found from the cloud region or the time zone, and said so
# provider = "neso"             # else the one that serves the zone without a key
# deadline = "12h"              # be finished by: a span from submission, or a time such as "07:00"
# strategy = "dynamic"          # dynamic, static or now
# min_saving = 1                # percent; wait only if it is expected to save at least this
# objective = "carbon"          # or "price", or from 0 to 1 the weight of carbon against price
# prices = false                # true: record what each run cost, whatever the objective is
# idle_watts = 0                # drawn while waiting, if the machine is on only for this job
# record_command = true         # false keeps command lines (and secrets in them) out of the ledger

[static]
# windows = ["01:00-05:00"]     # also "Mon-Fri 22:00-06:00"
# timezone = "Europe/London"    # else local time

# [providers.neso]
# postcode = "RG10"             # or region_id = 13; without them the national figures

# [jobs."python train.py"]      # defaults for one job, by its name
# deadline = "tomorrow 07:00"
# lock = "gpu"                  # one run of this lock at a time; a second one exits 75 at once
# interruptible = true          # may be paused through dirty hours
# pause_command = "..."         # run before a pause; resume_command after a resume
# resume_cost = "5m"            # energy of a resume, as running time
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file and the environment say; nothing in it has been looked up on the grid."""

    path: Path | None
    config: Config = field(default_factory=Config)
    environment: JobDefaults = field(default_factory=JobDefaults)
    warnings: tuple[str, ...] = ()

    def for_job(self, name: str) -> JobDefaults:
        """Environment, then the job's own table, then the common part."""
        own = self.config.jobs.get(name, JobDefaults())
        layers = (self.environment, own, self.config.common)

        def first(key: str) -> Any:
            values = (getattr(layer, key) for layer in layers)
            return next((value for value in values if value is not None), None)

        return JobDefaults(*(first(key) for key in JobDefaults.__slots__))

    def provider(self, name: str) -> Mapping[str, object]:
        """The table of one provider, its key read from `token_file`. Raises Mistake."""
        table = dict(self.config.providers.get(name, {}))
        file = table.get("token_file")
        if file is not None and "token" not in table:
            table["token"] = _token(Path(str(file)).expanduser())
        return table


def config_path(environ: Mapping[str, str]) -> Path | None:
    """Where the configuration is or would be; None for a user without a home."""
    chosen = environ.get("CARBONWAIT_CONFIG")
    if chosen:
        return Path(chosen)
    folder = _platform_folder("user_config_path")
    return None if folder is None else folder / "config.toml"


def ledger_path(environ: Mapping[str, str]) -> Path:
    """Where the ledger is or would be. Raises LedgerUnavailable for a user without a home."""
    chosen = environ.get("CARBONWAIT_LEDGER")
    if chosen:
        planted = _planted(chosen)
        if planted is not None:
            raise LedgerUnavailable(
                f"{planted} is another user's, in a folder that is open to all; "
                "set CARBONWAIT_LEDGER to a file of your own"
            )
        return Path(chosen)
    folder = _platform_folder("user_data_path")
    if folder is None:
        raise LedgerUnavailable(
            "there is no home folder for the ledger; set HOME to one or CARBONWAIT_LEDGER to a file"
        )
    return folder / "ledger.db"


def lock_folder(environ: Mapping[str, str]) -> Path:
    """Where the files of `--lock` are, beside the ledger. Raises LockUnavailable without a home.

    It hangs on nothing that a login has and a crontab has not: both must find the same lock.
    """
    try:
        ledger = ledger_path(environ)
    except LedgerUnavailable:
        raise LockUnavailable(
            "there is no home folder for --lock; set HOME to one or CARBONWAIT_LEDGER to a file"
        ) from None
    return ledger.with_name(f"{ledger.name}.locks")


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Where answers of providers are kept; None if there is no such folder of the user's own."""
    chosen = environ.get("CARBONWAIT_CACHE")
    if chosen:
        return Path(chosen) if _planted(chosen) is None else None
    return _platform_folder("user_cache_path")


def _platform_folder(kind: str) -> Path | None:
    import platformdirs

    try:
        folder: Path = getattr(platformdirs, kind)("carbonwait", appauthor=False)
        home = Path.home()
    except RuntimeError:
        return None
    # A HOME that does not exist is not made up: the folders would be where nobody looks for them.
    if folder.is_relative_to(home) and not home.is_dir():
        return None
    return folder


def _planted(path: str) -> Path | None:
    """What another user may have put where a path leads: a link on the way, or its very end.

    In a folder that is open to all only what is the user's, root's or the folder's owner's counts.
    What is missing cannot have been planted.
    """
    here, words, links = Path("/"), list(Path(path).absolute().parts[1:]), 0
    while words and links < _MOST_LINKS:
        word = words.pop(0)
        if word == "..":
            here = here.parent
            continue
        folder, here = here, here / word
        try:
            around, state = folder.stat(), here.lstat()
        except (OSError, ValueError):
            return None
        is_link = stat.S_ISLNK(state.st_mode)
        trusted = state.st_uid in {os.geteuid(), 0, around.st_uid}
        if around.st_mode & stat.S_IWOTH and not trusted and (is_link or not words):
            return here
        if is_link:
            links += 1
            target = here.readlink()
            here = Path("/") if target.is_absolute() else folder
            words = [*target.parts[target.is_absolute() :], *words]
    return None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The configuration file and the environment. Raises Mistake naming key, value and remedy."""
    path = config_path(environ)
    explicit = bool(environ.get("CARBONWAIT_CONFIG"))
    planted = _planted(str(path)) if explicit else None
    if planted is not None:
        raise Mistake(
            f"{planted} is another user's, in a folder that is open to all; "
            "set CARBONWAIT_CONFIG to a file of your own"
        )
    warnings: tuple[str, ...] = ()
    if path is not None and not explicit and _is_out_of_reach(path):
        # Somebody else's home, as with sudo or a daemon: no mistake of who wants to run a job.
        warnings = (f"{path} is out of reach; built-in values are used",)
        path = None
    document = {} if path is None else _load(path, must_exist=explicit)
    config = config_from(document, _find_zone)
    warnings += _exposed(path, config.providers)
    config = replace(config, providers=_with_keys(config.providers, environ))
    return Settings(path, config, defaults_from_environment(environ), warnings)


def _is_out_of_reach(path: Path) -> bool:
    """True if nobody can tell whether there is such a file: a folder above it is closed."""
    try:
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _find_zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _load(path: Path, *, must_exist: bool) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(content_of(path))
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            raise Mistake(
                f"{path}: there is no such file; create it or unset CARBONWAIT_CONFIG"
            ) from None
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise Mistake(f"{path} cannot be read: {reason}") from None
    except RecursionError:
        raise Mistake(f"{path} cannot be read: it is nested too deeply") from None


def content_of(path: Path) -> str:
    """The text of a small file. Raises OSError, UnicodeDecodeError.

    To read from a pipe or from a terminal could take for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISCHR(mode):
            raise OSError(errno.EINVAL, "it is no file")
        content: bytes | None = file.read(_MOST_BYTES + 1)
    if content is None or len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, "it is no file of less than 1 MiB")
    return content.decode("utf-8-sig")  # some editors begin a file with a byte order mark


def _token(path: Path) -> str:
    """The key that a file holds. Its content is in no message."""
    try:
        token = content_of(path).strip()
    except (OSError, ValueError):
        raise Mistake(f"config: token_file {path} cannot be read; write the key into it") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Mistake(f"config: token_file {path} holds no key; write nothing but the key into it")
    return token


def write_template(path: Path) -> None:
    """Write the commented template. Raises Mistake if a file is there, Unavailable if it fails."""
    try:
        for folder in reversed([path.parent, *path.parent.parents]):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                folder.chmod(0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        os.fchmod(descriptor, 0o600)
    except FileExistsError:
        raise Mistake(f"{path} exists already; edit it") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except OSError as error:
        # What is there of it would be taken for a config, and keep the next attempt from writing.
        path.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None


def _with_keys(
    providers: Mapping[str, Mapping[str, object]], environ: Mapping[str, str]
) -> dict[str, dict[str, object]]:
    """The providers' tables with the keys of the environment, which go before those of the file."""
    tables = {name: dict(table) for name, table in providers.items()}
    for variable, (provider, key) in _KEY_VARIABLES.items():
        if environ.get(variable):
            tables.setdefault(provider, {})[key] = environ[variable]
    return tables


def _exposed(path: Path | None, providers: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    """A warning if a file that holds a key can be read by others."""
    holds_key = any(key in table for table in providers.values() for key in SECRETS)
    if path is None or not holds_key or not path.stat().st_mode & 0o077:
        return ()
    return (f"{path} holds a key and others may read it; chmod 600 it or use token_file",)
