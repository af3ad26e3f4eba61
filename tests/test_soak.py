"""A minute of random signals and faults; `tests/bench/soak.py` does it for ten."""

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parent / "bench" / "soak.py"


def test_a_minute_of_random_signals_and_faults_hangs_loses_and_leaves_nothing() -> None:
    command = [sys.executable, "-P", str(SOAK), "--minutes", "1", "--runs", "40", "--seed", "7"]
    soaked = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert soaked.returncode == 0, soaked.stdout + soaked.stderr
