import os
from pathlib import Path

import pytest

from carbonwait.metering.probe import counters_in, surroundings

NOBODY = 65534


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    package = tmp_path / "devices" / "intel-rapl:0"
    package.mkdir(parents=True)
    (package / "energy_uj").write_text("1\n")
    folder = tmp_path / "powercap"
    folder.mkdir()
    (folder / "intel-rapl:0").symlink_to(package)
    return folder


def as_another_user(powercap: Path) -> str:
    """What somebody finds who is not root."""
    reader, writer = os.pipe()
    os.chdir(powercap)  # Nobody else may enter the folders above.
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            os.setuid(NOBODY)
        os.write(writer, counters_in(Path()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    found = os.read(reader, 64).decode()
    os.close(reader)
    os.close(writer)
    return found


def test_counters_that_can_be_read_are_found(powercap: Path) -> None:
    assert counters_in(powercap) == "readable"


def test_counters_of_root_alone_are_unreadable(
    powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(powercap)
    real = powercap / "intel-rapl:0"
    target = real.resolve()
    real.unlink()
    target.rename(real)
    powercap.chmod(0o755)
    (real / "energy_uj").chmod(0o400 if os.getuid() == 0 else 0o000)
    assert as_another_user(powercap) == "unreadable"


def test_links_to_nowhere_are_hidden_by_a_container(powercap: Path) -> None:
    (powercap / "intel-rapl:0").resolve().rename(powercap.parent / "masked")
    assert counters_in(powercap) == "hidden"


def test_a_machine_without_counters_has_none(tmp_path: Path) -> None:
    assert counters_in(tmp_path / "powercap") == "absent"


def test_programs_are_looked_for_on_the_path_that_was_given(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = [surroundings({"PATH": path}).nvidia_smi for path in (str(tmp_path), "/nowhere")]
    assert found == [True, False]
