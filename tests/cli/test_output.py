"""Nothing that somebody else wrote steers the terminal that it is shown on."""

import ast
import io
import os
import pty
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from grid_server import Answer, GridServer
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text
from sample_runs import NOON, finished
from users import PROGRAM, User

import carbonwait.cli
from carbonwait.cli.output import printable
from carbonwait.cli.screen import Screen
from carbonwait.core.records import Decision
from carbonwait.ledger.store import Ledger

# Colours, a title, a bell, a cleared screen in one byte, a text turned round, a line overwritten.
HOSTILE = "[red]\x1b[31m\x1b]0;title\x07\x9b2J\u202e\r\x08:smile:[/red]"
FORBIDDEN = ["\x1b[31m", "\x1b]", "\x07", "\x9b", "\u202e", "\x08"]


def harmless(shown: str) -> bool:
    return not any(sequence in shown for sequence in FORBIDDEN)


@given(st.text())
def test_every_character_is_shown_or_escaped(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_what_can_be_shown_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_control_character_is_shown_as_its_escape() -> None:
    assert printable("a\x1b[31mb\udcff") == r"a\x1b[31mb\udcff"


def test_a_screen_shows_texts_as_they_are() -> None:
    table = Table("[bold]job", box=None)
    table.add_row(HOSTILE)
    file = io.StringIO()
    screen = Screen(file, width=200)
    screen.print(table)
    screen.print(HOSTILE)
    screen.print(Text(HOSTILE))
    shown = file.getvalue()
    assert harmless(shown)
    assert (shown.count("[red]"), shown.count(":smile:"), shown.count("[bold]")) == (3, 3, 1)


def test_only_the_output_module_writes_to_the_streams() -> None:
    writers = {
        path.name
        for path in Path(*carbonwait.cli.__path__).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and writes(ast.unparse(node.func))
    }
    assert writers == {"output.py"}


def writes(function: str) -> bool:
    names = {"print", "Console", "rich.print", "typer.secho"}
    return function in names or function.endswith(("stdout.write", "stderr.write"))


def on_a_terminal(user: User, *arguments: str) -> str:
    """What a command writes to a terminal, as the terminal gets it."""
    ours, theirs = pty.openpty()
    with user.start(*arguments, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            while True:
                try:
                    chunk = terminal.read(65536)
                except OSError:  # how Linux tells that the other end is closed
                    break
                if not chunk:
                    break
                shown += chunk
    assert process.returncode in {0, 1, 2, 127}
    return shown.decode()


@pytest.mark.parametrize(
    "words", [["runs"], ["show", "a1"], ["report"], ["report", "--by", "zone"]], ids=" ".join
)
def test_a_hostile_record_is_harmless_on_a_terminal(user: User, words: list[str]) -> None:
    user.environ |= {"TERM": "xterm-256color", "COLUMNS": "400"}
    with Ledger.open(user.ledger) as ledger:
        texts = ("name", "command", "zone", "zone_source", "provider", "term_signal", "gpus")
        ledger.save(finished("a1", **dict.fromkeys(texts, HOSTILE)))
        ledger.add_decision("a1", Decision(NOON, NOON, "live", None, HOSTILE))
    shown = on_a_terminal(user, *words)
    assert harmless(shown)
    assert "[red]" in shown


def test_what_a_provider_answers_is_harmless(user: User, grid_server: GridServer) -> None:
    hostile = {"error": {"code": HOSTILE, "message": HOSTILE}, "message": HOSTILE}
    grid_server.answer(Answer.of(hostile, status=400))
    user.configure(f'zone = "GB"\n[providers.neso]\nbase_url = "{grid_server.url}"\n')
    for words in (["plan"], ["forecast"], ["doctor"], ["run", "-v", "--deadline", "1s", "true"]):
        assert harmless(on_a_terminal(user, *words))


@pytest.mark.parametrize(
    "words",
    [
        ["run", f"/no/{HOSTILE}"],
        ["run", f"--{HOSTILE}", "true"],
        ["run", "--zone", HOSTILE, "true"],
        ["plan", "--provider", HOSTILE],
        ["plan", "--name", HOSTILE, "--deadline", "1h"],
        ["run", "--now", "-v", "--name", HOSTILE, "true"],
        ["show", HOSTILE],
        ["report", "--by", HOSTILE],
        [HOSTILE],
    ],
    ids=ascii,
)
def test_what_was_typed_is_harmless(user: User, words: list[str]) -> None:
    assert harmless(on_a_terminal(user, *words))


def test_a_hostile_config_is_harmless(user: User) -> None:
    user.configure(f'zone = "{HOSTILE}"\n')
    for words in (["config", "show"], ["config", "check"], ["plan"]):
        assert harmless(on_a_terminal(user, *words))


def test_a_folder_of_a_hostile_name_is_harmless(user: User) -> None:
    folder = user.home / HOSTILE.replace("/", "")
    folder.mkdir()
    user.environ["CARBONWAIT_LEDGER"] = str(folder)
    user.environ["CARBONWAIT_CACHE"] = str(folder)
    for words in (["runs"], ["doctor"], ["run", "--now", "true"]):
        assert harmless(on_a_terminal(user, *words))


def test_a_pipe_gets_no_control_characters_either(user: User) -> None:
    with Ledger.open(user.ledger) as ledger:
        ledger.save(finished("a1", name=HOSTILE))
    shown = subprocess.run([*PROGRAM, "runs"], env=user.environ, capture_output=True).stdout
    assert b"\x1b" not in shown
