"""Dividing the GPUs' energy among runs that see the same devices at the same time.

The meter gives one figure for all the devices that a run may see, so each device counts alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from carbonwait.core.records import Instant

# By convention these name no device.
NO_DEVICE = frozenset({"-1", "none", "NoDevFiles"})


@dataclass(frozen=True, slots=True)
class GpuUser:
    """A run by the time that it took and the devices that it saw; None: all of them."""

    start: Instant
    end: Instant
    devices: frozenset[str] | None


def devices_of(visible: str | None) -> frozenset[str] | None:
    """The devices of a variable such as CUDA_VISIBLE_DEVICES; None if it is not set.

    To CUDA the list ends at the first name of no device, so `-1` is none at all. A part of a device
    (`MIG-GPU-8a1f.../1/0`) stands for the whole, which is what its energy is counted with.
    """
    if visible is None:
        return None
    names = takewhile(lambda name: name not in NO_DEVICE, map(str.strip, visible.split(",")))
    return frozenset(_whole(name) for name in names if name)


def _whole(name: str) -> str:
    return name.removeprefix("MIG-").partition("/")[0] if name.startswith("MIG-GPU-") else name


def shares(
    slots: Sequence[tuple[Instant, Instant]], own: GpuUser, others: Sequence[GpuUser]
) -> list[float]:
    """The part of the GPUs' energy in each slot that is the run's own, 0 to 1.

    At any time a device is divided evenly among those who see it; a slot's share is the mean over
    its time. Two runs never get more than the whole of a device together.
    """
    return [_share(start, end, own, others) for start, end in slots]


def _share(start: Instant, end: Instant, own: GpuUser, others: Sequence[GpuUser]) -> float:
    present = [other for other in others if other.start < end and start < other.end]
    edges = {start, end}
    edges.update(edge for other in present for edge in (other.start, other.end))
    cuts = sorted(edge for edge in edges if start <= edge <= end)
    if len(cuts) < 2:
        return 1.0
    weighted = 0.0
    for begin, finish in pairwise(cuts):
        there = [other.devices for other in present if other.start <= begin < other.end]
        weighted += (finish - begin) * _share_among(own.devices, there)
    return weighted / (end - start)


def _share_among(own: frozenset[str] | None, others: Sequence[frozenset[str] | None]) -> float:
    if own is None or not own:
        # Which devices there are is not known: everybody who sees any sees some of them.
        return 1 / (1 + sum(other is None or bool(other) for other in others))
    counts = (sum(_may_see(other, device) for other in others) for device in own)
    return sum(1 / (1 + count) for count in counts) / len(own)


def _may_see(devices: frozenset[str] | None, device: str) -> bool:
    """Whether a device is among these; of a number and a name nobody knows, so it may be."""
    return devices is None or any(
        device == other
        or (not device.isdigit() and (device.startswith(other) or other.startswith(device)))
        or device.isdigit() != other.isdigit()
        for other in devices
    )
