"""The command: found, started untouched, reaped; `nice` says what untouched means."""

import os
import pty
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from carbonwait.core.errors import CannotRun
from carbonwait.process.child import Child, Ended, Stopped, find_command, own_environment, spawn

NO_SIGNALS: set[signal.Signals] = set()


def run(*command: str, environment: dict[bytes, bytes] | None = None) -> Ended:
    """Start a command, and look at it once it has ended."""
    child = spawn(command, dict(os.environb) if environment is None else environment, NO_SIGNALS)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    ended = child.look()
    assert isinstance(ended, Ended)
    return ended


def script(folder: Path, text: str, *, mode: int = 0o755) -> Path:
    """An executable file in a folder that is made if need be."""
    folder.mkdir(exist_ok=True)
    file = folder / "job"
    file.write_text(text)
    file.chmod(mode)
    return file


def in_a_process(
    code: str, *arguments: str, **options: object
) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    settings: dict[str, object] = {"stdout": subprocess.PIPE, "timeout": 20, "check": True}
    return subprocess.run(command, **(settings | options))  # type: ignore[call-overload, no-any-return]


# --- the environment ----------------------------------------------------------------------------

SHOW_ENVIRONMENT = """
from carbonwait.process.child import own_environment
import sys
sys.stdout.buffer.write(repr(sorted(own_environment().items())).encode())
"""


@pytest.mark.parametrize(
    "environment",
    [
        {b"LANG": b"C"},
        {b"LANG": b"C", b"X": b"\xff\xfe\n=", b"\xe9": b"", b"A B": b"'\""},
    ],
)
def test_the_environment_is_the_one_given_byte_for_byte(environment: dict[bytes, bytes]) -> None:
    search_path = os.fsencode(os.pathsep.join(sys.path))
    given = {**environment, b"PYTHONPATH": search_path}
    shown = in_a_process(SHOW_ENVIRONMENT, env=given).stdout
    assert shown == repr(sorted(given.items())).encode()


def test_without_proc_the_environment_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("carbonwait.process.child.open", absent, raising=False)
    assert own_environment() == dict(os.environb)


# --- finding the command ------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Folders with a command called `job` in all the states that one can be in."""
    script(tmp_path / "good", "#!/bin/sh\nexit 3\n")
    script(tmp_path / "other", "#!/bin/sh\nexit 4\n")
    script(tmp_path / "plain", "#!/bin/sh\n", mode=0o644)
    script(tmp_path / "bare", "exit 5\n")
    script(tmp_path / "orphan", "#!/no/such/interpreter\n")
    (tmp_path / "folder" / "job").mkdir(parents=True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "job").symlink_to("nowhere")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "job").symlink_to("job")
    (tmp_path / "file").write_text("")
    return tmp_path


def status_of(command: str, environment: dict[bytes, bytes]) -> int | None:
    """What `find_command` and `spawn` make of a command together."""
    try:
        find_command(command, environment)
        return run(command, environment=environment).exit_code
    except CannotRun as cannot:
        return cannot.status


COMMANDS = [
    "good/job",
    "./good/job",
    "plain/job",
    "bare/job",
    "orphan/job",
    "folder/job",
    "broken/job",
    "loop/job",
    "missing/job",
    "file/job",
    "good/",
    "/",
    "",
    "no-such-command-anywhere",
    "x" * 300,
    "./" + "x" * 300,
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[:30] or "empty")
def test_a_commands_status_is_what_nice_makes_of_it(
    places: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(places)
    nice = subprocess.run(["nice", "-n", "0", command], stderr=subprocess.DEVNULL)
    found = status_of(command, dict(os.environb))
    assert found == nice.returncode


PATHS = [
    "good",
    "other:good",
    "missing:good",
    "plain:good",
    "folder:good",
    "file:good",
    "broken:good",
    "plain",
    "folder",
    "plain:missing",
    "missing:plain",
    "missing",
    "file",
    "bare",
    "missing:bare:good",
    "folder:bare",
    "plain:bare",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_command_is_looked_for_in_the_path_as_nice_does(
    places: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    program = subprocess.check_output(["sh", "-c", "command -v nice"], text=True).strip()
    monkeypatch.chdir(places)
    monkeypatch.setenv("PATH", path)
    nice = subprocess.run([program, "-n", "0", "job"], stderr=subprocess.DEVNULL)
    found = status_of("job", dict(os.environb))
    assert found == nice.returncode


@pytest.mark.parametrize("path", ["", ":/no/such/folder", "/no/such/folder:"])
def test_an_empty_folder_in_the_path_is_the_current_one(
    places: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(places / "good")
    find_command("job", {b"PATH": path.encode()})


def test_without_a_path_the_systems_own_folders_are_searched() -> None:
    find_command("sh", {})


def test_a_missing_command_is_told_by_name_and_remedy() -> None:
    with pytest.raises(CannotRun, match=r"^'no-such' was not found; check the name and PATH$"):
        find_command("no-such", {b"PATH": b"/bin"})


def test_a_command_that_cannot_be_executed_is_told_by_name_and_remedy(places: Path) -> None:
    plain = str(places / "plain" / "job")
    with pytest.raises(CannotRun, match=r"cannot be executed; check that it is a program$") as told:
        find_command(plain, {})
    assert repr(plain) in str(told.value)


def test_a_missing_interpreter_is_told_in_one_line(places: Path) -> None:
    with pytest.raises(CannotRun, match=r"job' cannot be started: No such file or directory$"):
        spawn([str(places / "orphan" / "job")], {}, NO_SIGNALS)


def test_a_command_may_have_any_bytes_in_its_name(tmp_path: Path) -> None:
    file = script(tmp_path, "#!/bin/sh\nexit 6\n").rename(
        os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    )
    assert status_of(str(file), {}) == 6


# --- starting it --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 1, 2, 125, 126, 127, 128, 255])
def test_the_exit_status_is_the_commands(status: int) -> None:
    ended = run("sh", "-c", f"exit {status}")
    assert (ended.exit_code, ended.term_signal) == (status, None)


@pytest.mark.parametrize("name", ["TERM", "KILL", "INT", "PIPE", "SEGV"])
def test_death_by_a_signal_has_no_exit_status(name: str) -> None:
    ended = run("sh", "-c", f"ulimit -c 0; kill -{name} $$")
    assert (ended.exit_code, ended.term_signal) == (None, getattr(signal, f"SIG{name}"))


def test_death_by_a_realtime_signal_is_told_by_number() -> None:
    assert run("sh", "-c", "kill -36 $$").term_signal == 36


@pytest.mark.parametrize("arguments", [["\udcff\udcfe", "", "a\nb", "*", "--help", "--", "-q"]])
def test_the_arguments_arrive_byte_for_byte(tmp_path: Path, arguments: list[str]) -> None:
    out = tmp_path / "out"
    run("sh", "-c", 'out=$1; shift; printf "%s\\0" "$@" > "$out"', "sh", str(out), *arguments)
    assert out.read_bytes() == b"".join(os.fsencode(word) + b"\0" for word in arguments)


def test_the_environment_given_is_the_commands(tmp_path: Path) -> None:
    environment = {b"PATH": os.environb[b"PATH"], b"X": b"\xff\n"}
    code = "import os, sys; open(sys.argv[1], 'wb').write(open('/proc/self/environ', 'rb').read())"
    run(sys.executable, "-c", code, str(tmp_path / "out"), environment=environment)
    entries = (tmp_path / "out").read_bytes().split(b"\0")[:-1]
    assert entries == [name + b"=" + value for name, value in environment.items()]


NAMELESS = """
import ctypes, sys
def strings(*words):
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)
code = (
    b"from carbonwait.process.child import own_environment, spawn; import os, sys;"
    b"child = spawn(['true'], own_environment(), set()); os.waitpid(child.pid, 0);"
    b"print('started')"
)
python = sys.executable.encode()
path = b"PYTHONPATH=" + b":".join(folder.encode() for folder in sys.path)
ctypes.CDLL(None).execve(python, strings(python, b"-c", code), strings(b"=x", b"PATH=/bin", path))
"""


def test_an_environment_entry_without_a_name_does_not_stop_the_command() -> None:
    result = in_a_process(NAMELESS, check=False, stderr=subprocess.DEVNULL)
    assert result.stdout == b"started\n"


def test_group_session_and_folder_are_the_callers(tmp_path: Path) -> None:
    code = "import os; print(os.getpgrp(), os.getsid(0), os.getcwd(), flush=True)"
    run("sh", "-c", f"exec {sys.executable} -c '{code}' > {tmp_path}/out")
    expected = f"{os.getpgrp()} {os.getsid(0)} {Path.cwd()}"
    assert (tmp_path / "out").read_text().strip() == expected


def signal_lines(out: Path) -> dict[str, int]:
    lines = (line.split() for line in out.read_text().splitlines())
    return {name.rstrip(":"): int(mask, 16) for name, mask in lines}


def test_the_signal_mask_is_the_one_given(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["sh", "-c", f"exec grep Sig /proc/self/status > {out}"]
    child = spawn(command, dict(os.environb), {signal.SIGUSR2})
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    child.look()
    lines = (line.split() for line in out.read_text().splitlines())
    masks = {name: value for name, value in lines}  # noqa: C416
    assert int(masks["SigBlk:"], 16) == 1 << (signal.SIGUSR2 - 1)


def test_the_signals_that_python_ignores_are_not_ignored_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("sh", "-c", f"exec grep SigIgn /proc/self/status > {out}")
    ignored = int(out.read_text().split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))


def test_an_open_descriptor_is_passed_on() -> None:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    run(sys.executable, "-S", "-c", f"import os; os.write({write_end}, b'here')")
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read() == b"here"


def test_a_script_without_an_interpreter_line_runs_under_the_shell(tmp_path: Path) -> None:
    file = script(tmp_path, f'echo "$0 $*" > {tmp_path}/out; exit 7\n')
    assert run(str(file), "one", "two").exit_code == 7
    assert (tmp_path / "out").read_text() == f"{file} one two\n"


# --- looking at it ------------------------------------------------------------------------------


@pytest.fixture
def sleeper() -> Iterator[Child]:
    """A command that runs until it is told to end."""
    child = spawn(["sleep", "60"], dict(os.environb), NO_SIGNALS)
    yield child
    child.send(signal.SIGKILL)
    try:
        os.waitpid(child.pid, 0)
    except ChildProcessError:
        return  # a test has reaped it


def test_of_a_command_that_simply_runs_on_there_is_nothing_to_tell(sleeper: Child) -> None:
    assert sleeper.look() is None


def test_a_command_that_was_stopped_is_seen_to_be(sleeper: Child) -> None:
    sleeper.send(signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
    assert sleeper.look() == Stopped()


def test_a_command_that_goes_on_after_a_stop_simply_runs_on(sleeper: Child) -> None:
    sleeper.send(signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED)
    sleeper.send(signal.SIGCONT)
    os.waitid(os.P_PID, sleeper.pid, os.WCONTINUED | os.WNOWAIT)
    assert sleeper.look() is None


def test_a_signal_is_passed_on(sleeper: Child) -> None:
    sleeper.send(signal.SIGTERM)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    ended = sleeper.look()
    assert isinstance(ended, Ended)
    assert ended.term_signal == signal.SIGTERM


def test_a_signal_for_a_command_that_has_ended_is_no_error(sleeper: Child) -> None:
    sleeper.send(signal.SIGKILL)
    os.waitpid(sleeper.pid, 0)
    sleeper.send(signal.SIGTERM)


def test_the_cpu_time_of_the_command_and_its_children_is_known() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    assert 0.2 <= run("sh", "-c", f"{sys.executable} -S -c '{burn}'; true").usage.cpu_s < 5


def test_the_peak_memory_is_in_bytes() -> None:
    grow = "block = bytearray(120 * 2**20); block[::4096] = b'x' * len(block[::4096])"
    assert 120 * 2**20 <= run(sys.executable, "-S", "-c", grow).usage.peak_rss_bytes < 400 * 2**20


def test_a_grandchild_that_lives_on_does_not_hold_up_the_end(tmp_path: Path) -> None:
    ended = run("sh", "-c", f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; exit 3")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert ended.exit_code == 3


# --- terminals and standard descriptors ---------------------------------------------------------

STOP = """
import os, signal, sys
from carbonwait.process.child import stop_like_the_child
if "background" in sys.argv:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0)
stop_like_the_child()
os._exit(3)
"""


def on_a_terminal(*arguments: str) -> int:
    """The wait status at the first stop or end of the helper, on a terminal of its own.

    A leader of the session stands between: the kernel does not stop a group without a parent in
    the session.
    """
    leader, terminal = pty.fork()
    if leader == 0:
        helper = os.fork()
        if helper == 0:
            os.execv(sys.executable, [sys.executable, "-c", STOP, *arguments])
        _, status = os.waitpid(helper, os.WUNTRACED)
        os.kill(helper, signal.SIGKILL) if os.WIFSTOPPED(status) else None
        os._exit(200 if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status))
    _, status = os.waitpid(leader, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status)


def test_in_the_foreground_of_a_terminal_it_stops_like_the_child() -> None:
    assert on_a_terminal() == 200


def test_in_the_background_of_a_terminal_it_does_not_stop() -> None:
    assert on_a_terminal("background") == 3


def test_away_from_a_terminal_it_does_not_stop() -> None:
    result = subprocess.run([sys.executable, "-c", STOP], start_new_session=True, timeout=20)
    assert result.returncode == 3


OCCUPY = """
import os, sys
from carbonwait.process.child import occupy_standard_descriptors, spawn
listing, ours = sys.argv[1:3]
for descriptor in map(int, sys.argv[3:]):
    os.close(descriptor)
occupy_standard_descriptors()
opened = os.open(ours, os.O_WRONLY | os.O_CREAT)
os.write(opened, b"%d" % opened)
child = spawn(["sh", "-c", "exec ls /proc/self/fd > " + listing], dict(os.environb), set())
os._exit(os.waitpid(child.pid, 0)[1])
"""


def with_closed(folder: Path, *descriptors: str) -> tuple[set[int], int]:
    """The descriptors that a command finds, and the one of a file that was opened before it."""
    listing, ours = folder / "listing", folder / "ours"
    command = [sys.executable, "-c", OCCUPY, str(listing), str(ours), *descriptors]
    subprocess.run(command, timeout=20, check=True, stdin=subprocess.DEVNULL)
    return {int(line) for line in listing.read_text().split()}, int(ours.read_text())


def test_closed_standard_descriptors_are_not_taken_by_files_of_ours(tmp_path: Path) -> None:
    assert with_closed(tmp_path, "0", "1", "2")[1] > 2


@pytest.mark.parametrize("closed", ["0", "2"])
def test_a_descriptor_that_the_caller_closed_is_closed_in_the_command(
    tmp_path: Path, closed: str
) -> None:
    # ls opens the folder that it lists with the lowest free descriptor: the closed one.
    found, without = with_closed(tmp_path, closed)[0], with_closed(tmp_path)[0]
    assert len(found) == len(without) - 1


def test_open_standard_descriptors_are_left_alone(tmp_path: Path) -> None:
    assert with_closed(tmp_path)[0] >= {0, 1, 2}
