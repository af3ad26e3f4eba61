import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import carbonwait
from carbonwait.core.errors import Mistake
from carbonwait.grid.typical import table_zones
from carbonwait.grid.zones import ZoneChoice, detect, known_zone, local_timezone, require_known

DATA = Path(carbonwait.__file__).parent / "data"
COUNTRIES = "AT BE BG CH CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV NL NO PL PT SE SI SK"


def rows(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (DATA / name).read_text("utf-8").splitlines()]


# --- known zones --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", [*COUNTRIES.split(), "DK-DK1", "DK-DK2", "GB", "IS", "US-CAL-CISO"]
)
def test_zones_of_providers_tables_and_time_zones_are_known(zone: str) -> None:
    assert known_zone(zone)


@pytest.mark.parametrize("zone", ["", "UK", "gb", "Europe", "US", "GB\tGreat"])
def test_other_texts_are_no_zones(zone: str) -> None:
    assert not known_zone(zone)


def test_every_zone_with_typical_days_is_known() -> None:
    assert all(known_zone(zone) for zone in table_zones())


@pytest.mark.parametrize("written", ["GB", "gb", " Gb "])
def test_a_zone_may_be_written_in_small_letters(written: str) -> None:
    assert require_known(written) == "GB"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("UK", "GB"),
        ("germany", "DE"),
        ("CISO", "US-CAL-CISO"),
        ("ercot", "US-TEX-ERCO"),
        ("PJM", "US-MIDA-PJM"),
        ("DK1", "DK-DK1"),
        ("US-CAL-CAISO", "US-CAL-CISO"),
    ],
)
def test_an_unknown_zone_comes_with_what_may_be_meant(written: str, meant: str) -> None:
    with pytest.raises(Mistake) as mistake:
        require_known(written)
    told, _, guesses = str(mistake.value).partition("; did you mean ")
    assert told == f"zone {written!r} is not known"
    assert meant in guesses.rstrip("?").split(" or ")


def test_at_most_three_zones_are_suggested() -> None:
    with pytest.raises(Mistake) as mistake:
        require_known("US-FLA")
    assert str(mistake.value).count(" or ") == 2


@given(st.text().filter(lambda text: not known_zone(text.strip().upper())))
def test_any_other_text_is_a_mistake_of_one_line(text: str) -> None:
    with pytest.raises(Mistake) as mistake:
        require_known(text)
    assert str(mistake.value).isprintable()
    assert len(str(mistake.value)) < 400


# --- the tables ---------------------------------------------------------------------------------


def test_every_cloud_region_leads_to_a_known_zone() -> None:
    assert [row for row in rows("cloud_regions.tsv") if not known_zone(row[1])] == []


@pytest.mark.parametrize("name", ["cloud_regions.tsv", "tz_zones.tsv", "zones.tsv"])
def test_no_name_is_in_a_table_twice(name: str) -> None:
    names = [row[0] for row in rows(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("region", ["us-west-2", "us-east1", "westus2", "us-west1"])
def test_a_region_whose_grid_is_unclear_is_left_out(region: str) -> None:
    assert region not in [row[0] for row in rows("cloud_regions.tsv")]


# --- detection ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "region", "zone"),
    [
        ("AWS_REGION", "eu-west-2", "GB"),
        ("AWS_DEFAULT_REGION", "us-east-1", "US-MIDA-PJM"),
        ("GOOGLE_CLOUD_REGION", "europe-west3", "DE"),
        ("CLOUDSDK_COMPUTE_REGION", "us-south1", "US-TEX-ERCO"),
        ("FUNCTION_REGION", "asia-northeast1", "JP-TK"),
        ("AZURE_REGION", "westeurope", "NL"),
        ("REGION_NAME", "west europe", "NL"),
    ],
)
def test_the_cloud_region_tells_the_zone(variable: str, region: str, zone: str) -> None:
    choice = detect({variable: region}, "Etc/UTC")
    expected = f"cloud region {region.replace(' ', '')} ({variable})"
    assert choice == ZoneChoice(zone, expected)


def test_a_region_may_be_written_as_people_do() -> None:
    assert detect({"REGION_NAME": " West Europe "}, None).zone == "NL"


def test_regions_of_two_clouds_that_look_alike_are_kept_apart() -> None:
    zones = [
        detect({"X_REGION": "", "AWS_REGION": name}, None).zone
        for name in ("us-east-1", "us-east1")
    ]
    assert zones == ["US-MIDA-PJM", None]


def test_the_cloud_region_goes_before_the_time_zone() -> None:
    assert detect({"AWS_REGION": "eu-west-2"}, "Europe/Berlin").zone == "GB"


def test_an_unclear_region_leaves_it_to_the_time_zone_and_says_so() -> None:
    choice = detect({"AWS_REGION": "us-west-2"}, "Europe/Berlin")
    assert choice == ZoneChoice(
        "DE", "AWS_REGION names no cloud region whose grid is clear; time zone Europe/Berlin"
    )


def test_the_time_zone_tells_the_zone() -> None:
    assert detect({}, "Europe/London") == ZoneChoice("GB", "time zone Europe/London")


def test_an_approximate_time_zone_says_so() -> None:
    source = "time zone Europe/Copenhagen, approximate: two bidding zones"
    choice = detect({}, "Europe/Copenhagen")
    assert choice.zone == "DK"
    assert choice.source.startswith(source)


def test_an_approximate_time_zone_without_a_note_says_so() -> None:
    assert detect({}, "America/Manaus").source == "time zone America/Manaus, approximate"


@pytest.mark.parametrize("timezone", ["Etc/UTC", "America/New_York", "Mars/Olympus"])
def test_a_time_zone_of_no_grid_or_of_many_is_no_zone(timezone: str) -> None:
    expected = f"time zone {timezone} belongs to no grid; use --zone"
    assert detect({}, timezone) == ZoneChoice(None, expected)


def test_a_machine_without_a_named_time_zone_has_no_zone() -> None:
    assert detect({}, None) == ZoneChoice(None, "the machine's time zone has no name; use --zone")


# --- the machine's time zone --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tz", "name"),
    [
        ("Europe/London", "Europe/London"),
        (":Europe/London", "Europe/London"),
        (":/usr/share/zoneinfo/Europe/London", "Europe/London"),
        ("/usr/share/zoneinfo/posix/Europe/London", "Europe/London"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Etc/GMT+3", "Etc/GMT+3"),
        ("Japan", "Japan"),
        ("GB-Eire", "GB-Eire"),
        ("UTC", "UTC"),
        ("", "UTC"),
        ("CET-1CEST", None),
        ("CET-1CEST,M3.5.0,M10.5.0/3", None),
        ("<+0330>-3:30", None),
        ("../../etc/passwd", None),
        ("/etc/passwd", None),
        ("Europe/London\n", None),
    ],
)
def test_tz_names_the_time_zone(tz: str, name: str | None) -> None:
    assert local_timezone({"TZ": tz}, "/nonexistent/localtime") == name


@pytest.fixture
def localtime(tmp_path: Path) -> Path:
    """A machine without links; `Europe/Belfast` is another name of `Europe/London`."""
    zoneinfo = tmp_path / "zoneinfo" / "Europe"
    zoneinfo.mkdir(parents=True)
    (zoneinfo / "London").write_bytes(b"TZif2")
    (zoneinfo / "Belfast").symlink_to("London")
    return tmp_path / "localtime"


def test_the_link_of_the_machine_names_the_time_zone(localtime: Path) -> None:
    localtime.symlink_to("zoneinfo/Europe/London")
    assert local_timezone({}, str(localtime)) == "Europe/London"


def test_the_name_that_was_chosen_is_kept(localtime: Path) -> None:
    localtime.symlink_to("zoneinfo/Europe/Belfast")
    assert local_timezone({}, str(localtime)) == "Europe/Belfast"


def test_a_link_to_a_link_is_followed(localtime: Path) -> None:
    localtime.with_name("alternatives").symlink_to("zoneinfo/Europe/London")
    localtime.symlink_to("alternatives")
    assert local_timezone({}, str(localtime)) == "Europe/London"


def test_tz_may_point_to_the_setting_of_the_machine(localtime: Path) -> None:
    localtime.symlink_to("zoneinfo/Europe/London")
    assert local_timezone({"TZ": f":{localtime}"}, str(localtime)) == "Europe/London"


def test_a_file_beside_a_copy_names_the_time_zone(localtime: Path) -> None:
    shutil.copy(localtime.parent / "zoneinfo" / "Europe" / "London", localtime)
    localtime.with_name("timezone").write_text("Europe/London\n", encoding="ascii")
    assert local_timezone({}, str(localtime)) == "Europe/London"


def test_a_copy_alone_has_no_name(localtime: Path) -> None:
    shutil.copy(localtime.parent / "zoneinfo" / "Europe" / "London", localtime)
    assert local_timezone({}, str(localtime)) is None


def test_a_machine_without_settings_has_no_named_time_zone(tmp_path: Path) -> None:
    assert local_timezone({}, str(tmp_path / "localtime")) is None


def test_a_file_of_odd_bytes_names_nothing(localtime: Path) -> None:
    localtime.with_name("timezone").write_bytes(b"\xff\xfe")
    assert local_timezone({}, str(localtime)) is None
