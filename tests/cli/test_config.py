"""`carbonwait config`, and that what is a key in it is never told to anybody."""

import json
import resource
import signal
import stat
from pathlib import Path

import pytest
from grid_server import Answer, GridServer
from users import User

# Every table and nearly every key that there is.
EXAMPLE = """
zone = "GB"                     # else found from cloud region or time zone, and said so
deadline = "12h"
strategy = "dynamic"
min_saving = 1                  # percent
idle_watts = 0                  # drawn while waiting, if the machine is on only for this job

[static]
windows = ["01:00-05:00"]       # also "Mon-Fri 22:00-06:00"; local time unless timezone is set
timezone = "Europe/London"

[providers.neso]
base_url = "https://…"
postcode = "RG10"               # or region_id = 13; without them the national figures
[providers.electricity_maps]
token_file = "~/.secrets/em"    # or token, or ELECTRICITYMAPS_TOKEN
[providers.watttime]
region = "CAISO_NORTH"          # where a provider has names of its own for places
[providers.carbon_aware_sdk]
base_url = "http://localhost:8080"
location = "westeurope"

[places.cluster]
kind = "slurm"
zone = "DE"

[jobs."python train.py"]        # defaults for one job, by name
deadline = "tomorrow 07:00"
"""
SECRET = "s3cr3t-0123456789"


def config(user: User) -> Path:
    return user.home / "config.toml"


# --- init, show, path, check --------------------------------------------------------------------


@pytest.fixture
def newcomer(user: User) -> User:
    """Somebody without a config file, with the platform's own folders."""
    config(user).unlink()
    del user.environ["CARBONWAIT_CONFIG"]
    return user


def no_room() -> None:
    """Files may be made, but nothing can be written to them."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_init_writes_a_file_for_its_owner_alone(newcomer: User) -> None:
    path = Path(newcomer.run("config", "init").stdout.decode().strip())
    assert path == newcomer.home / ".config" / "carbonwait" / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_init_writes_changes_nothing_and_passes_the_check(newcomer: User) -> None:
    newcomer.run("config", "init")
    result = newcomer.run("config", "check")
    assert (result.returncode, result.stderr) == (0, b"")


def test_every_line_of_the_template_can_be_used_as_it_stands(newcomer: User) -> None:
    path = Path(newcomer.run("config", "init").stdout.decode().strip())
    lines = path.read_text().splitlines()
    used = [line.removeprefix("# ") if " = " in line or "# [" in line else line for line in lines]
    assert used != lines
    path.write_text("\n".join(used))
    assert newcomer.run("config", "check").returncode == 0


def test_init_on_a_full_disk_leaves_nothing_behind(newcomer: User) -> None:
    result = newcomer.run("config", "init", preexec_fn=no_room)
    assert (result.returncode, result.stderr.count(b"\n")) == (1, 1)
    assert b"config.toml cannot be written: File too large" in result.stderr
    assert newcomer.run("config", "init").returncode == 0


def test_init_leaves_a_file_alone_that_is_there(user: User) -> None:
    user.configure('zone = "GB"\n')
    result = user.run("config", "init")
    assert (result.returncode, result.stdout) == (2, b"")
    assert config(user).read_text() == 'zone = "GB"\n'


def test_path_tells_the_place_whether_there_is_a_file_or_not(newcomer: User) -> None:
    expected = newcomer.home / ".config" / "carbonwait" / "config.toml"
    assert newcomer.run("config", "path").stdout.decode() == f"{expected}\n"


def test_the_environment_may_name_another_place(user: User) -> None:
    assert user.run("config", "path").stdout.decode() == f"{config(user)}\n"


def test_show_prints_the_file_as_it_is(user: User) -> None:
    user.configure(EXAMPLE)
    assert user.run("config", "show").stdout.decode() == EXAMPLE


def test_show_says_how_to_get_a_file_where_there_is_none(newcomer: User) -> None:
    result = newcomer.run("config", "show")
    assert (result.returncode, result.stdout) == (0, b"")
    assert b"config init" in result.stderr


def test_a_byte_order_mark_is_passed_over(user: User) -> None:
    user.configure('\ufeffzone = "GB"\n')
    assert user.run("config", "check").returncode == 0


def test_check_is_content_without_a_file(newcomer: User) -> None:
    assert newcomer.run("config", "check").returncode == 0


def test_an_example_of_everything_passes_the_check(user: User) -> None:
    user.configure(EXAMPLE)
    (user.home / ".secrets").mkdir()
    (user.home / ".secrets" / "em").write_text(SECRET)
    result = user.run("config", "check")
    assert (result.returncode, result.stderr) == (0, b"")
    assert str(config(user)) in result.stdout.decode()


@pytest.mark.parametrize(
    "toml",
    [
        '[jobs.make]\nzone = "XX"',
        '[jobs.make]\nprovider = "nobody"',
        '[providers.neso]\npostcode = "RG10"\nregion_id = 13',
        '[providers.neso]\npostcode = "!"',
        '[providers.electricity_maps]\ntoken_file = "/no/such/file"',
    ],
)
def test_check_finds_what_would_only_fail_later(user: User, toml: str) -> None:
    user.configure(toml)
    result = user.run("config", "check")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.count(b"\n") == 1


def test_a_job_is_recorded_without_its_command_line_if_that_is_wanted(user: User) -> None:
    user.configure("record_command = false\n")
    user.job("true", SECRET)
    (run,) = json.loads(user.run("runs", "--json").stdout)["runs"]
    assert run["command"] is None
    assert SECRET.encode() not in user.ledger.read_bytes()


# --- keys ---------------------------------------------------------------------------------------


def told(user: User, *words: str) -> str:
    """Everything that a command says."""
    result = user.run(*words)
    return (result.stdout + result.stderr).decode()


@pytest.mark.parametrize(
    "toml",
    [
        f'[providers.electricity_maps]\ntoken = "{SECRET} and a space\\n"',
        f'[providers.electricity_maps]\ntokn = "{SECRET}"',
        f'[providers.electricity_maps]\ntoken = ["{SECRET}"]',
        f'[providers.electricitymaps]\ntoken = "{SECRET}"',
        f'[electricity_maps]\ntoken = "{SECRET}"',
        f'[providers]\nelectricity_maps = "{SECRET}"',
        f'[jobs.make]\ntoken = "{SECRET}"',
        f'token = "{SECRET}"',
        f'[providers.watttime]\npasswort = "{SECRET}"',
        f'[providers.watttime]\npassword = "{SECRET}',
        f'[[providers.electricity_maps]]\ntoken = "{SECRET}"',
        f'[providers.neso]\nbase_url = "htp://me:{SECRET}@grid.test"',
        f'[providers.neso]\nbase_url = "me:{SECRET}@grid.test"',
    ],
)
def test_a_key_in_the_wrong_place_is_not_told(user: User, toml: str) -> None:
    user.configure(toml)
    said = told(user, "config", "check")
    assert said.startswith("carbonwait: ")
    assert SECRET not in said


def test_show_leaves_keys_out(user: User) -> None:
    user.configure(f'[providers.electricity_maps]\ntoken = "{SECRET}"\n')
    said = told(user, "config", "show")
    assert "token = " in said
    assert SECRET not in said


@pytest.mark.parametrize("command", [("doctor",), ("doctor", "--json"), ("config", "show")])
def test_a_password_in_an_address_is_not_told(user: User, command: tuple[str, ...]) -> None:
    address = f"http://me:{SECRET}@127.0.0.1:9"
    user.configure(f'zone = "DE"\n[providers.carbon_aware_sdk]\nbase_url = "{address}"\n')
    said = told(user, *command)
    assert "http://me:***@127.0.0.1:9" in said
    assert SECRET not in said


def test_a_config_folder_that_is_a_device_holds_no_config(newcomer: User) -> None:
    newcomer.environ["XDG_CONFIG_HOME"] = "/dev/null"
    assert newcomer.run("config", "check").returncode == 0
    assert newcomer.job("sh", "-c", "exit 7").returncode == 7


def test_a_token_file_that_holds_no_key_is_not_quoted(user: User) -> None:
    secret = user.home / "em"
    secret.write_text(f"token = {SECRET}\n")
    user.configure(f'[providers.electricity_maps]\ntoken_file = "{secret}"\n')
    said = told(user, "plan", "--zone", "KR", "-p", "electricity_maps")
    assert "token_file" in said
    assert SECRET not in said


@pytest.mark.parametrize("place", ["environment", "config", "file"])
def test_a_key_in_use_is_told_to_its_service_alone(
    user: User, grid_server: GridServer, place: str
) -> None:
    grid_server.answer(Answer(f'{{"error": "bad token {SECRET}"}}'.encode(), status=401))
    table = f'[providers.electricity_maps]\nbase_url = "{grid_server.url}"\n'
    secret = user.home / "em"
    secret.write_text(f"{SECRET}\n")
    keys = {"environment": "", "config": f'token = "{SECRET}"\n'}
    user.configure(table + keys.get(place, f'token_file = "{secret}"\n'))
    config(user).chmod(0o600)
    if place == "environment":
        user.environ["ELECTRICITYMAPS_TOKEN"] = SECRET
    asked = ["--zone", "KR", "-p", "electricity_maps"]
    said = [
        told(user, "run", "-v", "--no-meter", *asked, "-d", "1m", "--duration", "1h", "--", "true"),
        told(user, "doctor", *asked),
        told(user, "runs", "--json"),
    ]
    assert any(SECRET in value for value in grid_server.seen[0].headers.values())
    assert [text for text in said if SECRET in text] == []
    kept = [path for path in user.home.rglob("*") if path.is_file()]
    holding = [path.name for path in kept if SECRET.encode() in path.read_bytes()]
    assert set(holding) <= {"em", "config.toml"}


def test_the_doctor_warns_of_a_key_that_others_may_read(user: User) -> None:
    user.configure(f'[providers.electricity_maps]\ntoken = "{SECRET}"\n')
    config(user).chmod(0o644)
    document = json.loads(user.run("doctor", "--json").stdout)
    (check,) = (check for check in document["checks"] if check["name"] == "config")
    assert not check["ok"]
    assert "chmod 600" in check["remedy"]
