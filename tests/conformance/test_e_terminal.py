"""E: at a terminal, job control and Ctrl-C are as without the wrapper."""

import os
import signal

from processes import state_of, until
from terminal import Open, Terminal
from users import PROGRAM, User
from wrappers import TIMES, Wrapper, counter, metered_slots, metering_is_no_matter


@metering_is_no_matter
def test_e01_the_command_has_the_terminal_on_all_three_streams(
    terminal: Open, wrapper: Wrapper
) -> None:
    shell = terminal()
    shell.type(wrapper.typed("sh", "-c", "test -t 0 && test -t 1 && test -t 2"))
    shell.prompt()
    assert shell.status() == 0


def press_and_hear(shell: Terminal) -> None:
    """Press Ctrl-C as often as is counted on to show one that arrives twice."""
    for heard in range(1, TIMES + 1):
        shell.press("c")
        shell.until(rf"heard {heard}\r\n")


def end_the_counter(shell: Terminal, pid: int) -> int:
    """Send the last signal by way of the wrapper, the job's first process; return the count."""
    os.kill(os.getpgid(pid), signal.SIGTERM)
    return shell.number(r"count (\d+)\r\n")


def test_e02_ctrl_c_reaches_the_command_exactly_once(terminal: Open, wrapper: Wrapper) -> None:
    shell = terminal()
    shell.type(wrapper.typed(*counter("INT")))
    pid = shell.number(r"ready (\d+)\r\n")
    press_and_hear(shell)
    assert end_the_counter(shell, pid) == TIMES
    shell.prompt()
    assert shell.status() == 7


def test_e02_ctrl_c_reaches_the_command_once_while_the_meter_is_at_work(
    terminal: Open, user: User
) -> None:
    shell = terminal()
    wrapper = Wrapper(user, *PROGRAM, "run", "--now", "-q", "--sample", "1s", "--")
    shell.type(wrapper.typed(*counter("INT")))
    pid = shell.number(r"ready (\d+)\r\n")
    until(lambda: metered_slots(user.ledger))
    press_and_hear(shell)
    assert end_the_counter(shell, pid) == TIMES
    shell.prompt()
    assert shell.status() == 7


def test_e03_ctrl_z_stops_it_and_fg_goes_on(terminal: Open, wrapper: Wrapper) -> None:
    shell = terminal()
    shell.type(wrapper.typed("sh", "-c", "echo ready $$; read x; exit 5"))
    pid = shell.number(r"ready (\d+)\r\n")
    shell.press("z")
    shell.until("Stopped")
    shell.prompt()
    until(lambda: state_of(pid) == "T")
    shell.type("fg")
    shell.until("read x")
    shell.type("line")
    shell.prompt()
    assert shell.status() == 5


@metering_is_no_matter
def test_e04_the_command_sees_the_size_and_every_change_of_it(
    terminal: Open, wrapper: Wrapper
) -> None:
    shell = terminal(rows=31, columns=91)
    script = "trap 'stty size; exit 6' WINCH; stty size; while :; do sleep 0.05; done"
    shell.type(wrapper.typed("bash", "-c", script))
    shell.until("31 91\r\n")
    shell.screen.setwinsize(32, 92)
    shell.until("32 92\r\n")
    shell.prompt()
    assert shell.status() == 6


@metering_is_no_matter
def test_e05_the_command_reads_what_is_typed(terminal: Open, wrapper: Wrapper) -> None:
    shell = terminal()
    shell.type(wrapper.typed("sh", "-c", "echo ready; read x; echo got=$x"))
    shell.until("ready")
    shell.type("some words")
    shell.until(r"got=some words\r\n")


def test_e06_a_reader_in_the_background_stops_and_fg_goes_on(
    terminal: Open, wrapper: Wrapper
) -> None:
    shell = terminal()
    shell.type(wrapper.typed("sh", "-c", "read x; echo got=$x; exit 4") + " &")
    shell.until("Stopped")
    shell.type("fg")
    shell.until("read x")
    shell.type("word")
    shell.until(r"got=word\r\n")
    shell.prompt()
    assert shell.status() == 4


def test_e07_ctrl_c_stops_the_script_around_it(
    terminal: Open, wrapper: Wrapper, user: User
) -> None:
    command = wrapper.typed("sh", "-c", "echo ready; exec sleep 30")
    (user.home / "script").write_text(f"{command}\necho rest\n")
    shell = terminal()
    shell.type("bash script")
    shell.until("ready")
    shell.press("c")
    assert "rest" not in shell.prompt()
    assert shell.status() == 130


@metering_is_no_matter
def test_e08_a_second_ctrl_c_reaches_a_command_that_survived_the_first(
    terminal: Open, wrapper: Wrapper
) -> None:
    shell = terminal()
    shell.type(wrapper.typed(*counter("INT")))
    pid = shell.number(r"ready (\d+)\r\n")
    for heard in ("heard 1\r\n", "heard 2\r\n"):
        shell.press("c")
        shell.until(heard)
    assert end_the_counter(shell, pid) == 2
    shell.prompt()
    assert shell.status() == 7


def test_e09_a_command_that_stops_itself_gives_the_prompt_back(
    terminal: Open, wrapper: Wrapper
) -> None:
    shell = terminal()
    shell.type(wrapper.typed("sh", "-c", "kill -STOP $$; exit 4"))
    shell.until("Stopped")
    shell.prompt()
    shell.type("fg")
    shell.prompt()
    assert shell.status() == 4
