"""The wrapped command must not notice the wrapper, nor must those who use it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from users import PROGRAM, User

JOB = ("run", "--now", "-q", "--no-meter", "--")


def wait_for(path: Path, timeout_s: float = 20) -> None:
    """Wait until another process has made a file."""
    end = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.01)


# --- exit status --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 1, 2, 7, 75, 125, 126, 127, 128, 130, 143, 200, 255])
def test_the_commands_status_is_passed_on(user: User, status: int) -> None:
    assert user.job("sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "PIPE", "INT", "HUP", "USR1"])
def test_death_by_a_signal_is_passed_on_as_death_by_that_signal(user: User, name: str) -> None:
    result = user.job("sh", "-c", f"kill -{name} $$")
    assert result.returncode == -getattr(signal, f"SIG{name}")


@pytest.mark.parametrize("command", ["/no/such/program", "no-such-program"])
def test_a_missing_command_is_127_and_one_line(user: User, command: str) -> None:
    result = user.job(command)
    assert (result.returncode, result.stdout) == (127, b"")
    assert result.stderr.count(b"\n") == 1


def test_a_file_that_is_not_executable_is_126(user: User) -> None:
    file = user.home / "plain"
    file.write_text("text")
    assert user.job(str(file)).returncode == 126


def test_a_folder_is_126(user: User) -> None:
    assert user.job(str(user.home)).returncode == 126


def test_a_script_without_an_interpreter_line_runs_under_the_shell(user: User) -> None:
    script = user.home / "script"
    script.write_text("echo shell $1; exit 4\n")
    script.chmod(0o755)
    result = user.job(str(script), "word")
    assert (result.returncode, result.stdout) == (4, b"shell word\n")


def test_a_script_whose_interpreter_is_missing_says_so(user: User) -> None:
    script = user.home / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    result = user.job(str(script))
    assert result.returncode in {126, 127}
    assert result.stderr.count(b"\n") == 1


def test_no_command_is_a_usage_error(user: User) -> None:
    result = user.run("run", "--now")
    assert (result.returncode, result.stdout) == (2, b"")


# --- streams and descriptors --------------------------------------------------------------------


def test_every_byte_passes_through_and_none_is_added(user: User) -> None:
    data = bytes(range(256)) * 4096
    file = user.home / "data"
    file.write_bytes(data)
    assert user.job("cat", str(file)).stdout == data


def test_stderr_is_the_commands_own(user: User) -> None:
    assert user.job("sh", "-c", "printf 'a\\n\\000b' >&2").stderr == b"a\n\0b"


def test_stdin_reaches_the_command_to_its_end(user: User) -> None:
    with user.start(*JOB, "cat", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(b"\x00\xffinput", timeout=30)
    assert out == b"\x00\xffinput"


def test_stdin_is_left_to_those_who_come_after(user: User) -> None:
    script = 'printf "rest" | ( "$@" true; cat )'
    program = ["sh", "-c", script, "sh", *PROGRAM, *JOB]
    result = subprocess.run(program, env=user.environ, capture_output=True, timeout=30)
    assert result.stdout == b"rest"


def test_closed_standard_streams_are_no_obstacle(user: User) -> None:
    program = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *PROGRAM, *JOB, "sh", "-c", "exit 5"]
    assert subprocess.run(program, env=user.environ, timeout=30).returncode == 5


def test_closed_descriptors_are_closed_in_the_command_too(user: User) -> None:
    probe = "for f in 0 1 2; do [ -e /proc/self/fd/$f ] && exit 1; done; exit 0"
    direct = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", "sh", "-c", probe]
    wrapped = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *PROGRAM, *JOB, "sh", "-c", probe]
    statuses = [
        subprocess.run(program, env=user.environ, timeout=30).returncode
        for program in (direct, wrapped)
    ]
    assert statuses[0] == statuses[1]


def test_the_signal_mask_and_dispositions_are_those_of_a_direct_run(user: User) -> None:
    probe = ["grep", "-E", "Sig(Blk|Ign|Cgt)", "/proc/self/status"]
    direct = subprocess.run(
        probe, env=user.environ, capture_output=True, timeout=30, restore_signals=True
    )

    def bits(text: bytes) -> list[int]:
        # glibc keeps signals 32 and 33 for itself and leaves them ignored in spawned processes.
        return [int(line.split()[1], 16) & ~(0b11 << 31) for line in text.splitlines()]

    assert bits(user.job(*probe).stdout) == bits(direct.stdout)


def test_a_reader_that_goes_away_ends_the_command_quietly(user: User) -> None:
    script = '"$@" yes | head -1; echo "${PIPESTATUS[0]}"'
    program = ["bash", "-c", script, "bash", *PROGRAM, *JOB]
    result = subprocess.run(program, env=user.environ, capture_output=True, timeout=30)
    assert (result.stdout, result.stderr) == (b"y\n141\n", b"")


def test_open_descriptors_are_inherited_and_none_of_ours_is_added(user: User) -> None:
    script = 'exec 3</dev/null; "$@"'
    probe = ["ls", "/proc/self/fd"]
    direct = ["sh", "-c", script, "sh", *probe]
    metered = [*PROGRAM, "run", "--now", "-q", "--", *probe]
    wrapped = ["sh", "-c", script, "sh", *metered]
    outputs = [
        subprocess.run(program, env=user.environ, capture_output=True, timeout=30).stdout
        for program in (direct, wrapped)
    ]
    assert outputs[0] == outputs[1]


def test_a_background_process_of_the_command_is_not_waited_for(user: User) -> None:
    begun = time.monotonic()
    result = user.job("sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $!; exit 3")
    os.kill(int(result.stdout), signal.SIGKILL)
    assert result.returncode == 3
    assert time.monotonic() - begun < 20


def test_output_and_errors_into_one_file_keep_their_order(user: User) -> None:
    file = user.home / "both"
    with file.open("wb") as stream:
        user.job(
            "sh",
            "-c",
            "for i in 1 2 3; do echo o$i; echo e$i >&2; done",
            stdout=stream,
            stderr=stream,
        )
    assert file.read_bytes() == b"o1\ne1\no2\ne2\no3\ne3\n"


# --- environment, arguments, attributes ---------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LANG": "C"},
        {"LANG": "C", "X": os.fsdecode(b"\xff\xfe"), "EMPTY": "", "A": "two\nlines=x"},
    ],
)
def test_the_environment_is_passed_byte_for_byte(user: User, environment: dict[str, str]) -> None:
    user.environ |= environment
    direct = subprocess.run(["env", "-0"], env=user.environ, capture_output=True, timeout=30)
    assert user.job("env", "-0").stdout == direct.stdout


def test_arguments_are_passed_byte_for_byte(user: User) -> None:
    words = [b"\xff\xfe", b"", b"a\nb", b"*", b"--help", b"-q", b"--", b"--now", b"$HOME"]
    printer = b'for w in "$@"; do printf "%s\\0" "$w"; done'
    result = user.job("sh", "-c", printer, "sh", *words)
    assert result.stdout.split(b"\0")[:-1] == words


def test_folder_umask_and_limits_are_the_callers(user: User) -> None:
    probe = "pwd; umask; ulimit -a; nice; ps -o pgid= -o sid= -p $$"
    script = 'umask 027; ulimit -n 500; nice -n 5 "$@"'
    direct = ["sh", "-c", script, "sh", "sh", "-c", probe]
    wrapped = ["sh", "-c", script, "sh", *PROGRAM, *JOB, "sh", "-c", probe]
    outputs = [
        subprocess.run(
            program, env=user.environ, cwd=user.home, capture_output=True, timeout=30
        ).stdout
        for program in (direct, wrapped)
    ]
    assert outputs[0] == outputs[1]


def test_process_group_and_session_are_the_callers(user: User) -> None:
    result = user.job("cat", "/proc/self/stat")
    fields = result.stdout.rpartition(b")")[2].split()
    assert [int(fields[2]), int(fields[3])] == [os.getpgid(0), os.getsid(0)]


@pytest.mark.parametrize("name", ["run", "report", "show"])
def test_a_command_named_like_one_of_ours_runs(user: User, name: str) -> None:
    script = user.home / name
    script.write_text("#!/bin/sh\necho mine\n")
    script.chmod(0o755)
    user.environ["PATH"] = f"{user.home}:{user.environ['PATH']}"
    assert user.run("run", "--now", "-q", "--no-meter", name).stdout == b"mine\n"


# --- signals while running ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "QUIT", "USR1", "USR2"])
def test_a_signal_reaches_the_command_exactly_once(user: User, name: str) -> None:
    ready = user.home / "ready"
    script = (
        f"n=0; trap 'n=$((n+1))' {name}; touch {ready}; "
        "while [ $n = 0 ]; do sleep 0.05; done; sleep 0.2; echo $n; exit 7"
    )
    with user.start(*JOB, "sh", "-c", script) as process:
        wait_for(ready)
        process.send_signal(getattr(signal, f"SIG{name}"))
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == (b"1\n", 7)


def test_a_command_that_dies_of_the_forwarded_signal_is_gone(user: User) -> None:
    ready = user.home / "ready"
    with user.start(*JOB, "sh", "-c", f"echo $$; touch {ready}; exec sleep 60") as process:
        wait_for(ready)
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert not Path(f"/proc/{int(out)}").exists()


def test_an_ignored_sigchld_does_not_lose_the_status(user: User) -> None:
    program = ["sh", "-c", 'trap "" CHLD; exec "$@"', "sh", *PROGRAM, *JOB, "sh", "-c", "exit 9"]
    assert subprocess.run(program, env=user.environ, timeout=30).returncode == 9


def test_under_nohup_a_hangup_stays_ignored(user: User) -> None:
    ready = user.home / "ready"
    script = f"touch {ready}; sleep 0.5; exit 6"
    program = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *PROGRAM, *JOB, "sh", "-c", script]
    with subprocess.Popen(program, env=user.environ) as process:
        wait_for(ready)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=30) == 6


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.06, 0.09, 0.12, 0.15, 0.2, 0.25])
def test_a_signal_at_any_time_leaves_no_stray_command(user: User, delay_s: float) -> None:
    with user.start(*JOB, "sleep", "31.4159") as process:
        time.sleep(delay_s)
        process.terminate()
        assert process.wait(timeout=20) == -signal.SIGTERM
    arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _ours(path)]
    assert b"sleep\x0031.4159\x00" not in arguments


def _ours(path: Path) -> bool:
    try:
        return path.read_bytes().startswith(b"sleep\x0031.4159")
    except OSError:
        return False


def test_the_job_goes_on_when_the_wrapper_is_killed(user: User) -> None:
    ready, done = user.home / "ready", user.home / "done"
    script = f"touch {ready}; sleep 0.5; touch {done}"
    with user.start(*JOB, "sh", "-c", script) as process:
        wait_for(ready)
        process.kill()
    wait_for(done)
