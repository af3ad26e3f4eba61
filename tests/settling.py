"""Runs that wait to be settled, and a service that knows what the grid has done."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from grid_server import Answer
from sample_runs import NOON, run

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.config import Config
from carbonwait.core.forecast_error import LeadError
from carbonwait.core.records import Energy, Run
from carbonwait.core.series import Series, Slot
from carbonwait.ledger.rows import StoredSeries
from carbonwait.ledger.store import Ledger
from carbonwait.settings import Settings
from carbonwait.stories.accounts import count

HOUR_S = 3600.0
DAY_S = 86400.0
KWH_J = 3.6e6
# What was forecast from noon on, and what was.
FORECAST = (500.0, 400.0, 300.0, 200.0, 100.0, 600.0)
ACTUAL = (480.0, 410.0, 330.0, 190.0, 120.0, 610.0)


def hourly(values: Sequence[float | None], start: float = NOON, kind: str = "actual") -> Series:
    """One value an hour; None is a gap."""
    return Series(
        Slot(start + HOUR_S * hour, start + HOUR_S * (hour + 1), value, kind)  # type: ignore[arg-type]
        for hour, value in enumerate(values)
        if value is not None
    )


def add_pending(
    ledger: Ledger,
    run_id: str = "a1",
    *,
    shift_s: float = 0.0,
    planned_on: Sequence[float | None] = FORECAST,
    **fields: object,
) -> Run:
    """A run of 1 kWh in an hour, submitted at noon, begun at two, due at six; and its account."""
    noon = NOON + shift_s
    known: dict[str, object] = {
        "state": "finished",
        "exit_code": 0,
        "submitted": noon,
        "deadline": noon + 6 * HOUR_S,
        "started": noon + 2 * HOUR_S,
        "ended": noon + 3 * HOUR_S,
        "static_start": noon + HOUR_S,
        "dynamic_start": noon + 3 * HOUR_S,
        "zone": "GB",
        "provider": "neso",
        "rung": "live",
        "scope": "direct",
        "energy": Energy(cpu_j=KWH_J),
    }
    made = run(run_id, **(known | fields))
    assert made.started is not None
    assert made.ended is not None
    energy = Energy(cpu_j=KWH_J)
    slots = [MeteredSlot(made.started, made.ended, energy, job=energy)]
    series = hourly(planned_on, noon, "forecast")
    final = frozenset({"actual"})
    count(made, slots, series, (), final_kinds=final, more_to_come=True)  # type: ignore[arg-type]
    source = (made.zone, made.provider, made.rung, made.signal_kind, made.scope)
    with ledger.transaction():
        ledger.save(made)
        ledger.replace_energy(made.id, slots)
        stored = StoredSeries(series, *source, "actual", None, noon)
        ledger.account_with(made.id, ledger.save_series(stored))
    return made


def neso(
    values: Sequence[float | None] = ACTUAL, start: float = NOON, *, region: bool = False
) -> Answer:
    """What the national or a regional endpoint says of hours, in half hours."""

    def stamp(at: float) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"

    rows = [
        {
            "from": stamp(begin),
            "to": stamp(begin + HOUR_S / 2),
            "intensity": {"forecast": value} if region else {"forecast": 1, "actual": value},
        }
        for hour, value in enumerate(values)
        for begin in (start + HOUR_S * hour, start + HOUR_S * (hour + 0.5))
    ]
    return Answer.of({"data": {"regionid": 13, "data": rows}} if region else {"data": rows})


def settings(url: str, **neso_config: object) -> Settings:
    """Those of somebody whose providers are a server of the test."""
    table: dict[str, object] = {"base_url": url}
    providers = dict.fromkeys(("energinet", "energy_charts"), table) | {"neso": table | neso_config}
    return Settings(None, Config(providers=providers))


def environ(folder: Path) -> dict[str, str]:
    return {
        "CARBONWAIT_LEDGER": str(folder / "ledger.db"),
        "CARBONWAIT_CACHE": str(folder / "cache"),
    }


def plain(errors: Iterable[LeadError]) -> list[LeadError]:
    """The errors without what is rounding."""
    return [replace(error, mape_pct=round(error.mape_pct, 9)) for error in errors]
