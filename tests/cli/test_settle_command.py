"""`carbonwait settle` as users run it."""

import json
import time

import pytest
from grid_server import Answer, GridServer
from sample_runs import NOON
from settling import ACTUAL, DAY_S, HOUR_S, add_pending, neso
from users import User

from carbonwait.ledger.store import Ledger

# Noon, two whole days before today: what was then is final.
SHIFT_S = (time.time() - NOON) // DAY_S * DAY_S - 2 * DAY_S


@pytest.fixture
def pending(user: User, grid_server: GridServer) -> User:
    """Somebody with a run that waits to be settled."""
    user.configure(f'[providers.neso]\nbase_url = "{grid_server.url}"\n')
    with Ledger.open(user.ledger) as ledger:
        add_pending(ledger, shift_s=SHIFT_S)
    return user


def test_it_says_how_many_runs_were_settled(pending: User, grid_server: GridServer) -> None:
    grid_server.answer(neso(start=NOON + SHIFT_S))
    ended = pending.run("settle")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == b"1 run settled, 0 pending, 0 revised.\n"


def test_the_document_counts_runs(pending: User, grid_server: GridServer) -> None:
    grid_server.answer(neso(start=NOON + SHIFT_S))
    document = json.loads(pending.run("settle", "--json").stdout)
    assert document == {
        "schema": 1,
        "settled": 1,
        "pending": 0,
        "revised": 0,
        "warnings": [],
        "notes": [],
    }


def test_show_has_the_new_figures(pending: User, grid_server: GridServer) -> None:
    grid_server.answer(neso(start=NOON + SHIFT_S))
    pending.run("settle")
    shown = json.loads(pending.run("show", "--json", "a1").stdout)
    assert (shown["accounting"], shown["estimated"]) == ("settled", False)
    assert shown["emissions_g"]["actual"] == 330.0


def test_a_settled_forecast_is_marked_estimated(pending: User, grid_server: GridServer) -> None:
    pending.configure(f'[providers.neso]\nbase_url = "{grid_server.url}"\nregion_id = 13\n')
    with Ledger.open(pending.ledger) as ledger:
        add_pending(ledger, shift_s=SHIFT_S - 2 * DAY_S)
    grid_server.answer(neso(start=NOON + SHIFT_S - 2 * DAY_S, region=True))
    pending.run("settle")
    shown = json.loads(pending.run("show", "--json", "a1").stdout)
    assert (shown["accounting"], shown["estimated"]) == ("settled", True)
    assert b"settled (estimated), intensities: forecast" in pending.run("show", "a1").stdout


def test_a_provider_that_fails_is_one_line_and_no_failure(
    pending: User, grid_server: GridServer
) -> None:
    grid_server.answer(Answer(status=400))
    ended = pending.run("settle")
    assert (ended.returncode, ended.stderr.count(b"\n")) == (0, 1)
    assert ended.stdout == b"0 runs settled, 1 pending, 0 revised.\n"


def test_report_opens_no_connection(pending: User, grid_server: GridServer) -> None:
    ended = pending.run("report")
    assert grid_server.seen == []
    assert b"1 run pending: carbonwait settle\n" in ended.stdout


def test_a_file_settles_without_a_connection(pending: User, grid_server: GridServer) -> None:
    hours = (time.gmtime(NOON + SHIFT_S + HOUR_S * hour) for hour in range(6))
    rows = [
        f"{time.strftime('%Y-%m-%dT%H:%MZ', hour)},{value}"
        for hour, value in zip(hours, ACTUAL, strict=True)
    ]
    text = "\n".join(["datetime_utc,intensity_gco2_per_kwh", *rows])
    (pending.home / "actual.csv").write_text(text)
    ended = pending.run("settle", "--actuals", "actual.csv", "--zone", "GB")
    assert ended.stdout == b"1 run settled, 0 pending, 0 revised.\n"
    assert grid_server.seen == []


@pytest.mark.parametrize("words", [["--actuals", "none.csv"], ["--zone", "Nowhere"]])
def test_a_mistake_is_refused_in_one_line(user: User, words: list[str]) -> None:
    ended = user.run("settle", *words)
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"\n")) == (2, b"", 1)


def test_without_a_ledger_there_is_nothing_to_settle(user: User) -> None:
    ended = user.run("settle")
    assert ended.stdout == b"0 runs settled, 0 pending, 0 revised.\n"
    assert not user.ledger.exists()


def test_a_job_settles_earlier_runs_with_what_it_fetches_anyway(
    user: User, grid_server: GridServer
) -> None:
    user.configure(f'[providers.neso]\nbase_url = "{grid_server.url}"\n')
    # Yesterday's, up to six hours before the midnight of now.
    noon = time.time() // DAY_S * DAY_S - DAY_S / 2
    with Ledger.open(user.ledger) as ledger:
        add_pending(ledger, shift_s=noon - NOON)
    ahead = neso([200.0] * 72, time.time() // HOUR_S * HOUR_S)
    grid_server.answer(ahead, neso(start=noon))
    # It has no time to wait, but plans before it starts.
    words = ["-d", "2s", "--duration", "1s", "-z", "GB", "--no-meter"]
    assert user.run("run", *words, "--", "true").returncode == 0
    with Ledger.open(user.ledger) as ledger:
        run = ledger.run("a1")
    assert (run.accounting, run.emissions.actual_g) == ("settled", 330.0)
