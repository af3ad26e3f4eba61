"""`carbonwait runs` on a terminal: in place with `--watch`, and readable on a narrow one."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pexpect
import pytest
import sample_runs
from users import PROGRAM, User

from carbonwait.core.records import Run
from carbonwait.ledger.store import Ledger
from carbonwait.process.owner import this_process

PATIENCE_S = 20

Open = Callable[..., Any]


@pytest.fixture
def terminal(user: User) -> Iterator[Open]:
    """Opens terminals in which `carbonwait runs` is given."""
    opened: list[Any] = []

    def open_terminal(*arguments: str, rows: int = 24, columns: int = 100) -> Any:
        screen = pexpect.spawn(
            PROGRAM[0],
            [*PROGRAM[1:], "runs", *arguments],
            env={"TERM": "xterm"} | user.environ,
            encoding="utf-8",
            dimensions=(rows, columns),
            timeout=PATIENCE_S,
        )
        opened.append(screen)
        return screen

    yield open_terminal
    for screen in opened:
        screen.close(force=True)


def save(user: User, *runs: Run) -> None:
    with Ledger.open(user.ledger) as ledger, ledger.transaction():
        for run in runs:
            ledger.save(run)


def waiting(run_id: str, starts_in_s: float = 3600.0) -> Run:
    """A run that this very process looks after, so that it is not lost."""
    now = time.time()
    owner = this_process()
    run = sample_runs.run(run_id, owner=owner, submitted=now, deadline=now + 7200)
    run.planned_start = now + starts_in_s
    return run


def words_of(screen: str) -> str:
    """Text without the sequences that move the cursor and colour it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)


def ended(screen: Any) -> str:
    """All that is shown until the program has ended."""
    screen.expect(pexpect.EOF)
    screen.close()
    return str(screen.before)


# --- in place -----------------------------------------------------------------------------------


def test_a_change_of_state_is_shown_by_itself(user: User, terminal: Open) -> None:
    run = waiting("0abc")
    save(user, run)
    screen = terminal("--watch")
    screen.expect("0abc  waiting")
    run.state, run.started = "running", time.time()
    save(user, run)
    screen.expect("0abc  running")


def test_a_new_run_comes_into_view(user: User, terminal: Open) -> None:
    screen = terminal("--watch")
    screen.expect("No such runs")
    save(user, waiting("0abc"))
    screen.expect("0abc  waiting")


def test_the_new_list_is_drawn_over_the_old_one(user: User, terminal: Open) -> None:
    save(user, waiting("0abc"), waiting("0abd"))
    screen = terminal("--watch")
    for _ in range(2):
        screen.expect("0abd  waiting")
    # Two runs below their headings: up by two lines, and cleared.
    assert screen.before.count("\x1b[1A") == screen.before.count("\x1b[2K") - 1 == 2


def test_the_countdown_counts_down(user: User, terminal: Open) -> None:
    save(user, waiting("0abc", starts_in_s=50))
    screen = terminal("--watch")
    left_s = []
    for _ in range(2):
        screen.expect(r"starts in (\d+)s")
        left_s.append(int(screen.match.group(1)))
    assert 50 >= left_s[0] > left_s[1] > 30


def test_a_paused_run_is_shown_as_paused(user: User, terminal: Open) -> None:
    run = waiting("0abc")
    run.state, run.started = "paused", time.time()
    save(user, run)
    screen = terminal("--watch", "--state", "paused")
    screen.expect("0abc  paused")


def test_more_runs_than_lines_are_cut_off(user: User, terminal: Open) -> None:
    save(user, *(waiting(f"0ab{number:02}") for number in range(20)))
    screen = terminal("--watch", rows=10)
    screen.expect("\x1b\\[1A")
    assert screen.before.count("waiting") == 8
    assert "0ab19" in screen.before


def test_the_cursor_is_there_all_the_while(user: User, terminal: Open) -> None:
    screen = terminal("--watch")
    screen.expect("No such runs")
    assert screen.before.rindex("\x1b[?25h") > screen.before.rindex("\x1b[?25l")


@pytest.mark.parametrize("rows", [5, 24])
def test_ctrl_c_ends_it_by_sigint_with_nothing_to_say(
    user: User, terminal: Open, rows: int
) -> None:
    save(user, *(waiting(f"0ab{number}") for number in range(6)))
    screen = terminal("--watch", rows=rows)
    screen.expect("waiting")
    screen.sendcontrol("c")
    after = words_of(ended(screen))
    assert screen.signalstatus == signal.SIGINT
    assert "Traceback" not in after
    assert "carbonwait:" not in after


def test_the_cursor_is_below_the_list_in_the_end(user: User, terminal: Open) -> None:
    save(user, waiting("0abc"))
    screen = terminal("--watch")
    screen.expect("0abc  waiting")
    screen.sendcontrol("c")
    after = ended(screen)
    assert words_of(after).endswith("\r\n")
    assert "\x1b[?25l" not in after


def test_sigterm_ends_it_as_well(user: User, terminal: Open) -> None:
    screen = terminal("--watch")
    screen.expect("No such runs")
    screen.kill(signal.SIGTERM)
    ended(screen)
    assert screen.signalstatus == signal.SIGTERM


def test_without_a_terminal_there_is_no_place_to_show_it_in(user: User) -> None:
    result = user.run("runs", "--watch")
    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (2, b"", 1)
    assert b"--watch needs a terminal" in result.stderr


def test_a_terminal_that_cannot_move_its_cursor_is_none_for_this(
    user: User, terminal: Open
) -> None:
    user.environ["TERM"] = "dumb"
    screen = terminal("--watch")
    assert "--watch needs a terminal" in ended(screen)
    assert screen.exitstatus == 2


# --- on a narrow terminal -----------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--watch",)], ids=["once", "watch"])
@pytest.mark.parametrize("columns", [40, 60, 80])
def test_an_id_stays_whole_and_no_line_is_too_long(
    user: User, terminal: Open, columns: int, options: tuple[str, ...]
) -> None:
    run = waiting("1m849k7xvhyg7")
    run.name = "python train.py with a name that is long"
    save(user, run)
    screen = terminal(*options, columns=columns)
    screen.expect("when")
    screen.expect("1m849k7xvhyg7  waiting")
    if options:
        screen.sendcontrol("c")
    # The terminal itself shows what was pressed.
    shown = words_of(screen.after + ended(screen)).replace("^C", "")
    lines = shown.replace("\r", "\n").split("\n")
    assert max(len(line) for line in lines) <= columns


def test_a_narrow_terminal_goes_without_figures(user: User, terminal: Open) -> None:
    save(user, waiting("0abc"))
    assert "emitted" not in ended(terminal(columns=60))
    assert "emitted" in ended(terminal(columns=80))
