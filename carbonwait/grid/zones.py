"""Zones: which ones are known, and which one this machine is probably in.

Detection looks at the environment and the time zone and asks nobody on the network. It guesses,
so every choice comes with a text that says what it rests on.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from carbonwait.core.errors import Mistake

_DATA = Path(__file__).parent.parent / "data"

# `REGION_NAME` is what Azure App Service sets, as in "West Europe".
_CLOUD_VARIABLES = (
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "GOOGLE_CLOUD_REGION",
    "CLOUDSDK_COMPUTE_REGION",
    "FUNCTION_REGION",
    "AZURE_REGION",
    "REGION_NAME",
)
# A name of the time zone database. Digits without a slash are POSIX rules such as CET-1CEST.
_TZ_NAME = re.compile(r"[A-Za-z_-]+|[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)+", re.ASCII)
_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,6}){0,3}", re.ASCII)
_SHORTEST_PART = 3


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """A zone and how it was found; if `zone` is None, `source` says why there is none."""

    zone: str | None
    source: str


def known_zone(zone: str) -> bool:
    """True for a code that can be used, in capitals as it is."""
    return zone in _names() or any(zone == known for _, known, _, _ in _rows("tz_zones"))


def require_known(zone: str) -> str:
    """The zone's code in capitals. Raises Mistake for an unknown one, with what may be meant."""
    code = zone.strip().upper()
    if known_zone(code):
        return code
    shown = repr(zone if len(zone) <= 40 else zone[:40] + "...")
    meant = _near(code)
    if meant:
        raise Mistake(f"zone {shown} is not known; did you mean {' or '.join(meant)}?")
    raise Mistake(f"zone {shown} is not known; write a code such as GB, DE or US-CAL-CISO")


def require_well_formed(zone: str) -> str:
    """A code that looks like one, for services that know more zones than are known here."""
    code = zone.strip().upper()
    if _CODE.fullmatch(code):
        return code
    raise Mistake(f"zone {zone!r} is no code; write one such as GB or US-CAL-CISO")


def detect(environ: Mapping[str, str], timezone: str | None) -> ZoneChoice:
    """The zone by the cloud's region, else by the IANA time zone; both are arguments."""
    doubt = ""
    for variable in _CLOUD_VARIABLES:
        region = environ.get(variable, "").strip().lower().replace(" ", "")
        if not region:
            continue
        for known, zone in _rows("cloud_regions"):
            if known == region:
                return ZoneChoice(zone, f"cloud region {region} ({variable})")
        doubt = doubt or f"{variable} names no cloud region whose grid is clear; "
    if timezone is None:
        return ZoneChoice(None, f"{doubt}the machine's time zone has no name; use --zone")
    for known, zone, confidence, note in _rows("tz_zones"):
        if known == timezone:
            approximate = ", approximate" if confidence == "approximate" else ""
            why = f": {note}" if approximate and note else ""
            return ZoneChoice(zone, f"{doubt}time zone {timezone}{approximate}{why}")
    return ZoneChoice(None, f"{doubt}time zone {timezone} belongs to no grid; use --zone")


def local_timezone(
    environ: Mapping[str, str], localtime_path: str = "/etc/localtime"
) -> str | None:
    """The machine's IANA time zone, None where it has no name.

    `TZ` goes first, as in libc; a rule such as `CET-1CEST` has no name.
    """
    asked = environ.get("TZ")
    if asked is not None:
        name = asked.removeprefix(":")
        if name.startswith("/") and name != localtime_path:
            return _below_zoneinfo(name)
        if name != localtime_path:
            # An empty TZ means UTC.
            return _named(name) if name else "UTC"
    return _linked(localtime_path) or _written(Path(localtime_path).with_name("timezone"))


def _linked(path: str) -> str | None:
    # The first hop keeps the name that was chosen; behind it may be an alias of another one.
    try:
        return _below_zoneinfo(str(Path(path).readlink())) or _below_zoneinfo(
            os.path.realpath(path)
        )
    except OSError:  # no link, as where the file is a copy
        return None


def _written(path: Path) -> str | None:
    try:
        return _named(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):  # only Debian and its like have this file
        return None


def _below_zoneinfo(path: str) -> str | None:
    _, found, name = path.partition("zoneinfo/")
    return _named(name.removeprefix("posix/").removeprefix("right/")) if found else None


def _named(name: str) -> str | None:
    return name if _TZ_NAME.fullmatch(name) else None


def _near(code: str) -> list[str]:
    """Up to three zones that may be meant: by part of the code or name, then by likeness."""
    from difflib import get_close_matches

    names = _names()
    if code == "UK":
        return ["GB"]
    if len(code) >= _SHORTEST_PART:
        exact = [zone for zone, name in names.items() if name.upper() == code]
        parts = [z for z, name in names.items() if code in z or code in name.upper()]
        if parts:
            return list(dict.fromkeys(exact + parts))[:3]
    return get_close_matches(code, names, n=3, cutoff=0.6)


def _names() -> dict[str, str]:
    """The zones that have typical days, and what they are called."""
    return {zone: name for zone, name, _, _ in _rows("zones")}


def _rows(table: str) -> Iterable[list[str]]:
    text = (_DATA / f"{table}.tsv").read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines())
