"""Plans and runs in words, for people."""

from itertools import pairwise

from carbonwait.core.objective import CARBON, named
from carbonwait.core.planner import Plan
from carbonwait.core.records import Instant, Run
from carbonwait.core.units import (
    JOULES_PER_KWH,
    format_grams,
    format_kwh,
    format_local,
    format_money,
    format_span,
)
from carbonwait.stories.outlook import Outlook
from carbonwait.stories.planning import Forethought

_BASES = {"option": "as given", "history": "from past runs", "prior": "unknown, a broad guess"}


def intensity(g_per_kwh: float | None) -> str:
    """A rate in words; a gap is unknown."""
    return "unknown" if g_per_kwh is None else f"{g_per_kwh:.0f} gCO2eq/kWh"


def plan_lines(thought: Forethought, *, verbose: bool = False) -> list[str]:
    """A plan as a few aligned lines."""
    plan, task = thought.plan, thought.task
    lines = [
        ("zone", zone_line(thought.outlook)),
        ("source", source_line(thought.outlook, thought.now)),
        ("job", f"{thought.name or 'any'}, {duration_line(thought)}"),
        ("deadline", _at(task.deadline, thought)),
        ("start", start_line(thought)),
        ("why", plan.reason),
        ("intensity", _intensities(plan)),
        *_price(thought),
        ("estimated saving", saving_line(thought)),
    ]
    if task.carbon_weight < CARBON:
        lines.insert(4, ("objective", objective_line(thought)))
    if verbose:
        position = [name for name, _ in lines].index("why")
        lines.insert(position, ("latest start", _at(plan.latest_start, thought)))
        lines.append(("candidates", str(len(plan.candidates))))
    if plan.segments:
        lines.insert(5, ("pauses", _pauses(thought)))
    lines += [("note", note) for note in thought.outlook.notes]
    return [f"{name + ':':<18}{text}" for name, text in lines]


def zone_line(outlook: Outlook) -> str:
    """The zone and how it was found."""
    return f"{outlook.zone or 'none'} ({outlook.zone_source})"


def source_line(outlook: Outlook, now: Instant | None = None) -> str:
    """Rung, provider and signal of the intensities, and how old they are."""
    if outlook.provider is None:
        return "none"
    age = ""
    if now is not None and outlook.issued is not None and now - outlook.issued >= 1:
        age = f", {format_span(now - outlook.issued)} old"
    return f"{outlook.provider}, {outlook.rung}{age}, {outlook.signal} signal"


def duration_line(thought: Forethought) -> str:
    """How long it is expected to run, and where that is from."""
    durations = thought.task.durations
    return f"about {format_span(durations.expected_s)} ({_BASES[durations.basis]})"


def start_line(thought: Forethought) -> str:
    """When it starts, and how long that is from now."""
    wait_s = thought.plan.start - thought.now
    if wait_s <= 0:
        return "now"
    return f"{_at(thought.plan.start, thought)}, in {format_span(wait_s)}"


def saving_line(thought: Forethought) -> str:
    """The estimated saving, negative ones too; that of money as well where prices are known."""
    saving_pct = thought.plan.saving_pct
    emissions = "unknown" if saving_pct is None else f"{saving_pct:z.0f} %"
    if thought.prices.prices is None:
        return emissions
    return f"{emissions} of emissions, {_cost_saving(thought)} of cost"


def _cost_saving(thought: Forethought) -> str:
    """A percentage, or money where electricity costs nothing now."""
    prices, now = thought.prices.prices, thought.price(thought.now)
    then = thought.price(thought.plan.start)
    if prices is None or now is None or then is None:
        return "unknown"
    if now <= 0:
        return f"{format_money(now - then, prices.currency)}/kWh"
    return f"{100 * (now - then) / now:z.0f} %"


def objective_line(thought: Forethought) -> str:
    """What is minimised, and whether it could be."""
    name = named(thought.task.carbon_weight)
    text = name if isinstance(name, str) else f"{name:g} carbon, {1 - name:g} price"
    return text if thought.prices.prices else f"{text}; no price is known, planned on carbon"


def further_facts(thought: Forethought) -> list[tuple[str, str]]:
    """What some plans have: another objective, prices, pauses."""
    facts = []
    if thought.task.carbon_weight < CARBON:
        facts.append(("objective", objective_line(thought)))
    facts += _price(thought)
    if thought.prices.prices is not None:
        facts.append(("saving", f"estimated, {saving_line(thought)}"))
    if thought.plan.segments:
        facts.append(("pauses", _pauses(thought)))
    return facts


def _price(thought: Forethought) -> list[tuple[str, str]]:
    """What electricity costs then and now, where that is known."""
    prices = thought.prices.prices
    if prices is None:
        return []
    now, then = (
        f"{format_money(thought.price(at), prices.currency)}/kWh"
        for at in (thought.now, thought.plan.start)
    )
    return [("price", f"{then} then, {now} now ({prices.kind}, {prices.provider})")]


def status_words(run: Run) -> str:
    """How the command of a run that has ended did so."""
    return f"killed by SIG{run.term_signal}" if run.term_signal else f"exit {run.exit_code}"


def ended_line(run: Run) -> str:
    """The one line that a terminal gets at the end of a run."""
    if run.started is None and run.exit_code is not None:
        return f"run {run.id}: the command could not be started"
    if run.started is None:
        return f"run {run.id}: cancelled while waiting, the command has not run"
    status = status_words(run)
    length_s = (run.ended or 0) - (run.started or 0)
    total_j = run.energy.total_j
    if total_j is None:
        return f"run {run.id}: {status} after {format_span(length_s)}; energy not measured"
    energy = format_kwh(total_j / JOULES_PER_KWH)
    emitted = format_grams(run.emissions.actual_g)
    saved = ""
    if run.emissions.saving_g is not None and run.wait_s is not None and run.wait_s >= 1:
        saved = f", estimated saving {format_grams(run.emissions.saving_g)}"
        if run.emissions.if_now_g:
            saved += f" ({100 * run.emissions.saving_g / run.emissions.if_now_g:.0f} %)"
    cost = ""
    if run.cost.currency is not None:
        cost = f", {format_money(run.cost.actual, run.cost.currency)}"
    account = f"{energy}, {emitted} CO2eq{saved}{cost}"
    return f"run {run.id}: {status} after {format_span(length_s)}; {account}"


def _at(instant: Instant, thought: Forethought) -> str:
    return format_local(instant, thought.local, thought.now)


def _pauses(thought: Forethought) -> str:
    gaps = pairwise(thought.plan.segments)
    return ", ".join(
        f"{_at(before.end, thought)} to {_at(after.start, thought)}" for before, after in gaps
    )


def _intensities(plan: Plan) -> str:
    means = plan.intensities
    static = "static (assumed window)" if plan.static_assumed else "static"
    return (
        f"{intensity(means.chosen)} then, {intensity(means.now)} now, "
        f"{intensity(means.static)} {static}"
    )
