"""The job's choice of GPUs, in the only way that CodeCarbon understands.

The traps: of a name such as `GPU-8a1f…` CodeCarbon strips the G, finds no such device and meters
none, so names become numbers here, before it looks; and to CUDA a list ends at -1, of which
CodeCarbon knows nothing.
"""

from collections.abc import MutableMapping
from itertools import takewhile

_VARIABLE = "CUDA_VISIBLE_DEVICES"


def number_the_chosen(environ: MutableMapping[str, str]) -> None:
    """Put numbers in place of the names of NVIDIA devices; a name of no device stays."""
    words = [word.strip() for word in environ.get(_VARIABLE, "").split(",")]
    # If that leaves none, an empty list would be every device to CodeCarbon.
    chosen = list(takewhile(lambda word: word != "-1", words)) or words
    named = any(word.startswith(("GPU-", "MIG-")) for word in chosen)
    if not named and chosen == words:
        return
    uuids = _uuids() if named else []
    environ[_VARIABLE] = ",".join(_number(word, uuids) for word in chosen)


def _number(word: str, uuids: list[str]) -> str:
    # A part of a device is "MIG-GPU-8a1f…/1/0"; its energy is counted with the whole.
    name = word.removeprefix("MIG-").partition("/")[0]
    found = [str(index) for index, uuid in enumerate(uuids) if uuid.startswith(name)]
    return found[0] if name.startswith("GPU-") and found else word


def _uuids() -> list[str]:
    """The names of all devices by number; none where there is no driver."""
    try:
        import pynvml  # type: ignore[import-untyped]

        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        uuids = [pynvml.nvmlDeviceGetUUID(handle) for handle in handles]
    except Exception:  # noqa: BLE001 (CodeCarbon finds no device either)
        return []
    return [uuid.decode() if isinstance(uuid, bytes) else str(uuid) for uuid in uuids]
