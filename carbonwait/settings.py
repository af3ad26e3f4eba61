"""The user's configuration: one TOML file, some environment variables, the platform's folders.

Only the user's own file is read, never one of the current folder: a cloned repository must not be
able to redirect a provider or to see a key. What the command line says goes before the
environment, the environment before `[jobs]`, `[jobs]` before the rest of the file.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, cast, get_args

from carbonwait.core.errors import LedgerUnavailable, Mistake, Unavailable
from carbonwait.core.records import Strategy
from carbonwait.core.units import parse_span, parse_when
from carbonwait.core.windows import Window, parse_window

STRATEGIES: tuple[str, ...] = get_args(Strategy)

TEMPLATE = """\
# carbonwait: every line is optional; what is commented out shows the built-in value or an example.

# zone = "GB"                   # else found from the cloud region or the time zone, and said so
# provider = "neso"             # else the one that serves the zone without a key
# deadline = "12h"              # be finished by: a span from submission, or a time such as "07:00"
# strategy = "dynamic"          # dynamic, static or now
# min_saving = 1                # percent; wait only if it is expected to save at least this
# idle_watts = 0                # drawn while waiting, if the machine is on only for this job
# record_command = true         # false keeps command lines (and secrets in them) out of the ledger

[static]
# windows = ["01:00-05:00"]     # also "Mon-Fri 22:00-06:00"
# timezone = "Europe/London"    # else local time

# [providers.neso]
# postcode = "RG10"             # or region_id = 13; without them the national figures

# [jobs."python train.py"]      # defaults for one job, by its name
# deadline = "tomorrow 07:00"
"""


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """What may be set for all jobs or for one by name; None: not set."""

    zone: str | None = None
    provider: str | None = None
    deadline: str | None = None
    duration: str | None = None
    strategy: Strategy | None = None
    min_saving_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration as read; nothing in it has been looked up on the grid."""

    path: Path | None
    common: JobDefaults = JobDefaults()
    jobs: Mapping[str, JobDefaults] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    window_zone: tzinfo | None = None
    idle_watts: float = 0.0
    record_command: bool = True
    providers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    environment: JobDefaults = JobDefaults()
    warnings: tuple[str, ...] = ()

    def for_job(self, name: str) -> JobDefaults:
        """Environment, then the job's own table, then the common part."""
        layers = (self.environment, self.jobs.get(name, JobDefaults()), self.common)

        def first(key: str) -> Any:
            return next(
                (v for v in (getattr(layer, key) for layer in layers) if v is not None), None
            )

        return JobDefaults(*(first(key) for key in JobDefaults.__slots__))

    def provider(self, name: str) -> Mapping[str, object]:
        """The table of one provider, its key read from `token_file`. Raises Mistake."""
        table = dict(self.providers.get(name, {}))
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
        return Path(chosen)
    folder = _platform_folder("user_data_path")
    if folder is None:
        raise LedgerUnavailable(
            "there is no home folder for the ledger; set HOME to one or CARBONWAIT_LEDGER to a file"
        )
    return folder / "ledger.db"


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Where answers of providers are kept; None for a user without a home."""
    chosen = environ.get("CARBONWAIT_CACHE")
    return Path(chosen) if chosen else _platform_folder("user_cache_path")


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


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The configuration file and the environment. Raises Mistake naming key, value and remedy."""
    path = config_path(environ)
    explicit = bool(environ.get("CARBONWAIT_CONFIG"))
    document = {} if path is None else _load(path, must_exist=explicit)
    return _settings(path, document, environ)


def _load(path: Path, *, must_exist: bool) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if must_exist:
            raise Mistake(
                f"{path}: there is no such file; create it or unset CARBONWAIT_CONFIG"
            ) from None
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise Mistake(f"{path} cannot be read: {reason}") from None


def _token(path: Path) -> str:
    """The key that a file holds. Its content is in no message."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise Mistake(f"config: token_file {path} cannot be read; write the key into it") from None
    if not token or not token.isprintable() or " " in token:
        raise Mistake(f"config: token_file {path} holds no key; write nothing but the key into it")
    return token


def write_template(path: Path) -> None:
    """Write the commented template. Raises Mistake if a file is there, Unavailable if it fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Mistake(f"{path} exists already; edit it") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(TEMPLATE)


# --- from TOML to types -------------------------------------------------------------------------

Check = Callable[[str, Any], Any]


def _wrong(key: str, value: object, allowed: str) -> Mistake:
    shown = value if value == "..." else repr(value)
    return Mistake(f"config: {key} = {shown} is not allowed; write {allowed}")


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, value, "a text in quotes")
    return value


def _secret(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise _wrong(key, "...", "the key in quotes")
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def _number(lowest: float, highest: float, allowed: str) -> Check:
    def check(key: str, value: object) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not lowest <= cast(float, value) <= highest:
            raise _wrong(key, value, allowed)
        return float(cast(float, value))

    return check


def _whole(lowest: int, highest: int) -> Check:
    def check(key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise _wrong(key, value, f"a whole number from {lowest} to {highest}")
        return value

    return check


def _choice(*allowed: str) -> Check:
    def check(key: str, value: object) -> object:
        if value not in allowed:
            raise _wrong(key, value, ", ".join(allowed))
        return value

    return check


def _parsed(parse: Callable[[str], object], *, keep: bool = True) -> Check:
    """Text that a parser takes; kept as text, since some of it is relative to a later now."""

    def check(key: str, value: object) -> object:
        text = _text(key, value)
        try:
            parsed = parse(text)
        except Mistake as mistake:
            raise Mistake(f"config: {key}: {mistake}") from None
        return text if keep else parsed

    return check


def _when(text: str) -> object:
    from datetime import UTC

    return parse_when(text, 0.0, UTC)


def _windows(key: str, value: object) -> tuple[Window, ...]:
    if not isinstance(value, list) or not value:
        raise _wrong(key, value, 'a list such as ["01:00-05:00"]')
    parse = _parsed(parse_window, keep=False)
    return tuple(parse(key, text) for text in value)


def _timezone(key: str, value: object) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(_text(key, value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong(key, value, 'an IANA name such as "Europe/London"') from None


def _address(key: str, value: object) -> str:
    text = _text(key, value)
    if not text.startswith(("http://", "https://")):
        raise _wrong(key, value, "an address that begins with http:// or https://")
    return text.rstrip("/")


_JOB: dict[str, Check] = {
    "zone": _text,
    "provider": _text,
    "deadline": _parsed(_when),
    "duration": _parsed(parse_span),
    "strategy": _choice(*STRATEGIES),
    "min_saving": _number(0, 100, "a number from 0 to 100 (percent)"),
}
_TOP: dict[str, Check] = _JOB | {
    "idle_watts": _number(0, 1e6, "a number from 0 to 1000000 (watts)"),
    "record_command": _flag,
}
_STATIC: dict[str, Check] = {"windows": _windows, "timezone": _timezone}
_KEY: dict[str, Check] = {"token": _secret, "token_file": _text}
_PROVIDERS: dict[str, dict[str, Check]] = {
    "neso": {"base_url": _address, "postcode": _text, "region_id": _whole(1, 17)},
    "energy_charts": {"base_url": _address},
    "energinet": {"base_url": _address},
    "electricity_maps": {"base_url": _address, **_KEY},
    "watttime": {"base_url": _address, "region": _text, "username": _text, "password": _secret},
    "carbon_aware_sdk": {"base_url": _address, "location": _text},
}
_SECRETS = ("token", "password")
_KEY_VARIABLES = {
    "ELECTRICITYMAPS_TOKEN": ("electricity_maps", "token"),
    "WATTTIME_USERNAME": ("watttime", "username"),
    "WATTTIME_PASSWORD": ("watttime", "password"),
}
_PLACE: dict[str, Check] = {
    "kind": _choice("local", "ssh", "at", "slurm", "kubernetes"),
    "zone": _text,
    "forecast": _text,
    "carbonwait": _text,
}
_SINKS: dict[str, dict[str, Check]] = {"mlflow": {"tracking_uri": _text}}


def _table(name: str, value: object, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Check a table key by key; `name` is its dotted name, empty for the top level."""
    if not isinstance(value, dict):
        raise _wrong(name, value, f"a table: [{name}]")
    prefix = f"{name}." if name else ""
    checked = {}
    for key, item in value.items():
        if key not in checks:
            known = ", ".join(checks)
            # What stands beside a misspelt name of a key may be the key.
            shown = "..." if any(secret in checks for secret in _SECRETS) else repr(item)
            raise Mistake(f"config: {prefix}{key} = {shown} is not known; here go: {known}")
        checked[key] = checks[key](f"{prefix}{key}", item)
    return checked


def _defaults(table: Mapping[str, Any]) -> JobDefaults:
    values = {key: value for key, value in table.items() if key in _JOB}
    if "min_saving" in values:
        values["min_saving_pct"] = values.pop("min_saving")
    return JobDefaults(**values)


def _keep(_key: str, value: object) -> object:
    return value


def _tables(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, value, f"tables: [{name}.NAME]")
    return value


def _jobs(name: str, value: object) -> dict[str, JobDefaults]:
    return {
        job: _defaults(_table(f"{name}.{job}", table, _JOB))
        for job, table in _tables(name, value).items()
    }


def _providers(name: str, value: object) -> dict[str, dict[str, Any]]:
    known = _table(name, value, dict.fromkeys(_PROVIDERS, _keep))
    return {key: _table(f"{name}.{key}", table, _PROVIDERS[key]) for key, table in known.items()}


def _places(name: str, value: object) -> dict[str, dict[str, Any]]:
    tables = _tables(name, value)
    return {place: _table(f"{name}.{place}", table, _PLACE) for place, table in tables.items()}


def _sinks(name: str, value: object) -> dict[str, dict[str, Any]]:
    known = _table(name, value, dict.fromkeys(_SINKS, _keep))
    return {key: _table(f"{name}.{key}", table, _SINKS[key]) for key, table in known.items()}


_SECTIONS: dict[str, Check] = {
    "static": lambda name, value: _table(name, value, _STATIC),
    "jobs": _jobs,
    "providers": _providers,
    "places": _places,
    "sinks": _sinks,
}


def _settings(path: Path | None, document: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    top = _table("", document, _TOP | _SECTIONS)
    static = top.get("static", {})
    return Settings(
        path=path,
        common=_defaults(top),
        jobs=top.get("jobs", {}),
        windows=static.get("windows", ()),
        window_zone=static.get("timezone"),
        idle_watts=top.get("idle_watts", 0.0),
        record_command=top.get("record_command", True),
        providers=_with_keys(top.get("providers", {}), environ),
        environment=_environment(environ),
        warnings=_exposed(path, top.get("providers", {})),
    )


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
    holds_key = any(key in table for table in providers.values() for key in _SECRETS)
    if path is None or not holds_key or not path.stat().st_mode & 0o077:
        return ()
    return (f"{path} holds a key and others may read it; chmod 600 it or use token_file",)


def _environment(environ: Mapping[str, str]) -> JobDefaults:
    checks = {
        "zone": ("CARBONWAIT_ZONE", _text),
        "provider": ("CARBONWAIT_PROVIDER", _text),
        "deadline": ("CARBONWAIT_DEADLINE", _parsed(_when)),
        "strategy": ("CARBONWAIT_STRATEGY", _choice(*STRATEGIES)),
    }
    values = {}
    for key, (variable, check) in checks.items():
        if environ.get(variable):
            try:
                values[key] = check(variable, environ[variable])
            except Mistake as mistake:
                raise Mistake(str(mistake).removeprefix("config: ")) from None
    return JobDefaults(**values)
