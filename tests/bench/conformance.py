"""The conformance suite in full, with every Python there is, on a quiet machine and on a busy one.

Each Python gets an environment of its own with carbonwait installed in it. The peers go through
the 44 checks that are not about waiting, once. The trap: what fails on a busy machine alone is
more often the test than the wrapper, so a failure is printed with its name.
"""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import options

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
GROUPS = "ABCDEFG"
# Ends by itself, should this script be killed.
LOOP = "import signal; signal.alarm(7200)\nwhile True: pass"
USABLE = "import ensurepip, sqlite3, sys, venv; print('%d.%d' % sys.version_info[:2])"

Verdicts = dict[str, bool]


def find_python(version: str) -> str | None:
    """A Python of this version that can make an environment."""
    name = f"python{version}"
    places = [*Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}")]
    places += [Path(folder, name) for folder in os.get_exec_path()]
    for place in [Path(sys.executable), *places]:
        answer = (
            subprocess.run([place, "-c", USABLE], capture_output=True) if place.exists() else None
        )
        if answer is not None and answer.stdout.decode().strip() == version:
            return str(place)
    return None


def environment(python: str, folder: Path) -> Path | None:
    """The folder of programs of a fresh environment; None if something cannot be installed."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    programs = folder / "bin"
    words = [str(programs / "pip"), "install", "-qq", str(ROOT), "pytest", "pexpect"]
    return programs if subprocess.run(words).returncode == 0 else None


@contextmanager
def both_cores_busy() -> Iterator[None]:
    """Two processes that do nothing but compute."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def suite(programs: Path, *, full: bool = True, peer: str = "") -> dict[str, Verdicts]:
    """Run the suite; whether each check held, by wrapper. Failures are printed."""
    environ = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environ |= {"CONFORMANCE_FULL": "1"} if full else {}
    environ |= {"CONFORMANCE_PEER": peer, "CONFORMANCE_PATIENCE_S": "15"} if peer else {}
    verdicts: dict[str, Verdicts] = defaultdict(dict)
    with TemporaryDirectory(prefix="carbonwait-conformance-") as folder:
        report = Path(folder, "report.xml")
        words = [str(programs / "python"), "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        words += ["tests/conformance", f"--junitxml={report}", f"--basetemp={folder}/tests"]
        subprocess.run(words, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
        cases = list(ET.parse(report).iter("testcase"))
    for case in cases:
        name = case.get("name", "")
        found = re.search(r"^test_([a-g]\d\d)_|[\[-]([A-G]\d\d)-", name)
        if found is None or case.find("skipped") is not None:
            continue
        check = str(found[1] or found[2]).upper()
        nice = re.search(r"[\[-]nice[\]-]", name) is not None
        held = case.find("failure") is None and case.find("error") is None
        of = verdicts[peer or ("nice" if nice else "carbonwait")]
        of[check] = of.get(check, True) and held
        if not held and not peer:
            print(f"    failed: {name}")
    return verdicts


def show(title: str, verdicts: Verdicts) -> None:
    """One line of the table: checks that held, by group and in all."""
    cells = []
    for group in (*GROUPS, ""):
        held = [verdicts[check] for check in verdicts if check.startswith(group)]
        cells.append(f"{sum(held)}/{len(held)}" if held else "-")
    failed = " ".join(sorted(check for check in verdicts if not verdicts[check]))
    print(f"{title:42}" + "".join(f"{cell:>7}" for cell in cells) + f"   {failed}", flush=True)


def peers(programs: Path) -> Iterator[tuple[str, str]]:
    """Names and command lines of the other wrappers that are here."""
    for name, words in (("timeout", "timeout 60"), ("env", "env")):
        if shutil.which(name):
            yield name, words
    codecarbon = programs / "codecarbon"
    if codecarbon.exists():
        yield "codecarbon", f"{codecarbon} monitor --offline --country-iso-code GBR --"


def try_python(version: str, times: int, conditions: Sequence[str], with_peers: bool) -> None:
    """All runs of the suite with one Python."""
    python = find_python(version)
    if python is None:
        print(f"Python {version}: not available")
        return
    with TemporaryDirectory(prefix="carbonwait-conformance-") as folder:
        programs = environment(python, Path(folder, "env"))
        if programs is None:
            print(f"Python {version}: the dependencies cannot be installed")
            return
        for condition in conditions:
            for number in range(1, times + 1):
                if condition == "busy":
                    with both_cores_busy():
                        verdicts = suite(programs)
                else:
                    verdicts = suite(programs)
                for name, of in sorted(verdicts.items()):
                    show(f"{name}, Python {version}, {condition} {number}", of)
        if with_peers:
            for name, words in peers(programs):
                # Two seconds a run are too many for 256 statuses.
                show(name, suite(programs, full=name != "codecarbon", peer=words)[words])


def main() -> None:
    """Try every Python."""
    parser = options(__doc__, runs=3)
    parser.add_argument("--python", nargs="+", default=PYTHONS, help="versions to try")
    parser.add_argument("--only", choices=["alone", "busy"], help="one of the two conditions")
    parser.add_argument("--no-peers", action="store_true", help="carbonwait and nice alone")
    given = parser.parse_args()
    conditions = [given.only] if given.only else ["alone", "busy"]
    print(f"{os.cpu_count()} CPUs, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}")
    print(" " * 42 + "".join(f"{group:>7}" for group in (*GROUPS, "all")), flush=True)
    for version in given.python:
        first = version == given.python[0]
        try_python(version, given.runs, conditions, first and not given.no_peers)


if __name__ == "__main__":
    main()
