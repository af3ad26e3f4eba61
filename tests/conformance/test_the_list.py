"""The list itself: all 62 checks are here, and the 44 that are not about waiting run over nice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GROUPS = {"A": 8, "B": 10, "C": 6, "D": 10, "E": 9, "F": 12, "G": 7}
CHECKS = {f"{group}{n:02}" for group, count in GROUPS.items() for n in range(1, count + 1)}
# Only for a wrapper that waits and records.
OWN = {check for check in CHECKS if check[0] == "F" or check in {f"G{n:02}" for n in range(2, 8)}}


def check_of(test: str) -> str | None:
    """`A02` for `test_a02_...` and for `test_...[nice-A02-TERM]`, None for a test like these."""
    found = re.search(r"::test_([a-g]\d\d)_|[\[-]([A-G]\d\d)-", test)
    return str(found[1] or found[2]).upper() if found else None


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """The names of all tests in this folder."""
    folder = str(Path(__file__).parent)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", folder],
        capture_output=True,
        text=True,
        timeout=120,
        env={n: v for n, v in os.environ.items() if not n.startswith("CONFORMANCE_")},
    )
    assert result.returncode == 0, result.stdout
    return [name for name in result.stdout.splitlines() if "::" in name]


def test_all_62_checks_are_here_and_no_other(collected: list[str]) -> None:
    found = {check_of(name) for name in collected if "test_the_list" not in name}
    assert len(CHECKS) == 62
    assert found == CHECKS


@pytest.mark.parametrize("wrapper", ["nice", "unmetered"])
def test_the_44_checks_without_a_wait_run_over(wrapper: str, collected: list[str]) -> None:
    over = [name for name in collected if re.search(rf"[\[-]{wrapper}[\]-]", name)]
    found = {check_of(name) for name in over if "test_the_list" not in name}
    assert len(CHECKS - OWN) == 44
    assert found == CHECKS - OWN
