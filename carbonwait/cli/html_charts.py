"""The charts of the page as inline SVG: bars by group, columns by day.

Every bar has its figure beside it or in a title, so that nothing is told by length or colour alone.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from carbonwait.cli.output import printable
from carbonwait.core.units import format_grams

MOST_ROWS = 12
# A page is 960 units wide; what is narrower shrinks it as a whole.
_WIDTH = 960
_NAME_WIDTH, _FIGURE_WIDTH = 230, 90
_BAR, _GAP = 14, 16
_HEIGHT = 220
_MOST_COLUMNS = 92
_LONGEST_NAME = 32

_SERIES = (("actual", "emitted"), ("now", "at once"), ("static", "in the static window"))


def comparison(groups: Sequence[tuple[str, Sequence[float | None]]]) -> Iterator[str]:
    """Three bars a group: grams emitted, at once, in the window; None where not known."""
    most = max((grams or 0.0 for _, bars in groups for grams in bars), default=0.0)
    if most <= 0:
        return
    yield _legend(_SERIES)
    each = len(_SERIES) * _BAR + _GAP
    yield _open(len(groups) * each, "Emissions by group, actual and replayed")
    room = _WIDTH - _NAME_WIDTH - _FIGURE_WIDTH
    for number, (name, bars) in enumerate(groups):
        top = number * each
        middle = top + len(_SERIES) * _BAR / 2 + 5
        yield f'<text x="{_NAME_WIDTH - 12}" y="{middle:g}" class="name">{_text(name)}</text>'
        for place, ((kind, _), grams) in enumerate(zip(_SERIES, bars, strict=True)):
            if grams is None:
                continue
            y, width = top + place * _BAR, max(1.0, room * grams / most)
            yield (
                f'<rect x="{_NAME_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR - 2}"'
                f' class="{kind}"/><text x="{_NAME_WIDTH + width + 6:.1f}" y="{y + _BAR - 4}">'
                f"{format_grams(grams)}</text>"
            )
    yield "</svg>"


def days(columns: Sequence[tuple[str, float, float]]) -> Iterator[str]:
    """A column a day: grams emitted, and on top what waiting avoided, or below what it cost.

    More days than fit are shown as weeks. The columns are days by ISO 8601, grams and grams saved.
    """
    if (_ordinal(columns[-1][0]) - _ordinal(columns[0][0])) >= _MOST_COLUMNS:
        columns = _weeks(columns)
    top = max(max(grams + max(0.0, saved), 0.0) for _, grams, saved in columns)
    below = max(max(0.0, -saved) for _, _, saved in columns)
    if top + below <= 0:
        return
    yield _legend(
        (
            ("actual", "emitted"),
            ("saved", "estimated saving"),
            ("harm", "more than at once (estimate)"),
        )
    )
    yield _open(_HEIGHT + 40, "Emissions and estimated saving by day")
    first, last = _ordinal(columns[0][0]), _ordinal(columns[-1][0])
    step = 7 if len(columns) > 1 and _weekly(columns) else 1
    room = _WIDTH / ((last - first) // step + 1)
    scale = (_HEIGHT - 20) / (top + below)
    zero = 20 + top * scale
    for key, grams, saved in columns:
        x = (_ordinal(key) - first) // step * room
        title = f"{key}: {format_grams(grams)} emitted, {format_grams(saved)} saved (estimate)"
        width = min(max(1.0, room - 2), 60.0)
        yield f"<g><title>{_text(title)}</title>"
        yield _column(x, width, zero - grams * scale, grams * scale, "actual")
        if saved > 0:
            yield _column(x, width, zero - (grams + saved) * scale, saved * scale, "saved")
        elif saved < 0:
            yield _column(x, width, zero, -saved * scale, "harm")
        yield "</g>"
    yield f'<line x1="0" x2="{_WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}"/>'
    yield f'<text x="0" y="12">{format_grams(top)}</text>'
    yield f'<text x="0" y="{_HEIGHT + 30}">{_text(columns[0][0])}</text>'
    if len(columns) > 1:
        yield f'<text x="{_WIDTH}" y="{_HEIGHT + 30}" class="end">{_text(columns[-1][0])}</text>'
    yield "</svg>"


def _weeks(columns: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Days added up by week, each under its Monday."""
    weeks: dict[str, tuple[float, float]] = {}
    for key, grams, saved in columns:
        ordinal = _ordinal(key)
        monday = date.fromordinal(max(1, ordinal - (ordinal - 1) % 7)).isoformat()
        before = weeks.get(monday, (0.0, 0.0))
        weeks[monday] = before[0] + grams, before[1] + saved
    return [(key, grams, saved) for key, (grams, saved) in weeks.items()]


def _weekly(columns: Sequence[tuple[str, float, float]]) -> bool:
    return all((_ordinal(key) - 1) % 7 == 0 for key, _, _ in columns)


def _ordinal(day: str) -> int:
    return date.fromisoformat(day).toordinal()


def _column(x: float, width: float, y: float, height: float, kind: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"/>'
    )


def _open(height: float, label: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{label}">'


def _legend(series: Sequence[tuple[str, str]]) -> str:
    items = "".join(f'<span><i class="{kind}"></i>{name}</span>' for kind, name in series)
    return f'<p class="legend">{items}</p>'


def _text(text: str) -> str:
    short = text if len(text) <= _LONGEST_NAME or "(" in text else text[: _LONGEST_NAME - 1] + "…"
    return escape(printable(short), quote=True)
