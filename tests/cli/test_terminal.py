"""On a terminal: what is shown while waiting and at the end, and what is done with the terminal."""

import json
import os
import re
import shlex
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from forecasts import clean_from
from terminal import PATIENCE_S, Open, Terminal, words_of
from users import User

# --- what is shown ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A metered run that waits some seconds on a terminal, its stdout going to a file."""
    user = User(tmp_path_factory.mktemp("home"))
    terminal = Terminal(user)
    turn = datetime.fromtimestamp(clean_from(user.home / "f.csv", 7), UTC)
    script = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1; echo done"
    terminal.type(
        "carbonwait run --forecast f.csv --duration 2s --deadline 14s --sample 1s"
        f" -- sh -c {shlex.quote(script)} > out"
    )
    screen = words_of(terminal.prompt())
    terminal.close()
    lines = [line for line in re.split(r"[\r\n]+", screen) if line.strip()]
    return {
        "plan": lines[0],
        "countdown": [line for line in lines if line.startswith("waiting until")],
        "end": lines[-1],
        "lines": lines,
        "turn": f"{turn:%H:%M:%S}",
        "out": (user.home / "out").read_text(),
        "run": json.loads(user.run("runs", "--json").stdout)["runs"][0],
    }


def test_the_plan_is_shown_first(shown: dict[str, Any]) -> None:
    assert shown["plan"].startswith("carbonwait: ")
    assert f"starting at {shown['turn']}" in shown["plan"]


def test_the_countdown_has_the_start_time(shown: dict[str, Any]) -> None:
    assert all(line.startswith(f"waiting until {shown['turn']}") for line in shown["countdown"])


def test_the_countdown_counts_down(shown: dict[str, Any]) -> None:
    left = [int(re.findall(r"(\d+)s left", line)[0]) for line in shown["countdown"]]
    assert len(set(left)) >= 4
    assert left == sorted(left, reverse=True)


def test_the_countdown_has_the_intensity_now_and_then(shown: dict[str, Any]) -> None:
    assert "300 gCO2eq/kWh now, 50 gCO2eq/kWh then" in shown["countdown"][0]


def test_the_countdown_has_the_estimated_saving(shown: dict[str, Any]) -> None:
    assert "estimated saving 83 %" in shown["countdown"][0]


def test_there_is_one_line_at_the_end(shown: dict[str, Any]) -> None:
    others = [line for line in shown["lines"] if line not in shown["countdown"]]
    assert others == [shown["plan"], shown["end"]]


def test_the_line_at_the_end_has_the_status_and_the_estimated_saving(
    shown: dict[str, Any],
) -> None:
    pattern = r"carbonwait: run \w{13}: exit 0 after \ds; [\d.]+ m?Wh, [\d.]+ m?g CO2eq, "
    assert re.match(pattern + r"estimated saving [\d.]+ m?g \(\d+ %\)$", shown["end"])


def test_the_line_at_the_end_names_the_run(shown: dict[str, Any]) -> None:
    assert f" run {shown['run']['id']}: " in shown["end"]


def test_stdout_stays_clean(shown: dict[str, Any]) -> None:
    assert shown["out"] == "done\n"


def test_quiet_says_nothing_on_a_terminal(terminal: Open, user: User) -> None:
    shell = terminal()
    clean_from(user.home / "f.csv", 3)
    shell.type("carbonwait run -q --no-meter --forecast f.csv --duration 1s -d 8s -- true")
    assert shell.prompt() == ""


def test_the_countdown_of_a_narrow_terminal_stays_on_one_line(terminal: Open, user: User) -> None:
    shell = terminal(columns=40)
    clean_from(user.home / "f.csv", 600)
    shell.type("carbonwait run --no-meter --forecast f.csv --duration 1s -- true")
    shell.until(r"waiting until")
    shell.press("c")
    line = re.split(r"[\r\n]", words_of("waiting until" + shell.prompt()))[0]
    assert 30 < len(line) <= 40


@pytest.mark.parametrize("columns", [200, 60])
def test_a_start_that_moves_is_told_in_one_line(terminal: Open, user: User, columns: int) -> None:
    shell = terminal(columns=columns)
    clean_from(user.home / "f.csv", 1200)
    shell.type("carbonwait run --no-meter --forecast f.csv --duration 1s -- true")
    shell.until(r"waiting until (\d\d:\d\d)")
    was = shell.screen.match.group(1)
    clean_from(user.home / "f.csv", 2400)
    shell.until("start moved")
    # The countdown goes on below it.
    line = "carbonwait: start moved"
    line += words_of(shell.until(r"waiting until (\d\d:\d\d)")).split("\r")[0]
    start = shell.screen.match.group(1)
    shell.press("c")
    shell.prompt()
    moved = f"carbonwait: start moved from {was} to {start}: the cleanest start"
    assert line.startswith(moved[: columns - 5])
    assert 50 < len(line) <= columns
    assert line.endswith("%" if columns == 200 else "...")


# --- the wait on a terminal ---------------------------------------------------------------------


def far_ahead(user: User, command: str) -> str:
    """A run that will wait for ten minutes."""
    clean_from(user.home / "f.csv", 600)
    return f"carbonwait run --no-meter --forecast f.csv --duration 1s -- {command}"


def state(user: User) -> str:
    """Of the only run."""
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    return str(run["state"])


def test_ctrl_z_while_waiting_gives_the_prompt_back_and_fg_waits_on(
    terminal: Open, user: User
) -> None:
    shell = terminal()
    shell.type(far_ahead(user, "true"))
    shell.until("waiting until")
    shell.press("z")
    shell.until("Stopped")
    shell.prompt()
    shell.type("fg")
    shell.until("-- true")
    shell.press("c")
    shell.prompt()
    assert shell.status() == 130


def test_the_cursor_is_not_hidden_while_waiting(terminal: Open, user: User) -> None:
    shell = terminal()
    shell.type(far_ahead(user, "true"))
    before = shell.until("waiting until")
    assert before.rindex("\x1b[?25h") > before.rindex("\x1b[?25l")
    shell.press("c")


def test_a_terminal_that_goes_away_ends_the_wait(terminal: Open, user: User) -> None:
    shell = terminal()
    shell.type(far_ahead(user, "true"))
    shell.until(r"waiting until.*kill -USR1 (\d+)")
    waiting = Path(f"/proc/{shell.screen.match.group(1)}")
    shell.screen.close(force=False)
    end = time.monotonic() + PATIENCE_S
    while waiting.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert state(user) == "aborted"


def test_the_line_shown_tells_how_to_start_at_once(terminal: Open, user: User) -> None:
    shell = terminal()
    shell.type(far_ahead(user, "echo started"))
    shell.until(r"waiting until.*kill -USR1 (\d+)")
    pid = int(shell.screen.match.group(1))
    os.kill(pid, signal.SIGUSR1)
    shell.until(r"started\r\n")
    shell.prompt()
    assert shell.status() == 0
