"""B: not a byte more or less in any stream, and the descriptors and signals of a direct run."""

import os
import signal

import pytest
from users import User
from wrappers import Wrapper, line, metering_is_no_matter

SIGNALS = ["grep", "-E", "Sig(Blk|Ign|Cgt)", "/proc/self/status"]
# glibc keeps these for itself, and posix_spawn leaves them ignored, to no effect.
PRIVATE_TO_GLIBC = 0b11 << 31


def test_b01_every_byte_passes_and_none_is_added(wrapper: Wrapper, user: User) -> None:
    data = bytes(range(256)) * 4096
    file = user.home / "data"
    file.write_bytes(data)
    assert wrapper.run("cat", str(file)).stdout == data


def test_b02_stderr_is_the_commands_own(wrapper: Wrapper) -> None:
    result = wrapper.run("sh", "-c", r"printf 'a\n\000\377b' >&2")
    assert result.stderr == b"a\n\0\xffb"


def test_b03_stdin_arrives_with_its_end(wrapper: Wrapper) -> None:
    data = bytes(range(256)) * 1024
    assert wrapper.run("cat", stdin_bytes=data).stdout == data


def test_b04_stdin_is_left_to_those_who_come_after(wrapper: Wrapper) -> None:
    result = wrapper.run("true", script='"$@"; cat', stdin_bytes=b"the rest")
    assert result.stdout == b"the rest"


@metering_is_no_matter
def test_b05_closed_standard_streams_are_no_obstacle(wrapper: Wrapper) -> None:
    assert wrapper.run("sh", "-c", "exit 5", script='"$@" <&- >&- 2>&-').returncode == 5


@metering_is_no_matter
def test_b05_closed_standard_streams_are_closed_in_the_command(
    wrapper: Wrapper, direct: Wrapper
) -> None:
    probe = ("sh", "-c", "for f in 0 1 2; do [ -e /proc/self/fd/$f ] && exit $f; done; exit 5")
    statuses = [w.run(*probe, script='"$@" <&- >&- 2>&-').returncode for w in (direct, wrapper)]
    assert statuses[0] == statuses[1]


def signal_masks(text: bytes) -> dict[str, int]:
    masks = (row.split() for row in text.decode().splitlines())
    return {name: int(mask, 16) & ~PRIVATE_TO_GLIBC for name, mask in masks}


@pytest.mark.parametrize(
    "caller",
    [
        '"$@"',
        "trap '' HUP INT QUIT TERM USR1 USR2 ALRM TSTP; \"$@\"; exit $?",
        "trap '' PIPE XFSZ; \"$@\"; exit $?",
        'env --block-signal=INT,TERM,USR1,CHLD "$@"',
    ],
    ids=["plain", "ignoring", "ignoring-what-python-ignores", "blocking"],
)
def test_b06_blocked_and_ignored_signals_are_those_of_a_direct_run(
    wrapper: Wrapper, direct: Wrapper, caller: str
) -> None:
    wrapped, plain = (w.run(*SIGNALS, script=caller).stdout for w in (wrapper, direct))
    assert signal_masks(wrapped) == signal_masks(plain)


def test_b07_a_reader_that_goes_away_ends_the_command_quietly(wrapper: Wrapper) -> None:
    script = '{ "$@"; echo $? >&3; } 3>status | head -1'
    result = wrapper.run("yes", script=script)
    status = (wrapper.user.home / "status").read_text()
    assert (status, result.stdout, result.stderr) == ("141\n", b"y\n", b"")


def test_b08_open_descriptors_are_inherited_and_none_is_added(
    wrapper: Wrapper, direct: Wrapper
) -> None:
    (wrapper.user.home / "f").touch()
    script = 'exec 3<f; "$@"'
    wrapped, plain = (w.run("ls", "/proc/self/fd", script=script).stdout for w in (wrapper, direct))
    assert b"3" in wrapped.split()
    assert wrapped == plain


def test_b09_a_background_process_is_not_waited_for(wrapper: Wrapper) -> None:
    script = "sleep 30 >/dev/null 2>&1 & echo $!; exit 3"
    with wrapper.start("sh", "-c", script) as process:
        left_behind = int(line(process))
        status = process.wait(timeout=20)
        os.kill(left_behind, signal.SIGKILL)
    assert status == 3


@metering_is_no_matter
def test_b10_output_and_errors_into_one_file_keep_their_order(wrapper: Wrapper) -> None:
    script = "for i in 1 2 3; do echo o$i; echo e$i >&2; done"
    wrapper.run("sh", "-c", script, script='"$@" >both 2>&1')
    assert (wrapper.user.home / "both").read_bytes() == b"o1\ne1\no2\ne2\no3\ne3\n"
