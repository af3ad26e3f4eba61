"""`carbonwait settle` from cron, beside jobs that run and others that settle."""

import json
import time

from grid_server import GridServer
from sample_runs import NOON
from settling import DAY_S, add_pending, neso
from users import User

from carbonwait.ledger.store import Ledger

SHIFT_S = (time.time() - NOON) // DAY_S * DAY_S - 2 * DAY_S


def test_several_processes_settle_each_run_once_while_jobs_are_recorded(
    user: User, grid_server: GridServer
) -> None:
    user.configure(f'[providers.neso]\nbase_url = "{grid_server.url}"\n')
    with Ledger.open(user.ledger) as ledger, ledger.transaction():
        for number in range(200):
            add_pending(ledger, f"a{number:03}", shift_s=SHIFT_S)
    grid_server.answer(neso(start=NOON + SHIFT_S))
    settling = [user.start("settle", "--json") for _ in range(3)]
    jobs = [user.start("run", "--now", "-p", "typical", "-z", "FR", "--", "true") for _ in range(3)]
    said = [process.communicate(timeout=120) for process in (*settling, *jobs)]
    assert [process.returncode for process in (*settling, *jobs)] == [0] * 6
    assert sum(json.loads(out)["settled"] for out, _ in said[:3]) == 200
    assert [err for _, err in said] == [b""] * 6
    runs = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert [run["accounting"] for run in runs if run["zone"] == "GB"] == ["settled"] * 200
    assert [run["state"] for run in runs if run["zone"] == "FR"] == ["finished"] * 3
