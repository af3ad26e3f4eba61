"""Static windows: the same hours every day or on some weekdays, by a wall clock.

    >>> parse_window("Mon-Fri 22:00-06:00")
    Window(days=frozenset({0, 1, 2, 3, 4}), opens_s=79200, closes_s=21600)

An instant is in a window when the wall clock reads a time in it. That settles both
daylight-saving nights: what the clock skips is skipped, what it shows twice counts twice. The
weekday is the one on which the window opens.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from carbonwait.core.errors import Mistake
from carbonwait.core.local_time import utc_offsets
from carbonwait.core.records import Instant

_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAYS = {name: day for day, full in enumerate(_DAY_NAMES) for name in (full, full[:3])}
_EVERY_DAY = frozenset(range(7))
_DAY_S = 86400
_WINDOW = re.compile(r"(?:(\S.*?)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_MOMENT = re.compile(r"(?:(\S.*?)\s+)?(\d{1,2}):(\d{2})", re.ASCII)
_FORMS = 'write "01:00-05:00" or "Mon-Fri 22:00-06:00"'

# A weekly window may just have closed, and the clock may skip its hours a week later. Two days are
# added for windows across midnight.
_LOOK_BACK_S = 2 * _DAY_S
_LOOK_AHEAD_S = 16 * _DAY_S


@dataclass(frozen=True, slots=True)
class Window:
    """Wall-clock hours; `closes_s` <= `opens_s` is a window across midnight.

    `days` are weekdays, 0 for Monday; `opens_s` and `closes_s` are seconds after midnight.
    """

    days: frozenset[int]
    opens_s: int
    closes_s: int

    def __str__(self) -> str:
        """As it may be written: `Mon-Fri 22:00-06:00`."""
        hours = f"{_clock(self.opens_s)}-{_clock(self.closes_s or _DAY_S)}"
        return f"{_days_text(self.days)} {hours}".strip()

    @property
    def length_s(self) -> int:
        """How long the window is open on a day whose clock does not change."""
        return (self.closes_s - self.opens_s) % _DAY_S or _DAY_S


def parse_window(text: str) -> Window:
    """A window from `HH:MM-HH:MM` with weekdays before it or not. Raises Mistake."""
    match = _WINDOW.fullmatch(text.strip())
    if not match:
        raise Mistake(f"{text!r} is no window; {_FORMS}")
    days, *clock = match.groups()
    hour_opens, minute_opens, hour_closes, minute_closes = map(int, clock)
    opens_s = _clock_s(text, hour_opens, minute_opens)
    closes_s = _clock_s(text, hour_closes, minute_closes)
    if opens_s in {closes_s, _DAY_S}:
        raise Mistake(f"{text!r} is empty; for the whole day write 00:00-24:00")
    return Window(_parse_days(text, days), opens_s, closes_s % _DAY_S)


def parse_moments(text: str) -> Window:
    """A time of the day, on some weekdays or on all, as the minute that begins then.

    `18:00` and `Mon-Fri 18:00` are such. Raises Mistake.
    """
    match = _MOMENT.fullmatch(text.strip())
    if not match:
        raise Mistake(f'{text!r} is no time to submit; write "18:00" or "Mon-Fri 18:00"')
    days, hour, minute = match.groups()
    opens_s = _clock_s(text, int(hour), int(minute)) % _DAY_S
    return Window(_parse_days(text, days), opens_s, (opens_s + 60) % _DAY_S)


def _clock(clock_s: int) -> str:
    return f"{clock_s // 3600:02d}:{clock_s // 60 % 60:02d}"


def _days_text(days: frozenset[int]) -> str:
    """`Mon-Fri`, `Sat,Sun`; nothing for every day."""
    if days == _EVERY_DAY:
        return ""
    parts = []
    for day in sorted(days):
        if day - 1 in days:
            continue
        last = day
        while last + 1 in days:
            last += 1
        first_name, last_name = (_DAY_NAMES[d][:3].title() for d in (day, last))
        parts.append(first_name if day == last else f"{first_name}-{last_name}")
    return ",".join(parts)


def _clock_s(text: str, hour: int, minute: int) -> int:
    clock_s = hour * 3600 + minute * 60
    if minute > 59 or clock_s > _DAY_S:
        raise Mistake(f"{text!r} has no time {hour:02d}:{minute:02d}; hours go from 00:00 to 24:00")
    return clock_s


def _parse_days(text: str, days: str | None) -> frozenset[int]:
    if days is None:
        return _EVERY_DAY
    found: set[int] = set()
    for part in re.split(r"[,\s]+", days.strip().lower()):
        first, dash, last = part.partition("-")
        if first not in _WEEKDAYS or (dash and last not in _WEEKDAYS):
            message = f"{text!r} names no weekday with {part!r}; use Mon Tue Wed Thu Fri Sat Sun"
            raise Mistake(message)
        begin = _WEEKDAYS[first]
        end = _WEEKDAYS[last] if dash else begin
        found.update((begin + i) % 7 for i in range((end - begin) % 7 + 1))
    return frozenset(found)


def next_opening(
    windows: Sequence[Window], now: Instant, zone: tzinfo
) -> tuple[Instant, Instant] | None:
    """The window that is open, from `now` on, or the next one to open; None without windows."""
    for opens, closes in openings(windows, now - _LOOK_BACK_S, now + _LOOK_AHEAD_S, zone):
        if closes > now:
            return max(opens, now), closes
    return None


def openings(
    windows: Sequence[Window], first: Instant, last: Instant, zone: tzinfo
) -> list[tuple[Instant, Instant]]:
    """When a window is open within `[first, last)`, ascending and apart from each other."""
    return _merged(
        [
            interval
            for begin, end, offset_s in _offsets(first, last, zone)
            for window in windows
            for interval in _openings(window, begin, end, offset_s)
        ]
    )


def _offsets(first: Instant, last: Instant, zone: tzinfo) -> list[tuple[Instant, Instant, int]]:
    """The stretches of `[first, last)` within which the zone's offset from UTC stays the same."""
    found = utc_offsets(zone, first, last)
    begins = [first, *(at for at, _ in found[1:]), last]
    return [
        (begin, end, offset_s)
        for (begin, end), (_, offset_s) in zip(pairwise(begins), found, strict=True)
    ]


def _openings(
    window: Window, begin: Instant, end: Instant, offset_s: float
) -> list[tuple[Instant, Instant]]:
    """When the window is open within a stretch of one offset, cut at its bounds."""
    found = []
    day = int((begin + offset_s) // _DAY_S) - 1
    while day * _DAY_S - offset_s < end:
        # Day 0 of the epoch was a Thursday, weekday 3.
        if (day + 3) % 7 in window.days:
            opens = day * _DAY_S + window.opens_s - offset_s
            closes = opens + window.length_s
            if max(opens, begin) < min(closes, end):
                found.append((max(opens, begin), min(closes, end)))
        day += 1
    return found


def _merged(intervals: list[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant]]:
    merged: list[tuple[Instant, Instant]] = []
    for opens, closes in sorted(intervals):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], closes))
        else:
            merged.append((opens, closes))
    return merged
