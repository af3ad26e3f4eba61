"""How long does the planner take for a deadline four days off, in steps of five minutes?

The planner alone: no start-up, no ledger, no forecast to read. Each plan is made of a series that
has not been looked at before, as in a run.
"""

import measure

from carbonwait.core.durations import Durations, durations_from, known_duration, prior
from carbonwait.core.planner import Task, plan
from carbonwait.core.series import Series, Slot

_STEP_S = 300.0
_STEPS = 96 * 12
_STEPS_A_DAY = 24 * 12
_MISSING = 12


def main() -> None:
    """Measure and print."""
    runs = measure.options(__doc__, runs=30).parse_args().runs
    measure.print_machine()
    past = [3600.0 + 97.0 * number for number in range(20)]
    cases = {
        "known duration": (known_duration(3600), slots()),
        "20 past runs": (durations_from(past), slots()),
        "nothing known": (prior(), slots()),
        "20 past runs, a forecast that tells its error": (
            durations_from(past),
            slots(sigma_g_per_kwh=20.0),
        ),
        "20 past runs, a forecast that lacks an hour each day": (
            durations_from(past),
            [slot for index, slot in enumerate(slots()) if index % _STEPS_A_DAY >= _MISSING],
        ),
    }
    found = {name: [one_ms(*case) for _ in range(runs)] for name, case in cases.items()}
    measure.show("The planner alone, 96 h in steps of 5 min", found, "ms", 1)


def slots(sigma_g_per_kwh: float = 0.0) -> list[Slot]:
    """Four days from now on, which is 0 here."""
    return [
        Slot(index * _STEP_S, (index + 1) * _STEP_S, value, "forecast", sigma_g_per_kwh)
        for index, value in enumerate(measure.intensities(_STEPS))
    ]


def one_ms(durations: Durations, of: list[Slot]) -> float:
    """One plan with a deadline at the end of the series, in milliseconds."""
    task = Task(submitted=0.0, deadline=_STEPS * _STEP_S, durations=durations)
    series = Series(of)
    return measure.timed_ms(lambda: plan(task, series, now=0.0))


if __name__ == "__main__":
    main()
