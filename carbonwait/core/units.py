"""Spans and instants, as people write them and as JSON shows them.

    >>> parse_span("1d6h")
    108000.0
    >>> format_instant(0.25)
    '1970-01-01T00:00:00.250Z'

Instants are epoch seconds (UTC); the zone of the wall clock is always an argument.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from carbonwait.core.errors import Mistake
from carbonwait.core.records import Instant

JOULES_PER_KWH = 3.6e6

_SPAN_UNITS_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+", re.ASCII)
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])", re.ASCII)
_CLOCK = re.compile(r"(?:(tomorrow|today)\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?", re.ASCII)
_LONGEST_SPAN_S = 366 * 86400.0

_SPAN_FORMS = "90s, 45m, 12h or 1d6h"
_WHEN_FORMS = f"a span ({_SPAN_FORMS}), 07:00, tomorrow 07:00 or 2026-11-23T07:00"


def parse_span(text: str, *, longest_s: float = _LONGEST_SPAN_S) -> float:
    """Seconds of `90s`, `45m`, `1d6h`, `1.5h`; also `0`.

    Raises Mistake for anything else and for more than `longest_s`, which is whole days.
    """
    compact = text.strip().lower()
    if compact == "0":
        return 0.0
    if not _SPAN.fullmatch(compact):
        raise Mistake(f"{text!r} is not a span; write {_SPAN_FORMS}")
    parts = _SPAN_PART.findall(compact)
    span_s = sum(float(number) * _SPAN_UNITS_S[unit] for number, unit in parts)
    if span_s > longest_s:
        days = f"{longest_s / 86400:.0f} days"
        raise Mistake(f"{text!r} is longer than {days}; write a shorter span")
    return span_s


def parse_when(text: str, now: Instant, zone: tzinfo) -> Instant:
    """An instant written as a span from now, as a wall-clock time or in ISO 8601.

    `07:00` is the next one. A date without an offset is in `zone`. Raises Mistake.
    """
    words = text.strip().lower()
    if _SPAN.fullmatch(words) or words == "0":
        return now + parse_span(words)
    clock = _CLOCK.fullmatch(words)
    try:
        if clock:
            day, hour, minute, second = clock.groups()
            wall = time(int(hour), int(minute), int(second or 0))
            return _clock_instant(day, wall, now, zone)
        if _INSTANT.fullmatch(text.strip()):
            moment = datetime.fromisoformat(text.strip())
            instant = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
            if instant - now > _LONGEST_SPAN_S:
                raise Mistake(f"{text!r} is more than 366 days away; write an earlier time")
            return instant
    except (ValueError, OverflowError):
        pass
    raise Mistake(f"{text!r} is no time; write {_WHEN_FORMS}")


def _clock_instant(day: str | None, wall: time, now: Instant, zone: tzinfo) -> Instant:
    """When the clock shows `wall`: on the day named, or the next time that it does."""
    here = datetime.fromtimestamp(now, zone)
    today = here.date()
    if day is not None:
        return _at(today + timedelta(days=day == "tomorrow"), wall, zone)
    for ahead in range(3):
        its_day = today + timedelta(days=ahead)
        shown = [at for fold in (0, 1) if _shows(at := _at(its_day, wall, zone, fold), wall, zone)]
        # What the clock shows twice in autumn counts twice. What it skips in spring is as long
        # after the jump as it would have been: a day later would be far too late.
        if not shown and (ahead or here.time() < wall):
            return _at(its_day, wall, zone)
        coming = [at for at in shown if at > now]
        if coming:
            return coming[0]
    raise Mistake(f"{wall:%H:%M} does not come within two days; write a date as well")


def _at(day: date, wall: time, zone: tzinfo, fold: int = 0) -> Instant:
    return datetime.combine(day, wall.replace(fold=fold), zone).timestamp()


def _shows(at: Instant, wall: time, zone: tzinfo) -> bool:
    return datetime.fromtimestamp(at, zone).time() == wall.replace(fold=0)


def format_instant(instant: Instant) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    moment = datetime.fromtimestamp(round(instant, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_local(instant: Instant, zone: tzinfo, now: Instant) -> str:
    """The wall-clock time, with the weekday unless it is today: `07:00`, `Tue 07:00`.

    Seconds are shown for an instant less than ten minutes away.
    """
    moment = datetime.fromtimestamp(instant, zone)
    clock = f"{moment:%H:%M:%S}" if abs(instant - now) < 600 else f"{moment:%H:%M}"
    today = datetime.fromtimestamp(now, zone).date()
    if moment.date() == today:
        return clock
    if abs((moment.date() - today).days) < 7:
        return f"{moment:%a} {clock}"
    return f"{moment:%Y-%m-%d} {clock}"


def format_span(span_s: float) -> str:
    """Two units at most: `45s`, `12m`, `3h 05m`, `2d 4h`."""
    seconds = round(abs(span_s))
    sign = "-" if span_s < 0 and seconds else ""
    if seconds < 60:
        return f"{sign}{seconds}s"
    if seconds < 600:
        return f"{sign}{seconds // 60}m {seconds % 60:02d}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{sign}{minutes}m"
    if minutes < 48 * 60:
        return f"{sign}{minutes // 60}h {minutes % 60:02d}m"
    hours = round(seconds / 3600)
    return f"{sign}{hours // 24}d {hours % 24}h"


def format_grams(grams: float | None) -> str:
    """Three significant figures with a unit that fits: `120 mg`, `840 g`, `1.3 kg`."""
    if grams is None:
        return "unknown"
    size = abs(grams)
    # Just below a thousand, three figures round up to the next unit.
    if size >= 999.5e3:
        tonnes = grams / 1e6
        return f"{tonnes:,.0f} t" if size >= 99.95e6 else f"{tonnes:.3g} t"
    if size >= 999.5:
        return f"{_three(grams / 1e3)} kg"
    if size >= 0.9995 or size == 0:
        return f"{_three(grams)} g"
    return f"{_three(grams * 1e3)} mg"


def format_kwh(kwh: float | None) -> str:
    """Three significant figures with a unit that fits: 0.00012 kWh reads as `120 mWh`."""
    if kwh is None:
        return "unknown"
    if abs(kwh) >= 0.9995 or kwh == 0:
        return f"{_three(kwh)} kWh"
    if abs(kwh) >= 0.9995e-3:
        return f"{_three(kwh * 1e3)} Wh"
    return f"{_three(kwh * 1e6)} mWh"


def format_money(amount: float | None, currency: str | None) -> str:
    """Two decimals from one unit of the currency on, below that three figures: `0.00213 EUR`."""
    if amount is None or currency is None:
        return "unknown"
    size = abs(amount)
    if size >= 0.9995 or size == 0:
        return f"{amount:,.2f} {currency}"
    # A fraction as the logarithm would give it, but never in powers of ten.
    decimals = next(n for n in range(3, 15) if size >= 0.9995 * 10.0 ** (2 - n) or n == 14)
    return f"{amount:.{decimals}f} {currency}"


def _three(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
