"""How much do strategies save, in percent of what the best start in hindsight would?

    python tests/bench/savings.py FOLDER

FOLDER holds CSV files of real grids as `compare --history` reads them, called `ZONE_YEAR.csv`, and
`ZONE_PERIOD_dacf.csv` with a forecast column beside `ZONE_PERIODhist_dacf.csv` with what came
before it. Every full hour from the 61st day on one job is submitted, in four shapes; it must be
done by its deadline. Three tables are printed: jobs planned on nothing but the past, on issued
forecasts, and long jobs that may be paused. Peers' rules are given our forecast, or what they
would use themselves where the name says so.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC
from os import cpu_count
from pathlib import Path
from statistics import fmean, quantiles
from typing import NamedTuple, Protocol

from carbonwait.core.forecaster import HOUR_S
from carbonwait.core.intensity_csv import parse
from carbonwait.core.intensity_file import IntensityFile, Row
from carbonwait.core.knowledge import IssuedHours, Knowledge
from carbonwait.core.landscape import Landscape
from carbonwait.core.planner import ASSUMED_WINDOW
from carbonwait.core.records import Instant
from carbonwait.core.replay import (
    Job,
    clear_submits,
    dynamic_starts,
    full_hours,
    learnt_static_starts,
    oracle_starts,
    replay_starts,
    static_starts,
)
from carbonwait.core.replay_pausing import interruptible_runs
from carbonwait.core.series import Series, Slot
from carbonwait.core.windows import openings

SHAPES = ((1, 4), (2, 12), (4, 24), (8, 24))
DAY_S = 24 * HOUR_S
WARM_UP_S = 60 * DAY_S
RESUME_S = 300.0

Starts = Sequence[Instant]
Table = dict[str, list[float]]


class Sees(Protocol):
    """Anything that can be asked for a forecast."""

    def outlook(self, now: Instant, until: Instant) -> Series:
        """What it forecasts at `now`."""


class Grid(NamedTuple):
    """A zone-year: what was, what was issued, and from when on jobs are submitted."""

    name: str
    actuals: Series
    issued: IssuedHours | None
    begin: Instant


class Past:
    """Forecasts that repeat the past: the mean of each hour of the day over so many days."""

    def __init__(self, actuals: Series, days: int) -> None:
        self.actuals, self.days = actuals, days

    def outlook(self, now: Instant, until: Instant) -> Series:
        """The same hour of the last days, averaged."""
        return Series(self._slots(now, until))

    def _slots(self, now: Instant, until: Instant) -> Iterator[Slot]:
        start = now
        while start < until:
            back = DAY_S * (1 + (start - now) // DAY_S)
            times = (start - back - DAY_S * day for day in range(self.days))
            yield Slot(start, start + HOUR_S, fmean(self.actuals.at(t) or 0.0 for t in times))
            start += HOUR_S


class Raw:
    """Issued forecasts as they are, and where they end ours from the past."""

    def __init__(self, grid: Grid) -> None:
        self.grid, self.ours = grid, from_the_past(grid)

    def outlook(self, now: Instant, until: Instant) -> Series:
        """The latest issue, continued."""
        assert self.grid.issued is not None
        return self.grid.issued.series(now, until).over(self.ours.outlook(now, until))


def from_the_past(grid: Grid) -> Knowledge:
    """Our forecast from nothing but what has been observed."""
    return Knowledge.of(grid.actuals)


def with_issues(grid: Grid) -> Knowledge:
    """Our forecast, issued ones corrected and blended in."""
    return Knowledge.of(grid.actuals, grid.issued)


def planned_once(sees: Sees, job: Job, submits: Starts) -> Starts:
    """The cleanest window of a forecast, chosen at submission and kept."""
    starts = []
    for now in submits:
        latest = job.latest(now)
        series = sees.outlook(now, latest + job.duration_s)
        best = Landscape(series, job.durations, now, latest).best(latest)
        starts.append(best.start if best else now)
    return starts


def cats(sees: Sees, job: Job, submits: Starts) -> Starts:
    """CATS's rule: hourly starts, the forecast taken as points that lines join; planned once."""
    hours = int(job.duration_s // HOUR_S)
    starts = []
    for now in submits:
        points = [slot.g_per_kwh for slot in sees.outlook(now, now + job.deadline_s + HOUR_S)]
        sums = [
            sum(points[k : k + hours + 1]) - (points[k] + points[k + hours]) / 2
            for k in range(int(job.slack_s // HOUR_S) + 1)
        ]
        starts.append(now + HOUR_S * sums.index(min(sums)))
    return starts


def threshold(actuals: Series, job: Job, submits: Starts) -> Starts:
    """The first hour that is among the cleanest 30 % of the last 24, or the latest start."""
    starts = []
    for submitted in submits:
        start = submitted
        while start < job.latest(submitted):
            day = [actuals.at(start - HOUR_S * back) or 0.0 for back in range(1, 25)]
            if (actuals.at(start) or 0.0) <= quantiles(day, n=10)[2]:
                break
            start += HOUR_S
        starts.append(start)
    return starts


def nightly(job: Job, submits: Starts) -> Starts:
    """A window from 01:00 to 05:00 UTC."""
    opens = openings((ASSUMED_WINDOW,), submits[0] - 2 * DAY_S, submits[-1] + 3 * DAY_S, UTC)
    return static_starts(opens, job, submits)


def hour_of_day(instant: Instant) -> int:
    """The hour in UTC."""
    return int(instant // HOUR_S) % 24


def past_strategies(grid: Grid, job: Job, submits: Starts) -> dict[str, Callable[[], Starts]]:
    """Those that know nothing but the past."""
    actuals = grid.actuals
    return {
        "nightly window 01:00-05:00": lambda: nightly(job, submits),
        "below the 30th percentile of 24 h": lambda: threshold(actuals, job, submits),
        "best hour of the last 60 days": lambda: learnt_static_starts(
            actuals, job, submits, hour_of_day
        ),
        "window on yesterday's curve": lambda: planned_once(Past(actuals, 1), job, submits),
        "window on the last 7 days' mean": lambda: planned_once(Past(actuals, 7), job, submits),
        "CATS's rule on our forecast": lambda: cats(from_the_past(grid), job, submits),
        "carbonwait, planned once": lambda: planned_once(from_the_past(grid), job, submits),
        "carbonwait": lambda: dynamic_starts(from_the_past(grid), job, submits),
    }


def issued_strategies(grid: Grid, job: Job, submits: Starts) -> dict[str, Callable[[], Starts]]:
    """Those that are given issued forecasts."""
    return {
        "CATS's rule on the issued forecast": lambda: cats(Raw(grid), job, submits),
        "window on the issued forecast": lambda: planned_once(Raw(grid), job, submits),
        "carbonwait without the issued forecast": lambda: dynamic_starts(
            from_the_past(grid), job, submits
        ),
        "carbonwait": lambda: dynamic_starts(with_issues(grid), job, submits),
    }


def scores(grid: Grid, stride: int) -> Table:
    """Percent of the oracle's reduction, by strategy and shape."""
    strategies = past_strategies if grid.issued is None else issued_strategies
    table: Table = {}
    for hours, within in SHAPES:
        job = Job(hours * HOUR_S, within * HOUR_S, min_saving_pct=0.0)
        submits = submits_of(grid, job, stride)
        now = emitted(grid, job, submits, submits)
        best = now - emitted(grid, job, submits, oracle_starts(grid.actuals, job, submits))
        for name, starts in strategies(grid, job, submits).items():
            saved = now - emitted(grid, job, submits, starts())
            table.setdefault(name, []).append(100 * saved / best)
    return table


def long_jobs(grid: Grid, stride: int) -> Table:
    """Percent less than at once, for 24 hours of work within 48."""
    job = Job(24 * HOUR_S, 48 * HOUR_S, min_saving_pct=0.0)
    submits = submits_of(grid, job, stride)
    now = emitted(grid, job, submits, submits)
    paused = interruptible_runs(from_the_past(grid), grid.actuals, job, submits, RESUME_S)
    grams = {
        "carbonwait, in one piece": emitted(
            grid, job, submits, dynamic_starts(from_the_past(grid), job, submits)
        ),
        "best start in hindsight": emitted(
            grid, job, submits, oracle_starts(grid.actuals, job, submits)
        ),
        "carbonwait --interruptible": sum(one.g_per_kwh + one.resumes_g_per_kwh for one in paused),
    }
    return {name: [100 * (1 - value / now)] for name, value in grams.items()}


def submits_of(grid: Grid, job: Job, stride: int) -> Starts:
    """Each full hour, or some of them."""
    last = grid.actuals.edges[-1] - 48 * HOUR_S
    return clear_submits(grid.actuals, job, full_hours(grid.begin, last)[::stride])


def emitted(grid: Grid, job: Job, submits: Starts, starts: Starts) -> float:
    """The sum over all jobs."""
    return sum(one.g_per_kwh for one in replay_starts(grid.actuals, job, submits, starts))


def past_grids(folder: Path) -> list[Grid]:
    """The zone-years without forecasts."""
    grids = []
    for path in sorted(folder.glob("*_20[0-9][0-9].csv")):
        actuals = parse(path.read_text(), path.name).actuals()
        grids.append(Grid(path.stem, actuals, None, actuals.edges[0] + WARM_UP_S))
    return grids


def issued_grids(folder: Path) -> list[Grid]:
    """The zones with forecasts, what came before put in front."""
    grids = []
    for path in sorted(folder.glob("*_dacf.csv")):
        zone, period, _ = path.stem.split("_")
        if period.endswith("hist"):
            continue
        file = parse(path.read_text(), path.name)
        begin = file.edges[0]
        rows: list[Row] = []
        for before in folder.glob(f"{zone}_*hist_dacf.csv"):
            rows += parse(before.read_text(), before.name).rows
        whole = IntensityFile((*rows, *file.rows), has_forecasts=True)
        grids.append(Grid(zone, whole.actuals(), whole.issued(), begin))
    return grids


def print_table(title: str, columns: Sequence[str], found: Sequence[Table]) -> None:
    """A Markdown table of means over grids; the last column is the mean of the others."""
    print(f"\n{title}\n\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in found[0]:
        means = [fmean(values) for values in zip(*(one[name] for one in found), strict=True)]
        shown = means if len(means) == 1 else [*means, fmean(means)]
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in shown)} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the CSV files are")
    parser.add_argument("--stride", type=int, default=1, help="submit only every so many hours [1]")
    options = parser.parse_args()
    past, issued = past_grids(options.folder), issued_grids(options.folder)
    if not past and not issued:
        sys.exit(f"{options.folder} holds no ZONE_YEAR.csv; name the folder with the traces")
    columns = [*(f"{hours} h in {within} h" for hours, within in SHAPES), "mean"]
    strides = [options.stride] * (len(past) + len(issued))
    with ProcessPoolExecutor(cpu_count()) as pool:
        if past:
            found = list(pool.map(scores, past, strides))
            print_table(f"% of oracle, {len(past)} zone-years, past alone", columns, found)
            pausing = list(pool.map(long_jobs, past, strides))
            print_table("24 h in 48 h, % less than at once", ["reduction"], pausing)
        for grid in issued:
            print_table(
                f"% of oracle, issued, {grid.name}", columns, [scores(grid, options.stride)]
            )


if __name__ == "__main__":
    main()
