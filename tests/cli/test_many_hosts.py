"""One ledger on a folder that several hosts share: processes in namespaces of their own."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from users import PROGRAM, User

HOST = ["unshare", "--user", "--map-root-user", "--uts", "--pid", "--fork", "--mount-proc"]


def on_a_host(name: str, script: str) -> list[str]:
    """A command line that runs a script on a host of its own."""
    return [*HOST, "sh", "-c", f"hostname {name} && {script}"]


@pytest.fixture(autouse=True)
def hosts() -> None:
    try:
        ready = subprocess.run(on_a_host("there", "true"), capture_output=True).returncode == 0
    except FileNotFoundError:
        ready = False
    if not ready:
        pytest.skip("namespaces of one's own are not to be had here")


def runs(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(user.run("runs", "--json").stdout)["runs"]
    return found


def program(*words: str) -> str:
    return " ".join([*PROGRAM, *words])


def test_runs_of_several_hosts_at_once_are_all_there(user: User) -> None:
    each, names = 8, ["one", "two", "three", "four"]
    job = program("run", "--now", "--no-meter", "-q", "--name", "$(hostname)-$n", "--", "true")
    script = f"for n in $(seq {each}); do {job} & done; wait"
    there = [
        subprocess.Popen(on_a_host(name, script), env=user.environ, stderr=subprocess.PIPE)
        for name in names
    ]
    said = [process.communicate(timeout=120)[1] for process in there]
    assert said == [b""] * len(names)
    found = runs(user)
    assert {run["name"] for run in found} == {f"{n}-{k}" for n in names for k in range(1, each + 1)}
    assert [run["state"] for run in found] == ["finished"] * each * len(names)


def test_a_run_on_another_host_is_not_taken_for_lost(user: User) -> None:
    job = program("run", "--now", "--no-meter", "-q", "--", "cat")
    with subprocess.Popen(
        on_a_host("there", job), env=user.environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        ends = time.monotonic() + 60
        while (
            "running" not in user.run("runs", "--state", "running").stdout.decode()
            and time.monotonic() < ends
        ):
            time.sleep(0.1)
        assert [run["state"] for run in runs(user)] == ["running"]
        process.communicate(timeout=60)
    assert [run["state"] for run in runs(user)] == ["finished"]


BATCH = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:]
import bench_ledger
figures, rows, _ = bench_ledger.batch(200, 5.0)
print(len(figures), rows)
"""


def test_two_hundred_runs_at_once_are_all_there() -> None:
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "bench")]
    command = [sys.executable, "-P", "-c", BATCH, *folders]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("200 200\n", "")
