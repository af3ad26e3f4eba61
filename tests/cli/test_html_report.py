"""The report as a page: well formed, sufficient in itself, and harmless."""

import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sample_runs import finished
from users import User

from carbonwait.ledger.store import Ledger

NASTY = "<script>document.title='gotcha'</script>&\"' \x1b[31m \udcff"
VOID = {"meta", "br", "hr"}
BROWSER = shutil.which("chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of jobs over three weeks, one of them with a name that is made to do harm."""
    user = User(tmp_path_factory.mktemp("home"))
    now = time.time()
    with Ledger.open(user.ledger) as ledger:
        for day in range(20):
            start = now - day * 86400.0 - 3600
            name = NASTY if day % 3 else "make"
            one = finished(f"r{day:02}", name=name, submitted=start, started=start)
            one.ended, one.deadline = start + 600, start + 3600
            one.signal_kind = "marginal" if day == 5 else "average"
            ledger.save(one)
    path = user.home / "report.html"
    result = user.run("report", "--html", str(path))
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    return path


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


class Balance(HTMLParser):
    """Every element that was opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_every_element_is_closed_in_order(text: str) -> None:
    balance = Balance()
    balance.feed(text)
    balance.close()
    assert balance.open == []
    assert {"svg", "rect", "table", "title"} <= balance.seen


def test_a_name_is_text_and_nothing_else(text: str) -> None:
    balance = Balance()
    balance.feed(text)
    assert "script" not in balance.seen
    assert "&lt;script&gt;" in text


def test_it_asks_nobody_for_anything(text: str) -> None:
    assert re.findall(r"(?i)\ssrc=|href=|url\(|@import|https?:", text) == []


def test_its_policy_forbids_scripts(text: str) -> None:
    assert "default-src 'none'" in text


def test_the_charts_are_sound_svg(text: str) -> None:
    charts = re.findall(r"(?s)<svg .*?</svg>", text)
    assert len(charts) == 3
    for chart in charts:
        for rect in ET.fromstring(chart).iter("rect"):
            assert float(rect.attrib["height"]) >= 0
            assert 0 < float(rect.attrib["width"]) <= 960


@pytest.mark.parametrize("media", ["prefers-color-scheme: dark", "@media print"])
def test_it_has_a_look_for(text: str, media: str) -> None:
    assert media in text


def test_the_marginal_signal_stands_apart(text: str) -> None:
    before, _, after = text.partition("<h2>Marginal signal</h2>")
    assert "<b>19</b>" in before
    assert "<b>1</b>" in after


def test_a_page_of_nothing_is_a_page(user: User) -> None:
    path = user.home / "report.html"
    assert user.run("report", "--html", str(path)).returncode == 0
    balance = Balance()
    balance.feed(path.read_text())
    assert balance.open == []


def test_a_year_of_days_is_drawn_by_week(user: User) -> None:
    now = time.time()
    with Ledger.open(user.ledger) as ledger:
        for day in range(0, 365, 3):
            start = now - day * 86400.0 - 3600
            ledger.save(finished(f"r{day:03}", submitted=start, started=start, ended=start + 9))
    path = user.home / "report.html"
    assert user.run("report", "--since", "all", "--html", str(path)).returncode == 0
    columns = path.read_text().count("<g><title>")
    assert 52 <= columns <= 54


@pytest.fixture(scope="module")
def browsed(page: Path) -> "subprocess.CompletedProcess[bytes]":
    """A real browser's visit to the page, its console on stderr."""
    if BROWSER is None:
        pytest.skip("chromium is not installed; it is too heavy to insist on")
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --enable-logging=stderr"
    ).split()
    profile = f"--user-data-dir={page.parent / 'profile'}"
    return subprocess.run(
        [BROWSER, *flags, profile, "--dump-dom", page.as_uri()],
        capture_output=True,
        timeout=120,
        check=True,
    )


@pytest.fixture(scope="module")
def shown(browsed: "subprocess.CompletedProcess[bytes]") -> str:
    """What the browser made of the page."""
    return browsed.stdout.decode()


def test_a_browser_has_nothing_to_complain_of(
    browsed: "subprocess.CompletedProcess[bytes]",
) -> None:
    assert b"CONSOLE" not in browsed.stderr


def test_a_browser_runs_no_name(shown: str) -> None:
    assert "<title>carbonwait report</title>" in shown
    assert "<script" not in shown


def test_a_browser_finds_every_element_that_was_written(shown: str, text: str) -> None:
    for tag in ("<rect", "<tr>", "<section", "<li>"):
        assert shown.count(tag) == text.count(tag)
