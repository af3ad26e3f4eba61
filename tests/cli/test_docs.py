"""The manual page and the completions say what the program takes, no less and no more.

What there is comes from the command line itself, so that nothing can be forgotten here.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pexpect
import pytest
import typer
from users import installed, missing

from carbonwait import settings
from carbonwait.cli.app import app
from carbonwait.core import config
from carbonwait.core.chain import FORMATS
from carbonwait.core.config import STRATEGIES
from carbonwait.core.records import Rung
from carbonwait.grid.registry import NAMES
from carbonwait.grid.zones import known_zone
from carbonwait.stories.history import STATES
from carbonwait.stories.report import ATTRIBUTIONS, KEYS, SIGNALS

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "man" / "carbonwait.1"
BASH = ROOT / "completions" / "carbonwait.bash"
ZSH = ROOT / "completions" / "_carbonwait"
FISH = ROOT / "completions" / "carbonwait.fish"
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
PATIENCE_S = 20

Words = tuple[str, ...]
Offered = Callable[[str], set[str]]


def options_by_command() -> dict[Words, set[str]]:
    """Every command by its words, `()` being the program, and the options that it takes."""
    found: dict[Words, set[str]] = {}

    def walk(command: Any, words: Words, parent: Any) -> None:
        context = typer.Context(command, info_name="x", parent=parent, **command.context_settings)
        parameters = command.get_params(context)
        found[words] = {o for p in parameters for o in p.opts if o.startswith("-")}
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*words, name), context)

    walk(typer.main.get_command(app), (), None)
    return found


OPTIONS = options_by_command()
COMMANDS = [words for words in OPTIONS if words]
TOP = {words[0] for words in COMMANDS}
VALUES = {"--provider": set(NAMES), "--strategy": set(STRATEGIES), "--by": set(KEYS)}
VALUES |= {"--state": set(STATES), "--attribution": set(ATTRIBUTIONS), "--signal": set(SIGNALS)}
VALUES |= {"--format": set(FORMATS)}
TAKERS = [(words, option) for option in VALUES for words in OPTIONS if option in OPTIONS[words]]


def subcommands(words: Words) -> set[str]:
    return {other[-1] for other in OPTIONS if other[:-1] == words and other}


def test_the_walk_finds_commands_at_both_levels() -> None:
    assert {("run",), ("doctor",), ("config", "check")} <= set(OPTIONS)


# --- the manual page ----------------------------------------------------------------------------


def section(heading: str) -> str:
    """The source of one section, its subsections included."""
    found = re.search(rf"(?ms)^\.Sh {re.escape(heading)}$(.*?)(?=^\.Sh |\Z)", MANUAL.read_text())
    assert found, f"the manual page has no section {heading}"
    return found[1]


def documented_options() -> dict[str, set[str]]:
    """Options by the heading that they stand under."""
    found: dict[str, set[str]] = {}
    for part in re.split(r"(?m)^\.Ss ", section("OPTIONS"))[1:]:
        heading, _, text = part.partition("\n")
        items = re.findall(r"(?m)^\.It (.*)$", text)
        found[heading] = {f"-{flag}" for item in items for flag in re.findall(r"Fl (\S+)", item)}
    return found


def documented_for(command: str) -> set[str]:
    groups = documented_options()
    naming = [heading for heading in groups if re.search(rf"\b{command}\b", heading)]
    return set().union(*(groups[heading] for heading in naming))


def plain(macros: str) -> str:
    """The words of mdoc source without its markup."""
    return re.sub(r"(?m)^\.\w+|\b(?:Cm|Fl|Ar|Ev|Pa|Li)\b|[,.()]", " ", macros)


def test_the_manual_page_has_no_fault_that_its_checker_knows() -> None:
    checked = subprocess.run(
        [installed("mandoc"), "-T", "lint", "-W", "warning", str(MANUAL)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (checked.stdout + checked.stderr, checked.returncode) == ("", 0)


@pytest.mark.parametrize("command", sorted(TOP))
def test_the_manual_page_has_exactly_the_options_of_each_command(command: str) -> None:
    general = documented_options()["General options"]
    assert documented_for(command) == OPTIONS[(command,)] - general


def test_the_general_options_are_those_of_the_program() -> None:
    assert documented_options()["General options"] == OPTIONS[()]


@pytest.mark.parametrize("command", sorted(TOP))
def test_the_manual_page_shows_each_command_in_its_synopsis(command: str) -> None:
    assert re.search(rf"(?m)^\.Cm {command}$", section("SYNOPSIS"))


def test_the_manual_page_describes_these_commands_and_no_other() -> None:
    listed = section("DESCRIPTION").partition("The commands are:")[2].partition("\n.El")[0]
    assert set(re.findall(r"(?m)^\.It Cm (\w+)", listed)) == TOP


@pytest.mark.parametrize("group", sorted({words[0] for words in COMMANDS if len(words) > 1}))
def test_the_manual_page_names_each_subcommand(group: str) -> None:
    listed = re.search(rf"(?m)^\.It Cm {group} Cm (.*)$", section("DESCRIPTION"))
    assert listed
    assert set(listed[1].split(" | ")) == subcommands((group,))


@pytest.mark.parametrize("option", sorted(VALUES))
def test_the_manual_page_names_every_value_of_an_option(option: str) -> None:
    texts = re.findall(
        rf"(?ms)^\.It [^\n]*Fl -{option[2:]} Ar \w+\n(.*?)(?=^\.It |^\.El)", section("OPTIONS")
    )
    assert VALUES[option] <= set(plain(" ".join(texts)).split())


def statuses(text: str) -> set[int]:
    return {int(status) for status in re.findall(r"(?m)^\.It (\d+)$", text)}


def test_the_manual_page_has_every_exit_status_of_run() -> None:
    before_the_start = section("EXIT STATUS").partition("The other commands")[0]
    locked = {75} if "--lock" in OPTIONS[("run",)] else set()
    assert statuses(before_the_start) == {2, 125, 126, 127} | locked


def test_the_manual_page_has_every_exit_status_of_the_other_commands() -> None:
    others = section("EXIT STATUS").partition("The other commands")[2]
    assert statuses(others) == {0, 1, 2, 125}


@pytest.mark.parametrize("status", [0, 1])
def test_the_manual_page_says_what_the_exit_status_of_doctor_means(status: int) -> None:
    others = section("EXIT STATUS").partition("The other commands")[2]
    meaning = re.search(rf"(?ms)^\.It {status}\n(.*?)(?=^\.It |^\.El)", others)
    assert meaning
    assert "doctor" in meaning[1]


def test_the_manual_page_has_the_rungs_of_the_ladder_from_the_top() -> None:
    ladder = section("DESCRIPTION").partition(".Ss Where intensities come from")[2]
    assert tuple(re.findall(r"(?m)^\.It Cm (\w+)$", ladder)) == get_args(Rung)


def test_the_manual_page_has_every_variable_that_is_read() -> None:
    source = "".join(Path(module.__file__ or "").read_text() for module in (config, settings))
    read = set(re.findall(r'"((?:CARBONWAIT|ELECTRICITYMAPS|WATTTIME)_[A-Z]+)"', source))
    items = re.findall(r"(?m)^\.It Ev (.*)$", section("ENVIRONMENT"))
    named = {name for item in items for name in item.split(" , ")}
    assert len(read) >= 10
    assert read <= named


@pytest.mark.parametrize("word", ["token_file", "config.toml", "ledger.db", "~/.cache/carbonwait"])
def test_the_manual_page_tells_of_each_file(word: str) -> None:
    assert word in section("FILES")


# --- the completions ----------------------------------------------------------------------------


class Shell:
    """A shell that takes a command line and tells what it would offer at its end."""

    def __init__(self, program: list[str], home: Path) -> None:
        self._process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    def __call__(self, line: str) -> set[str]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        offered: set[str] = set()
        for answer in self._process.stdout:
            if answer == "END\n":
                return offered
            offered.add(answer.strip())
        raise AssertionError(f"the shell ended at {line!r}")

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)


# Readline breaks words at = and :, which a completion has to put together again.
IN_BASH = r"""
source COMPLETION
complete -W '--tidy --twice' nightly
while IFS= read -r line; do
    COMP_WORDS=() COMPREPLY=() COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMP_KEY=9
    rest=$line
    while [[ $rest =~ ^[[:space:]]*([=:]+|[^=:[:space:]]+)(.*)$ ]]; do
        COMP_WORDS+=("${BASH_REMATCH[1]}") rest=${BASH_REMATCH[2]}
    done
    [[ $line == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _carbonwait carbonwait "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    ((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
    echo END
done
"""

IN_FISH = """
source COMPLETION
complete -c nightly -f -l tidy
complete -c nightly -f -l twice
while read -l line
    complete -C "$line" | string replace -r '\\t.*' ''
    echo END
end
"""

# What is added to the offers passes through compadd; only calls that add count.
IN_ZSH = """
PS1='' RPS1=''
fpath=(FOLDER $fpath)
autoload -Uz compinit && compinit -D -u
_nightly() { compadd -- --tidy --twice }
compdef _nightly nightly
compadd() {
    if [[ -z ${(M)@[1,(i)(-|--)]:#-[OAD]*} ]]; then
        local -a matching
        builtin compadd -O matching "$@"
        offered+=("${matching[@]}")
    fi
    builtin compadd "$@"
}
offer() {
    offered=()
    _main_complete
    print -r -- "<${(j: :)offered}>"
    compstate[insert]='' compstate[list]=''
}
zle -C offer complete-word offer
bindkey '^X^T' offer
print LOADED
"""


class Zsh:
    """Zsh on a terminal, since it completes nowhere else."""

    def __init__(self, home: Path) -> None:
        script = home / "init.zsh"
        script.write_text(IN_ZSH.replace("FOLDER", shlex.quote(str(ZSH.parent))))
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb"}
        self._shell = pexpect.spawn(
            installed("zsh"),
            ["-f", "-i"],
            env=environment,
            encoding="utf-8",
            dimensions=(50, 1000),
            timeout=PATIENCE_S,
            cwd=str(home),
        )
        self._shell.sendline(f"source {shlex.quote(str(script))}")
        self._shell.expect("LOADED\r\n")

    def __call__(self, line: str) -> set[str]:
        self._shell.send(f"\x15{line}\x18\x14")
        self._shell.expect(r"<([^<>]*)>\r\n")
        return set(str(self._shell.match.group(1)).split())

    def close(self) -> None:
        self._shell.close(force=True)


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def offered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Offered]:
    """What a shell offers at the end of a line."""
    home = tmp_path_factory.mktemp("home")
    shell: Shell | Zsh
    if request.param == "zsh":
        shell = Zsh(home)
    elif request.param == "fish":
        script = IN_FISH.replace("COMPLETION", shlex.quote(str(FISH)))
        shell = Shell([installed("fish"), "-c", script], home)
    else:
        if not BASH_COMPLETION.exists():
            missing("bash-completion")
        script = f"source {BASH_COMPLETION}\n" + IN_BASH.replace(
            "COMPLETION", shlex.quote(str(BASH))
        )
        shell = Shell([installed("bash"), "--norc", "-c", script], home)
    yield shell
    shell.close()


@pytest.mark.parametrize(("shell", "file"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
def test_the_shell_can_read_its_completion(shell: str, file: Path) -> None:
    checked = subprocess.run(
        [installed(shell), "-n", str(file)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (checked.stderr, checked.returncode) == ("", 0)


@pytest.mark.parametrize("words", [w for w in OPTIONS if subcommands(w)], ids=" ".join)
def test_every_subcommand_is_offered(offered: Offered, words: Words) -> None:
    line = " ".join(["carbonwait", *words, ""])
    assert {o for o in offered(line) if not o.startswith("-")} == subcommands(words)


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_exactly_the_options_of_a_command_are_offered(offered: Offered, words: Words) -> None:
    line = " ".join(["carbonwait", *words, "-"])
    assert offered(line) == OPTIONS[words]


@pytest.mark.parametrize(("words", "option"), TAKERS, ids=str)
def test_exactly_the_values_of_an_option_are_offered(
    offered: Offered, words: Words, option: str
) -> None:
    assert offered(" ".join(["carbonwait", *words, option, ""])) == VALUES[option]


def test_values_are_offered_behind_an_equals_sign_too(offered: Offered) -> None:
    values = {offer.rpartition("=")[2] for offer in offered("carbonwait run --strategy=d")}
    assert values == {"dynamic"}


@pytest.mark.parametrize("option", ["-z", "--zone"])
def test_only_zones_that_exist_are_offered(offered: Offered, option: str) -> None:
    zones = offered(f"carbonwait run {option} ")
    assert len(zones) > 30
    assert [zone for zone in zones if not known_zone(zone)] == []


@pytest.mark.parametrize("before", ["", "-- ", "-z GB ", "-d 07:00 -- ", "--zone=GB -q "])
@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_wrapped_commands_own_completion_takes_over(
    offered: Offered, command: str, before: str
) -> None:
    assert offered(f"carbonwait {command} {before}nightly --t") == {"--tidy", "--twice"}


@pytest.mark.parametrize("before", ["", "-- ", "-d 4h "])
def test_commands_are_offered_to_be_wrapped(offered: Offered, before: str) -> None:
    assert "mkfifo" in offered(f"carbonwait run {before}mkfi")


def test_options_of_ours_are_not_offered_behind_the_wrapped_command(offered: Offered) -> None:
    assert "--zone" not in offered("carbonwait run -- nightly --")


def test_files_are_offered_as_a_forecast(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "grid.csv").touch()
    names = {Path(name).name for name in offered(f"carbonwait run --forecast {tmp_path}/gr")}
    assert names == {"grid.csv"}


def test_bash_completes_without_bash_completion_as_well(tmp_path: Path) -> None:
    shell = Shell(
        [installed("bash"), "--norc", "-c", IN_BASH.replace("COMPLETION", shlex.quote(str(BASH)))],
        tmp_path,
    )
    assert shell("carbonwait run --str") == {"--strategy"}
    assert "mkfifo" in shell("carbonwait run mkfi")
    shell.close()
