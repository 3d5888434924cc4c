"""What there is to see of the queue: who waits for what, and what each tenant holds. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from governance.gpu_types import is_gpu_type
from governance.quotas.quota import Amounts, Quotas
from governance.scheduling import Usage
from governance.scheduling.queue import HOPELESS
from sweeps.waits import WaitingSweep


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedTrial:
    """An attempt that waits to be admitted."""

    attempt_id: str
    sweep_id: str | None  #: None: a rerun, which is in none
    rerun_of: str | None  #: the run that it repeats
    tenant_id: str
    experiment: str
    owner: str
    priority: str | None
    cpu_millis: int
    memory_bytes: int
    gpu: int
    gpu_type: str
    kind: str  #: what it waits for; empty: nobody has looked yet
    reason: str
    place: int | None
    starts_at: dt.datetime | None
    queued_at: dt.datetime

    @property
    def is_hopeless(self) -> bool:
        """Whether it asks for what it can never have, as policies are now."""
        return self.kind in HOPELESS

    @property
    def demand(self) -> str:
        """What it asks for, for people."""
        return amounts_words(
            cpu=self.cpu_millis / 1000,
            memory_bytes=self.memory_bytes,
            gpus={self.gpu_type: self.gpu} if self.gpu else {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What live attempts hold together."""

    trials: int = 0
    cpu_millis: int = 0
    memory_bytes: int = 0
    gpus: Mapping[str, int] = field(default_factory=dict[str, int])  #: by type; empty: any

    @property
    def gpu(self) -> int:
        """Devices of all types."""
        return sum(self.gpus.values())

    def gpu_of(self, kind: str) -> int:
        """Devices that count for a type."""
        return sum(n for name, n in self.gpus.items() if name and is_gpu_type(kind, name))

    @property
    def words(self) -> str:
        """For people."""
        if not self.trials:
            return "nothing"
        held = amounts_words(
            cpu=self.cpu_millis / 1000, memory_bytes=self.memory_bytes, gpus=self.gpus
        )
        return f"{self.trials} {'trial' if self.trials == 1 else 'trials'}: {held}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundUse:
    """One limit, and what is used of it."""

    what: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        """Of the limit, 1 is all; of a limit of nothing all is used."""
        return self.used / self.limit if self.limit > 0 else 1.0

    @property
    def words(self) -> str:
        """``6 of 8 GPUs``."""
        if self.what in {"memory", "storage"}:
            return f"{bytes_words(self.used)} of {bytes_words(self.limit)} of {self.what}"
        return f"{self.used:g} of {self.limit:g} {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUse:
    """What one tenant holds, used, and may have."""

    tenant_id: str
    weight: float
    share: float  #: that fair share compares; 0 is nothing
    queued: int
    held: Held
    used: Usage  #: decayed up to now
    storage_bytes: int
    limits: Sequence[BoundUse]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """The queue as it is now."""

    waiting: Sequence[QueuedTrial]  #: by place; at most as many as were asked for
    sweeps: Sequence[WaitingSweep]  #: that others have to end for; likewise, the oldest first
    n_waiting: int
    n_held: int  #: attempts that hold something
    tenants: Sequence[TenantUse]
    capacity: Sequence[BoundUse]  #: of what is declared
    decided_at: dt.datetime | None  #: when the scheduler looked last


def bounds(amounts: Amounts, held: Held) -> list[BoundUse]:
    """What is used of each bound."""
    pairs: list[tuple[str, float, float | None]] = [
        ("trials", held.trials, amounts.trials),
        ("GPUs", held.gpu, amounts.gpu),
        *(
            (f"{kind} GPUs", held.gpu_of(kind), count)
            for kind, count in sorted(amounts.gpu_types.items())
        ),
        ("cores", held.cpu_millis / 1000, amounts.cpu),
        ("memory", held.memory_bytes, amounts.memory_bytes),
    ]
    return [
        BoundUse(what=what, used=used, limit=limit)
        for what, used, limit in pairs
        if limit is not None
    ]


def tenant_bounds(quotas: Quotas, tenant: str, held: Held, *, storage_bytes: int) -> list[BoundUse]:
    """The same of a tenant's limits, storage included."""
    quota = quotas.of_tenant(tenant)
    found = bounds(quota.limits, held)
    if quota.storage_bytes is not None:
        found.append(BoundUse(what="storage", used=storage_bytes, limit=quota.storage_bytes))
    return found


def total(parts: Sequence[Held]) -> Held:
    """What several hold together."""
    gpus: dict[str, int] = {}
    for part in parts:
        for kind, count in part.gpus.items():
            gpus[kind] = gpus.get(kind, 0) + count
    return Held(
        trials=sum(part.trials for part in parts),
        cpu_millis=sum(part.cpu_millis for part in parts),
        memory_bytes=sum(part.memory_bytes for part in parts),
        gpus=gpus,
    )


def amounts_words(*, cpu: float, memory_bytes: int, gpus: Mapping[str, int]) -> str:
    """``2 a100 GPUs, 8 cores, 32 GiB``."""
    words = [
        f"{count:g} {kind + ' ' if kind else ''}{'GPU' if count == 1 else 'GPUs'}"
        for kind, count in sorted(gpus.items())
        if count
    ]
    words.append(f"{cpu:g} {'core' if cpu == 1 else 'cores'}")
    if memory_bytes:
        words.append(bytes_words(memory_bytes))
    return ", ".join(words)


def usage_words(used: Usage) -> str:
    """``12.5 GPU-hours, 100 core-hours``."""
    gpu_hours = sum(used.gpu_hours.values())
    words = [f"{gpu_hours:.3g} GPU-hours"] if gpu_hours else []
    return ", ".join([*words, f"{used.cpu_hours:.3g} core-hours"])


def bytes_words(count: float) -> str:
    """``12.5 GiB``."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count:g} bytes"
