"""Turn a folder with the three CSV files of typical days into `carbonwait/data/`.

    python tests/data/make_typical.py FOLDER

FOLDER holds

* `typical_days.csv`: `zone,month,hour_utc,g_per_kwh`, every zone with 12 x 24 whole numbers;
* `zones.csv`: `zone,name,year,annual_mean_g_per_kwh,estimated_share,source,note`;
* `tz_zones.csv`: `tz,zone,confidence,in_table,note`.

`typical_days.bin` is one zlib stream: a line with the zones, parted by blanks, then for each zone
288 little-endian unsigned 16-bit integers in g/kWh, January 00:00 UTC first. `zones.tsv` and
`tz_zones.tsv` are tab-separated text without column names: `zone, name, year, note` and
`tz, zone, confidence, note`.
"""

import csv
import struct
import sys
import zlib
from pathlib import Path

MONTHS, HOURS = 12, 24
OUT = Path(__file__).resolve().parents[2] / "carbonwait" / "data"


def main(folder: Path) -> None:
    """Write all three files."""
    days: dict[str, dict[tuple[int, int], int]] = {}
    for row in rows(folder / "typical_days.csv"):
        hours = days.setdefault(row["zone"], {})
        hours[int(row["month"]), int(row["hour_utc"])] = int(row["g_per_kwh"])
    zones = sorted(days)
    order = [(month, hour) for month in range(1, MONTHS + 1) for hour in range(HOURS)]
    tables = b"".join(
        struct.pack(f"<{len(order)}H", *(days[zone][key] for key in order)) for zone in zones
    )
    packed = zlib.compress(" ".join(zones).encode() + b"\n" + tables, 9)
    (OUT / "typical_days.bin").write_bytes(packed)

    write("zones.tsv", folder / "zones.csv", ("zone", "name", "year", "note"))
    write("tz_zones.tsv", folder / "tz_zones.csv", ("tz", "zone", "confidence", "note"))


def write(name: str, source: Path, columns: tuple[str, ...]) -> None:
    """Write some columns of a CSV file as tab-separated text."""
    lines = ["\t".join(row[column].strip() for column in columns) for row in rows(source)]
    (OUT / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column name."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_typical.py FOLDER")
    main(Path(sys.argv[1]))
