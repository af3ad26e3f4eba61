"""What is recorded is private, and holds no secrets."""

import json
from typing import Any

from users import User


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
