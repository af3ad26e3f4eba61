"""Forecast files for waits of a few seconds, and for those that a test does not sit out."""

import time
from datetime import UTC, datetime
from pathlib import Path


def clean_from(path: Path, seconds: float) -> float:
    """Write a forecast of 300 g/kWh until some whole seconds from now and 50 after that.

    Returns when it turns clean.
    """
    now = int(time.time())
    turn = now + seconds
    rows = [
        f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%M:%SZ},{g_per_kwh}"
        for start, g_per_kwh in ((now - seconds, 300), (turn, 50))
    ]
    path.write_text("\n".join(["datetime_utc,intensity_gco2_per_kwh", *rows]) + "\n")
    return turn
