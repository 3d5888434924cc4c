"""Rows of what reports are put together from, as the record has them."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from governance.cost.entries import Outcome
from sweeps.objectives import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one owner spent on one sweep, or on an experiment outside sweeps, in a period."""

    tenant: str
    experiment: str  #: empty: none, such as a dataset's bytes
    sweep_id: str  #: empty: outside sweeps
    owner: str
    amount_usd: Decimal
    waste_usd: Decimal
    gpu_hours: float
    idle_gpu_hours: float
    cpu_hours: float
    memory_gib_hours: float
    storage_gib_days: float
    attempts: int  #: that ended in the period, whenever they began
    failed_attempts: int  #: of these, by their own fault or the machine's
    unpriced: int  #: entries of the ledger without a price: what they cost is not in the amount


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpent:
    """A day's spending."""

    day: dt.date
    amount_usd: Decimal
    waste_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeSpent:
    """What attempts that ended alike cost."""

    outcome: str  #: as the ledger has it: completed, failed, evicted, idle, …; empty: storage
    is_waste: bool
    gpu_hours: float
    amount_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Trials of a sweep whose configuration an earlier trial of the same sweep had."""

    tenant: str
    sweep_id: str
    trials: int
    amount_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedEarly:
    """Trials of a sweep that its search ended before their last resource level."""

    tenant: str
    experiment: str
    sweep_id: str
    trials: int
    unknown: int  #: of these, whose level, last level or cost is not known
    amount_usd: Decimal  #: of the known ones
    #: What the known ones would have cost more if each level cost as much as those before it.
    saved_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A trial with a result and a price."""

    number: int
    objective: float
    cost_usd: Decimal  #: of all its attempts, whenever they ran


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFront:
    """Trials of a sweep that no other one beats in both result and price."""

    tenant: str
    experiment: str
    sweep_id: str
    metric: str
    direction: Direction
    trials: int  #: with a finite result
    unpriced: int  #: of these, those that nobody knows the cost of
    front: tuple[Priced, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What happened, by owner."""

    tenant: str
    owner: str
    sweeps_submitted: int
    sweeps_ended: int
    runs_ended: int
    completed: int
    stopped: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsEnded:
    """Attempts that ended alike on one day."""

    day: dt.date
    outcome: Outcome
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReason:
    """Attempts that ended badly, by reason."""

    tenant: str
    reason: str
    attempts: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long attempts waited until they began."""

    tenant: str
    attempts: int
    median_seconds: float
    p95_seconds: float
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMoved:
    """An alias that came to mean another version of a model."""

    tenant: str
    model: str
    alias: str
    kind: str  #: promoted, set, rolled_back
    from_number: int | None  #: None: the alias was new
    number: int
    moved_by: str
    moved_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationsEnded:
    """How evaluations of candidates ended."""

    tenant: str
    state: str  #: promoted, rejected, failed, refused, withdrawn
    evaluations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a tenant's attempts held at once, and how long they waited to be let in."""

    tenant: str
    most_gpus: int
    hours_at_most_gpus: float  #: that it held as many
    most_trials: int
    hours_at_most_trials: float
    gpu_hours: float
    waiting: int  #: that have not been let in
    median_wait_seconds: float | None  #: of those that were queued in the period; None: none was
    longest_wait_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What retention has deleted by one rule."""

    tenant: str  #: empty: of all tenants, such as a tier of metric points
    kind: str  #: artifact, points, tier
    rule: str
    things: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a sweep that ended has shown."""

    tenant: str
    sweep_id: str
    title: str
    takeaway: str
    confirmed_by: str | None  #: None: nobody has, it is what the record suggests
