r"""Records as flat rows and back.

One flat form serves the tables and the spool: `values_of` and `run_from` are each other's
inverse. SQLite has no text for the bytes of a command line that are not UTF-8 (in Python: lone
surrogates, as in "\udcff"); such a text is stored as a blob and comes back as it was. NaN, which
SQLite does not know either, becomes NULL.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.prices import Prices
from carbonwait.core.records import (
    Cost,
    Decision,
    Emissions,
    Energy,
    Instant,
    MeterLabels,
    Methods,
    Owner,
    Pause,
    Run,
    Rung,
    Scope,
    Signal,
)
from carbonwait.core.series import Series, Slot
from carbonwait.ledger.soundness import is_sound

Role = Literal["forecast", "actual"]
Row = Sequence[Any]
_T = TypeVar("_T")


class StoredSeries(NamedTuple):
    """Intensities and where they are from.

    `issued` is when the provider published them, `retrieved` when they were fetched. The role is
    what they served a run for: to be planned on, or to be accounted with.
    """

    series: Series
    zone: str | None
    provider: str | None
    rung: Rung
    signal: Signal
    scope: Scope
    role: Role
    issued: Instant | None
    retrieved: Instant


# The records within a run: their type and what goes before their fields in a column's name.
_PARTS: dict[str, tuple[Any, str]] = {
    "owner": (Owner, "owner_"),
    "methods": (Methods, "method_"),
    "labels": (MeterLabels, "meter_"),
    "energy": (Energy, ""),
    "machine_energy": (Energy, "machine_"),
    "emissions": (Emissions, ""),
    "cost": (Cost, "cost_"),
}
_PLAIN = tuple(field for field in Run.__slots__ if field not in _PARTS)
_NESTED = tuple(
    (part, field, prefix + field)
    for part, (kind, prefix) in _PARTS.items()
    for field in kind.__slots__
)

RUN_COLUMNS = (*_PLAIN, *(column for _, _, column in _NESTED))
# What a record that was made before there was such a column says; of the others it says NULL.
ADDED: dict[str, Any] = {"objective": 1.0, "paused_s": 0.0}
# Stored for the sake of sums; the records compute them.
DERIVED_COLUMNS = ("energy_j", "saving_g")
SLOT_COLUMNS = (
    *("slot_start", "slot_end", "cpu_j", "gpu_j", "ram_j", "busy_s"),
    *("job_cpu_j", "job_gpu_j", "job_ram_j"),
)
DECISION_COLUMNS = ("at", "start", "rung", "issued", "reason")
SOURCE_COLUMNS = StoredSeries._fields[1:]
PRICE_COLUMNS = Prices._fields[1:]


def values_of(run: Run) -> tuple[Any, ...]:
    """One value for each of `RUN_COLUMNS`."""
    plain = [getattr(run, field) for field in _PLAIN]
    return (*plain, *(getattr(getattr(run, part), field) for part, field, _ in _NESTED))


def derived_of(run: Run) -> tuple[float | None, float | None]:
    """One value for each of `DERIVED_COLUMNS`."""
    return run.energy.total_j, run.emissions.saving_g


def run_from(values: Row) -> Run:
    """The run of one value for each of `RUN_COLUMNS`. Raises ValueError if no run is like it."""
    plain: dict[str, Any] = dict(zip(_PLAIN, values, strict=False))
    parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for (part, field, _), value in zip(_NESTED, values[len(_PLAIN) :], strict=True):
        parts[part][field] = value
    plain["static_assumed"] = bool(plain["static_assumed"])
    nested = {part: _PARTS[part][0](**fields) for part, fields in parts.items()}
    return _sound(Run(**plain, **nested))


def runs_from(found: Iterable[Row]) -> list[Run]:
    """The runs of rows as SQLite has them. Raises ValueError if one is no run."""
    return [run_from(loaded(row)) for row in found]


def values_of_slot(slot: MeteredSlot) -> tuple[float | None, ...]:
    """One value for each of `SLOT_COLUMNS`."""
    machine, job = slot.machine, slot.job
    return (
        *(slot.start, slot.end, machine.cpu_j, machine.gpu_j, machine.ram_j, slot.busy_s),
        *(job.cpu_j, job.gpu_j, job.ram_j),
    )


def slot_from(values: Row) -> MeteredSlot:
    """The slot of one value for each of `SLOT_COLUMNS`. Raises ValueError if none is."""
    start, end, cpu_j, gpu_j, ram_j, busy_s, *job = values
    machine = Energy(cpu_j, gpu_j, ram_j)
    return _sound(MeteredSlot(start, end, machine, busy_s, Energy(*job)))


def values_of_decision(decision: Decision) -> tuple[Any, ...]:
    """One value for each of `DECISION_COLUMNS`."""
    return (decision.at, decision.start, decision.rung, decision.issued, decision.reason)


def decision_from(values: Row) -> Decision:
    """The decision of one value for each of `DECISION_COLUMNS`. Raises ValueError if none is."""
    return _sound(Decision(*values))


def series_from(points: Sequence[Row]) -> Series:
    """The series of slots that have been through JSON. Raises ValueError if none is."""
    return Series(_sound(Slot(*point)) for point in points)


def stored_from(points: Sequence[Row], source: Row) -> StoredSeries:
    """The series of its points and `SOURCE_COLUMNS`. Raises ValueError if none is."""
    return _sound(StoredSeries(series_from(points), *source))


def prices_from(points: Sequence[Row], source: Row) -> Prices:
    """The prices of their points and `PRICE_COLUMNS`. Raises ValueError if none are."""
    return _sound(Prices(series_from(points), *source))


def pause_from(values: Row) -> Pause:
    """The pause of its start and end. Raises ValueError if none is."""
    return _sound(Pause(*values))


def _sound(record: _T) -> _T:
    if not is_sound(record):
        raise ValueError(record)
    return record


def storable(value: Any) -> Any:
    """A value as SQLite can keep it."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode(errors="surrogatepass")
    return value


def loaded(row: Row) -> list[Any]:
    """A row with every text as it was before `storable`; for rows that hold no other blobs."""
    return [v.decode(errors="surrogatepass") if isinstance(v, bytes) else v for v in row]


def packed(stored: StoredSeries | Prices) -> tuple[bytes, bytes]:
    """Digest and compressed points; the digest leaves out when the series was retrieved."""
    import hashlib
    import json
    import zlib

    points = json.dumps(list(stored.series), allow_nan=False).encode()
    source = [getattr(stored, column) for column in stored._fields[1:] if column != "retrieved"]
    digest = hashlib.blake2b(points + json.dumps(source).encode(), digest_size=16).digest()
    return digest, zlib.compress(points)


def unpacked(row: Row) -> StoredSeries:
    """The series of its compressed points and `SOURCE_COLUMNS`. Raises ValueError if none is."""
    import json

    points, *source = row
    return stored_from(json.loads(_unzipped(points)), loaded(source))


def unpacked_prices(row: Row) -> Prices:
    """The prices of their compressed points and `PRICE_COLUMNS`. Raises ValueError if none are."""
    import json

    points, *source = row
    return prices_from(json.loads(_unzipped(points)), loaded(source))


def _unzipped(points: bytes) -> bytes:
    import zlib

    try:
        return zlib.decompress(points)
    except zlib.error as error:
        raise ValueError(str(error)) from None
