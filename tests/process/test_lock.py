"""Locks between real processes, and the files that they are."""

import fcntl
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.errors import LockUnavailable
from carbonwait.process.lock import file_name, is_held, take

HOLD = """
import os, sys
from pathlib import Path
from carbonwait.process.lock import take
taken = take(Path(sys.argv[1]), sys.argv[2])
if sys.argv[3:]:
    os.posix_spawnp("sleep", ["sleep", "60"], os.environ)
print(taken, flush=True)
sys.stdin.read()
"""


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


class Holder:
    """A process that tries to take a lock and lives until it is ended."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), name, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.took = self.process.stdout.readline() == "True\n"

    def end(self) -> None:
        with self.process:
            self.process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def holder(folder: Path) -> Iterator[Holder]:
    one = Holder(folder, "backup")
    assert one.took
    yield one
    one.end()


# --- between processes --------------------------------------------------------------------------


def test_a_second_one_does_not_get_it(holder: Holder, folder: Path) -> None:
    assert not take(folder, "backup")


def test_another_name_is_another_lock(holder: Holder, folder: Path) -> None:
    assert take(folder, "Backup")


def test_another_folder_is_another_lock(holder: Holder, tmp_path: Path) -> None:
    assert take(tmp_path / "others", "backup")


def test_a_holder_that_is_killed_gives_it_back(holder: Holder, folder: Path) -> None:
    holder.end()
    assert take(folder, "backup")


def test_what_the_holder_has_executed_does_not_keep_it(folder: Path) -> None:
    parent = Holder(folder, "backup", "and leave a child")
    (child,) = (
        Path(f"/proc/{parent.process.pid}/task/{parent.process.pid}/children").read_text().split()
    )
    parent.end()
    try:
        os.kill(int(child), 0)
        assert take(folder, "backup")
    finally:
        os.kill(int(child), 9)


def test_looking_tells_whether_it_is_held(holder: Holder, folder: Path) -> None:
    assert is_held(folder, "backup")
    holder.end()
    assert not is_held(folder, "backup")


def test_looking_makes_nothing(folder: Path) -> None:
    assert not is_held(folder, "backup")
    assert not folder.exists()


def test_somebody_who_looks_does_not_keep_it_from_another(holder: Holder, folder: Path) -> None:
    holder.end()
    descriptor = os.open(folder / file_name("backup"), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    look = threading.Timer(0.03, os.close, [descriptor])
    look.start()
    assert not is_held(folder, "backup")
    assert take(folder, "backup")
    look.join()


# --- its file -----------------------------------------------------------------------------------


def test_only_its_owner_may_open_folder_and_file(folder: Path) -> None:
    old = os.umask(0)
    try:
        take(folder / "deeper", "backup")
    finally:
        os.umask(old)
    made = [folder, folder / "deeper", folder / "deeper" / file_name("backup")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o700, 0o600]


def test_a_home_that_does_not_exist_is_not_made_up(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(LockUnavailable, match="does not exist"):
        take(home / ".local" / "share" / "carbonwait" / "ledger.db.locks", "backup")
    assert not home.exists()


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    target = tmp_path / "target"
    (folder / file_name("backup")).symlink_to(target)
    with pytest.raises(LockUnavailable):
        take(folder, "backup")
    assert not target.exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
@pytest.mark.parametrize("act", [take, is_held])
def test_what_is_no_file_is_no_lock(folder: Path, make: object, act: object) -> None:
    folder.mkdir()
    make(folder / file_name("backup"))  # type: ignore[operator]
    with pytest.raises(LockUnavailable, match="backup"):
        act(folder, "backup")  # type: ignore[operator]


def test_a_folder_that_cannot_be_made_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        LockUnavailable, match=rf"--lock 'a/b' cannot be taken in {tmp_path}/file/x: .*; "
    ):
        take(tmp_path / "file" / "x", "a/b")


def test_no_descriptor_is_left_where_it_was_not_taken(holder: Holder, folder: Path) -> None:
    before = descriptors()
    take(folder, "backup")
    is_held(folder, "backup")
    assert descriptors() == before


# --- its name -----------------------------------------------------------------------------------

NAMES = st.one_of(
    st.text(max_size=300),
    st.text("/.\0 aA", min_size=1, max_size=5),
    # What an argument that is no UTF-8 comes in as.
    st.binary(max_size=20).map(os.fsdecode),
)


@given(NAMES)
def test_any_name_stays_within_its_folder(name: str) -> None:
    path = Path("/locks") / file_name(name)
    assert path.parent == Path("/locks")
    assert path.name.isascii()
    assert not path.name.startswith(".")


@given(NAMES)
def test_any_name_is_short_enough_for_a_file(name: str) -> None:
    assert len(file_name(name)) <= 100


@given(NAMES, NAMES)
def test_two_names_never_share_a_file_even_where_case_is_ignored(one: str, other: str) -> None:
    assert (file_name(one).lower() == file_name(other).lower()) == (one == other)


def test_the_file_shows_what_is_readable_of_the_name() -> None:
    assert file_name("GPU 0/nightly").startswith("GPU_0_nightly-")
