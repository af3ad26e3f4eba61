import os
from pathlib import Path

import pytest

from carbonwait.core.errors import Mistake, ProviderUnavailable
from carbonwait.grid.file import MAX_BYTES, ForecastFile

HEADER = "datetime_utc,intensity_gco2_per_kwh\n"
GOOD = f"{HEADER}2026-11-23T00:00Z,120\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "grid.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


def loaded(path: Path) -> ForecastFile:
    file = ForecastFile(path)
    file.load()
    return file


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- the first load -----------------------------------------------------------------------------


def test_a_file_is_read(path: Path) -> None:
    assert ForecastFile(path).load().rows[0].g_per_kwh == 120


def test_a_byte_order_mark_is_fine(path: Path) -> None:
    path.write_text(GOOD, encoding="utf-8-sig")
    assert ForecastFile(path).load().rows[0].g_per_kwh == 120


def test_a_link_to_a_file_is_read(path: Path) -> None:
    link = path.with_name("link.csv")
    link.symlink_to(path)
    assert ForecastFile(link).load().rows[0].g_per_kwh == 120


def test_a_mistake_in_a_row_names_the_file(path: Path) -> None:
    path.write_text(f"{GOOD}2026-11-23T01:00Z,-1\n", encoding="utf-8")
    with pytest.raises(Mistake, match=f"{path}, line 3: "):
        ForecastFile(path).load()


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"none\.csv cannot be read: No such file or directory; name"):
        ForecastFile(tmp_path / "none.csv").load()


def test_a_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=f"{tmp_path} is no regular file; name a CSV file"):
        ForecastFile(tmp_path).load()


def test_a_fifo_is_a_mistake_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Mistake, match="fifo is no regular file"):
        ForecastFile(tmp_path / "fifo").load()


def test_a_device_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="/dev/zero is no regular file"):
        ForecastFile(Path("/dev/zero")).load()


def test_standard_input_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="does not read standard input; name a file"):
        ForecastFile(Path("-")).load()


def test_a_name_that_cannot_be_one_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="is no file name"):
        ForecastFile(Path("a\0b")).load()


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_not_utf_8_is_a_mistake(path: Path, encoding: str) -> None:
    path.write_text(f"{GOOD}# grün\n", encoding=encoding)
    with pytest.raises(Mistake, match=r"cannot be read: byte \d+ is not UTF-8; save it as UTF-8"):
        ForecastFile(path).load()


def test_a_file_that_is_too_large_is_a_mistake(path: Path) -> None:
    os.truncate(path, MAX_BYTES + 1)
    with pytest.raises(Mistake, match="is larger than 64 MiB; keep the days that are needed"):
        ForecastFile(path).load()


def test_a_mistake_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.csv"
    path.write_text(HEADER, encoding="utf-8")
    with pytest.raises(Mistake) as mistake:
        ForecastFile(path).load()
    assert "\n" not in str(mistake.value)


def test_no_descriptor_stays_open(path: Path, tmp_path: Path) -> None:
    before = open_descriptors()
    ForecastFile(path).load()
    for refused in (tmp_path, Path("/dev/zero")):
        with pytest.raises(Mistake):
            ForecastFile(refused).load()
    assert open_descriptors() == before


# --- later looks --------------------------------------------------------------------------------


def test_a_file_that_nobody_touched_has_not_changed(path: Path) -> None:
    assert not loaded(path).changed()


def test_a_file_that_grew_has_changed(path: Path) -> None:
    file = loaded(path)
    with path.open("a") as stream:
        stream.write("2026-11-23T01:00Z,90\n")
    assert file.changed()
    assert len(file.reload().rows) == 2


def test_a_file_that_was_rewritten_at_its_old_length_has_changed(path: Path) -> None:
    file = loaded(path)
    path.write_text(GOOD.replace("120", "130"), encoding="utf-8")
    os.utime(path, (1, 1))
    assert file.changed()


def test_a_file_that_was_replaced_by_one_just_like_it_has_changed(path: Path) -> None:
    file = loaded(path)
    seen = path.stat()
    new = path.with_name("new.csv")
    new.write_text(GOOD.replace("120", "130"), encoding="utf-8")
    os.utime(new, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    new.replace(path)
    assert file.changed()


def test_a_file_that_is_gone_has_changed_until_it_was_looked_for(path: Path) -> None:
    file = loaded(path)
    path.unlink()
    assert file.changed()
    with pytest.raises(ProviderUnavailable, match="No such file"):
        file.reload()
    assert not file.changed()


def test_a_file_that_came_back_has_changed(path: Path) -> None:
    file = loaded(path)
    path.unlink()
    with pytest.raises(ProviderUnavailable):
        file.reload()
    path.write_text(GOOD, encoding="utf-8")
    assert file.changed()
    assert file.reload().rows[0].g_per_kwh == 120


def test_a_file_that_is_half_written_is_not_available(path: Path) -> None:
    file = loaded(path)
    path.write_text(f"{GOOD}2026-11-23T0", encoding="utf-8")
    with pytest.raises(ProviderUnavailable, match="line 3"):
        file.reload()


def test_a_broken_file_is_not_read_again_until_it_changes(path: Path) -> None:
    file = loaded(path)
    path.write_text("broken", encoding="utf-8")
    with pytest.raises(ProviderUnavailable):
        file.reload()
    assert not file.changed()
