"""What could be metered here and by what, for the advice of `doctor`; nothing is metered."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_POWERCAP = Path("/sys/class/powercap")

Counters = Literal["readable", "unreadable", "hidden", "absent"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is.

    `counters` are the CPU's energy counters: `unreadable` for this user, or `hidden` by a
    container. `nvidia_driver` is the version of the loaded driver, empty if it does not tell.
    """

    counters: Counters
    nvidia_driver: str | None
    nvidia_smi: bool
    amd_gpu: bool
    rocm_smi: bool


def surroundings(environ: Mapping[str, str], powercap: Path = _POWERCAP) -> Surroundings:
    """Look around, with the programs that are on PATH."""
    path = environ.get("PATH")
    return Surroundings(
        counters=counters_in(powercap),
        nvidia_driver=_nvidia_driver(),
        nvidia_smi=shutil.which("nvidia-smi", path=path) is not None,
        amd_gpu=Path("/dev/kfd").exists(),
        rocm_smi=shutil.which("rocm-smi", path=path) is not None,
    )


def counters_in(powercap: Path) -> Counters:
    """What has become of the energy counters that the kernel shows in this folder."""
    files = list(powercap.glob("intel-rapl*:*/energy_uj"))
    if any(os.access(file, os.R_OK) for file in files):
        return "readable"
    if files:
        return "unreadable"
    return "hidden" if any(powercap.glob("intel-rapl*")) else "absent"


def _nvidia_driver() -> str | None:
    """The version of NVIDIA's driver, None where there is no device of it."""
    with suppress(OSError):
        words = Path("/proc/driver/nvidia/version").read_text("utf-8", "replace").split()
        versions = [word for word in words if word[:1].isdigit() and "." in word]
        return versions[0] if versions else ""
    return "" if Path("/dev/nvidiactl").exists() else None
