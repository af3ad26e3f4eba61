"""Plain records that travel between the floors.

Instants are seconds since the Unix epoch, UTC, as floats (`Instant`); spans are seconds
(`..._s`); energies joules (`..._j`); intensities gCO2eq/kWh (`..._g_per_kwh`); emissions grams
(`..._g`). An interval is half open. None means unknown, never zero.
"""

from dataclasses import dataclass, field
from typing import Literal

Instant = float

Rung = Literal["live", "cached", "history", "typical", "static", "now"]
Strategy = Literal["dynamic", "static", "now"]
Signal = Literal["average", "marginal"]
Scope = Literal["direct", "life-cycle", "unknown"]
State = Literal["waiting", "running", "paused", "finished", "aborted", "lost"]
Accounting = Literal["none", "pending", "settled"]
Basis = Literal["actual", "forecast", "typical", "mixed"]
PriceKind = Literal["retail", "wholesale"]
Method = Literal["rapl", "nvml", "rocm", "powermetrics", "tdp_model", "ram_model", "none"]

MEASURED_METHODS: frozenset[str] = frozenset({"rapl", "nvml", "rocm", "powermetrics"})


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules by component; a component that no meter saw is None."""

    cpu_j: float | None = None
    gpu_j: float | None = None
    ram_j: float | None = None

    @property
    def total_j(self) -> float | None:
        """The sum of the components known, None only if none is."""
        known = [j for j in (self.cpu_j, self.gpu_j, self.ram_j) if j is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Methods:
    """How each component's energy came about."""

    cpu: Method = "none"
    gpu: Method = "none"
    ram: Method = "none"


TdpSource = Literal["list", "per_thread", "constant"]
Machine = Literal["physical", "virtual"]
GpuReading = Literal["counter", "power"]


@dataclass(frozen=True, slots=True)
class MeterLabels:
    """What a run's figures rest on beyond the methods; None where it is not known.

    `tdp_w` is the power that the CPU model assumes for the whole machine, None where the CPU is
    measured. It is that of one CPU (by name from CodeCarbon's `list`, 4 W `per_thread`, or a
    `constant`) times `sockets`. A GPU's `counter` counts energy; where it has none, CodeCarbon
    reads its `power` every second.
    """

    tdp_w: float | None = None
    tdp_source: TdpSource | None = None
    cpu_name: str | None = None
    sockets: int | None = None
    logical_cpus: int | None = None
    machine: Machine | None = None
    gpu_count: int | None = None
    gpu_reading: GpuReading | None = None


@dataclass(frozen=True, slots=True)
class MeterInfo:
    """What the meter process said of itself when it became ready.

    For `tdp_w` and what is optional see `MeterLabels`. `physical_ram_bytes` and `logical_cpus` are
    the machine's.
    """

    methods: Methods
    tdp_w: float | None
    logical_cpus: int
    physical_ram_bytes: int
    gpu_count: int = 0
    tdp_source: TdpSource | None = None
    cpu_name: str | None = None
    sockets: int | None = None
    machine: Machine | None = None
    gpu_reading: GpuReading | None = None

    @property
    def labels(self) -> MeterLabels:
        """What of it is kept with a run."""
        return MeterLabels(
            self.tdp_w,
            self.tdp_source,
            self.cpu_name,
            self.sockets,
            self.logical_cpus,
            self.machine,
            self.gpu_count,
            self.gpu_reading,
        )


@dataclass(frozen=True, slots=True)
class MeterRow:
    """The whole machine's energy over `[start, end)`, and how long its CPUs were busy.

    Of `energy.gpu_j`, `gpu_own_j` went to the job's processes and `gpu_others_j` to others; the
    rest, all of it where NVML does not tell, is nobody's in particular.
    """

    start: Instant
    end: Instant
    energy: Energy
    busy_s: float | None = None
    gpu_own_j: float = 0.0
    gpu_others_j: float = 0.0


@dataclass(frozen=True, slots=True)
class EnergySlot:
    """Energy within `[start, end)`, even over it."""

    start: Instant
    end: Instant
    energy: Energy


@dataclass(frozen=True, slots=True)
class Usage:
    """What the kernel says of the command once it has ended."""

    cpu_s: float
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class Emissions:
    """Grams of the same measured profile, replayed from different starts; None: not known.

    `waiting` is what the machine emitted while it was kept on for the wait (`idle_watts`).
    """

    actual_g: float | None = None
    if_now_g: float | None = None
    if_static_g: float | None = None
    if_dynamic_g: float | None = None
    best_g: float | None = None
    waiting_g: float | None = None

    @property
    def saving_g(self) -> float | None:
        """`if_now` less `actual` and `waiting`; negative where waiting did harm."""
        if self.if_now_g is None or self.actual_g is None or self.waiting_g is None:
            return None
        return self.if_now_g - self.actual_g - self.waiting_g


@dataclass(frozen=True, slots=True)
class Cost:
    """What the electricity of a run cost and would have cost, in units of `currency`.

    The same replays as those of `Emissions`; every figure may be negative, as prices may.
    """

    currency: str | None = None
    kind: PriceKind | None = None
    actual: float | None = None
    if_now: float | None = None
    if_static: float | None = None
    if_dynamic: float | None = None
    best: float | None = None
    waiting: float | None = None

    @property
    def saving(self) -> float | None:
        """`if_now` less `actual` and `waiting`; negative where waiting did harm."""
        if self.if_now is None or self.actual is None or self.waiting is None:
            return None
        return self.if_now - self.actual - self.waiting


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided at one moment, on which forecast, and why."""

    at: Instant
    start: Instant
    rung: Rung
    issued: Instant | None
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """A running command stood still over `[start, end)`; `end` is None while it does."""

    start: Instant
    end: Instant | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that looks after a run, so that another one can tell whether it is lost."""

    host: str
    boot: str
    pid_namespace: str
    pid: int
    pid_started: float


@dataclass(slots=True)
class Run:
    """One run, from submission on; the ledger keeps it, `show` and `report` read it.

    `command` is None where commands are not recorded. `static_start` and `dynamic_start` are the
    starts that the other strategies would have chosen at submission. `cpu_s` and `busy_s` are the
    job's and the whole machine's busy CPU seconds over the run. `energy` is the job's part,
    `machine_energy` the machine's. `measured_j` is how much of `energy` was measured rather than
    estimated. `uncovered_s` is how long no meter looked, or a component that it meters was unknown.
    `gpus` lists the devices that the job was allowed to see, None for all of them. `objective` is
    the weight of carbon against price that was asked for; `cost` is empty where no price was known.
    `paused_s` is how long of `started` to `ended` it stood still.
    """

    id: str
    name: str
    command: str | None
    submitted: Instant
    deadline: Instant
    strategy: Strategy
    owner: Owner
    state: State = "waiting"
    planned_start: Instant | None = None
    latest_start: Instant | None = None
    started: Instant | None = None
    ended: Instant | None = None
    paused_s: float = 0.0
    exit_code: int | None = None
    term_signal: str | None = None
    zone: str | None = None
    zone_source: str | None = None
    provider: str | None = None
    rung: Rung = "now"
    signal_kind: Signal = "average"
    scope: Scope = "unknown"
    static_start: Instant | None = None
    static_assumed: bool = False
    dynamic_start: Instant | None = None
    idle_watts: float = 0.0
    cpu_s: float | None = None
    busy_s: float | None = None
    job_share: float | None = None
    peak_rss_bytes: int | None = None
    idle_floor_w: float | None = None
    gpus: str | None = None
    methods: Methods = field(default_factory=Methods)
    labels: MeterLabels = field(default_factory=MeterLabels)
    energy: Energy = field(default_factory=Energy)
    machine_energy: Energy = field(default_factory=Energy)
    measured_j: float | None = None
    uncovered_s: float | None = None
    emissions: Emissions = field(default_factory=Emissions)
    accounting: Accounting = "none"
    basis: Basis | None = None
    objective: float = 1.0
    cost: Cost = field(default_factory=Cost)

    @property
    def wait_s(self) -> float | None:
        """From submission to start, None before the start."""
        return None if self.started is None else self.started - self.submitted

    @property
    def ran_s(self) -> float | None:
        """How long the command has run, pauses left out; None before the end."""
        if self.started is None or self.ended is None:
            return None
        return max(0.0, self.ended - self.started - self.paused_s)

    @property
    def estimated(self) -> bool:
        """True where the account is final, but not all of it stands on actual intensities."""
        return self.accounting == "settled" and self.basis != "actual"

    @property
    def deadline_met(self) -> bool | None:
        """None before the end, and where the command has not run."""
        if self.started is None or self.ended is None:
            return None
        return self.ended <= self.deadline
