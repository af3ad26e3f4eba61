"""What is recorded is private, and holds no secrets."""

import json
import os
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import privileges
import pytest
from grid_server import Answer, GridServer
from users import User

_HOUR_S = 3600.0
_FIRST_S = time.time() // _HOUR_S * _HOUR_S


def _clock(hours: int) -> str:
    return datetime.fromtimestamp(_FIRST_S + hours * _HOUR_S, UTC).strftime("%Y-%m-%dT%H:%MZ")


# What the service of the British grid answers: an hour of the past and a day ahead.
INTENSITIES = {
    "data": [
        {
            "from": _clock(hour),
            "to": _clock(hour + 1),
            "intensity": {"forecast": 100 + hour, "actual": 90 if hour < 0 else None},
        }
        for hour in range(-2, 30)
    ]
}


def runs(user: User) -> list[dict[str, Any]]:
    """All runs, newest first."""
    found: list[dict[str, Any]] = json.loads(user.run("runs", "--json").stdout)["runs"]
    return found


def test_secrets_in_a_command_line_are_recorded_nowhere(user: User) -> None:
    words = ["--password", "hunter2", "--token=hunter2", "https://me:hunter2@h", "TOKEN=hunter2"]
    ran = user.run("run", "--now", "--no-meter", "-v", "--", "echo", *words)
    inline = user.run("run", "--now", "--no-meter", "-v", "--", "sh", "-c", "PASSWORD=hunter2 true")
    assert b"hunter2" in ran.stdout
    assert [b"hunter2" in said for said in (ran.stderr, inline.stderr)] == [False, False]
    assert b"hunter2" not in user.ledger.read_bytes()
    command = runs(user)[1]["command"]
    assert command == "echo --password '***' '--token=***' 'https://me:***@h' 'TOKEN=***'"


def test_a_secret_does_not_tell_two_jobs_apart(user: User) -> None:
    for secret in ("hunter2", "hunter3"):
        user.job("sh", "-c", f"PASSWORD={secret} true")
    assert len({run["name"] for run in runs(user)}) == 1


def test_command_lines_can_be_kept_out_of_the_ledger(user: User) -> None:
    user.configure("record_command = false\n")
    user.job("echo", "hunter2")
    assert b"hunter2" not in user.ledger.read_bytes()
    assert runs(user)[0]["command"] is None


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777], ids=oct)
def test_all_files_are_private_whatever_the_umask(
    user: User, grid_server: GridServer, umask: int
) -> None:
    user.environ |= {
        "CARBONWAIT_LEDGER": str(user.home / "share" / "carbonwait" / "ledger.db"),
        "CARBONWAIT_CONFIG": str(user.home / "conf" / "carbonwait" / "config.toml"),
        "CARBONWAIT_CACHE": str(user.home / "cache" / "carbonwait"),
    }
    grid_server.answer(Answer.of(INTENSITIES))
    user.run("config", "init", umask=umask, preexec_fn=privileges.drop)
    config = Path(user.environ["CARBONWAIT_CONFIG"])
    config.write_text(f'zone = "GB"\n[providers.neso]\nbase_url = "{grid_server.url}"\n')
    done = user.run("run", "--deadline", "1s", "true", umask=umask, preexec_fn=privileges.drop)
    assert done.returncode == 0
    made = sorted(path for path in user.home.glob("*/**/*") if path.name != "config.toml")
    assert {path.name for path in made} >= {"ledger.db", "history.db", "carbonwait"}
    assert {mode(path) for path in made if path.is_file()} == {0o600}
    assert {mode(path) for path in user.home.iterdir() if path.is_dir()} == {0o700}
    assert {mode(path) for path in made if path.is_dir()} == {0o700}
    assert mode(config) == 0o600


def test_a_spool_file_is_private_whatever_the_umask(user: User) -> None:
    user.ledger.mkdir()
    user.run("run", "--now", "--no-meter", "true", umask=0)
    (spooled,) = user.home.rglob("carbonwait-spool-*")
    assert mode(spooled) == 0o600


# --- what another user has planted --------------------------------------------------------------

needs_two_users = pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
STRANGER = 65534


@pytest.fixture
def open_folder(user: User) -> Path:
    """A folder such as /tmp, in which a stranger has been before."""
    folder = user.home / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def plant_link(link: Path, target: Path) -> None:
    link.symlink_to(target)
    os.lchown(link, STRANGER, STRANGER)


def plant_file(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o666)
    os.chown(path, STRANGER, STRANGER)


@needs_two_users
@pytest.mark.parametrize("way", ["", "/sub"])
def test_a_planted_link_to_a_ledger_is_not_followed(
    user: User, open_folder: Path, way: str
) -> None:
    theirs = user.home / "theirs"
    theirs.mkdir()
    target = theirs / "target" if not way else theirs
    if not way:
        target.write_bytes(b"")
    plant_link(open_folder / "link", target)
    user.environ["CARBONWAIT_LEDGER"] = f"{open_folder}/link{way}"
    done = user.job("sh", "-c", "exit 7")
    assert done.returncode == 7
    assert b"another user" in done.stderr
    assert [path.stat().st_size for path in theirs.iterdir()] == ([] if way else [0])
    assert user.run("runs").returncode == 1


@needs_two_users
def test_a_planted_ledger_is_not_written_to(user: User, open_folder: Path) -> None:
    plant_file(open_folder / "l.db")
    user.environ["CARBONWAIT_LEDGER"] = str(open_folder / "l.db")
    assert user.job("sh", "-c", "exit 7").returncode == 7
    assert (open_folder / "l.db").read_bytes() == b""


@needs_two_users
def test_a_planted_cache_is_not_used(
    user: User, grid_server: GridServer, open_folder: Path
) -> None:
    theirs = open_folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, STRANGER, STRANGER)
    user.environ["CARBONWAIT_CACHE"] = str(theirs)
    user.configure(f'zone = "GB"\n[providers.neso]\nbase_url = "{grid_server.url}"\n')
    grid_server.answer(Answer.of(INTENSITIES))
    assert user.run("plan").returncode == 0
    assert list(theirs.iterdir()) == []
    assert b"another user" in user.run("doctor").stdout


@needs_two_users
def test_a_planted_config_is_refused(user: User, open_folder: Path) -> None:
    plant_file(open_folder / "config.toml")
    user.environ["CARBONWAIT_CONFIG"] = str(open_folder / "config.toml")
    refused = user.run("run", "--now", "true")
    assert (refused.returncode, b"another user" in refused.stderr) == (2, True)


def test_links_of_ones_own_are_followed(user: User, open_folder: Path) -> None:
    (user.home / "elsewhere").mkdir()
    (open_folder / "link").symlink_to("../elsewhere/./l.db")
    user.environ["CARBONWAIT_LEDGER"] = str(open_folder / "link")
    assert user.job("true").stderr == b""
    assert len(runs(user)) == 1
    assert [path.name for path in (user.home / "elsewhere").iterdir()] == ["l.db"]


@needs_two_users
def test_links_of_the_administrator_are_followed(user: User, open_folder: Path) -> None:
    open_folder.chmod(0o777)
    os.chown(open_folder, STRANGER, STRANGER)
    (open_folder / "link").symlink_to(user.home / "l.db")
    user.environ["CARBONWAIT_LEDGER"] = str(open_folder / "link")
    assert user.job("true").stderr == b""
    assert (user.home / "l.db").is_file()
