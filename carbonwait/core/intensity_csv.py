r"""The CSV format of intensities: `--forecast`, `compare --history`, `settle --actuals`.

    >>> file = parse("datetime_utc,intensity_gco2_per_kwh\n2026-11-23T00:00Z,120", "grid.csv")
    >>> file.actuals().at(1795392000.0)
    120.0

Columns are `datetime_utc,intensity_gco2_per_kwh[,forecast_gco2_per_kwh[,issued_utc]]`, in any
order, beside any others.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from carbonwait.core.errors import Mistake
from carbonwait.core.intensity_file import IntensityFile, Issue, Row
from carbonwait.core.records import Instant

MAX_G_PER_KWH = 5000.0

_DATETIME = "datetime_utc"
_INTENSITY = "intensity_gco2_per_kwh"
_FORECAST = "forecast_gco2_per_kwh"
_ISSUED = "issued_utc"
_COLUMNS = (_DATETIME, _INTENSITY, _FORECAST, _ISSUED)

_SINGLE_ROW_S = 3600.0
_DAY_S = 86400.0
# Within these years an instant as a float tells microseconds apart, as the text does.
_FIRST, _LAST = 0.0, datetime(2201, 1, 1, tzinfo=UTC).timestamp()


def parse(text: str, name: str) -> IntensityFile:
    """Read a file's text; `name` is what messages call the file. Raises Mistake."""
    lines = _lines(text, name)
    header_line, header = next(lines, (1, []))
    columns = _Columns(name, header_line, [cell.strip() for cell in header])
    intensities: dict[Instant, float | None] = {}
    issues: dict[Instant, dict[Instant | None, Issue | None]] = {}
    for line, cells in lines:
        start, g_per_kwh, issued, issue = columns.read(line, cells)
        if start not in intensities:
            intensities[start] = g_per_kwh
            issues[start] = {issued: issue}
            continue
        if issued in issues[start]:
            remedy = "with one issued_utc" if columns.issued is not None else "without issued_utc"
            raise columns.mistake(line, f"{_DATETIME} occurs twice {remedy}; keep one row of it")
        issues[start][issued] = issue
        before = intensities[start]
        if before is None:
            intensities[start] = g_per_kwh
        elif g_per_kwh is not None and g_per_kwh != before:
            raise columns.mistake(
                line, f"{_INTENSITY} is {g_per_kwh:g} here and {before:g} before; keep one of them"
            )
    if not intensities:
        raise Mistake(f"{name} has no row; write one interval a line below the column names")
    starts = sorted(intensities)
    rows = [
        Row(start, end, intensities[start], _in_order(issues[start].values()))
        for start, end in zip(starts, _ends(starts), strict=True)
    ]
    return IntensityFile(tuple(rows), columns.forecast is not None)


def _in_order(issues: Collection[Issue | None]) -> tuple[Issue, ...]:
    known = [issue for issue in issues if issue is not None]
    return tuple(sorted(known)) if len(known) > 1 else tuple(known)


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers."""
    import csv
    from io import StringIO

    text = text.removeprefix("\ufeff")
    reader = csv.reader(StringIO(text, newline=""), skipinitialspace=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise Mistake(f"{name}, line {line}: {error}; write plain CSV") from None


class _Columns:
    """Where the columns are, and how to read the cells in them."""

    def __init__(self, name: str, line: int, header: list[str]) -> None:
        self.name = name
        self.width = len(header)
        self._instants: dict[str, Instant] = {}
        for column in _COLUMNS:
            if header.count(column) > 1:
                raise self.mistake(line, f"column {column} is there twice; keep one of them")
        start, intensity, self.forecast, self.issued = (
            header.index(column) if column in header else None for column in _COLUMNS
        )
        if start is None or intensity is None:
            missing = _DATETIME if start is None else _INTENSITY
            remedy = f"name the columns there: {_DATETIME},{_INTENSITY}"
            raise self.mistake(line, f"column {missing} is missing; {remedy}")
        self.start, self.intensity = start, intensity
        if self.issued is not None and self.forecast is None:
            raise self.mistake(line, f"{_ISSUED} goes with a column {_FORECAST}; add that one")

    def read(
        self, line: int, cells: list[str]
    ) -> tuple[Instant, float | None, Instant | None, Issue | None]:
        """Start, intensity, when it was issued, and what. Raises Mistake."""
        if len(cells) != self.width and (
            len(cells) < self.width or any(cell.strip() for cell in cells[self.width :])
        ):
            counts = f"{len(cells)} cells where the column names have {self.width}"
            raise self.mistake(line, f"the row has {counts}; complete it or take it out")
        start = self._instant(line, _DATETIME, cells[self.start])
        g_per_kwh = self._intensity(line, _INTENSITY, cells[self.intensity])
        if self.forecast is None:
            return start, g_per_kwh, None, None
        forecast = self._intensity(line, _FORECAST, cells[self.forecast])
        issued = None
        if self.issued is not None and cells[self.issued].strip():
            issued = self._instant(line, _ISSUED, cells[self.issued])
        if forecast is None:
            return start, g_per_kwh, issued, None
        if issued is None:
            issued = start - start % _DAY_S
        return start, g_per_kwh, issued, Issue(issued, forecast)

    def _instant(self, line: int, column: str, cell: str) -> Instant:
        # Where there are many issues, each text comes back many times.
        instant = self._instants.get(cell)
        if instant is None:
            instant = self._instants[cell] = _instant(cell)
        if not _FIRST <= instant < _LAST:
            wanted = "no instant from 1970 to 2200; write 2026-11-23T07:00:00Z"
            raise self.mistake(line, f"{column} {_shown(cell)} is {wanted}")
        return instant

    def _intensity(self, line: int, column: str, cell: str) -> float | None:
        try:
            value = float(cell)
        except ValueError:
            if not cell.strip():
                return None
            value = -1.0
        # The comparison is false for NaN as well; Python reads 1_000 as a number, people do not.
        if not 0.0 <= value <= MAX_G_PER_KWH or "_" in cell:
            wanted = f"no number from 0 to {MAX_G_PER_KWH:g} g/kWh; correct it or leave it empty"
            raise self.mistake(line, f"{column} {_shown(cell)} is {wanted}")
        return value + 0.0  # turns -0.0 into 0.0

    def mistake(self, line: int, text: str) -> Mistake:
        """A mistake in one line of the file, to be raised."""
        return Mistake(f"{self.name}, line {line}: {text}")


def _instant(cell: str) -> Instant:
    """Seconds since the epoch; -1 for what is no instant. A naive one is UTC."""
    try:
        moment = datetime.fromisoformat(cell.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return -1.0


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:40] + "...")


def _ends(starts: Sequence[Instant]) -> Iterator[Instant]:
    """Where each row ends; a step that is far longer than usual is a gap, not a long row."""
    if len(starts) == 1:
        yield starts[0] + _SINGLE_ROW_S
        return
    steps = [after - before for before, after in pairwise(starts)]
    median_s = _median(steps)
    usual_s = 3 * median_s
    before_s = length_s = steps[0]
    for start, following, step_s in zip(starts, starts[1:], steps, strict=False):
        if step_s <= usual_s:
            length_s = step_s
            yield following
        else:
            length_s = before_s if before_s <= usual_s else median_s
            yield start + length_s
        before_s = step_s
    yield starts[-1] + length_s


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
