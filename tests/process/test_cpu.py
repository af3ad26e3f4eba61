"""How busy the machine's CPUs have been."""

import io
import os
import time

import pytest

from carbonwait.process import cpu

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def pretend(monkeypatch: pytest.MonkeyPatch, stat: bytes) -> None:
    """Have the kernel tell something else."""
    monkeypatch.setattr(cpu, "open", lambda *_: io.BytesIO(stat), raising=False)


def test_busy_time_grows_by_what_is_burnt() -> None:
    before = cpu.busy_s()
    burn_until_s = time.process_time() + 0.1
    while time.process_time() < burn_until_s:
        pass
    after = cpu.busy_s()
    assert before is not None
    assert after is not None
    assert after - before >= 0.1 - 3 * TICK_S


def test_busy_time_is_not_counted_twice_over() -> None:
    before, begun = cpu.busy_s(), time.monotonic()
    while time.monotonic() < begun + 0.1:
        pass
    after, took_s = cpu.busy_s(), time.monotonic() - begun
    assert before is not None
    assert after is not None
    assert after - before <= (took_s + 10 * TICK_S) * (os.cpu_count() or 1)


def test_idle_time_waiting_for_disks_and_guests_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice
    pretend(monkeypatch, b"cpu  1 2 4 1000 2000 8 16 32 4000 8000\ncpu0 1 2\n")
    assert cpu.busy_s() == pytest.approx(63 * TICK_S)


@pytest.mark.parametrize("stat", [b"", b"cpu\n", b"cpu  1 2 3 4\n", b"cpu  a b c d e f g h\n"])
def test_a_kernel_that_does_not_tell_is_unknown(
    monkeypatch: pytest.MonkeyPatch, stat: bytes
) -> None:
    pretend(monkeypatch, stat)
    assert cpu.busy_s() is None


def test_without_proc_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(cpu, "open", absent, raising=False)
    assert cpu.busy_s() is None
