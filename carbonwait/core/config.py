"""The config file's tables: which keys there are, what they may hold, what they come to.

A key that is not known and a value that is not allowed are mistakes, told with the key, the value
and what would be allowed. A value that may be a key to a service is never shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, cast, get_args

from carbonwait.core.errors import Mistake
from carbonwait.core.objective import ALLOWED, parse_weight
from carbonwait.core.records import Strategy
from carbonwait.core.units import parse_span, parse_when
from carbonwait.core.windows import Window, parse_window

STRATEGIES: tuple[str, ...] = get_args(Strategy)
# Those of `carbonwait.grid.price_registry`, which this floor does not know.
PRICE_PROVIDERS = ("octopus_agile", "awattar", "energinet", "energy_charts")

Check = Callable[[str, Any], Any]
FindZone = Callable[[str], tzinfo | None]


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """What may be set for all jobs or for one by name; None: not set."""

    zone: str | None = None
    provider: str | None = None
    deadline: str | None = None
    duration: str | None = None
    strategy: Strategy | None = None
    min_saving_pct: float | None = None
    lock: str | None = None
    objective: float | None = None
    interruptible: bool | None = None
    pause_command: str | None = None
    resume_command: str | None = None
    resume_cost: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The file as a whole."""

    common: JobDefaults = JobDefaults()
    jobs: Mapping[str, JobDefaults] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    window_zone: tzinfo | None = None
    idle_watts: float = 0.0
    record_command: bool = True
    prices: str | bool = False
    providers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def config_from(document: Mapping[str, Any], find_zone: FindZone) -> Config:
    """The config of a TOML document; `find_zone` looks up a time zone. Raises Mistake."""
    static_checks: dict[str, Check] = {"windows": _windows, "timezone": _timezone(find_zone)}
    sections: dict[str, Check] = {
        "static": lambda name, value: _table(name, value, static_checks),
        "jobs": _jobs,
        "providers": _providers,
        "places": _places,
        "sinks": _sinks,
    }
    top = _table("", document, _TOP | sections)
    static = top.get("static", {})
    return Config(
        common=_defaults(top),
        jobs=top.get("jobs", {}),
        windows=static.get("windows", ()),
        window_zone=static.get("timezone"),
        idle_watts=top.get("idle_watts", 0.0),
        record_command=top.get("record_command", True),
        prices=top.get("prices", False),
        providers=top.get("providers", {}),
    )


def defaults_from_environment(environ: Mapping[str, str]) -> JobDefaults:
    """What the variables of the environment set. Raises Mistake."""
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


def _wrong(key: str, value: object, allowed: str) -> Mistake:
    return Mistake(f"config: {key} = {_shown(key, value)} is not allowed; write {allowed}")


def _shown(key: str, value: object) -> str:
    """A value as it may be shown: what may be or hold a key to a service is left out."""
    plain = {name for checks in _PROVIDERS.values() for name in checks} - set(SECRETS)
    misplaced = key.startswith("providers.") and key.rpartition(".")[2] not in plain
    secret = misplaced or any(word in key.lower() for word in _SECRET_WORDS)
    return "..." if secret or isinstance(value, dict | list) else repr(value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, value, "a text in quotes")
    return value


def _secret(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise _wrong(key, value, "the key in quotes")
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


def _objective(key: str, value: object) -> float:
    """`carbon`, `price` or a number; a number in quotes is one as well."""
    number = isinstance(value, int | float | str) and not isinstance(value, bool)
    try:
        return parse_weight(str(value) if number else "")
    except Mistake:
        raise _wrong(key, value, ALLOWED) from None


def _prices(key: str, value: object) -> object:
    """A switch, or the name of a provider that is preferred."""
    if not isinstance(value, bool) and value not in PRICE_PROVIDERS:
        raise _wrong(key, value, f"true, false, {', '.join(PRICE_PROVIDERS)}")
    return value


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
    return parse_when(text, 0.0, UTC)


def _windows(key: str, value: object) -> tuple[Window, ...]:
    if not isinstance(value, list) or not value:
        raise _wrong(key, value, 'a list such as ["01:00-05:00"]')
    parse = _parsed(parse_window, keep=False)
    return tuple(parse(key, text) for text in value)


def _timezone(find_zone: FindZone) -> Check:
    def check(key: str, value: object) -> tzinfo:
        zone = find_zone(_text(key, value))
        if zone is None:
            raise _wrong(key, value, 'an IANA name such as "Europe/London"')
        return zone

    return check


def _address(key: str, value: object) -> str:
    text = _text(key, value)
    if not text.startswith(("http://", "https://")):
        # Before an @ there may be a password.
        shown = text.rpartition("@")[2]
        raise _wrong(key, shown, "an address that begins with http:// or https://")
    return text.rstrip("/")


_JOB: dict[str, Check] = {
    "zone": _text,
    "provider": _text,
    "deadline": _parsed(_when),
    "duration": _parsed(parse_span),
    "strategy": _choice(*STRATEGIES),
    "min_saving": _number(0, 100, "a number from 0 to 100 (percent)"),
    "objective": _objective,
    "interruptible": _flag,
    "pause_command": _text,
    "resume_command": _text,
    "resume_cost": _parsed(parse_span),
}
# A lock is of a job: in common it would be one for all of them.
_NAMED_JOB: dict[str, Check] = _JOB | {"lock": _text}
_TOP: dict[str, Check] = _JOB | {
    "idle_watts": _number(0, 1e6, "a number from 0 to 1000000 (watts)"),
    "record_command": _flag,
    "prices": _prices,
}
_KEY: dict[str, Check] = {"token": _secret, "token_file": _text}
_PROVIDERS: dict[str, dict[str, Check]] = {
    "neso": {"base_url": _address, "postcode": _text, "region_id": _whole(1, 17)},
    "energy_charts": {"base_url": _address},
    "energinet": {"base_url": _address},
    "electricity_maps": {"base_url": _address, **_KEY},
    "watttime": {"base_url": _address, "region": _text, "username": _text, "password": _secret},
    "carbon_aware_sdk": {"base_url": _address, "location": _text},
    "octopus_agile": {"base_url": _address, "region": _text, "product": _text},
    "awattar": {"base_url": _address},
}
SECRETS = ("token", "password")
_SECRET_WORDS = (*SECRETS, "secret", "key")
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
            shown = _shown(f"{prefix}{key}", item)
            raise Mistake(f"config: {prefix}{key} = {shown} is not known; here go: {known}")
        checked[key] = checks[key](f"{prefix}{key}", item)
    return checked


def _defaults(table: Mapping[str, Any]) -> JobDefaults:
    values = {key: value for key, value in table.items() if key in _NAMED_JOB}
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
        job: _defaults(_table(f"{name}.{job}", table, _NAMED_JOB))
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
