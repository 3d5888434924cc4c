"""Records that the scheduler reads and makes."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sweeps.ids import AttemptId


class Demand(NamedTuple):
    """What one attempt holds while it is there, on all of its nodes together.

    A tuple, since a pass looks thousands of them up.
    """

    cpu_millis: int = 1000  #: thousandths of a core: whole, so that sums are exact
    memory_bytes: int = 0
    gpu: int = 0  #: devices
    gpu_type: str = ""  #: of them; empty: any


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An attempt that would like to start."""

    attempt_id: AttemptId
    sweep_id: str
    tenant: str
    experiment: str
    owner: str
    demand: Demand
    queued_at: dt.datetime
    priority: str | None = None  #: class; None: the usual one
    seconds: float | None = None  #: how long it will take, as far as anybody can tell
    usd: Decimal | None = None  #: what it will cost
    gpu_hours: float | None = None
    #: Somebody else admits it, such as Kueue: no quota is asked, budgets are.
    is_admitted_elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Live(Waiting):
    """An attempt that was admitted and has not ended."""

    began_at: dt.datetime  #: when it started; until then, when it was admitted


#: Whose usage is counted apart: tenant, owner, experiment.
Whose = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used, decayed up to now: of each hour what is left of it."""

    cpu_hours: float = 0.0  #: of cores
    memory_gib_hours: float = 0.0
    gpu_hours: Mapping[str, float] = field(default_factory=dict[str, float])  #: by type


class WaitKind(StrEnum):
    """What a trial waits for."""

    TENANT = "tenant_limit"  #: its own tenant's trials to end
    CLASS = "class_limit"  #: trials of its priority class to end
    CAPACITY = "capacity"  #: anybody's trials to end
    RESERVED = "reserved"  #: what is left is kept for other classes
    BUDGET = "budget"
    TURN = "turn"  #: there is room, but it would delay somebody who is first
    NEVER = "never"  #: it asks for more than it can ever have
    REFUSED = "refused"  #: its tenant or owner may not use its priority class


#: Nobody's end changes anything for those who wait for this.
HOPELESS = frozenset({WaitKind.NEVER, WaitKind.REFUSED})


class Wait(NamedTuple):
    """Why an attempt does not start now. A tuple, since a pass makes ten thousand of them."""

    attempt_id: AttemptId
    kind: WaitKind
    reason: str  #: for people; stays the same while nothing changes for it
    place: int  #: in the queue of the installation, from 1
    starts_at: dt.datetime | None = None  #: an estimate; None: nobody can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What one pass decides."""

    admitted: tuple[AttemptId, ...]  #: in the order in which it was their turn
    waiting: tuple[Wait, ...]  #: by place
    #: What each tenant holds and used before, of what it shares most of, by weight: 0 is nothing.
    shares: Mapping[str, float]
