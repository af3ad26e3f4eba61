"""G: from cron, with a ledger that cannot be written, killed, many at once, and one at a time."""

import json
import os
import signal
import stat
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest
from processes import PATIENCE_S, state_of, until
from users import User, installed
from wrappers import UNMETERED, Wrapper, line, rest


@pytest.fixture
def carbonwait(user: User) -> Wrapper:
    """The wrapper that keeps a ledger."""
    return Wrapper(user, *UNMETERED)


def runs(user: User) -> list[dict[str, Any]]:
    """What `runs --json` lists."""
    result = user.run("runs", "--json")
    assert result.returncode == 0, result.stderr
    listed: list[dict[str, Any]] = json.loads(result.stdout)["runs"]
    return listed


def test_g01_cron_gets_the_output_and_nothing_else(wrapper: Wrapper) -> None:
    # What is kept says where the ledger is: the user's own is not for tests.
    kept = {n: v for n, v in wrapper.user.environ.items() if n.startswith("CARBONWAIT_")}
    wrapper.user.environ = kept | {"PATH": "/usr/bin:/bin"}
    result = wrapper.run("sh", "-c", "echo done; exit 3", script='exec setsid --wait "$@"')
    assert (result.returncode, result.stdout, result.stderr) == (3, b"done\n", b"")


def test_g02_a_full_disk_costs_one_line(user: User, carbonwait: Wrapper) -> None:
    # By way of a link: nothing is to be put beside the device itself.
    user.ledger.symlink_to("/dev/full")
    result = carbonwait.run("sh", "-c", "echo done; exit 5")
    assert (result.returncode, result.stdout) == (5, b"done\n")
    assert result.stderr.count(b"\n") == 1


def test_g03_a_ledger_folder_that_is_not_ones_own_costs_one_line(user: User) -> None:
    as_nobody: tuple[str, ...] = ()
    if os.getuid() == 0:
        # Nobody must be able to read the program and its Python, wherever root has put them.
        may_read = "dac_read_search"
        as_nobody = (
            *(installed("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"),
            *(f"--inh-caps=+{may_read}", f"--ambient-caps=+{may_read}"),
        )
    user.home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    result = Wrapper(user, *as_nobody, *UNMETERED).run("sh", "-c", "echo done; exit 5")
    user.home.chmod(stat.S_IRWXU)
    assert (result.returncode, result.stdout) == (5, b"done\n")
    assert result.stderr.count(b"\n") == 1
    assert not user.ledger.exists()


def test_g04_when_the_wrapper_is_killed_the_job_goes_on(user: User, carbonwait: Wrapper) -> None:
    script = "echo $$; read x; echo $x > done; exec sleep 60"
    with carbonwait.start("sh", "-c", script, stdin=subprocess.PIPE) as process:
        job = int(line(process))
        process.kill()
        process.wait(timeout=PATIENCE_S)
        assert process.stdin is not None
        process.stdin.write(b"alone\n")
        process.stdin.close()
        until((user.home / "done").exists)
        assert state_of(job) not in {"", "Z"}
        os.kill(job, signal.SIGKILL)


def test_g04_a_killed_wrapper_leaves_a_ledger_that_others_go_on_writing(
    user: User, carbonwait: Wrapper
) -> None:
    with carbonwait.start("sh", "-c", "echo $$; exec sleep 60") as process:
        job = int(line(process))
        until(lambda: runs(user)[0]["state"] == "running")
        process.kill()
        os.kill(job, signal.SIGKILL)
    carbonwait.run("sh", "-c", "exit 3")
    assert sorted((run["state"], run["exit_code"]) for run in runs(user)) == [
        ("finished", 3),
        ("lost", None),
    ]


def test_g05_fifty_at_once_are_fifty_whole_runs(user: User, carbonwait: Wrapper) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(carbonwait.start("sh", "-c", f"exit {status}"))
            for status in range(50)
        ]
        ended = [process.communicate(timeout=PATIENCE_S * 3) for process in processes]
    assert [process.returncode for process in processes] == list(range(50))
    assert set(ended) == {(b"", b"")}
    whole = [run["exit_code"] for run in runs(user) if run["state"] == "finished"]
    assert sorted(whole) == list(range(50))


def locked(user: User) -> Wrapper:
    """A run under a lock."""
    return Wrapper(user, *UNMETERED[:-1], "--lock", "backup", "--")


def test_g06_a_second_run_under_one_lock_ends_with_75_and_does_not_run(user: User) -> None:
    with locked(user).start("sh", "-c", "echo ready; read x", stdin=subprocess.PIPE) as first:
        assert line(first) == "ready"
        second = locked(user).run("touch", "ran")
        assert first.poll() is None
        first.communicate(b"go on\n", timeout=PATIENCE_S)
    assert (second.returncode, second.stdout) == (75, b"")
    assert not (user.home / "ran").exists()
    assert first.returncode == 0


def test_g07_the_lock_is_free_although_a_daemon_of_the_job_lives(user: User) -> None:
    daemon = "setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $!"
    with locked(user).start("sh", "-c", daemon) as first:
        pid = int(line(first))
        rest(first)
    second = locked(user).run("echo", "ran")
    lives = state_of(pid) not in {"", "Z"}
    os.kill(pid, signal.SIGKILL)
    assert lives
    assert (second.returncode, second.stdout) == (0, b"ran\n")
