"""The config file: where it is, what stands in it, and whether it can be used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from carbonwait.core.errors import Mistake
from carbonwait.core.secrets import without_passwords
from carbonwait.grid import price_registry, registry, zones
from carbonwait.settings import Settings, config_path, content_of, read_settings, write_template

# The key to a service, in quotes of any kind or, mistakenly, in none.
_QUOTED = r""""{3}.*?"{3}|'{3}.*?'{3}|"[^"\n]*"?|'[^'\n]*'?"""
_KEY = re.compile(rf"""(\b(?:token|password)\b["']?\s*=\s*)(?:{_QUOTED}|[^\s,}}#]+)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file's place and its text without keys to services, None where there is no file."""

    path: Path
    text: str | None


def place(environ: Mapping[str, str]) -> Path:
    """Where the config file is or would be. Raises Mistake for a user without a home."""
    path = config_path(environ)
    if path is None:
        message = "there is no home folder for a config file; set HOME or CARBONWAIT_CONFIG"
        raise Mistake(message)
    return path


def initialise(environ: Mapping[str, str]) -> Path:
    """Write the commented template to its place. Raises Mistake if a file is there."""
    path = place(environ)
    write_template(path)
    return path


def read(environ: Mapping[str, str]) -> ConfigFile:
    """The file, its keys left out. Raises Mistake if it cannot be read."""
    path = place(environ)
    try:
        text = content_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return ConfigFile(path, None)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Mistake(f"{path} cannot be read: {reason}") from None
    return ConfigFile(path, without_passwords(_KEY.sub(r'\1"..."', text)))


def check(environ: Mapping[str, str]) -> Settings:
    """Read the file and look up all that it names. Raises Mistake for the first wrong thing."""
    settings = read_settings(environ)
    for defaults in (settings.environment, settings.config.common, *settings.config.jobs.values()):
        if defaults.zone:
            zones.require_known(defaults.zone)
        if defaults.provider and defaults.provider not in registry.NAMES:
            known = ", ".join(registry.NAMES)
            raise Mistake(f"provider {defaults.provider!r} is not known; use one of {known}")
    for providers in (registry.PROVIDERS, price_registry.PRICE_PROVIDERS):
        for name in settings.config.providers.keys() & providers.keys():
            providers[name](settings.provider(name))
    return settings
