"""`carbonwait report`, `runs` and `show` on a ledger that real runs have filled."""

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from users import User

# Busy for about three seconds: the meter needs two to get ready.
BUSY = "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done"
RUN_FIELDS = (
    "id name command state submitted planned_start started ended wait_s exit_code signal zone "
    "provider rung signal_kind energy_j energy_method machine_energy_j measured_share cpu_s "
    "job_share emissions_g saving_g accounting deadline deadline_met intensity_basis uncovered_s "
    "decisions"
)
REPORT_FIELDS = (
    "runs energy_kwh emissions_g saving_g saving_pct measured_share settled_share deadline_missed"
)
FIGURES = {"actual", "if_now", "if_static", "if_dynamic", "best", "waiting"}

Document = dict[str, Any]


def write_forecast(path: Path) -> None:
    """300 g/kWh, from six seconds on 100, hours later 10."""
    now = int(time.time())
    rows = [(now - 60, 300), (now + 6, 100), (now + 72, 100), (now + 138, 100)]
    lines = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ},{value}" for at, value in rows]
    path.write_text("\n".join(["datetime_utc,intensity_gco2_per_kwh", *lines]) + "\n")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Somebody for whom seven jobs were run, all at the same time."""
    user = User(tmp_path_factory.mktemp("home"))
    write_forecast(user.home / "f.csv")
    grid = ["--zone", "GB", "--forecast", "f.csv", "--sample", "1s"]
    now = ["run", "--now", *grid]
    jobs = {
        "waited": ["run", *grid, "-d", "40s", "--duration", "4s", "--name", "build"],
        "at once": [*now, "--name", "build"],
        "unmetered": [*now, "--no-meter", "--strategy", "now"],
        "failed": ["run", "--now", "--no-meter"],
        "killed": [*now, "--no-meter"],
        "late": [*now, "--no-meter", "-d", "1s"],
        "aborted": ["run", *grid, "--no-meter", "-d", "2m", "--duration", "60s"],
    }
    commands = {
        "waited": ["sh", "-c", BUSY],
        "at once": ["sh", "-c", BUSY],
        "failed": ["sh", "-c", "exit 3"],
        "killed": ["sh", "-c", "kill -TERM $$"],
        "late": ["sleep", "1.5"],
    }
    started: dict[str, subprocess.Popen[bytes]] = {}
    for name, words in jobs.items():
        started[name] = user.start(*words, "--", *commands.get(name, ["true"]))
    end = time.monotonic() + 20
    while b'"state": "waiting"' not in user.run("runs", "--json").stdout:
        assert time.monotonic() < end
    started["aborted"].terminate()
    for process in started.values():
        process.communicate(timeout=60)
    return user
