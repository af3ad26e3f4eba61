"""Time in cells, and the least cost of running so many of them: what pausing plans rest on.

All cells but the first one are equally long. A lane says what can follow after the first cell. It
is worked out once and serves every job that plans at the same instant: a job's work and its
latest finish only say where to read it.

Costs are in g/kWh x s as they weigh in choosing, with what is added for doubt and for ties.
"""

# A replay spends most of its time in the rows below, where calls of min() take three times as long.
# ruff: noqa: FURB136

from collections.abc import Iterator, Sequence
from math import ceil, floor, gcd, inf
from typing import NamedTuple

from carbonwait.core.landscape import SIGMA_WEIGHT
from carbonwait.core.records import Instant
from carbonwait.core.series import ROUNDING_S, Series, Slot

# A resume has to bring in, beside its cost, the forecast's standard error over this span; without
# an error nothing is held back. Replayed over seven zone-years with the history forecast, no span
# at all saves most: a resume that costs five minutes of running is hurdle enough, for jobs of two
# hours too. A quarter of an hour costs 0.03 points of reduction and spares a pause in ten.
HURDLE_S = 900.0

# The work grows with the square of the cells: where there are more, they are put together.
_MOST_CELLS = 200

# Too little to change a choice, enough to settle a tie: the earlier cell, and no pause for nothing.
_TIE_G_PER_KWH = 1e-6


class Segment(NamedTuple):
    """The job runs over `[start, end)`."""

    start: Instant
    end: Instant


class Cell(NamedTuple):
    """What a second of running in it costs, and what resuming in it does; infinite in a gap."""

    rate: float
    resume: float


class Grid:
    """The time from `now` to `until` in cells; they follow the slots unless these are too many."""

    def __init__(self, series: Series, now: Instant, until: Instant, resume_cost_s: float) -> None:
        self.now, self.until = now, until
        slots = [slot for slot in series.slots if slot.end > now and slot.start < until]
        edges = {edge for slot in slots for edge in (slot.start, slot.end) if now < edge < until}
        origin = min(edges, default=until)
        # Slots of different lengths, and gaps, are cut to what measures all of them.
        common_s = gcd(*(round((edge - origin) * 1000) for edge in edges)) / 1000 or until - now
        self.step_s = common_s
        while until - now > _MOST_CELLS * self.step_s:
            self.step_s *= 2
        steps = floor((now - origin + ROUNDING_S) / self.step_s) + 1
        self.first_end = min(origin + steps * self.step_s, until)
        count = 1 + ceil((until - self.first_end - ROUNDING_S) / self.step_s)
        self.cells = [Cell(inf, inf)] * count
        per_pause = _TIE_G_PER_KWH * count * count * self.step_s
        fine = self.step_s == common_s
        for index, slot in self._of_slots(slots) if fine else self._of_means(series):
            rate = slot.g_per_kwh + SIGMA_WEIGHT * slot.sigma_g_per_kwh + _TIE_G_PER_KWH * index
            doubt = HURDLE_S * slot.sigma_g_per_kwh
            self.cells[index] = Cell(rate, resume_cost_s * slot.g_per_kwh + doubt + per_pause)

    def _of_slots(self, slots: Sequence[Slot]) -> Iterator[tuple[int, Slot]]:
        count = len(self.cells)
        for slot in slots:
            first, last = self._following(slot.start), self._following(slot.end)
            for index in range(first, last if slot.end < self.until else count):
                yield index, slot

    def _following(self, edge: Instant) -> int:
        """The cell that begins at an edge, which is none within a cell."""
        return 0 if edge <= self.now else 1 + round((edge - self.first_end) / self.step_s)

    def _of_means(self, series: Series) -> Iterator[tuple[int, Slot]]:
        for index in range(len(self.cells)):
            start, end = self.span(index)
            mean, middle = series.mean(start, end), series.slot_at((start + end) / 2)
            if mean is not None and middle is not None:
                yield index, middle._replace(g_per_kwh=mean)

    def span(self, index: int) -> Segment:
        """From where to where a cell lasts."""
        if index == 0:
            return Segment(self.now, self.first_end)
        start = self.first_end + (index - 1) * self.step_s
        return Segment(start, min(start + self.step_s, self.until))


Row = list[float]


class Lane:
    """What can follow after the first cell.

    `run[r][k]` is the least cost of having run `k` whole cells of those from 1 to `r` and running
    at the end of cell `r`, `off[r][k]` the same without running, both for at most `most` cells.
    With `free` the job has never run, and its first start costs nothing.
    """

    def __init__(self, grid: Grid, most: int, *, running: bool, free: bool = False) -> None:
        self.grid, self.most, self.free = grid, most, free
        run, off = ([0.0], [inf]) if running else ([inf], [0.0])
        self.run: list[Row] = [run]
        self.off: list[Row] = [off]
        for cell in grid.cells[1:]:
            whole, resume = cell.rate * grid.step_s, cell.resume
            on = [inf]
            on += [
                (a if a < (c := b + resume) else c) + whole for a, b in zip(run, off, strict=True)
            ]
            if free:
                on[1] = whole
            off = [a if a < b else b for a, b in zip(run, off, strict=True)]
            run = on
            if len(run) > most + 1:
                run.pop()
            else:
                off.append(inf)
            self.run.append(run)
            self.off.append(off)
        # By the length of the part, in milliseconds.
        self._parted: dict[int, Parted] = {}

    def begun(self, off: Row, cell: Cell) -> Row:
        """The costs of `off` after a start or a resume in this cell."""
        resume = cell.resume
        begun = [cost + resume for cost in off]
        if self.free:
            begun[0] = 0.0
        return begun

    def resume(self, cell: Cell, cells: int, part_s: float) -> float:
        """What starting or resuming in a cell costs with so much run before."""
        return 0.0 if self.free and cells == 0 and part_s == 0 else cell.resume

    def with_part(self, row: int, cells: int, part_s: float, *, late: bool) -> float:
        """The cost of running a part of the cell after `row`: its last one, or its first one."""
        cell = self.grid.cells[row + 1]
        on, off, resume = self.run[row][cells], self.off[row][cells], self.resume(cell, cells, 0.0)
        return (min(on, off) + resume if late else min(on, off + resume)) + cell.rate * part_s

    def parted(self, part_s: float, row: int) -> "Parted":
        """The same with a part of one cell run as well, for the rows up to this one."""
        key = round(part_s * 1000)
        if key not in self._parted:
            self._parted[key] = Parted(self, part_s)
        parted = self._parted[key]
        parted.reach(row)
        return parted


class Parted:
    """A lane in which a part of one cell has been run beside the whole ones."""

    def __init__(self, lane: Lane, part_s: float) -> None:
        self._lane, self._part_s = lane, part_s
        self.run: list[Row] = [[inf]]
        self.off: list[Row] = [[inf]]

    def reach(self, last: int) -> None:
        """Work out the rows up to the last one asked for."""
        lane, run, off = self._lane, self.run[-1], self.off[-1]
        for row in range(len(self.run) - 1, last):
            cell = lane.grid.cells[row + 1]
            whole, part, resume = (
                cell.rate * lane.grid.step_s,
                cell.rate * self._part_s,
                cell.resume,
            )
            on = [inf]
            on += [
                (a if a < (c := b + resume) else c) + whole for a, b in zip(run, off, strict=True)
            ]
            # The part before a pause, or after one: at the beginning of the cell or at its end.
            before, idle, begun = lane.run[row], lane.off[row], lane.begun(lane.off[row], cell)
            early = [(a if a < b else b) + part for a, b in zip(before, begun, strict=True)]
            late = [(a if a < b else b) + resume + part for a, b in zip(before, idle, strict=True)]
            if lane.free:
                late[0] = part
            if len(on) > lane.most + 1:
                on.pop()
            else:
                late.append(inf)
            off = [
                (a if a < b else b) if a < c or b < c else c
                for a, b, c in zip(run, off, early, strict=True)
            ]
            run = [a if a < b else b for a, b in zip(on, late, strict=True)]
            if len(off) < len(run):
                off.append(inf)
            self.run.append(run)
            self.off.append(off)


class End(NamedTuple):
    """How a job ends: it has run `cells` whole cells by row `row`, and `part_s` of another one.

    It is `running` there or not; then it runs for `tail_s` more from there on.
    """

    cost: float
    row: int = 0
    cells: int = 0
    part_s: float = 0.0
    running: bool = False
    tail_s: float = 0.0


def best_end(lane: Lane, work_s: float, row: int, tail_s: float, *, divided: bool = False) -> End:
    """The cheapest way to do `work_s` by the end of cell `row` and `tail_s` of the next one.

    `divided`: a cell has been divided already, and there is no use in a second one.
    """
    cells, part_s = whole_cells(work_s, lane.grid.step_s)
    end = End(inf)
    if part_s == 0:
        end = _at(lane, row, cells)
    else:
        if part_s <= tail_s + ROUNDING_S:
            end = _before_tail(lane, row, cells, 0.0, part_s)
        if not divided:
            end = min(end, _at(lane, row, cells, part_s))
    if 0 < tail_s < work_s and not divided:
        cells, part_s = whole_cells(work_s - tail_s, lane.grid.step_s)
        if part_s:
            end = min(end, _before_tail(lane, row, cells, part_s, tail_s))
    return end


def whole_cells(work_s: float, step_s: float) -> tuple[int, float]:
    """How many whole cells there are in it, and what is left over."""
    cells = floor((work_s + ROUNDING_S) / step_s)
    part_s = work_s - cells * step_s
    return cells, part_s if part_s > ROUNDING_S else 0.0


def _at(lane: Lane, row: int, cells: int, part_s: float = 0.0) -> End:
    """The end of cell `row`, with so much run by then."""
    if not 0 <= cells < len(lane.run[row]):
        return End(inf)
    rows = lane.parted(part_s, row) if part_s else lane
    on, off = rows.run[row][cells], rows.off[row][cells]
    return End(min(on, off), row, cells, part_s, on < off)


def _before_tail(lane: Lane, row: int, cells: int, part_s: float, tail_s: float) -> End:
    """The same, and then `tail_s` of the next cell."""
    if not 0 <= cells < len(lane.run[row]):
        return End(inf)
    cell = lane.grid.cells[row + 1]
    rows = lane.parted(part_s, row) if part_s else lane
    on = rows.run[row][cells]
    resumed = rows.off[row][cells] + lane.resume(cell, cells, part_s)
    return End(min(on, resumed) + cell.rate * tail_s, row, cells, part_s, on <= resumed, tail_s)


def traced(lane: Lane, end: End) -> list[Segment]:
    """The cells and parts of cells that lead to an end, the last one first."""
    grid, row, cells, running, part_s = lane.grid, end.row, end.cells, end.running, end.part_s
    found: list[Segment] = []
    if end.tail_s:
        start = grid.span(row + 1).start
        found.append(Segment(start, start + end.tail_s))
    while row > 0:
        span, cell = grid.span(row), grid.cells[row]
        rows = lane.parted(part_s, row) if part_s else lane
        cost = (rows.run if running else rows.off)[row][cells]
        row -= 1
        if part_s and cost == lane.with_part(row, cells, part_s, late=running):
            # Here is the part, and before it nothing but whole cells.
            late, rows = running, lane
            start = span.end - part_s if late else span.start
            found.append(Segment(start, start + part_s))
            resume = 0.0 if late else lane.resume(cell, cells, 0.0)
            part_s = 0.0
        elif running:
            found.append(span)
            cells -= 1
            resume = lane.resume(cell, cells, part_s)
        else:
            resume = 0.0
        on, begun = rows.run[row][cells], rows.off[row][cells] + resume
        # Where nothing tells them apart, a job rather runs on, and rather has stopped before.
        running = on < begun or (on == begun and running)
    return found
