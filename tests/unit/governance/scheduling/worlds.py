"""Queues and policies that tests are about: short to write down, or drawn by hypothesis."""

import datetime as dt
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from governance.budgets.budget import BudgetScope, BudgetState
from governance.quotas.quota import Amounts, PriorityClass, Quotas, TenantQuota
from governance.scheduling import Demand, Live, Schedule, Waiting, schedule
from sweeps.ids import AttemptId

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
TENANTS = ("vision", "speech", "text")
TYPES = ("a100", "a100-80gb", "l4")
CLASSES = {
    "urgent": PriorityClass(name="urgent", value=1000),
    "normal": PriorityClass(name="normal", value=100),
    "low": PriorityClass(name="low", value=10),
}


def waiting(name: str, *, gpu: int = 1, ago: float = 60, **others: Any) -> Waiting:
    """A trial that was queued some seconds ago."""
    return Waiting(**_fields(name, gpu=gpu, ago=ago, **others))


def live(name: str, *, gpu: int = 1, ago: float = 60, **others: Any) -> Live:
    """A trial that began some seconds ago."""
    began_at = NOW - dt.timedelta(seconds=ago)
    return Live(**_fields(name, gpu=gpu, ago=ago, **others), began_at=began_at)


def _fields(
    name: str, *, gpu: int, ago: float, gpu_type: str = "", cpu: float = 1, **others: Any
) -> dict[str, Any]:
    return {
        "attempt_id": AttemptId(name),
        "sweep_id": name.partition("-")[0],
        "tenant": "vision",
        "experiment": "digits",
        "owner": "ana",
        "demand": Demand(cpu_millis=round(cpu * 1000), gpu=gpu, gpu_type=gpu_type),
        "queued_at": NOW - dt.timedelta(seconds=ago),
        **others,
    }


def run(
    queue: list[Waiting],
    running: list[Live] | None = None,
    *,
    quotas: Quotas | None = None,
    gpus: int | None = None,
    budgets: list[BudgetState] | None = None,
    usage: Any = None,
    now: dt.datetime = NOW,
) -> Schedule:
    """One pass, with so many GPUs."""
    quotas = quotas or Quotas(classes=CLASSES)
    capacity = quotas.capacity if gpus is None else Amounts(gpu=gpus)
    return schedule(queue, running or [], capacity, quotas, budgets or [], usage or {}, now)


seconds = st.one_of(st.none(), st.integers(10, 5000).map(float))
demands = st.builds(
    Demand,
    cpu_millis=st.integers(100, 4000),
    memory_bytes=st.integers(0, 4),
    gpu=st.integers(0, 4),
    gpu_type=st.sampled_from(("", *TYPES)),
)
amounts = st.builds(
    Amounts,
    cpu=st.one_of(st.none(), st.integers(0, 20)),
    memory_bytes=st.one_of(st.none(), st.integers(0, 20)),
    gpu=st.one_of(st.none(), st.integers(0, 12)),
    gpu_types=st.dictionaries(st.sampled_from(TYPES), st.integers(0, 8), max_size=3),
    trials=st.one_of(st.none(), st.integers(0, 12)),
)
tenant_quotas = st.builds(
    TenantQuota,
    weight=st.sampled_from((0.5, 1.0, 3.0)),
    limits=st.one_of(st.just(Amounts()), amounts),
)


@st.composite
def policies(draw: st.DrawFn) -> Quotas:
    """Any policy."""
    classes = {
        name: PriorityClass(
            name=name,
            value=value,
            max_trials=draw(st.one_of(st.none(), st.integers(0, 5))),
            max_share=draw(st.sampled_from((1.0, 0.5, 0.9))),
            raised_after=draw(st.sampled_from((None, dt.timedelta(minutes=5)))),
            tenants=draw(st.sampled_from((None, None, ("vision",)))),
        )
        for name, value in (("urgent", 1000), ("normal", 100), ("low", 10))
    }
    return Quotas(
        classes=classes,
        capacity=draw(st.one_of(st.just(Amounts()), amounts)),
        reserved_share=draw(st.sampled_from((0.0, 0.0, 0.25))),
        reserved_for=("urgent",),
        backfills=draw(st.booleans()),
        tenants={name: draw(tenant_quotas) for name in TENANTS[:2]},
        others=draw(tenant_quotas),
    )


@st.composite
def queues(draw: st.DrawFn, most: int = 25) -> list[Waiting]:
    """Any queue; the trials of a sweep are alike."""
    queue: list[Waiting] = []
    for sweep in range(draw(st.integers(1, 6))):
        alike = {
            "sweep_id": f"s{sweep}",
            "tenant": draw(st.sampled_from(TENANTS)),
            "experiment": draw(st.sampled_from(("digits", "cars"))),
            "owner": draw(st.sampled_from(("ana", "ben"))),
            "demand": draw(demands),
            "priority": draw(st.sampled_from((None, *CLASSES))),
            "seconds": draw(seconds),
            "usd": draw(st.one_of(st.none(), st.integers(0, 5).map(Decimal))),
            "gpu_hours": draw(st.one_of(st.none(), st.floats(0, 3))),
        }
        for number in range(draw(st.integers(1, max(most // 6, 1)))):
            ago = draw(st.integers(0, 2000))
            queue.append(
                Waiting(
                    attempt_id=AttemptId(f"s{sweep}-{number}"),
                    queued_at=NOW - dt.timedelta(seconds=ago),
                    **alike,
                )
            )
    return queue


budget_lists = st.lists(
    st.builds(
        BudgetState,
        name=st.sampled_from(("one", "two")),
        scope=st.sampled_from(
            (BudgetScope(tenant="vision"), BudgetScope(), BudgetScope(sweep_id="s0"))
        ),
        left_usd=st.one_of(st.none(), st.integers(0, 20).map(Decimal)),
        left_gpu_hours=st.one_of(st.none(), st.floats(0, 10)),
    ),
    max_size=2,
    unique_by=lambda state: state.name,
)


def begun(trial: Waiting, now: dt.datetime = NOW) -> Live:
    """A trial that was admitted."""
    fields = {name: getattr(trial, name) for name in Waiting.__dataclass_fields__}
    return Live(**fields, began_at=now)
