"""When to run a job that may be paused: the segments with the least expected emissions.

    >>> from carbonwait.core.series import Series, Slot
    >>> values = (100.0, 300.0, 100.0)
    >>> series = Series(Slot(3600 * i, 3600 * (i + 1), v) for i, v in enumerate(values))
    >>> planner = PausingPlanner(series, now=0, until=10800, resume_cost_s=300)
    >>> [tuple(segment) for segment in planner.plan(7200, finish_by=10800).segments]
    [(0, 3600.0), (7200.0, 10800.0)]

A resume costs energy, counted as so much running time at the intensity where it resumes, and no
time. There is a plan, no worse than any other, in which all ends of segments but one lie on edges
of slots: were two free, moving both at once would keep the work and change the emissions linearly,
until one of them meets an edge. So a plan is a choice of whole cells, and of a part of one cell
for what is left over (`carbonwait.core.lanes`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from operator import attrgetter
from typing import Literal, NamedTuple

from carbonwait.core.lanes import (
    End,
    Grid,
    Lane,
    Segment,
    best_end,
    traced,
    whole_cells,
)
from carbonwait.core.records import Instant
from carbonwait.core.series import ROUNDING_S, Series

Phase = Literal["new", "running", "paused"]
"""A first start costs nothing, and nor does running on; to resume costs, even at once."""


class Action(NamedTuple):
    """Whether a job runs now, until when at least that holds, and what the plan behind it costs.

    `cost` is in g/kWh x s, resumes included.
    """

    runs: bool
    until: Instant
    cost: float


@dataclass(frozen=True, slots=True)
class PausingPlan:
    """The segments, and what they cost in g/kWh x s, resumes included.

    `pauses` are those that are still to begin.
    """

    segments: tuple[Segment, ...]
    cost: float
    pauses: int


class _Choice(NamedTuple):
    """`head` is run in the first cell; `end` says what follows in `lane`, if anything does."""

    cost: float
    head: Segment | None = None
    lane: Lane | None = None
    end: End = End(0.0)


class PausingPlanner:
    """Plans as of `now` for any number of jobs, none of which may end after `until`.

    `resume_cost_s` is the energy of a resume, as running time; `most_work_s` is the most that any
    of the jobs still has to run.
    """

    def __init__(
        self,
        series: Series,
        now: Instant,
        until: Instant,
        *,
        resume_cost_s: float,
        most_work_s: float = inf,
    ) -> None:
        self._series, self._now, self._until = series, now, until
        self._resume_cost_s, self._most_work_s = resume_cost_s, most_work_s

    def plan(self, work_s: float, finish_by: Instant, phase: Phase = "new") -> PausingPlan | None:
        """The best plan for `work_s` of running; None if no plan keeps clear of gaps."""
        choice = self._best(work_s, finish_by, phase)
        if choice is None:
            return None
        pieces = [] if choice.lane is None else traced(choice.lane, choice.end)
        pieces += [] if choice.head is None else [choice.head]
        segments = _joined(pieces[::-1])
        goes_on = segments[0].start <= self._now
        first_resumes = phase == "paused" or (phase == "running" and not goes_on)
        resumed = segments if first_resumes else segments[1:]
        pauses = len(segments) - (phase != "running" or goes_on)
        return PausingPlan(segments, self._cost(segments, resumed), pauses)

    def action(self, work_s: float, finish_by: Instant, phase: Phase = "new") -> Action | None:
        """What its plan has a job do now, without working out the rest; None if there is none."""
        choice = self._best(work_s, finish_by, phase)
        if choice is None:
            return None
        if choice.head is None:
            return Action(False, self._grid.first_end, choice.cost)
        runs = choice.head.start <= self._now
        return Action(runs, choice.head.end if runs else choice.head.start, choice.cost)

    @cached_property
    def _grid(self) -> Grid:
        return Grid(self._series, self._now, self._until, self._resume_cost_s)

    @cached_property
    def _most_cells(self) -> int:
        most = len(self._grid.cells)
        step_s = self._grid.step_s
        return most if self._most_work_s >= most * step_s else int(self._most_work_s / step_s) + 1

    @cached_property
    def _running(self) -> Lane:
        return Lane(self._grid, self._most_cells, running=True)

    @cached_property
    def _paused(self) -> Lane:
        return Lane(self._grid, self._most_cells, running=False)

    @cached_property
    def _new(self) -> Lane:
        return Lane(self._grid, self._most_cells, running=False, free=True)

    def _best(self, work_s: float, finish_by: Instant, phase: Phase) -> _Choice | None:
        finish_by = min(finish_by, self._until)
        if not 0 < work_s <= finish_by - self._now + ROUNDING_S:
            return None
        choice = self._whole(work_s, finish_by, phase)
        if choice is None:
            choice = min(self._choices(work_s, finish_by, phase), key=attrgetter("cost"))
        return choice if choice.cost < inf else None

    def _whole(self, work_s: float, finish_by: Instant, phase: Phase) -> _Choice | None:
        """The better of the two choices that there are where nothing but whole cells is left.

        They are the most frequent case by far, and what `_choices` would find, sooner. None if it
        is not that case.
        """
        grid = self._grid
        first_end, step_s = grid.first_end, grid.step_s
        cells, rows = work_s / step_s, (finish_by - first_end) / step_s
        row, rest = int(rows), int(cells) - 1
        if (
            first_end - self._now != step_s
            or row != rows
            or rest + 1 != cells
            or not 0 < rest < min(row, self._most_cells)
            or row >= len(grid.cells)
        ):
            return None
        first = grid.cells[0]
        on, off = self._running.run[row][rest], self._running.off[row][rest]
        end = End(min(on, off), row, rest, 0.0, on < off)
        cost = (first.resume if phase == "paused" else 0.0) + first.rate * step_s + end.cost
        idle = self._new if phase == "new" else self._paused
        on, off = idle.run[row][rest + 1], idle.off[row][rest + 1]
        if cost <= on and cost <= off:
            return _Choice(cost, Segment(self._now, first_end), self._running, end)
        end = End(min(on, off), row, rest + 1, 0.0, on < off)
        return _Choice(end.cost, None, idle, end)

    def _choices(self, work_s: float, finish_by: Instant, phase: Phase) -> Iterator[_Choice]:
        """What can be done with the first cell, each with the best that can follow."""
        grid, now = self._grid, self._now
        first_end, cell = grid.first_end, grid.cells[0]
        first_s = first_end - now
        resume_now = cell.resume if phase == "paused" else 0.0
        resume_later = 0.0 if phase == "new" else cell.resume
        if work_s <= first_s + ROUNDING_S:
            yield _Choice(resume_now + cell.rate * work_s, Segment(now, now + work_s))
        if finish_by <= first_end + ROUNDING_S:
            return
        row, tail_s = whole_cells(finish_by - first_end, grid.step_s)
        if work_s > first_s + ROUNDING_S:
            end = best_end(self._running, work_s - first_s, row, tail_s)
            cost = resume_now + cell.rate * first_s + end.cost
            yield _Choice(cost, Segment(now, first_end), self._running, end)
        idle = self._new if phase == "new" else self._paused
        end = best_end(idle, work_s, row, tail_s)
        yield _Choice(end.cost, None, idle, end)
        parts_s = {whole_cells(span_s, grid.step_s)[1] for span_s in (work_s, work_s - tail_s)}
        for part_s in sorted(parts_s):
            if not 0 < part_s < first_s - ROUNDING_S:
                continue
            cost = cell.rate * part_s
            end = best_end(self._paused, work_s - part_s, row, tail_s, divided=True)
            head = Segment(now, now + part_s)
            yield _Choice(resume_now + cost + end.cost, head, self._paused, end)
            end = best_end(self._running, work_s - part_s, row, tail_s, divided=True)
            head = Segment(first_end - part_s, first_end)
            yield _Choice(resume_later + cost + end.cost, head, self._running, end)

    def _cost(self, segments: Sequence[Segment], resumed: Sequence[Segment]) -> float:
        running = sum(self._series.integral(*segment) for segment in segments)
        # An instant that has been computed may lie a hair before the edge that it stands for.
        intensities = (self._series.at(segment.start + ROUNDING_S) or 0.0 for segment in resumed)
        return running + self._resume_cost_s * sum(intensities)


def _joined(pieces: Sequence[Segment]) -> tuple[Segment, ...]:
    """Pieces in order of time, those put together between which nothing lies."""
    joined: list[Segment] = []
    for piece in pieces:
        if joined and piece.start - joined[-1].end <= ROUNDING_S:
            joined[-1] = Segment(joined[-1].start, piece.end)
        else:
            joined.append(piece)
    return tuple(joined)
