"""`--lock NAME`: what one of several runs at a time means for a run and for a plan.

A lock that another run holds is what `--lock` is for, so one line tells it as a warning, which -q
silences in a crontab, and the status tells it always. A lock that cannot be taken at all stops
the job: whoever asks for it says that two at a time would do harm, and nobody could rule it out.
"""

from collections.abc import Mapping

from carbonwait.process import lock
from carbonwait.settings import lock_folder
from carbonwait.stories.voice import Voice

LOCK_HELD = 75


def take_lock(name: str | None, environ: Mapping[str, str], voice: Voice) -> bool:
    """Take the lock until this process ends; False, told in one line, if another run holds it.

    No name, no lock. Raises LockUnavailable.
    """
    if name is None or lock.take(lock_folder(environ), name):
        return True
    voice.warning(f"lock {name!r} is held by another run; this one is not started")
    return False


def held_warning(name: str | None, environ: Mapping[str, str]) -> str | None:
    """What `plan` says of a lock that is held now. Raises LockUnavailable."""
    if name is None or not lock.is_held(lock_folder(environ), name):
        return None
    return f"lock {name!r} is held by another run; run would end at once with status {LOCK_HELD}"
