"""Who may import whom: a file imports from its own folder and from the floors below."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

SPEC = find_spec("carbonwait")
assert SPEC is not None
assert SPEC.origin is not None
PACKAGE = Path(SPEC.origin).parent

EDGES = frozenset({"grid", "metering", "ledger", "process", "places", "sinks", "settings"})
ALLOWED: dict[str, frozenset[str]] = {
    "core": frozenset({"core"}),
    **{edge: frozenset({edge, "core", "version"}) for edge in EDGES},
    "stories": EDGES | {"stories", "core", "version"},
    "cli": EDGES | {"cli", "stories", "core", "version"},
    "__main__": frozenset({"cli", "version"}),
    "__init__": frozenset(),
    "data": frozenset(),
}

# No clock, no files, no network, no environment, no chance, no other process.
KEPT_OUT_OF_CORE = frozenset(
    "asyncio builtins codecarbon ctypes fcntl fileinput getpass glob http httpx importlib "
    "inspect io linecache locale logging mmap multiprocessing os pathlib pkgutil platform "
    "platformdirs pwd random requests resource rich runpy sched secrets select selectors shelve "
    "shutil signal site socket sqlite3 ssl subprocess sys tempfile threading time tkinter tomllib "
    "typer urllib uuid webbrowser zipfile zoneinfo".split()
)
CALLS_KEPT_OUT_OF_CORE = frozenset(
    "open input print breakpoint exec eval compile __import__ "
    "datetime.now datetime.today datetime.utcnow date.today "
    "time.time time.time_ns time.monotonic time.perf_counter time.localtime time.sleep".split()
)

FILES = sorted(PACKAGE.rglob("*.py"))
CORE = [file for file in FILES if file.relative_to(PACKAGE).parts[0] == "core"]


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: Path) -> str:
    """The folder of a file, or the name of one that stands beside the folders."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def dotted(node: ast.expr) -> str:
    """`a.b.c` for such an expression, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def imports_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of all that is imported anywhere in a file, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports by a relative name"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("import_module"):
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            yield from ((node.lineno, str(word)) for word in words)


def rooms_imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and room of each import from within the package; the version is a room of its own."""
    for line, name in imports_of(parsed(file)):
        package, _, rest = name.partition(".")
        if package == "carbonwait":
            room = rest.partition(".")[0]
            yield line, "version" if room in {"", "__version__"} else room


# --- the floors ---------------------------------------------------------------------------------


def test_every_folder_is_on_a_floor() -> None:
    assert {room_of(file) for file in FILES} <= set(ALLOWED)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_only_from_its_own_folder_and_the_floors_below(file: Path) -> None:
    allowed = ALLOWED[room_of(file)]
    wrong = [f"line {line}: {room}" for line, room in rooms_imported(file) if room not in allowed]
    assert wrong == []


def test_only_the_entry_point_imports_the_command_line() -> None:
    importers = {
        name_of(file)
        for file in FILES
        if room_of(file) != "cli" and "cli" in {room for _, room in rooms_imported(file)}
    }
    assert importers == {"__main__.py"}


def test_the_data_folder_holds_no_code() -> None:
    assert [name_of(file) for file in FILES if room_of(file) == "data"] == []


# --- the core is pure ---------------------------------------------------------------------------


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_imports_nothing_that_reaches_outside(file: Path) -> None:
    # A file in memory is a string.
    names = {name for _, name in imports_of(parsed(file)) if name != "io.StringIO"}
    assert {name.partition(".")[0] for name in names} & KEPT_OUT_OF_CORE == set()


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_asks_no_clock_and_opens_nothing(file: Path) -> None:
    calls = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.Call)]
    wrong = [
        f"line {call.lineno}: {dotted(call.func)}()"
        for call in calls
        if dotted(call.func).removeprefix("datetime.") in CALLS_KEPT_OUT_OF_CORE
        or dotted(call.func) in CALLS_KEPT_OUT_OF_CORE
    ]
    assert wrong == []


@pytest.mark.parametrize("file", CORE, ids=name_of)
def test_the_core_never_means_the_machines_time_zone(file: Path) -> None:
    calls = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.Call)]
    least = {"astimezone": 1, "fromtimestamp": 2}
    wrong = [
        f"line {call.lineno}: {call.func.attr}() without a zone"
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and len(call.args) + len(call.keywords) < least.get(call.func.attr, 0)
    ]
    assert wrong == []


# --- the checks themselves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import carbonwait.cli.app", "carbonwait.cli.app"),
        ("from carbonwait import grid", "carbonwait.grid"),
        ("from carbonwait.core.series import Slot", "carbonwait.core.series.Slot"),
        ("def f():\n    import os", "os"),
        ("if True:\n    from time import time", "time.time"),
        ("import importlib\nimportlib.import_module('carbonwait.cli')", "carbonwait.cli"),
    ],
)
def test_an_import_is_found_wherever_it_stands(source: str, found: str) -> None:
    assert found in {name for _, name in imports_of(ast.parse(source))}
