"""Files of intensities as texts, around 23 November 2026."""

from datetime import UTC, datetime

from carbonwait.core.intensity_csv import parse
from carbonwait.core.intensity_file import IntensityFile

HOUR_S = 3600.0
DAY = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
ACTUALS = "datetime_utc,intensity_gco2_per_kwh"
FORECASTS = f"{ACTUALS},forecast_gco2_per_kwh"
ISSUES = f"{FORECASTS},issued_utc"


def file_of(header: str, *rows: str) -> IntensityFile:
    return parse("\n".join([header, *rows, ""]), "grid.csv")


def at(clock: str) -> float:
    """An instant of the day, or of the day before or after with `-` or `+` in front."""
    shift = {"-": -1, "+": 1}.get(clock[0], 0)
    hours, minutes = clock.lstrip("+-").split(":")
    return DAY + shift * 24 * HOUR_S + int(hours) * HOUR_S + int(minutes) * 60


def written(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat()
