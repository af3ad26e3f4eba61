"""On a terminal: job control, Ctrl-C and what is shown, by way of a shell that a person types into.

What must hold for every wrapped command must hold for `nice` too; that checks the checks.
"""

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pexpect
import pytest
from users import PROGRAM, User

PATIENCE_S = 20
WRAPPERS = {
    "nice": "nice -n 0",
    "unmetered": "carbonwait run --now -q --no-meter --",
    "metered": "carbonwait run --now -q --",
}

# Without line editing and echo, the screen holds nothing but what programs write.
RC = f"""
alias carbonwait={shlex.quote(shlex.join(PROGRAM))}
stty -echo
set -b
PS1='<prompt>'
"""

Open = Callable[..., "Terminal"]


class Terminal:
    """Somebody at an interactive shell."""

    def __init__(self, user: User, rows: int = 24, columns: int = 200) -> None:
        rc = user.home / "rc"
        rc.write_text(RC)
        self.screen: Any = pexpect.spawn(
            "bash",
            ["--noprofile", "--rcfile", str(rc), "--noediting", "-i"],
            env=user.environ | {"TERM": "xterm"},
            cwd=str(user.home),
            encoding="utf-8",
            dimensions=(rows, columns),
            timeout=PATIENCE_S,
        )
        self.screen.delaybeforesend = None
        self.screen.ptyproc.delayafterclose = self.screen.ptyproc.delayafterterminate = 0.01
        self.until("<prompt>")

    def type(self, line: str) -> None:
        self.screen.sendline(line)

    def press(self, letter: str) -> None:
        """Ctrl and a letter."""
        self.screen.sendcontrol(letter)

    def until(self, pattern: str) -> str:
        """Wait for something on the screen; return what came before it."""
        self.screen.expect(pattern)
        return str(self.screen.before)

    def prompt(self) -> str:
        return self.until("<prompt>")

    def status(self) -> int:
        """The status of the last command, after whose prompt this is asked."""
        self.type("echo status=$?")
        self.until(r"status=(\d+)\r\n<prompt>")
        return int(self.screen.match.group(1))

    def close(self) -> None:
        self.screen.close(force=True)


@pytest.fixture
def terminal(user: User) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_terminal(**size: int) -> Terminal:
        opened.append(Terminal(user, **size))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


@pytest.fixture(params=list(WRAPPERS))
def wrapper(request: pytest.FixtureRequest) -> str:
    return WRAPPERS[request.param]


# --- the wrapped command on a terminal ----------------------------------------------------------


def test_the_command_has_the_terminal_on_all_three_streams(terminal: Open, wrapper: str) -> None:
    shell = terminal()
    shell.type(f"{wrapper} sh -c 'test -t 0 && test -t 1 && test -t 2'")
    shell.prompt()
    assert shell.status() == 0


def test_ctrl_c_reaches_the_command_exactly_once(terminal: Open, wrapper: str) -> None:
    shell = terminal()
    script = (
        "n=0; trap 'n=$((n+1))' INT; echo ready; while [ $n = 0 ]; do sleep 0.05; done; "
        "sleep 0.3; echo count=$n; exit 7"
    )
    shell.type(f"{wrapper} sh -c {shlex.quote(script)}")
    shell.until("ready")
    shell.press("c")
    shell.until(r"count=1\r\n")
    shell.prompt()
    assert shell.status() == 7


def test_ctrl_z_stops_it_and_fg_goes_on(terminal: Open, wrapper: str) -> None:
    shell = terminal()
    shell.type(f"{wrapper} sh -c 'echo ready; read x; exit 5'")
    shell.until("ready")
    shell.press("z")
    shell.until("Stopped")
    shell.prompt()
    shell.type("fg")
    shell.until("read x")
    shell.type("line")
    shell.prompt()
    assert shell.status() == 5


def test_the_command_sees_the_size_and_every_change_of_it(terminal: Open, wrapper: str) -> None:
    shell = terminal(rows=31, columns=91)
    script = "trap 'stty size; exit 6' WINCH; stty size; while :; do sleep 0.05; done"
    shell.type(f"{wrapper} bash -c {shlex.quote(script)}")
    shell.until("31 91\r\n")
    shell.screen.setwinsize(32, 92)
    shell.until("32 92\r\n")
    shell.prompt()
    assert shell.status() == 6


def test_the_command_reads_what_is_typed(terminal: Open, wrapper: str) -> None:
    shell = terminal()
    shell.type(f"{wrapper} sh -c 'echo ready; read x; echo got=$x'")
    shell.until("ready")
    shell.type("some words")
    shell.until(r"got=some words\r\n")


def test_a_reader_in_the_background_stops_and_fg_goes_on(terminal: Open, wrapper: str) -> None:
    shell = terminal()
    shell.type(f"{wrapper} sh -c 'read x; echo got=$x; exit 4' &")
    shell.until("Stopped")
    shell.type("fg")
    shell.until("read x")
    shell.type("word")
    shell.until(r"got=word\r\n")
    shell.prompt()
    assert shell.status() == 4


def test_ctrl_c_stops_the_script_around_it(terminal: Open, wrapper: str, user: User) -> None:
    script = user.home / "script"
    program = wrapper.replace("carbonwait", shlex.join(PROGRAM))
    script.write_text(f"{program} sh -c 'echo ready; exec sleep 30'\necho rest\n")
    shell = terminal()
    shell.type(f"bash {script}")
    shell.until("ready")
    shell.press("c")
    assert "rest" not in shell.prompt()
    assert shell.status() == 130


def test_a_second_ctrl_c_reaches_a_command_that_survived_the_first(
    terminal: Open, wrapper: str
) -> None:
    shell = terminal()
    script = (
        "n=0; trap 'n=$((n+1)); echo got$n' INT; echo ready; "
        "while [ $n -lt 2 ]; do sleep 0.05; done; exit 3"
    )
    shell.type(f"{wrapper} sh -c {shlex.quote(script)}")
    for heard in ("ready", "got1"):
        shell.until(heard)
        shell.press("c")
    shell.until("got2")
    shell.prompt()
    assert shell.status() == 3


def test_a_command_that_stops_itself_gives_the_prompt_back(terminal: Open, wrapper: str) -> None:
    shell = terminal()
    shell.type(f"{wrapper} sh -c 'kill -STOP $$; exit 4'")
    shell.until("Stopped")
    shell.prompt()
    shell.type("fg")
    shell.prompt()
    assert shell.status() == 4


# --- what is shown ------------------------------------------------------------------------------


def clean_from(path: Path, seconds: float) -> datetime:
    """Write a forecast of 300 g/kWh until some whole seconds from now and 50 after that."""
    now = int(time.time())
    turn = datetime.fromtimestamp(now + seconds, UTC)
    rows = [(datetime.fromtimestamp(now - seconds, UTC), 300), (turn, 50)]
    lines = [f"{start:%Y-%m-%dT%H:%M:%SZ},{g_per_kwh}" for start, g_per_kwh in rows]
    path.write_text("\n".join(["datetime_utc,intensity_gco2_per_kwh", *lines]) + "\n")
    return turn


def words_of(screen: str) -> str:
    """Text without the sequences that move the cursor and colour it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A metered run that waits some seconds on a terminal, its stdout going to a file."""
    user = User(tmp_path_factory.mktemp("home"))
    terminal = Terminal(user)
    turn = clean_from(user.home / "f.csv", 7)
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


def test_ctrl_c_while_waiting_ends_it_with_130(terminal: Open, user: User) -> None:
    shell = terminal()
    shell.type(far_ahead(user, "touch ran"))
    shell.until("waiting until")
    shell.press("c")
    shell.prompt()
    assert shell.status() == 130
    assert not (user.home / "ran").exists()
    assert state(user) == "aborted"


def test_ctrl_c_while_waiting_ends_the_script_around_it(terminal: Open, user: User) -> None:
    command = far_ahead(user, "true").replace("carbonwait", shlex.join(PROGRAM))
    (user.home / "script").write_text(f"{command}\necho rest\n")
    shell = terminal()
    shell.type("bash script")
    shell.until("waiting until")
    shell.press("c")
    assert "rest" not in shell.prompt()
    assert shell.status() == 130


def test_stdin_is_untouched_while_waiting(terminal: Open, user: User) -> None:
    shell = terminal()
    clean_from(user.home / "f.csv", 3)
    shell.type(
        "carbonwait run --no-meter --forecast f.csv --duration 1s -d 8s -- "
        "sh -c 'read x; echo got=$x'"
    )
    shell.until("waiting until")
    shell.type("typed ahead")
    shell.until(r"got=typed ahead\r\n")


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
