"""Every run with every input of its figures, for an auditor, and whether such a file is whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from carbonwait.core.chain import Verdict, verdict
from carbonwait.core.errors import Mistake
from carbonwait.core.records import Instant, Run
from carbonwait.grid.licences import licence_of, price_licence_of
from carbonwait.ledger.trail import Record
from carbonwait.stories.upkeep import opened

# Longer than any row, as the system limits the length of a command line.
_LONGEST_LINE_BYTES = 64 * 1024 * 1024


class Terms(NamedTuple):
    """Under which terms the data behind a run's figures may be passed on."""

    run: str | None
    planned_on: str | None
    accounted_with: str | None
    priced_with: str | None

    @property
    def attribution(self) -> str | None:
        """All of them in one line, each once."""
        known = dict.fromkeys(line for line in self if line is not None)
        return "; ".join(known) or None


@contextmanager
def every_run(environ: Mapping[str, str], now: Instant) -> Iterator[tuple[int, Iterator[Record]]]:
    """How many runs there are, and each of them, oldest first. Raises LedgerUnavailable."""
    with opened(environ, now) as ledger:
        yield (0, iter(())) if ledger is None else ledger.all_records()


def terms_of(record: Record) -> Terms:
    """The licences of a run's provider and of what it was planned on, accounted and priced with."""
    planned, accounted, priced = record.planned_on, record.accounted_with, record.priced_with
    return Terms(
        licence_of(record.run.provider),
        planned and licence_of(planned.provider),
        accounted and licence_of(accounted.provider),
        priced and price_licence_of(priced.provider),
    )


def ghg_scope(run: Run) -> str:
    """Where a run's emissions belong in an inventory by the GHG Protocol.

    Life-cycle intensities hold upstream emissions as well, which belong to scope 3, category 3.
    Marginal ones answer another question and belong in no inventory.
    """
    if run.signal_kind == "marginal":
        return "none (marginal)"
    if run.scope == "direct":
        return "scope 2, location-based"
    if run.scope == "life-cycle":
        return "scope 2 and scope 3 category 3, location-based"
    return "scope 2, location-based (upstream emissions unknown)"


def verify(path: Path) -> Verdict:
    """Whether an exported file is whole. Raises Mistake for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return verdict(iter(lambda: file.readline(_LONGEST_LINE_BYTES), b""))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no file name"
        raise Mistake(f"--verify {path} cannot be read: {reason}") from None
