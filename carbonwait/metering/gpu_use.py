"""Whose energy it is that a GPU used: NVML's utilisation by process, where it is offered.

The trap: NVML numbers processes as the host does. In a container such a number says nothing, or
means another process, so only the host's own view is believed.
"""

from pathlib import Path
from typing import Any, NamedTuple

from carbonwait.metering.hardware import tracked_gpus

# The inode that the kernel gives to the first of all pid namespaces.
_HOST_PIDS = "pid:[4026531836]"
# More ancestors than any job has; ends a walk through processes that come and go meanwhile.
_MOST_ANCESTORS = 1000


class Parts(NamedTuple):
    """Of the GPUs' energy: what the job's processes used, and what others did; 0 to 1."""

    own: float = 0.0
    others: float = 0.0


class GpuUse:
    """Looks at the tracked devices; `parent` is the process that the job descends from."""

    def __init__(self, tracker: Any, parent: int) -> None:
        self._parent = parent
        self._mine: dict[int, bool] = {}
        self._nvml: Any = _nvml() if sees_host_pids() else None
        self._devices = tracked_gpus(tracker) if self._nvml is not None else []
        # NVML has samples of the time before as well.
        self._seen = [self._samples(device, 0)[0] for device in self._devices]

    def look(self) -> Parts:
        """What the energy since the last look was used by; nobody's where NVML does not tell."""
        own = others = whole = 0.0
        for index, device in enumerate(self._devices):
            self._seen[index], samples = self._samples(device, self._seen[index])
            weight = _joules(device)
            whole += weight
            mine, theirs = self._used(samples)
            if mine + theirs > 0:
                own += weight * mine / (mine + theirs)
                others += weight * theirs / (mine + theirs)
        return Parts(own / whole, others / whole) if whole > 0 else Parts()

    def _samples(self, device: Any, since: int) -> tuple[int, list[Any]]:
        if not type(device).__name__.startswith("Nvidia"):
            return since, []
        try:
            found = self._nvml.nvmlDeviceGetProcessUtilization(device.handle, since)
        except Exception:  # noqa: BLE001 (not offered by the device, or nothing has run on it)
            return since, []
        samples = [one for one in found if one.timeStamp > since]
        return max((one.timeStamp for one in samples), default=since), samples

    def _used(self, samples: list[Any]) -> tuple[float, float]:
        mine = theirs = 0.0
        for one in samples:
            whose = self._is_mine(one.pid)
            if whose is True:
                mine += one.smUtil
            elif whose is False:
                theirs += one.smUtil
        return mine, theirs

    def _is_mine(self, pid: int) -> bool | None:
        """Whether a process descends from the job; None of one that ended before it was seen."""
        ancestor: int | None = pid
        for _ in range(_MOST_ANCESTORS):
            ancestor = _parent_of(ancestor) if ancestor else None
            if ancestor is None:
                return self._mine.get(pid)
            if ancestor in {self._parent, 0, 1}:
                break
        self._mine[pid] = ancestor == self._parent
        return self._mine[pid]


def sees_host_pids() -> bool:
    """True where this process is in the host's own pid namespace."""
    try:
        return str(Path("/proc/self/ns/pid").readlink()) == _HOST_PIDS
    except OSError:
        return False


def _nvml() -> Any:
    """The binding that CodeCarbon uses, None where it uses none."""
    import sys

    return getattr(sys.modules.get("codecarbon.core.gpu_nvidia"), "pynvml", None)


def _joules(device: Any) -> float:
    """What a device used since the last sample, to weigh it against the others."""
    kwh = getattr(getattr(device, "energy_delta", None), "kWh", 0.0)
    return float(kwh) if isinstance(kwh, int | float) and kwh > 0 else 0.0


def _parent_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (read at every sample)
            # The name before it may hold spaces and parentheses itself.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
