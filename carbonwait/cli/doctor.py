"""`carbonwait doctor`: what works here and what does not."""

import os
import time
from typing import TYPE_CHECKING

from carbonwait.cli import options

if TYPE_CHECKING:
    from carbonwait.stories.doctor import Diagnosis


def doctor(
    zone: options.Zone = None,
    provider: options.Provider = None,
    json: options.Json = False,
) -> int:
    """Check zone, providers, keys, meters, ledger; 0 if a run would be planned live, else 1."""
    from dataclasses import asdict

    from carbonwait.cli.documents import SCHEMA
    from carbonwait.cli.output import print_json, put
    from carbonwait.stories.doctor import examine
    from carbonwait.stories.planning import Request

    diagnosis = examine(Request(zone=zone, provider=provider), os.environ, time.time())
    if json:
        checks = [asdict(check) for check in diagnosis.checks]
        print_json(
            {"schema": SCHEMA, "zone": diagnosis.zone, "checks": checks, "rung": diagnosis.rung}
        )
    else:
        for line in _lines(diagnosis):
            put(line)
    return 0 if diagnosis.live else 1


def _lines(diagnosis: "Diagnosis") -> list[str]:
    """One line a check, a second one with the remedy, and the upshot."""
    lines = []
    for check in diagnosis.checks:
        lines.append(f"{'ok  ' if check.ok else 'note'}  {check.name}: {check.detail}")
        if check.remedy:
            lines.append(f"      -> {check.remedy}")
    if diagnosis.live:
        lines.append("A run would be planned on a live forecast.")
    else:
        lines.append(f"A run would not be planned on a live forecast but on: {diagnosis.rung}.")
    return lines
