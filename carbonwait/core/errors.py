"""The one tree of exceptions.

* CarbonwaitError
  x Mistake              what the user typed or wrote: refused before anything runs, status 2
  x CannotRun            the command is missing or cannot be executed, status 127 or 126
  x Unavailable          something outside failed by itself: never stops a job; another command
                         that cannot do without it ends with status 1
    - ProviderUnavailable
    - MeterUnavailable
    - LedgerUnavailable
      - LedgerBusy
    - Unreachable          a run's process does not let itself be signalled
    - LockUnavailable      --lock cannot be taken or looked at, status 125

Messages are one line that names the value and the remedy. They are printed in one place,
`carbonwait.cli.app`, and nowhere else.
"""


class CarbonwaitError(Exception):
    """Any error that carbonwait raises on purpose."""


class Mistake(CarbonwaitError):
    """A value that the user typed or wrote cannot be used."""


class CannotRun(CarbonwaitError):
    """The command cannot be started; `status` is what a shell would return (126 or 127)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unavailable(CarbonwaitError):
    """Something that carbonwait depends on does not answer."""


class ProviderUnavailable(Unavailable):
    """A provider of intensities gave no usable answer."""


class MeterUnavailable(Unavailable):
    """The energy meter cannot be started or has died."""


class LedgerUnavailable(Unavailable):
    """The ledger cannot be opened, read or written."""


class LedgerBusy(LedgerUnavailable):
    """Others hold the ledger for longer than was to be waited for; nothing is wrong with it."""


class Unreachable(Unavailable):
    """The process that looks after a run cannot be signalled from here."""


class LockUnavailable(Unavailable):
    """A lock can neither be taken nor be found to be held."""
