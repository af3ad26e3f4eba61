"""The log of `carbonwait show`, as a terminal and as a script get it."""

import json
import re
import shlex
from collections.abc import Sequence

import pexpect
import pytest
import sample_runs
from sample_runs import NOON
from users import PROGRAM, User, installed

from carbonwait.core.records import Decision
from carbonwait.ledger.store import Ledger

HOUR = 3600.0
WHY = "the cleanest start before the deadline, expected to save 23 %"


def planned(at_h: float, start_h: float, issued_h: float | None = None) -> Decision:
    """A decision, in hours from noon."""
    issued = None if issued_h is None else NOON + issued_h * HOUR
    return Decision(NOON + at_h * HOUR, NOON + start_h * HOUR, "live", issued, WHY)


# Three days of waiting; the start moves twice.
LONG = [
    *(planned(n / 2, 60, n / 2 - 0.25) for n in range(50)),
    *(planned(n / 2, 62.5, n / 2 - 0.25) for n in range(50, 90)),
    *(planned(n / 2, 58, n / 2 - 0.25) for n in range(90, 117)),
]


def record(user: User, decisions: Sequence[Decision]) -> None:
    with Ledger.open(user.ledger) as ledger:
        ledger.save(sample_runs.finished("a1"))
        for decision in decisions:
            series = ledger.save_series(sample_runs.stored(decision.at))
            ledger.add_decision("a1", decision, series)


def on_terminal(user: User, *options: str, columns: int = 100) -> list[str]:
    """The log on a terminal of this width."""
    faked = [installed("faketime"), "-f", "2026-12-20 12:00:00"]
    command = shlex.join([*faked, *PROGRAM, "show", "a1", *options])
    environ = user.environ | {"TERM": "xterm", "TZ": "Europe/Berlin"}
    screen = pexpect.run(
        command, env=environ, encoding="utf-8", dimensions=(50, columns), timeout=60
    )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(screen)).splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("decisions:"))
    last = next(index for index, line in enumerate(lines) if line.startswith("energy slots:"))
    return lines[first:last]


def test_a_decision_has_its_time_its_start_its_forecast_and_its_reason(user: User) -> None:
    record(user, [planned(0, 5, -2)])
    assert [line.strip() for line in on_terminal(user)] == [
        "decisions:          1, in local time",
        "2026-11-23 13:00  start 18:00",
        f"neso, live, 2h 00m old: {WHY}",
    ]


def test_a_start_that_moved_has_both_times_and_how_far(user: User) -> None:
    record(user, [planned(0, 5), planned(1, 3), planned(2, 4.5)])
    text = "\n".join(on_terminal(user))
    assert "14:00  start moved from 18:00 to 16:00, 2h 00m earlier" in text
    assert "15:00  start moved from 16:00 to 17:30, 1h 30m later" in text


def test_a_start_at_once_is_now(user: User) -> None:
    record(user, [planned(0, 0)])
    assert on_terminal(user)[1].endswith("start now")


@pytest.fixture
def patient(user: User) -> User:
    """Somebody with a run that waited for three days."""
    record(user, LONG)
    return user


def test_a_long_log_has_what_changed_and_the_first_and_the_last(patient: User) -> None:
    told = [line for line in on_terminal(patient) if "start" in line and "cleanest" not in line]
    assert [line.split("  start ")[1] for line in told] == [
        "Thu 01:00",
        "moved from Thu 01:00 to Thu 03:30, 2h 30m later",
        "moved from Thu 03:30 to 23:00, 4h 30m earlier",
        "now",
    ]


def test_a_long_log_says_how_many_were_left_out(patient: User) -> None:
    lines = on_terminal(patient)
    assert lines[0] == "decisions:          117, in local time; 4 of them shown, -v shows all"
    assert [int(n) for n in re.findall(r"\((\d+) more alike\)", "\n".join(lines))] == [49, 39, 25]


def test_verbose_shows_all_of_a_long_log(patient: User) -> None:
    lines = on_terminal(patient, "-v")
    assert sum(WHY.split(",", maxsplit=1)[0] in line for line in lines) == len(LONG)


def test_json_has_all_of_a_long_log(patient: User) -> None:
    document = json.loads(patient.run("show", "a1", "--json").stdout)
    assert len(document["decisions"]) == len(LONG)


def test_a_script_gets_a_line_for_each_decision(patient: User) -> None:
    text = patient.run("show", "a1").stdout.decode()
    assert len(re.findall(r"(?m)^  2026-11-\d\dT[\d:.]+Z  start 2026\S+Z, live:", text)) == 117


def test_a_narrow_terminal_has_the_log_folded(patient: User) -> None:
    assert max(map(len, on_terminal(patient, columns=40)[1:])) <= 40
