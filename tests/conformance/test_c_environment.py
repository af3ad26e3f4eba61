"""C: the command finds the environment, arguments and attributes of a direct run."""

import os

import pytest
from users import User
from wrappers import Wrapper, metering_is_no_matter


def environments(wrapper: Wrapper, direct: Wrapper) -> tuple[bytes, bytes]:
    """What the command sees, and what it sees by itself."""
    wrapped, plain = (w.run("env", "-0").stdout for w in (wrapper, direct))
    return wrapped, plain


def test_c01_the_environment_is_identical(wrapper: Wrapper, direct: Wrapper) -> None:
    wrapper.user.environ |= {"LANG": "en_GB.UTF-8", "EMPTY": "", "A": "two\nlines=x"}
    wrapped, plain = environments(wrapper, direct)
    assert wrapped == plain


@pytest.mark.parametrize("more", [{}, {"LANG": "C", "X": os.fsdecode(b"\xff\xfe")}])
def test_c02_a_bare_environment_is_identical(
    wrapper: Wrapper, direct: Wrapper, more: dict[str, str]
) -> None:
    # What is kept says where the ledger is: the user's own is not for tests.
    kept = {n: v for n, v in wrapper.user.environ.items() if n.startswith("CARBONWAIT_")}
    wrapper.user.environ = kept | {"PATH": "/usr/bin:/bin"} | more
    wrapped, plain = environments(wrapper, direct)
    assert wrapped == plain


@metering_is_no_matter
def test_c03_arguments_are_passed_byte_for_byte(wrapper: Wrapper) -> None:
    words = b"\xff\xfe||a\nb|*|--help|-q|--|--wait|--now|$HOME".split(b"|")
    printer = r"""for w in "$@"; do printf "%s\0" "$w"; done"""
    result = wrapper.run("sh", "-c", printer, "sh", *words)
    assert result.stdout.split(b"\0")[:-1] == words


@metering_is_no_matter
def test_c04_folder_umask_limits_and_niceness_are_the_callers(
    wrapper: Wrapper, direct: Wrapper
) -> None:
    probe = ("sh", "-c", "pwd; umask; ulimit -a; nice")
    caller = 'umask 027; ulimit -n 500; ulimit -c 0; nice -n 5 "$@"'
    wrapped, plain = (w.run(*probe, script=caller).stdout for w in (wrapper, direct))
    assert wrapped.endswith(b"\n5\n")
    assert wrapped == plain


@metering_is_no_matter
def test_c05_process_group_and_session_are_the_callers(wrapper: Wrapper) -> None:
    stat = wrapper.run("cat", "/proc/self/stat").stdout
    group, session = stat.rpartition(b")")[2].split()[2:4]
    assert (int(group), int(session)) == (os.getpgid(0), os.getsid(0))


@pytest.mark.parametrize("name", ["monitor", "run", "report"])
@metering_is_no_matter
def test_c06_a_command_named_like_a_subcommand_runs(
    wrapper: Wrapper, user: User, name: str
) -> None:
    script = user.home / name
    script.write_text("#!/bin/sh\necho mine\n")
    script.chmod(0o755)
    user.environ["PATH"] = f"{user.home}:{user.environ['PATH']}"
    assert wrapper.run(name).stdout == b"mine\n"


def test_c06_such_a_command_runs_without_a_double_dash_as_well(user: User) -> None:
    script = user.home / "report"
    script.write_text("#!/bin/sh\necho mine\n")
    script.chmod(0o755)
    user.environ["PATH"] = f"{user.home}:{user.environ['PATH']}"
    assert user.run("run", "--now", "-q", "--no-meter", "report").stdout == b"mine\n"
