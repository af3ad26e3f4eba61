"""What the wall clock of a place was ahead of UTC by, over years of instants.

A run of July belongs to the day that July's clocks showed, whatever they show now.
"""

from datetime import UTC, datetime, tzinfo

from carbonwait.core.records import Instant

# No place changes its clocks twice within so short a time; Morocco's Ramadan is four weeks.
_LOOK_EVERY_S = 7 * 86400


def utc_offsets(zone: tzinfo, first: Instant, last: Instant) -> list[tuple[int, int]]:
    """The offsets in force over `[first, last]`: from which second on, and seconds ahead of UTC.

    Oldest first; the first of them holds from `first` on at least.
    """
    at, end = int(first // 1), int(last // 1)
    found = [(at, _offset_s(zone, at))]
    while at < end:
        following = min(at + _LOOK_EVERY_S, end)
        offset_s = _offset_s(zone, following)
        if offset_s != found[-1][1]:
            found.append((_changed(zone, at, following), offset_s))
        at = following
    return found


def _changed(zone: tzinfo, before: int, after: int) -> int:
    """The first second with the offset of `after`, which is not that of `before`."""
    offset_s = _offset_s(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_s(zone, middle) == offset_s:
            after = middle
        else:
            before = middle
    return after


def _offset_s(zone: tzinfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
