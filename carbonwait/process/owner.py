"""Who looks after a run, and whether that process is still there.

A pid says something only within one pid namespace of one boot of one host; to anybody else the
owner's fate is unknown.
"""

import os
from pathlib import Path

from carbonwait.core.records import Owner


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _here() -> tuple[str, str, str]:
    host = f"{os.uname().nodename}/{_read('/etc/machine-id')}"
    boot = _read("/proc/sys/kernel/random/boot_id")
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return host, boot, namespace


def _started(pid: int) -> float | None:
    """When a process began, in clock ticks since boot; None if there is none with this pid."""
    text = _read(f"/proc/{pid}/stat")
    # The second field is a name in parentheses that may hold spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in {"Z", "X"}:
        return None
    return float(fields[19])


def this_process() -> Owner:
    """The owner that this process would be."""
    pid = os.getpid()
    return Owner(*_here(), pid=pid, pid_started=_started(pid) or 0.0)


def this_host() -> str:
    """The name under which this host's runs are recorded."""
    return _here()[0]


def is_gone(owner: Owner) -> bool | None:
    """True if the owner cannot be alive any more, False if it is, None if that cannot be told."""
    host, boot, namespace = _here()
    if owner.host != host or not owner.boot or not boot:
        return None
    if owner.boot != boot:
        return True
    if owner.pid_namespace != namespace or _started(os.getpid()) is None:
        return None
    return _started(owner.pid) != owner.pid_started
