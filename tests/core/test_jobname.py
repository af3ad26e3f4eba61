"""The default name of a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonwait.core.jobname import job_name


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python3.11 train.py --lr 3", "python train.py"),
        ("/usr/bin/python3 -u train.py", "python train.py"),
        ("python ./jobs/train.py", "python train.py"),
        ("python -m pytest tests", "python -m pytest"),
        ("python -W ignore train.py", "python train.py"),
        ("python -X dev -u train.py", "python train.py"),
        ("python -Wignore::DeprecationWarning train.py", "python train.py"),
        ("pypy3.10 train.py", "pypy train.py"),
        ("perl -Mfeature=say train.pl", "perl train.pl"),
        ("perl -Ilib/core -w train.pl", "perl train.pl"),
        ("ruby -r json train.rb", "ruby train.rb"),
        ("node -r esm train.js", "node train.js"),
        ("php -d memory_limit=1G train.php", "php train.php"),
        ("python", "python"),
        ("python -", "python"),
        ("bash ./nightly.sh now", "bash nightly.sh"),
        ("Rscript model.R", "Rscript model.R"),
        ("java -jar app.jar", "java app.jar"),
        ("torchrun --nproc_per_node=4 train.py", "torchrun train.py"),
        ("make -j8", "make"),
        ("./train.sh", "train.sh"),
        ("/opt/tools/gcc-12 main.c", "gcc-12"),
        ("7z a x", "7z"),
    ],
)
def test_a_job_is_named_after_its_program_and_script(command: str, name: str) -> None:
    assert job_name(command.split()) == name


@pytest.mark.parametrize("interpreter", ["python", "python3", "perl", "node", "sh"])
def test_the_lines_of_code_on_a_command_line_are_not_in_the_name(interpreter: str) -> None:
    option = "-e" if interpreter in {"perl", "node"} else "-c"
    assert "secret" not in job_name([interpreter, option, "login('secret')"])


@pytest.mark.parametrize(
    "options",
    [
        ["-lc"],
        ["-ec"],
        ["-ce"],
        ["-c", "-e"],
        ["-l", "-c"],
        ["-o", "pipefail", "-c"],
        ["-euo", "pipefail", "-c"],
    ],
)
def test_the_lines_of_code_given_to_a_shell_are_not_in_the_name(options: list[str]) -> None:
    assert "secret" not in job_name(["bash", *options, "login secret"])


@pytest.mark.parametrize(
    "command",
    ["perl -ne", "perl -lane", "perl -E", "ruby -ne", "php -r", "node -p", "node --eval", "lua -e"],
)
def test_the_lines_of_code_given_to_other_interpreters_are_not_in_the_name(command: str) -> None:
    assert "secret" not in job_name([*command.split(), "login secret"])


@pytest.mark.parametrize(
    "options",
    [
        ["-c"],
        ["-lc"],
        ["-ec"],
        ["-ce"],
        ["-c", "-e"],
        ["-o", "pipefail", "-c"],
        ["-euo", "pipefail", "-c"],
    ],
)
def test_two_jobs_of_inline_code_do_not_share_a_name(options: list[str]) -> None:
    one, other = (job_name(["bash", *options, code]) for code in ("cd /a; make", "cd /b; make"))
    assert one != other


def test_the_same_inline_code_has_the_same_name() -> None:
    assert job_name(["sh", "-c", "make"]) == job_name(["/bin/sh", "-c", "make"])


def test_an_option_without_a_value_does_not_swallow_the_script() -> None:
    assert job_name(["python", "-I", "train.py"]) == "python train.py"


def test_a_module_glued_to_its_option_is_in_the_name() -> None:
    assert job_name(["python", "-mpytest", "tests"]) == "python -m pytest"


words = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z", "C")), max_size=120
)
surrogates = st.sampled_from(["\udcff\udcfe", "a\udc80b"])
commands = st.lists(st.one_of(words, surrogates, st.sampled_from(["-c", "-m"])), max_size=5)


@given(st.sampled_from(["python", "sh", "make", "", "/", "\udcff"]), commands)
def test_any_command_has_a_name_of_one_printable_line(program: str, arguments: list[str]) -> None:
    name = job_name([program, *arguments])
    assert name.isprintable()
    assert 1 <= len(name) <= 80


@given(st.lists(words.map(lambda word: f"--{word}"), max_size=4))
def test_options_after_the_script_do_not_change_the_name(options: list[str]) -> None:
    assert job_name(["python", "train.py", *options]) == "python train.py"
