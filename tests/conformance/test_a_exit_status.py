"""A: the wrapper ends as the command does, and as others do where there is no command."""

import signal

import pytest
from users import User
from wrappers import FULL, METERED, Wrapper, metering_is_no_matter

STATUSES = (0, 1, 2, 3, 7, 42, 63, 64, 75, 124, 125, 126, 127, 128, 129, 130, 143, 255)


@pytest.mark.parametrize("status", range(256) if FULL else STATUSES)
@metering_is_no_matter
def test_a01_the_status_is_the_commands(wrapper: Wrapper, status: int) -> None:
    assert wrapper.run("sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("status", [0, 7, 255])
def test_a01_metering_does_not_touch_the_status(user: User, status: int) -> None:
    result = Wrapper(user, *METERED).run("sh", "-c", f"exit {status}")
    assert result.returncode == status


@pytest.mark.parametrize("name", ["A02-TERM", "A03-KILL", "A03-SEGV", "A03-PIPE"])
def test_a_death_by_a_signal_is_a_death_by_that_signal(wrapper: Wrapper, name: str) -> None:
    result = wrapper.run("sh", "-c", f"ulimit -c 0; kill -{name[4:]} $$")
    assert result.returncode == -getattr(signal, f"SIG{name[4:]}")


@pytest.mark.parametrize("command", ["/no/such", "no-such-cmd"])
@metering_is_no_matter
def test_a04_a_missing_command_is_127(wrapper: Wrapper, command: str) -> None:
    result = wrapper.run(command)
    assert (result.returncode, result.stdout) == (127, b"")
    assert result.stderr.count(b"\n") == 1


@metering_is_no_matter
def test_a05_a_file_that_is_not_executable_is_126(wrapper: Wrapper, user: User) -> None:
    file = user.home / "plain"
    file.write_text("true\n")
    file.chmod(0o644)
    result = wrapper.run(str(file))
    assert (result.returncode, result.stdout) == (126, b"")


@metering_is_no_matter
def test_a05_a_folder_is_126(wrapper: Wrapper, user: User) -> None:
    result = wrapper.run(str(user.home))
    assert (result.returncode, result.stdout) == (126, b"")


@metering_is_no_matter
def test_a06_a_script_without_an_interpreter_line_runs_under_sh(
    wrapper: Wrapper, user: User
) -> None:
    script = user.home / "script"
    script.write_text("echo shell $1; exit 4\n")
    script.chmod(0o755)
    result = wrapper.run(str(script), "word")
    assert (result.returncode, result.stdout, result.stderr) == (4, b"shell word\n", b"")


@metering_is_no_matter
def test_a07_a_missing_interpreter_is_told(wrapper: Wrapper, user: User) -> None:
    script = user.home / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    result = wrapper.run(str(script))
    assert result.returncode in {126, 127}
    assert (result.stdout, result.stderr.count(b"\n")) == (b"", 1)


@metering_is_no_matter
def test_a08_no_command_is_a_usage_error(wrapper: Wrapper) -> None:
    result = wrapper.run()
    assert result.returncode in {2, 125}
    assert result.stdout == b""
    assert result.stderr
