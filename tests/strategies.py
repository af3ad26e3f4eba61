"""Hypothesis strategies for what the core works on, and the plain sums to check it against.

Instants are around the end of October 2026, where clocks in Europe go back: floats of that size
tell a quarter of a microsecond apart, which is part of what is tested.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from carbonwait.core.durations import Durations, durations_from, known_duration, prior
from carbonwait.core.records import Energy, EnergySlot, MeterRow
from carbonwait.core.series import Kind, Series, Slot
from carbonwait.core.windows import Window

# A busy machine must not fail a property that holds.
settings.register_profile("house", deadline=None, max_examples=30)
settings.load_profile("house")

MIDNIGHT = datetime(2026, 10, 24, tzinfo=UTC).timestamp()
STEPS_S = (1, 7, 60, 300, 900, 1800, 3600)
# Half an hour on Lord Howe Island, at midnight in Santiago: the odd ones.
ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
)
ROUNDING_S = 1e-5

# --- intensities --------------------------------------------------------------------------------

intensities = st.integers(0, 9000).map(lambda tenths: tenths / 10)
kinds: st.SearchStrategy[Kind] = st.sampled_from(["forecast", "actual", "typical"])


@st.composite
def series(
    draw: st.DrawFn,
    *,
    gaps: bool = True,
    sigmas: bool = False,
    steps_s: Sequence[int] = STEPS_S,
    min_slots: int = 1,
    max_slots: int = 30,
) -> Series:
    """A series of one step; about a slot in twelve is missing unless `gaps` is false."""
    step_s = draw(st.sampled_from(steps_s))
    begin = MIDNIGHT + draw(st.integers(0, 47)) * 1800
    values = draw(st.lists(intensities, min_size=min_slots, max_size=max_slots))
    slots = []
    for index, value in enumerate(values):
        if gaps and index and draw(st.integers(0, 11)) == 5:  # 0 would be drawn too often
            continue
        sigma = draw(st.integers(0, 60)) if sigmas else 0
        start = begin + index * step_s
        slots.append(Slot(start, start + step_s, value, draw(kinds), float(sigma)))
    return Series(slots)


def span_of(a_series: Series) -> tuple[float, float]:
    """From the first start to the last end."""
    return a_series.slots[0].start, a_series.slots[-1].end


def instants(a_series: Series) -> st.SearchStrategy[float]:
    """Instants in, at the edges of and a little outside a series."""
    first, last = span_of(a_series)
    beyond = (last - first) / 4
    return st.one_of(st.floats(first - beyond, last + beyond), st.sampled_from(a_series.edges))


@st.composite
def intervals(draw: st.DrawFn, a_series: Series) -> tuple[float, float]:
    """An interval that is not empty, in or around a series."""
    one, other = draw(instants(a_series)), draw(instants(a_series))
    if one == other:
        other += 1.0
    return min(one, other), max(one, other)


# --- durations and windows ----------------------------------------------------------------------


def durations(longest_s: float) -> st.SearchStrategy[Durations]:
    """One known span, a few past runs, or the prior if its hour fits into `longest_s`."""
    spans_s = st.one_of(
        st.integers(1, 12).map(lambda twelfths: longest_s * twelfths / 12),
        st.floats(longest_s / 50, longest_s),
    )
    learnt = st.lists(spans_s, min_size=1, max_size=12).map(durations_from)
    known = st.one_of(spans_s.map(known_duration), learnt)
    return st.one_of(known, st.just(prior())) if longest_s > 3600 else known


_quarters_s = st.integers(0, 95).map(lambda quarter: quarter * 900)
windows: st.SearchStrategy[Window] = st.builds(
    Window,
    st.one_of(
        st.just(frozenset(range(7))),
        st.frozensets(st.integers(0, 6), min_size=1, max_size=6),
    ),
    _quarters_s,
    _quarters_s,
)


@cache
def clock_changes(zone: str) -> tuple[float, ...]:
    """When the clocks of a zone change in 2026, twice each."""
    begin = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    half_hours = [begin + 1800 * index for index in range(365 * 48)]
    offsets = [datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset() for at in half_hours]
    pairs = zip(half_hours[1:], pairwise(offsets), strict=True)
    return tuple(at for at, (before, after) in pairs if before != after)


@st.composite
def changing_nights(draw: st.DrawFn) -> tuple[str, float]:
    """A zone whose clocks change, and a full minute within two days of the change."""
    zone = draw(st.sampled_from(ZONES))
    change = draw(st.sampled_from(clock_changes(zone)))
    near = st.integers(-3 * 60, 3 * 60)
    far = st.integers(-2 * 24 * 60, 2 * 24 * 60)
    return zone, change + 60 * draw(st.one_of(near, far))


# --- energy -------------------------------------------------------------------------------------

_joules = st.one_of(st.none(), st.integers(0, 50_000).map(lambda tenths: tenths / 10))
energies: st.SearchStrategy[Energy] = st.builds(Energy, _joules, _joules, _joules)


@st.composite
def meter_rows(draw: st.DrawFn, *, max_rows: int = 8) -> list[MeterRow]:
    """Rows in order of time; now and then the meter missed something between two of them."""
    at = MIDNIGHT + draw(st.integers(0, 600_000)) / 1000
    rows = []
    for _ in range(draw(st.integers(0, max_rows))):
        if draw(st.integers(0, 5)) == 0:
            at += draw(st.integers(1, 400_000)) / 1000
        end = at + draw(st.one_of(st.just(5.0), st.integers(1, 120_000).map(lambda ms: ms / 1000)))
        busy_s = draw(st.one_of(st.none(), st.floats(0, 4).map(lambda cpus: cpus * (end - at))))  # noqa: B023
        rows.append(MeterRow(at, end, draw(energies), busy_s))
        at = end
    return rows


@st.composite
def profiles(draw: st.DrawFn, started: float, *, longest_s: float) -> list[EnergySlot]:
    """A job's energy from `started` on, in slots without gaps; at least one is known."""
    lengths_s = draw(st.lists(st.floats(1, 300), min_size=1, max_size=8))
    scale = min(1.0, longest_s / sum(lengths_s))
    cuts = [started]
    for length_s in lengths_s:
        cuts.append(cuts[-1] + max(length_s * scale, 1e-3))
    slots = [EnergySlot(begin, end, draw(energies)) for begin, end in pairwise(cuts)]
    if all(slot.energy.total_j is None for slot in slots):
        slots[0] = EnergySlot(slots[0].start, slots[0].end, Energy(100.0))
    return slots


# --- the plain sums -----------------------------------------------------------------------------


def plain_integral(a_series: Series, start: float, end: float) -> float:
    """Slot by slot, what of it lies in `[start, end)`."""
    return sum(
        slot.g_per_kwh * (min(slot.end, end) - max(slot.start, start))
        for slot in a_series
        if slot.start < end and start < slot.end
    )


def plain_covered_s(a_series: Series, start: float, end: float) -> float:
    """How much of `[start, end)` the slots cover."""
    return sum(
        min(slot.end, end) - max(slot.start, start)
        for slot in a_series
        if slot.start < end and start < slot.end
    )


def plain_expected_mean(a_series: Series, task: Durations, start: float) -> float | None:
    """The mean over all possible run times together, None if the expected one meets a gap."""
    expected_s = task.expected_s
    if plain_covered_s(a_series, start, start + expected_s) < expected_s - ROUNDING_S:
        return None
    ends = [start + span_s for span_s in task.support_s]
    covered_s = sum(plain_covered_s(a_series, start, end) for end in ends)
    return sum(plain_integral(a_series, start, end) for end in ends) / covered_s
