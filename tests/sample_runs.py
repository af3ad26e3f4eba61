"""Runs and what belongs to them, for tests that need some."""

from carbonwait.core.attribution import MeteredSlot
from carbonwait.core.prices import Prices
from carbonwait.core.records import Emissions, Energy, Owner, Run
from carbonwait.core.series import Series, Slot
from carbonwait.ledger.rows import StoredSeries

NOON = 1_795_435_200.0
OWNER = Owner("host/machine", "boot", "pid:[1]", 42, 1234.0)
SLOTS = [
    MeteredSlot(NOON, NOON + 300, Energy(10.0, None, 100.0), 3.0, Energy(5.0, None, 1.0)),
    MeteredSlot(NOON + 300, NOON + 600, Energy()),
]


def run(run_id: str = "a1", **fields: object) -> Run:
    """A run of one hour's deadline, with whatever else a test says."""
    made = Run(
        id=run_id,
        name="make",
        command="make all",
        submitted=NOON,
        deadline=NOON + 3600,
        strategy="dynamic",
        owner=OWNER,
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def finished(run_id: str, **fields: object) -> Run:
    """A run that took ten minutes, was metered and saved 40 g."""
    known: dict[str, object] = {
        "state": "finished",
        "started": NOON,
        "ended": NOON + 600,
        "exit_code": 0,
        "energy": Energy(50.0, None, 50.0),
        "measured_j": 50.0,
        "emissions": Emissions(60.0, 100.0, 80.0, 60.0, 55.0, 0.0),
        "accounting": "settled",
    }
    return run(run_id, **(known | fields))


def stored(value: float, retrieved: float = NOON) -> StoredSeries:
    series = Series([Slot(NOON, NOON + 1800, value, "actual"), Slot(NOON + 3600, NOON + 5400, 7)])
    return StoredSeries(
        series, "GB", "neso", "live", "average", "direct", "forecast", None, retrieved
    )


def priced(value: float, currency: str = "EUR") -> Prices:
    series = Series([Slot(NOON, NOON + 3600, value, "actual")])
    return Prices(series, "DE", "awattar", currency, "wholesale", NOON)
