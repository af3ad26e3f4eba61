"""Series that runs rest on."""

from sample_runs import NOON, run, stored

from carbonwait.ledger.store import Ledger


def test_a_series_comes_back_with_its_provenance(ledger: Ledger) -> None:
    ledger.save(run())
    ledger.account_with("a1", ledger.save_series(stored(120.5)))
    assert ledger.series_of("a1") == (None, stored(120.5))


def test_the_same_series_is_kept_once(ledger: Ledger) -> None:
    numbers = {ledger.save_series(stored(120.5, NOON + n)) for n in range(3)}
    assert len(numbers) == 1


def test_another_series_is_another_one(ledger: Ledger) -> None:
    assert ledger.save_series(stored(1)) != ledger.save_series(stored(2))
