"""How long does it take to load one zone's typical days?

The first look within a process: the file is read and unpacked. Each one is made in a fresh
process, which times it itself, so that no interpreter is counted.
"""

import subprocess
import sys

import measure

_FIRST_LOOK = """
import time
begun = time.perf_counter()
from carbonwait.grid.typical import typical_series
imported = time.perf_counter()
slots = len(typical_series("GB", 1_800_000_000.0, 1_800_000_000.0 + {days} * 86400.0))
print(imported - begun, time.perf_counter() - imported, slots)
"""


def main() -> None:
    """Measure and print."""
    parser = measure.options(__doc__, runs=15)
    parser.add_argument("--days", type=int, default=4, help="days asked for [4]")
    arguments = parser.parse_args()
    measure.print_machine()
    found: dict[str, list[float]] = {"the import": [], f"{arguments.days} days of GB": []}
    for _ in range(arguments.runs):
        for figures, figure in zip(found.values(), one_ms(arguments.days), strict=True):
            figures.append(figure)
    measure.show("Typical days of one zone", found, "ms", 2)


def one_ms(days: int) -> tuple[float, float]:
    """The import and the first look, in milliseconds."""
    code = _FIRST_LOOK.format(days=days)
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    import_s, look_s, slots = ended.stdout.split()
    if int(slots) != 24 * days:
        raise SystemExit(f"{int(slots)} hours instead of {24 * days}")
    return 1000 * float(import_s), 1000 * float(look_s)


if __name__ == "__main__":
    main()
