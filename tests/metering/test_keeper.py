"""Looking after a meter, with small scripts in place of it and with the real one.

A script knows the how manyth meter of the run it is by the letters in a file.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carbonwait.core.records import Energy, MeterInfo, MeterRow, Methods
from carbonwait.metering import keeper, wire
from carbonwait.metering.keeper import Keeper, as_promised

CPU_ONLY = MeterInfo(Methods("tdp_model", "none", "ram_model"), 8.0, 2, 2**34)
WITH_GPU = MeterInfo(Methods("tdp_model", "nvml", "ram_model"), 8.0, 2, 2**34, gpu_count=1)
WITH_TWO = replace(WITH_GPU, gpu_count=2)
ANOTHER = "; another one is started"
THE_LAST = "; the run goes on without it"

PREAMBLE = f"""
import os, signal, sys, time
with open(sys.argv[1], "a+") as file:
    file.write("x")
    file.seek(0)
    number = len(file.read())
def say(line):
    os.write(1, line)
def ready():
    say({wire.encode_info(CPU_ONLY)!r})
def ready_with_gpu():
    say({wire.encode_info(WITH_GPU)!r})
def ready_with_two():
    say({wire.encode_info(WITH_TWO)!r})
def row(at, gpu="null"):
    line = '{{"t0":%d,"t1":%d,"cpu_j":8.0,"gpu_j":%s,"ram_j":20.0,"busy_s":null}}'
    say((line % (at, at + 1, gpu)).encode() + bytes([10]))
def told():
    return sys.stdin.readline()
"""

Start = Callable[..., Keeper]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a script in place of the meter."""
    started: list[Keeper] = []

    def start(script: str, period_s: float = 1.0) -> Keeper:
        argv = [sys.executable, "-I", "-S", "-c", PREAMBLE + script, str(tmp_path / "count")]
        started.append(Keeper.start(period_s, os.environb, argv=argv))
        return started[-1]

    yield start
    for one in started:
        one.abandon()


def look_until(kept: Keeper, condition: Callable[[], bool], within_s: float = 15.0) -> float:
    """Look as often as is asked for until the condition holds; how long that took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < within_s, "it did not come to that in time"
        kept.poll()
        time.sleep(min(0.02, kept.look_within_s or 0.02))
    return time.monotonic() - begun


def with_rows(kept: Keeper, count: int) -> Keeper:
    look_until(kept, lambda: len(kept.rows) >= count)
    return kept


def starts(kept: Keeper) -> list[float]:
    return [row.start for row in kept.rows]


def told_within(kept: Keeper, within_s: float = 15.0) -> str:
    """The next fault."""
    faults: list[str] = []

    def told() -> bool:
        faults.extend(kept.faults())
        return bool(faults)

    look_until(kept, told, within_s)
    return faults[0]


# --- a meter that works -------------------------------------------------------------------------


def test_it_says_what_is_metered_and_keeps_the_rows(start: Start) -> None:
    kept = with_rows(start("ready(); row(1); row(2); told()"), 2)
    assert (kept.info, starts(kept), kept.faults()) == (CPU_ONLY, [1.0, 2.0], [])


def test_it_wants_to_be_looked_at_when_a_row_is_due(start: Start) -> None:
    kept = start("told()", period_s=5.0)
    within_s = kept.look_within_s
    assert within_s is not None
    assert (time.time() + within_s) % 5 == pytest.approx(0.5, abs=0.1)


def test_it_wants_to_be_looked_at_again_before_the_next_one_if_there_was_none(
    start: Start,
) -> None:
    kept = start("told()", period_s=5.0)
    kept.poll()
    within_s = kept.look_within_s
    assert within_s is not None
    assert (time.time() + within_s) % 5 == pytest.approx(4.5, abs=0.1)


def test_a_mark_is_passed_on(start: Start) -> None:
    kept = start("ready(); told() == 'row\\n' and row(4); told()")
    kept.mark()
    assert starts(with_rows(kept, 1)) == [4.0]


def test_the_last_row_is_kept(start: Start) -> None:
    kept = start("ready(); told(); row(7)")
    look_until(kept, lambda: kept.info is not None)
    kept.finish()
    assert (starts(kept), kept.dead, kept.faults()) == ([7.0], True, [])


# --- one that fails -----------------------------------------------------------------------------


def test_one_that_has_died_is_replaced_and_told_of(start: Start) -> None:
    kept = start("ready(); row(10 * number); number == 1 and os.kill(os.getpid(), 9); told()")
    assert told_within(kept) == f"the meter process died of SIGKILL{ANOTHER}"


def test_rows_go_on_after_a_gap(start: Start) -> None:
    kept = start("ready(); row(10 * number); number == 1 and sys.exit(3); told()")
    assert starts(with_rows(kept, 2)) == [10.0, 20.0]


def test_a_second_failure_is_the_last(start: Start) -> None:
    kept = start("ready(); sys.exit(3)")
    told = [told_within(kept), told_within(kept)]
    assert [text.removeprefix("the meter process ended with status 3") for text in told] == [
        ANOTHER,
        THE_LAST,
    ]
    assert (kept.dead, kept.look_within_s) == (True, None)


def test_after_an_hour_of_work_another_one_is_worth_a_try(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_SOUND_AFTER_S", 0.0)
    kept = start("ready(); number < 4 and sys.exit(3); told()")
    assert {told_within(kept)[-len(ANOTHER) :] for _ in range(3)} == {ANOTHER}


def test_one_that_says_that_it_cannot_is_believed(start: Start) -> None:
    kept = start('say(b\'{"unavailable":"no sensor"}\\n\'); told()')
    assert told_within(kept) == f"no sensor{THE_LAST}"


def test_one_that_writes_nonsense_is_replaced(start: Start) -> None:
    kept = start("ready(); say(b'nonsense\\n') if number == 1 else row(5); told()")
    assert told_within(kept).endswith(ANOTHER)
    assert starts(with_rows(kept, 1)) == [5.0]


def test_one_that_falls_silent_is_noticed_within_two_periods(start: Start) -> None:
    kept = with_rows(start("ready(); row(10 * number); signal.pause()"), 1)
    begun = time.monotonic()
    fault = told_within(kept)
    assert (fault.startswith("the meter process is silent"), fault[-len(ANOTHER) :]) == (
        True,
        ANOTHER,
    )
    assert time.monotonic() - begun < 2.0


def test_one_that_is_stopped_is_noticed_and_killed(start: Start) -> None:
    kept = with_rows(start("ready(); row(10 * number); signal.pause()"), 1)
    stopped = kept.pid
    os.kill(stopped, signal.SIGSTOP)
    told_within(kept)
    assert not Path(f"/proc/{stopped}").exists()


def test_one_that_is_never_ready_is_replaced(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_READY_WITHIN_S", 0.5)
    kept = start("number == 1 and signal.pause(); ready(); row(1); told()")
    assert told_within(kept).startswith("the meter process is not ready after")
    assert starts(with_rows(kept, 1)) == [1.0]


def test_a_parent_that_did_not_look_does_not_take_that_for_silence(start: Start) -> None:
    # As after Ctrl-Z: both were stopped, and the parent is the first to go on.
    kept = with_rows(start("ready(); row(1); signal.pause()"), 1)
    time.sleep(2.5)
    kept.poll()
    assert (kept.dead, kept.faults()) == (False, [])


def test_one_that_dies_at_the_very_end_is_told_of_and_not_replaced(start: Start) -> None:
    kept = start("ready(); told(); sys.exit(3)")
    look_until(kept, lambda: kept.info is not None)
    kept.finish()
    assert kept.dead
    assert [text.partition("; ")[2] for text in kept.faults()] == [
        "what is left of the run is not metered"
    ]


def test_a_row_of_time_that_is_covered_already_does_not_count_twice(start: Start) -> None:
    # The clock was set back between two meters.
    kept = start("ready(); number == 1 and [row(50), sys.exit(3)]; row(20); row(60); told()")
    assert starts(with_rows(kept, 2)) == [50.0, 60.0]


def test_a_gpu_that_is_gone_with_the_second_meter_is_unknown(start: Start) -> None:
    script = "number == 1 and [ready_with_gpu(), row(1, '5.0'), sys.exit(3)]; ready(); row(5)"
    kept = with_rows(start(f"{script}; told()"), 2)
    assert [row.energy.gpu_j for row in kept.rows] == [5.0, None]
    assert kept.info == WITH_GPU


def test_one_gpu_of_two_is_not_the_machine(start: Start) -> None:
    script = "number == 1 and [ready_with_two(), row(1, '5.0'), sys.exit(3)]; ready_with_gpu()"
    kept = with_rows(start(f"{script}; row(5, '2.0'); told()"), 2)
    assert [row.energy.gpu_j for row in kept.rows] == [5.0, None]


def test_what_is_metered_otherwise_than_promised_is_unknown() -> None:
    row = MeterRow(0.0, 1.0, Energy(1.0, 2.0, 3.0), 1.0, gpu_own_j=1.0)
    told = as_promised(row, Methods("tdp_model", "none", "ram_model"), Methods("rapl", "nvml"))
    assert told == MeterRow(0.0, 1.0, Energy(), 1.0)


# --- the real one -------------------------------------------------------------------------------


def test_the_real_one_is_replaced_and_goes_on() -> None:
    kept = Keeper.start(1.0, os.environb)
    with_rows(kept, 1)
    os.kill(kept.pid, signal.SIGSTOP)
    before = len(kept.rows)
    assert told_within(kept).endswith(ANOTHER)
    with_rows(kept, before + 2)
    kept.finish()
    gaps = [b.start - a.end for a, b in zip(kept.rows, kept.rows[1:], strict=False)]
    assert (kept.faults(), max(gaps) > 0.5) == ([], True)
