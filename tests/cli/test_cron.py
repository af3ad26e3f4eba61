"""`carbonwait run` in a crontab: a real cron daemon, with folders of its own.

A line for `@reboot` is run as any other line is, but as soon as the daemon is up.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from users import PROGRAM, missing
from waiting_run import recorded

PATIENCE_S = 60
# The folders that cron reads and writes; the last one tells whether the machine has just booted.
PLACES = {"crontab": "/etc/crontab", "cron.d": "/etc/cron.d", "spool": "/var/spool/cron"}
PLACES |= {"run": "/run"}
# Keeps what cron would mail, the environment and the status.
SHELL = """#!/bin/sh
env > {log}/environment
/bin/sh "$@" > {log}/mail 2>&1
echo $? > {log}/status.new
mv {log}/status.new {log}/status
"""


def alone(*command: str) -> list[str]:
    """A command in namespaces of its own, all of whose processes end with it."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *command]


@pytest.fixture(scope="module")
def daemon() -> str:
    """The path of a cron that can be run apart from the system's."""
    found = shutil.which("cron", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        missing("cron")
    if os.geteuid() != 0 or subprocess.run(alone("true"), capture_output=True).returncode != 0:
        pytest.skip("a cron of its own needs root and namespaces")
    return found


class Cron:
    """A daemon that runs one line, in the home folder `home`."""

    def __init__(self, daemon: str, folder: Path, line: str) -> None:
        self.home, self.log = folder / "home", folder / "log"
        for name in ("cron.d", "run", "home", "log"):
            (folder / name).mkdir()
        (folder / "spool" / "crontabs").mkdir(parents=True, mode=0o1730)
        shell = folder / "shell"
        shell.write_text(SHELL.format(log=self.log))
        shell.chmod(0o755)
        crontab = f"SHELL={shell}\nHOME={self.home}\n@reboot root {line}\n"
        (folder / "crontab").write_text(crontab)
        mounts = [f"mount --bind {folder}/{name} {place}" for name, place in PLACES.items()]
        script = " && ".join(["mount --make-rprivate /", *mounts, f"exec {daemon} -f"])
        self._process = subprocess.Popen(
            alone("sh", "-c", script), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def done(self) -> int:
        """The status of the line, once it is through."""
        end = time.monotonic() + PATIENCE_S
        while not (self.log / "status").exists():
            assert time.monotonic() < end
            assert self._process.poll() is None
            time.sleep(0.02)
        return int((self.log / "status").read_text())

    def mail(self) -> str:
        return (self.log / "mail").read_text()

    def end(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def cron(daemon: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cron]:
    """After a line that ran a command with output of its own, metered and under a lock."""
    program = " ".join(PROGRAM)
    script = "echo hello; sleep 4; exit 3"
    line = f"{program} run --now -z GB -p typical --lock nightly -- sh -c '{script}'"
    one = Cron(daemon, tmp_path_factory.mktemp("cron"), line)
    try:
        one.done()
        yield one
    finally:
        one.end()


def test_the_environment_is_as_bare_as_cron_makes_it(cron: Cron) -> None:
    names = {line.partition("=")[0] for line in (cron.log / "environment").read_text().split("\n")}
    assert not names & {"TZ", "TERM", "USER", "XDG_RUNTIME_DIR", "CARBONWAIT_LEDGER"}
    assert {"HOME", "PATH"} <= names


def test_cron_gets_the_commands_status(cron: Cron) -> None:
    assert cron.done() == 3


def test_cron_mails_the_commands_output_and_not_a_word_more(cron: Cron) -> None:
    assert cron.mail() == "hello\n"


def test_the_run_is_in_the_ledger_at_home(cron: Cron) -> None:
    (run,) = recorded(cron.home / ".local" / "share" / "carbonwait" / "ledger.db")
    assert (run.state, run.exit_code, run.energy.total_j is not None) == ("finished", 3, True)


def test_nothing_is_left_in_the_home_but_in_folders_that_are_hidden(cron: Cron) -> None:
    assert {path.name for path in cron.home.iterdir()} <= {".local", ".cache"}


def test_what_is_wrong_is_mailed(daemon: str, tmp_path: Path) -> None:
    cron = Cron(daemon, tmp_path, f"{' '.join(PROGRAM)} run --now no-such-command")
    try:
        assert cron.done() == 127
        assert cron.mail().startswith("carbonwait: 'no-such-command' was not found; ")
    finally:
        cron.end()
