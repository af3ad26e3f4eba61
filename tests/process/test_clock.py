"""The clocks of a wait, and the machine's time zone."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carbonwait.process.clock import SystemClock, local_zone, whole_ms

JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)
JANUARY = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_wall_clock_is_the_machines() -> None:
    before = time.time()
    assert before - 0.001 <= SystemClock().wall() <= time.time()


def test_the_elapsed_clock_goes_on() -> None:
    clock = SystemClock()
    begun, deadline = clock.elapsed(), time.monotonic() + 20
    while clock.elapsed() == begun:
        assert time.monotonic() < deadline
    assert clock.elapsed() > begun


def test_the_elapsed_clock_counts_from_the_boot() -> None:
    up_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert abs(SystemClock().elapsed() - up_s) < 5


def test_a_zone_by_name_knows_its_daylight_saving() -> None:
    zone = local_zone("Europe/London")
    offsets = [moment.astimezone(zone).utcoffset() for moment in (JANUARY, JULY)]
    assert offsets == [timedelta(0), timedelta(hours=1)]


@pytest.mark.parametrize("name", ["No/Such", "", "../etc/passwd", "/etc/passwd", "Europe", "a\0b"])
def test_a_name_that_is_no_zone_gives_the_machines(name: str) -> None:
    offsets = [JULY.astimezone(local_zone(zone)).utcoffset() for zone in (name, None)]
    assert offsets[0] == offsets[1]


def offset_with(tz: str | None, moment: datetime) -> timedelta:
    """What a process with this TZ says of the machine's zone."""
    code = (
        "import sys; from datetime import *; from carbonwait.process.clock import local_zone;"
        "there = datetime.fromisoformat(sys.argv[1]).astimezone(local_zone(None));"
        "print(there.utcoffset().total_seconds())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TZ"}
    if tz is not None:
        environment["TZ"] = tz
    command = [sys.executable, "-c", code, moment.isoformat()]
    said = subprocess.check_output(command, env=environment, text=True, timeout=20)
    return timedelta(seconds=float(said))


def test_without_a_name_the_zone_is_libcs() -> None:
    assert offset_with("XYZ-5:30", JULY) == timedelta(hours=5, minutes=30)


def test_without_a_name_or_a_tz_it_is_that_of_etc_localtime() -> None:
    link = Path("/etc/localtime")
    if not link.exists():
        pytest.skip("this machine has no /etc/localtime; UTC is meant then")
    there = subprocess.check_output(
        ["date", "-d", JULY.isoformat(), "+%z"],
        env={name: value for name, value in os.environ.items() if name != "TZ"},
        text=True,
    ).strip()
    sign = -1 if there[0] == "-" else 1
    expected = sign * timedelta(hours=int(there[1:3]), minutes=int(there[3:]))
    assert offset_with(None, JULY) == expected


def test_a_zone_that_only_libc_knows_keeps_its_daylight_saving() -> None:
    eastern = "EST5EDT4,M3.2.0,M11.1.0"
    offsets = [offset_with(eastern, moment) for moment in (JANUARY, JULY)]
    assert offsets == [timedelta(hours=-5), timedelta(hours=-4)]


def test_the_wall_clock_counts_whole_milliseconds_and_is_never_ahead() -> None:
    wall, now = SystemClock().wall(), time.time()

    assert wall == round(wall, 3) <= now


def test_a_millisecond_that_has_begun_is_not_rounded_up() -> None:
    assert whole_ms(1795451273.4859) == 1795451273.485


def test_a_rule_that_is_more_than_a_day_off_is_passed_over() -> None:
    program = (
        "from datetime import UTC, datetime; from carbonwait.process.clock import local_zone;"
        "print(datetime(2026, 7, 1, tzinfo=UTC).astimezone(local_zone(None)).utcoffset())"
    )
    for rule in ("XXX-24:00", "XXX-23:30YYY,M3.5.0,M10.5.0"):
        result = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"TZ": rule},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout == "0:00:00\n"
