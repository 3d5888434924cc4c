"""What holds of every schedule, whatever the world and the policy."""

import dataclasses
import datetime as dt
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from governance.budgets.budget import BudgetState
from governance.gpu_types import is_gpu_type
from governance.quotas.quota import Amounts, Quotas, TenantQuota
from governance.scheduling import Live, Waiting, WaitKind, schedule
from sweeps.ids import AttemptId
from tests.unit.governance.scheduling.worlds import (
    CLASSES,
    NOW,
    TYPES,
    amounts,
    begun,
    budget_lists,
    policies,
    queues,
    run,
    waiting,
)


def excess(trials: Iterable[Waiting], bound: Amounts) -> list[str]:
    """Bounds that trials exceed together."""
    held = [trial.demand for trial in trials]
    sums = {
        "cpu": (sum(d.cpu_millis for d in held), None if bound.cpu is None else bound.cpu * 1000),
        "memory": (sum(d.memory_bytes for d in held), bound.memory_bytes),
        "gpu": (sum(d.gpu for d in held), bound.gpu),
        "trials": (len(held), bound.trials),
    }
    for name, count in bound.gpu_types.items():
        typed = [d.gpu for d in held if d.gpu_type and is_gpu_type(name, d.gpu_type)]
        sums[name] = (sum(typed), count)
    return [name for name, (used, most) in sums.items() if most is not None and used > most]


def broken(trials: Sequence[Waiting], quotas: Quotas) -> list[str]:
    """Rules of a policy that what is held together breaks."""
    capacity = _complete(quotas.capacity)
    found = [f"capacity {name}" for name in excess(trials, capacity)]
    for tenant in {trial.tenant for trial in trials}:
        own = [trial for trial in trials if trial.tenant == tenant]
        found += [f"{tenant} {name}" for name in excess(own, quotas.of_tenant(tenant).limits)]
        for one in quotas.classes.values():
            burst = [t for t in own if quotas.of_class(t.priority) == one]
            if one.max_trials is not None and len(burst) > one.max_trials:
                found.append(f"burst of {one.name}")
    for one in quotas.classes.values():
        part = _part(capacity, one.max_share)
        of_class = [t for t in trials if quotas.of_class(t.priority) == one]
        found += [f"share of {one.name}: {name}" for name in excess(of_class, part)]
    common = [t for t in trials if quotas.of_class(t.priority).name not in quotas.reserved_for]
    part = _part(capacity, 1 - quotas.reserved_share)
    return found + [f"reserve: {name}" for name in excess(common, part)]


def _complete(capacity: Amounts) -> Amounts:
    """With what declared types say of all devices, and of wider types."""
    declared = capacity.gpu_types
    if not declared:
        return capacity
    in_all = sum(declared.values())
    wider = {
        name: sum(count for other, count in declared.items() if is_gpu_type(name, other))
        for name in TYPES
        if any(is_gpu_type(name, other) for other in declared)
    }
    gpu = in_all if capacity.gpu is None else min(in_all, capacity.gpu)
    return dataclasses.replace(capacity, gpu=gpu, gpu_types={**declared, **wider})


def _part(capacity: Amounts, share: float) -> Amounts:
    def scaled(amount: float | None) -> float | None:
        return None if amount is None else amount * share + 1e-6

    return Amounts(
        cpu=scaled(capacity.cpu),
        memory_bytes=scaled(capacity.memory_bytes),  # pyright: ignore[reportArgumentType]
        gpu=scaled(capacity.gpu),  # pyright: ignore[reportArgumentType]
        gpu_types={  # pyright: ignore[reportArgumentType]
            name: scaled(count) for name, count in capacity.gpu_types.items()
        },
        trials=scaled(capacity.trials),  # pyright: ignore[reportArgumentType]
    )


@settings(max_examples=60, deadline=None)
@given(queues(), policies(), budget_lists, st.data())
def test_no_sequence_of_passes_exceeds_a_limit(
    queue: list[Waiting], quotas: Quotas, budgets: list[BudgetState], data: st.DataObject
) -> None:
    running: list[Live] = []
    rest = list(queue)
    for _ in range(4):
        result = schedule(rest, running, quotas.capacity, quotas, budgets, {}, NOW)
        running += [begun(trial) for trial in rest if trial.attempt_id in result.admitted]
        rest = [trial for trial in rest if trial.attempt_id not in result.admitted]

        assert broken(running, quotas) == []
        for budget in budgets:
            payers = [
                t
                for t in running
                if budget.scope.covers(
                    tenant=t.tenant, experiment=t.experiment, sweep_id=t.sweep_id, owner=t.owner
                )
            ]
            if budget.left_usd is not None and payers:
                assert sum((t.usd or Decimal(0) for t in payers), Decimal(0)) <= budget.left_usd
        n_ended = data.draw(st.integers(0, len(running)))
        running = running[n_ended:]


@settings(max_examples=60, deadline=None)
@given(queues(), policies(), budget_lists, st.randoms(use_true_random=False))
def test_the_order_of_what_is_read_says_nothing(
    queue: list[Waiting], quotas: Quotas, budgets: list[BudgetState], order: random.Random
) -> None:
    first = schedule(queue, [], quotas.capacity, quotas, budgets, {}, NOW)
    running = [begun(trial) for trial in queue if trial.attempt_id in first.admitted]
    rest = [trial for trial in queue if trial.attempt_id not in first.admitted]
    expected = schedule(rest, running, quotas.capacity, quotas, budgets, {}, NOW)

    for items in (rest, running, budgets):
        order.shuffle(items)
    again = schedule(rest, running, quotas.capacity, quotas, budgets, {}, NOW)

    assert again == expected


@settings(max_examples=60, deadline=None)
@given(queues(), policies(), budget_lists)
def test_everybody_is_either_admitted_or_has_a_place_and_a_reason(
    queue: list[Waiting], quotas: Quotas, budgets: list[BudgetState]
) -> None:
    result = schedule(queue, [], quotas.capacity, quotas, budgets, {}, NOW)

    told = [*result.admitted, *(wait.attempt_id for wait in result.waiting)]
    assert sorted(told) == sorted(trial.attempt_id for trial in queue)
    assert [wait.place for wait in result.waiting] == list(range(1, len(result.waiting) + 1))
    assert all(wait.reason for wait in result.waiting)
    assert all(wait.starts_at is None or wait.starts_at >= NOW for wait in result.waiting)


@settings(max_examples=60, deadline=None)
@given(queues(), policies(), budget_lists)
def test_nothing_stays_idle_that_somebody_may_have(
    queue: list[Waiting], quotas: Quotas, budgets: list[BudgetState]
) -> None:
    result = schedule(queue, [], quotas.capacity, quotas, [], {}, NOW)
    admitted = [trial for trial in queue if trial.attempt_id in result.admitted]
    whom = {trial.attempt_id: trial for trial in queue}

    for wait in result.waiting:
        if wait.kind is WaitKind.TURN:
            # Who is first cannot start: else nobody would be kept from starting for it. A reason
            # names it to its own tenant only.
            tenant = whom[wait.attempt_id].tenant
            ahead = [whom[other.attempt_id] for other in result.waiting[: wait.place - 1]]
            if wait.reason.startswith("a trial of another tenant "):
                firsts = [trial for trial in ahead if trial.tenant != tenant]
            else:
                firsts = [whom[AttemptId(wait.reason.split()[0])]]
            assert any(broken([*admitted, first], quotas) for first in firsts)
        elif wait.kind not in {WaitKind.NEVER, WaitKind.REFUSED}:
            assert broken([*admitted, whom[wait.attempt_id]], quotas) != []


@given(queues(), st.integers(1, 12), st.booleans())
@settings(max_examples=100, deadline=None)
def test_backfill_never_delays_the_first_in_the_queue(
    queue: list[Waiting], gpus: int, knows_lengths: bool
) -> None:
    # All end exactly when it was said, so the first one's start can be computed.
    quotas = Quotas(classes=CLASSES, capacity=Amounts(gpu=gpus))
    if knows_lengths:
        queue = [_with_seconds(trial, trial.seconds or 100.0) for trial in queue]
    base = schedule(queue, [], quotas.capacity, quotas, [], {}, NOW)
    running = [begun(trial) for trial in queue if trial.attempt_id in base.admitted]
    rest = [trial for trial in queue if trial.attempt_id not in base.admitted]
    assume(running and any(w.kind is WaitKind.CAPACITY for w in base.waiting))
    first = next(w for w in base.waiting if w.kind is WaitKind.CAPACITY)
    head = next(t for t in rest if t.attempt_id == first.attempt_id)
    others = [t for t in rest if t.sweep_id != head.sweep_id]
    strict = Quotas(classes=CLASSES, capacity=quotas.capacity, backfills=False)

    with_backfill = _start_of(head, others, running, quotas)
    without = _start_of(head, others, running, strict)
    assume(with_backfill >= 0 and without >= 0)
    assert with_backfill <= without


@given(queues(), st.integers(1, 12), st.integers(1, 20), amounts, st.booleans())
@settings(max_examples=100, deadline=None)
def test_backfill_never_delays_who_waits_for_a_limit_of_its_tenant(
    queue: list[Waiting], gpus: int, cores: int, limits: Amounts, knows_lengths: bool
) -> None:
    # All of one tenant and one class, so that only ages say who is next.
    queue = [
        dataclasses.replace(
            trial,
            tenant="vision",
            owner="ana",
            experiment="digits",
            priority=None,
            usd=None,
            gpu_hours=None,
            seconds=trial.seconds or (100.0 if knows_lengths else None),
        )
        for trial in queue
    ]
    quotas = Quotas(
        classes=CLASSES,
        capacity=Amounts(gpu=gpus, cpu=cores),
        tenants={"vision": TenantQuota(limits=limits)},
    )
    base = schedule(queue, [], quotas.capacity, quotas, [], {}, NOW)
    running = [begun(trial) for trial in queue if trial.attempt_id in base.admitted]
    assume(running and base.waiting and base.waiting[0].kind is WaitKind.TENANT)
    head = next(t for t in queue if t.attempt_id == base.waiting[0].attempt_id)
    others = [t for t in queue if t.attempt_id not in base.admitted and t.sweep_id != head.sweep_id]
    strict = dataclasses.replace(quotas, backfills=False)

    with_backfill = _start_of(head, others, running, quotas)
    without = _start_of(head, others, running, strict)
    assume(with_backfill >= 0 and without >= 0)
    assert with_backfill <= without


def _start_of(
    head: Waiting, others: Sequence[Waiting], running: Sequence[Live], rules: Quotas
) -> float:
    """Seconds until it starts, when all end exactly when it was said; negative: it is overtaken."""
    now, held, queue_now = NOW, list(running), [head, *others]
    for _ in range(60):
        result = schedule(queue_now, held, rules.capacity, rules, [], {}, now)
        if head.attempt_id in result.admitted:
            return (now - NOW).total_seconds()
        alone = schedule([head], held, rules.capacity, rules, [], {}, now)
        if alone.admitted or result.waiting[0].attempt_id != head.attempt_id:
            return -1.0  # others were ahead of it by their share: not the first any more
        held += [begun(t, now) for t in queue_now if t.attempt_id in result.admitted]
        queue_now = [t for t in queue_now if t.attempt_id not in result.admitted]
        ends = [h.began_at + dt.timedelta(seconds=h.seconds) for h in held if h.seconds]
        if not ends:
            return float("inf")
        now = min(ends)
        held = [
            h
            for h in held
            if h.seconds is None or h.began_at + dt.timedelta(seconds=h.seconds) > now
        ]
    return float("inf")


def _with_seconds(trial: Waiting, seconds: float) -> Waiting:
    fields = {name: getattr(trial, name) for name in Waiting.__dataclass_fields__}
    return Waiting(**{**fields, "seconds": seconds})


@given(st.integers(1, 4), st.integers(2, 4), st.floats(0.5, 4), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_nobody_starves(big: int, crowd: int, weight: float, unknown: int) -> None:
    # One large trial of a small tenant against tenants who always want more.
    gpus = 4
    quotas = Quotas(classes=CLASSES, tenants={"speech": TenantQuota(weight=weight)})
    seconds = None if unknown == 0 else 100.0
    running: list[Live] = []
    now = NOW
    number = 0
    victim = waiting("victim-1", gpu=big, tenant="text", seconds=seconds, ago=0)
    for _ in range(60):
        queue = [victim]
        for tenant in ("vision", "speech"):
            for _ in range(crowd):
                number += 1
                queue.append(
                    waiting(
                        f"c{tenant}-{number}", tenant=tenant, seconds=seconds,
                        ago=-(now - NOW).total_seconds(),
                    )
                )  # fmt: skip
        result = run(queue, running, quotas=quotas, gpus=gpus, now=now)
        if victim.attempt_id in result.admitted:
            return
        running += [begun(t, now) for t in queue if t.attempt_id in result.admitted]
        running = running[1:]  # one at a time ends, the worst case for a large one
        now += dt.timedelta(seconds=30)
    raise AssertionError("it waits after 60 rounds")


def test_who_waits_long_enough_in_a_low_class_is_raised() -> None:
    low = CLASSES["low"]
    raised = type(low)(name="low", value=low.value, raised_after=dt.timedelta(minutes=10))
    quotas = Quotas(classes={**CLASSES, "low": raised})
    urgent = [waiting(f"u-{i}", priority="urgent", ago=1) for i in range(3)]

    early = run([waiting("l-1", priority="low", ago=60), *urgent], quotas=quotas, gpus=1)
    late = run([waiting("l-1", priority="low", ago=1200), *urgent], quotas=quotas, gpus=1)

    assert early.admitted == ("u-0",)
    assert late.admitted == ("l-1",)
