"""What is typed or written wrongly is refused in one clear line, with status 2, and nothing runs.

What fails by itself (a ledger, a home folder) costs a line and never the job.
"""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from users import PROGRAM, User

HEADER = "datetime_utc,intensity_gco2_per_kwh"
FORECAST = ["--forecast", "f.csv"]


def told(result: "subprocess.CompletedProcess[bytes]") -> str:
    """The one line on stderr."""
    text = result.stderr.decode()
    assert text.startswith("carbonwait: ")
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return text


def refused(result: "subprocess.CompletedProcess[bytes]") -> str:
    """The one line that says what is wrong."""
    line = told(result)
    assert (result.returncode, result.stdout) == (2, b"")
    return line


def refused_run(user: User, *options: str) -> str:
    """The line with which a run is refused; nothing has run and nothing is recorded."""
    line = refused(user.run("run", *options, "--", "touch", "ran", timeout=20))
    assert not (user.home / "ran").exists()
    assert not user.ledger.exists()
    return line


def without_privileges() -> list[str]:
    """What makes file modes count for root as well."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bogus"], ["--bogus"]),
        (["--json"], ["--json"]),
        (["--strategy", "fast"], ["'fast'", "dynamic, static, now"]),
        (["--zone", "XX"], ["'XX'"]),
        (["--zone", "Germany"], ["'Germany'", "DE"]),
        (["--provider", "nobody"], ["'nobody'", "neso"]),
        (["--provider", "nobody", *FORECAST], ["'nobody'", "neso"]),
        (["--provider", "neso", "--zone", "DE"], ["neso", "DE"]),
        (["--provider", "file"], ["file", "--forecast"]),
    ],
    ids=str,
)
def test_an_unknown_option_or_name_is_refused(
    user: User, options: list[str], words: list[str]
) -> None:
    (user.home / "f.csv").write_text(f"{HEADER}\n2026-11-23T00:00Z,100\n")
    line = refused_run(user, *options)
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("span", ["1h30", "-5m", "0s"])
def test_a_malformed_span_is_refused(user: User, span: str) -> None:
    assert repr(span) in refused_run(user, "--duration", span)


@pytest.mark.parametrize("period", ["0.5s", "61s"])
def test_a_sampling_period_out_of_range_is_refused(user: User, period: str) -> None:
    assert repr(period) in refused_run(user, "--sample", period)


@pytest.mark.parametrize("when", ["25:00", "yesterday", "2026-02-30T07:00", "--"])
def test_a_malformed_instant_is_refused(user: User, when: str) -> None:
    assert repr(when) in refused_run(user, "--deadline", when)


@pytest.mark.parametrize("window", ["22-06", "25:00-26:00", ""])
def test_a_malformed_window_is_refused(user: User, window: str) -> None:
    assert repr(window) in refused_run(user, "--window", window)


@pytest.mark.parametrize("percent", ["nan", "-1", "101"])
def test_a_saving_that_is_no_percentage_is_refused(user: User, percent: str) -> None:
    assert percent in refused_run(user, "--min-saving", percent)


@pytest.mark.parametrize("option", ["--zone", "--provider", "--deadline", "--duration", "--name"])
def test_an_empty_value_is_refused_and_not_taken_for_none(user: User, option: str) -> None:
    assert "''" in refused_run(user, option, "")


@pytest.mark.parametrize(
    "options",
    [
        ["--now", "--static"],
        ["--now", "--window", "01:00-05:00"],
        ["--strategy", "dynamic", "--window", "01:00-05:00"],
    ],
    ids=" ".join,
)
def test_options_that_contradict_each_other_are_refused(user: User, options: list[str]) -> None:
    line = refused_run(user, *options)
    assert "contradict" in line
    assert [option for option in options if option.startswith("--") and option not in line] == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["bogus"], "bogus"),
        (["config", "bogus"], "bogus"),
        (["plan", "--duration", "5x"], "'5x'"),
        (["plan", "--now", "--static"], "contradict"),
        (["forecast", "--zone", "XX"], "'XX'"),
        (["forecast", "--json", "--csv"], "contradict"),
        (["doctor", "--zone", "XX"], "'XX'"),
        (["report", "--since", "soon"], "'soon'"),
        (["report", "--by", "colour"], "'colour'"),
        (["runs", "--state", "asleep"], "'asleep'"),
        (["runs", "-n", "0"], "0"),
        (["show"], "ID"),
        (["show", "nobody"], "'nobody'"),
    ],
    ids=" ".join,
)
def test_the_other_commands_refuse_mistakes_too(user: User, words: list[str], named: str) -> None:
    assert named in refused(user.run(*words))


@pytest.mark.parametrize("run_id", ["nobody", ""])
def test_an_id_that_no_run_has_is_refused(user: User, run_id: str) -> None:
    user.job("true")
    assert repr(run_id) in refused(user.run("show", run_id))


def test_a_beginning_that_several_runs_share_is_refused(user: User) -> None:
    user.job("true")
    user.job("true")
    assert "'1'" in refused(user.run("show", "1"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CARBONWAIT_ZONE", "XX"),
        ("CARBONWAIT_PROVIDER", "nobody"),
        ("CARBONWAIT_DEADLINE", "soon"),
        ("CARBONWAIT_STRATEGY", "fast"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(user: User, variable: str, value: str) -> None:
    user.environ[variable] = value
    assert repr(value) in refused_run(user)


# --- forecast files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        "2026-11-23T01:00Z,nan",
        "2026-11-23T01:00Z,-1",
        "2026-11-23T01:00Z,5000.1",
        "noon,100",
        "2026-11-23T01:00Z",
        "2026-11-23T00:00Z,100",
    ],
)
def test_a_row_that_cannot_be_used_is_refused_by_its_line(user: User, row: str) -> None:
    (user.home / "f.csv").write_text(f"{HEADER}\n2026-11-23T00:00Z,100\n{row}\n")
    assert "f.csv, line 3: " in refused_run(user, *FORECAST)


@pytest.mark.parametrize(
    "header",
    ["time,value", f"{HEADER},issued_utc"],
)
def test_columns_that_are_missing_are_named(user: User, header: str) -> None:
    (user.home / "f.csv").write_text(f"{header}\n")
    assert "f.csv, line 1: " in refused_run(user, *FORECAST)


@pytest.mark.parametrize("content", [b"", HEADER.encode(), b"\xff\xfe\x00"])
def test_a_file_without_a_row_is_refused(user: User, content: bytes) -> None:
    (user.home / "f.csv").write_bytes(content)
    assert "f.csv" in refused_run(user, *FORECAST)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda _path: None])
def test_what_is_no_file_is_refused_at_once(user: User, make: object) -> None:
    make(user.home / "f.csv")  # type: ignore[operator]
    assert "f.csv" in refused_run(user, *FORECAST)


def test_a_file_that_may_not_be_read_is_refused(user: User) -> None:
    (user.home / "f.csv").touch(mode=0o000)
    program = [*without_privileges(), *PROGRAM, "run", *FORECAST, "--", "true"]
    result = subprocess.run(program, env=user.environ, cwd=user.home, capture_output=True)
    assert "f.csv" in refused(result)


# --- the config file ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('zon = "GB"', ["zon ", "GB", "zone"]),
        ('zone = "XX"', ["'XX'"]),
        ('provider = "nobody"', ["'nobody'", "neso"]),
        ('deadline = "soon"', ["deadline", "'soon'"]),
        ('min_saving = "1"', ["min_saving", "'1'"]),
        ("min_saving = nan", ["min_saving", "nan"]),
        ("record_command = 1", ["record_command", "true or false"]),
        ("[static]\nopen = 1", ["static.open", "windows"]),
        ('[static]\nwindows = ["1-5"]', ["static.windows", "'1-5'"]),
        ("[providers.neso]\nregion_id = 99", ["providers.neso.region_id", "99"]),
        ("[providers.nobody]", ["providers.nobody", "neso"]),
        ('[jobs."a"]\ndeadline = "soon"', ["jobs.a.deadline", "'soon'"]),
        ('[places.p]\nkind = "pbs"', ["places.p.kind", "'pbs'", "slurm"]),
        ("zone = GB", ["line 1"]),
    ],
    ids=str,
)
def test_a_config_that_cannot_be_used_is_refused(user: User, toml: str, words: list[str]) -> None:
    user.configure(toml)
    line = refused_run(user, "--now")
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("command", [["config", "check"], ["run", "--", "true"]])
def test_a_config_that_may_not_be_read_is_refused(user: User, command: list[str]) -> None:
    (user.home / "config.toml").chmod(0o000)
    program = [*without_privileges(), *PROGRAM, *command]
    result = subprocess.run(program, env=user.environ, cwd=user.home, capture_output=True)
    assert "config.toml cannot be read" in refused(result)


def test_a_config_that_is_a_folder_is_refused(user: User) -> None:
    (user.home / "config.toml").unlink()
    (user.home / "config.toml").mkdir()
    assert "config.toml cannot be read" in refused_run(user)


def test_a_config_that_is_named_and_not_there_is_refused(user: User) -> None:
    (user.home / "config.toml").unlink()
    assert "config.toml: there is no such file" in refused_run(user)


# --- the ledger ---------------------------------------------------------------------------------


def newer(user: User) -> None:
    """A ledger that a later version has written."""
    user.job("true")
    with sqlite3.connect(user.ledger) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def no_database(user: User) -> None:
    user.ledger.write_text("this is no database\n" * 500)


def of_another_program(user: User) -> None:
    with sqlite3.connect(user.ledger) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


LEDGERS = [newer, no_database, of_another_program]


@pytest.mark.parametrize("make", LEDGERS)
@pytest.mark.parametrize("command", [["report"], ["runs"], ["show", "1"]], ids=" ".join)
def test_a_ledger_that_cannot_be_read_ends_a_look_with_1(
    user: User, make: object, command: list[str]
) -> None:
    make(user)  # type: ignore[operator]
    result = user.run(*command)
    assert str(user.ledger) in told(result)
    assert (result.returncode, result.stdout) == (1, b"")


@pytest.mark.parametrize("make", LEDGERS)
def test_a_ledger_that_cannot_be_written_never_touches_the_job(user: User, make: object) -> None:
    make(user)  # type: ignore[operator]
    before = user.ledger.read_bytes()
    result = user.job("sh", "-c", "echo done; exit 5")
    assert (result.returncode, result.stdout) == (5, b"done\n")
    assert "the run is kept in" in told(result)
    assert user.ledger.read_bytes() == before


# --- the home folder ----------------------------------------------------------------------------


@pytest.fixture
def homeless(user: User) -> User:
    """Somebody whose HOME names a folder that is not there."""
    user.environ = {"PATH": user.environ["PATH"], "TZ": "UTC", "HOME": str(user.home / "gone")}
    return user


def test_without_a_home_the_job_runs_with_its_own_status(homeless: User) -> None:
    result = homeless.job("sh", "-c", "echo done; exit 5")
    assert (result.returncode, result.stdout) == (5, b"done\n")
    assert "status 5" in told(result)


@pytest.mark.parametrize("command", [["report"], ["runs"], ["show", "1"]], ids=" ".join)
def test_without_a_home_there_is_no_ledger_to_look_into(homeless: User, command: list[str]) -> None:
    result = homeless.run(*command)
    assert "CARBONWAIT_LEDGER" in told(result)
    assert (result.returncode, result.stdout) == (1, b"")


def test_without_a_home_none_is_made_up(homeless: User) -> None:
    homeless.job("true")
    homeless.run("runs")
    homeless.run("config", "init")
    assert not (homeless.home / "gone").exists()


def test_a_plan_needs_no_home(homeless: User) -> None:
    result = homeless.run("plan", "--zone", "GB", "--provider", "typical")
    assert (result.returncode, result.stderr) == (0, b"")
