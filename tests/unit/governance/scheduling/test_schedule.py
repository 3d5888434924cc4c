"""Who starts, who waits and why, one rule at a time."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from governance.budgets.budget import BudgetScope, BudgetState
from governance.quotas.quota import Amounts, PriorityClass, Quotas, TenantQuota, UsageRule
from governance.scheduling import Usage, Wait, WaitKind, schedule
from tests.unit.governance.scheduling.worlds import CLASSES, NOW, live, run, waiting


def test_without_any_policy_everybody_starts() -> None:
    result = run([waiting(f"a-{i}", gpu=8) for i in range(50)])

    assert len(result.admitted) == 50
    assert result.waiting == ()


def test_a_tenant_gets_no_more_than_its_limit_and_others_pass_it() -> None:
    quotas = Quotas(tenants={"vision": TenantQuota(limits=Amounts(gpu=2))})
    queue = [waiting(f"v-{i}", ago=100 - i) for i in range(3)]

    result = run([*queue, waiting("s-1", tenant="speech", ago=1)], quotas=quotas)

    assert set(result.admitted) == {"v-0", "v-1", "s-1"}
    (wait,) = result.waiting
    assert (wait.kind, wait.reason) == (
        WaitKind.TENANT,
        "tenant vision may hold 2 GPUs at once",
    )


@pytest.mark.parametrize(
    ("limits", "demand", "words"),
    [
        (Amounts(cpu=1.5), {"cpu": 1}, "1.5 cores"),
        (Amounts(trials=1), {}, "1 trial"),
        (Amounts(gpu_types={"A100": 1}), {"gpu_type": "a100-80gb"}, "1 a100 GPU"),
    ],
)
def test_everything_can_be_limited(limits: Amounts, demand: dict[str, Any], words: str) -> None:
    quotas = Quotas(others=TenantQuota(limits=limits))

    result = run([waiting("a-1", **demand), waiting("a-2", **demand)], quotas=quotas)

    assert result.admitted == ("a-1",)
    assert result.waiting[0].reason == f"tenant vision may hold {words} at once"


def test_higher_classes_go_first() -> None:
    queue = [
        waiting("l-1", priority="low", ago=300),
        waiting("n-1", ago=200),
        waiting("u-1", priority="urgent", ago=1),
    ]

    result = run(queue, gpus=1)

    assert result.admitted == ("u-1",)
    assert [wait.attempt_id for wait in result.waiting] == ["n-1", "l-1"]


def test_who_holds_less_is_next() -> None:
    running = [live("v-1"), live("v-2"), live("s-1", tenant="speech")]
    queue = [waiting("v-3", ago=500), waiting("s-2", tenant="speech", ago=1)]

    result = run(queue, running, gpus=4)

    assert result.admitted == ("s-2",)


def test_whoever_came_first_is_in_front_where_nobody_has_less() -> None:
    # Nothing is bounded but their number, of which nobody has a share.
    quotas = Quotas(classes=CLASSES, capacity=Amounts(trials=1, gpu=0))
    queue = [
        waiting(f"{tenant}-{number}", gpu=0, tenant=tenant, owner=owner, ago=ago)
        for number, (tenant, owner, ago) in enumerate(
            [
                ("vision", "ana", 90),
                ("speech", "ben", 80),
                ("vision", "cem", 70),
                ("text", "dee", 60),
            ]
        )
    ]

    found = run(
        [*reversed(queue), waiting("zoo-4", gpu=0, ago=50)], [live("r-1", gpu=0)], quotas=quotas
    )

    assert [wait.attempt_id.split("-")[1] for wait in found.waiting] == ["0", "1", "2", "3", "4"]


def test_a_weight_is_a_part() -> None:
    quotas = Quotas(classes=CLASSES, tenants={"vision": TenantQuota(weight=3)})
    queue = [waiting(f"{t[0]}-{i}", tenant=t) for t in ("vision", "speech") for i in range(8)]

    result = run(queue, quotas=quotas, gpus=8)

    assert sum(name.startswith("v") for name in result.admitted) == 6


def test_the_dominant_resource_counts() -> None:
    # vision holds a quarter of the cores, speech a half of the GPUs.
    running = [live("v-1", gpu=0, cpu=4), live("s-1", tenant="speech", gpu=2, cpu=1)]
    queue = [waiting("v-2", gpu=0, cpu=1, ago=1), waiting("s-2", tenant="speech", gpu=0, ago=900)]
    quotas = Quotas(capacity=Amounts(cpu=16, gpu=4, trials=3))

    result = run(queue, running, quotas=quotas)

    assert result.admitted == ("v-2",)


def test_what_was_used_before_counts_and_influence_zero_forgets_it() -> None:
    usage = {("vision", "ana", "digits"): Usage(gpu_hours={"": 500.0})}
    queue = [waiting("v-1", ago=900), waiting("s-1", tenant="speech", ago=1)]
    forgetful = Quotas(classes=CLASSES, usage=UsageRule(influence=0))

    assert run(queue, gpus=1, usage=usage).admitted == ("s-1",)
    assert run(queue, gpus=1, usage=usage, quotas=forgetful).admitted == ("v-1",)


def test_users_and_experiments_share_within_their_tenant() -> None:
    running = [live("a-1"), live("a-2")]
    queue = [waiting("a-3", ago=900), waiting("b-1", owner="ben", ago=1)]

    assert run(queue, running, gpus=3).admitted == ("b-1",)

    weights = TenantQuota(experiments={"cars": 3})
    queue = [waiting(f"{e}-{i}", experiment=e) for e in ("cars", "digits") for i in range(8)]
    result = run(queue, gpus=8, quotas=Quotas(classes=CLASSES, others=weights))
    assert sum(name.startswith("cars") for name in result.admitted) == 6


def test_the_first_that_does_not_fit_is_not_overtaken_by_who_would_delay_it() -> None:
    running = [live("r-1", gpu=2, seconds=600, ago=0), live("r-2", gpu=1, seconds=1200, ago=0)]
    queue = [
        waiting("big-1", gpu=4, seconds=100, ago=300),
        waiting("short-1", seconds=600, ago=200),
        waiting("long-1", seconds=5000, ago=100),
    ]

    result = run(queue, running, gpus=5)

    assert result.admitted == ("short-1",)
    by_name: dict[str, Wait] = {wait.attempt_id: wait for wait in result.waiting}
    assert by_name["big-1"].kind is WaitKind.CAPACITY
    assert by_name["big-1"].starts_at == NOW + dt.timedelta(seconds=600)
    assert by_name["long-1"].kind is WaitKind.TURN
    assert by_name["long-1"].reason == "big-1 is first, and would start later"


def test_who_is_first_is_named_to_its_own_tenant_alone() -> None:
    running = [live("r-1", tenant="text", gpu=4, seconds=600, ago=0)]
    queue = [
        waiting("big-1", gpu=5, seconds=100, ago=300),
        waiting("own-1", seconds=5000, ago=200),
        waiting("other-1", tenant="speech", seconds=5000, ago=100),
    ]

    result = run(queue, running, gpus=5)

    reasons = {str(wait.attempt_id): wait.reason for wait in result.waiting}
    assert reasons["own-1"] == "big-1 is first, and would start later"
    assert reasons["other-1"] == "a trial of another tenant is first, and would start later"


def test_what_the_first_does_not_need_is_given_away() -> None:
    running = [live("r-1", gpu=2, seconds=600, ago=0)]
    queue = [waiting("big-1", gpu=3, ago=300), waiting("cpu-1", gpu=0, ago=1)]

    assert run(queue, running, gpus=4).admitted == ("cpu-1",)


def test_when_nobody_knows_how_long_it_takes_only_what_is_spare_is_given_away() -> None:
    running = [live("r-1", gpu=3)]
    queue = [waiting("big-1", gpu=2, ago=300), waiting("small-1", ago=1, seconds=5)]

    result = run(queue, running, gpus=4)

    assert result.admitted == ()
    assert {wait.starts_at for wait in result.waiting} == {None}


def test_backfill_can_be_turned_off() -> None:
    running = [live("r-1", gpu=2, seconds=600, ago=0)]
    queue = [waiting("big-1", gpu=3, ago=300), waiting("short-1", seconds=1)]
    strict = Quotas(classes=CLASSES, backfills=False)

    assert run(queue, running, gpus=4).admitted == ("short-1",)
    assert run(queue, running, gpus=4, quotas=strict).admitted == ()


def test_small_trials_of_a_tenant_do_not_keep_its_own_large_one_from_its_limit() -> None:
    quotas = Quotas(tenants={"vision": TenantQuota(limits=Amounts(gpu=4))})
    running = [live("r-1", gpu=2, seconds=600, ago=0)]
    queue = [waiting("big-1", gpu=4, ago=300), waiting("small-1", seconds=5000)]

    result = run(queue, running, quotas=quotas)

    assert result.admitted == ()
    assert [w.kind for w in result.waiting] == [WaitKind.TENANT, WaitKind.TURN]


def test_a_part_of_the_capacity_is_kept_for_critical_classes() -> None:
    quotas = Quotas(
        classes=CLASSES,
        capacity=Amounts(gpu=10),
        reserved_share=0.2,
        reserved_for=("urgent",),
    )
    queue = [waiting(f"n-{i}") for i in range(10)]

    result = run(queue, quotas=quotas)
    assert len(result.admitted) == 8
    assert result.waiting[0].kind is WaitKind.RESERVED
    assert result.waiting[0].reason == "all but 8 GPUs is kept for priority urgent"

    running = [live(f"n-{i}") for i in range(8)]
    urgent = run([waiting("u-1", priority="urgent", gpu=2)], running, quotas=quotas)
    assert urgent.admitted == ("u-1",)


def test_bursts_are_bounded() -> None:
    burst = PriorityClass(name="urgent", value=1000, max_trials=2)
    quotas = Quotas(classes={**CLASSES, "urgent": burst})

    result = run([waiting(f"u-{i}", priority="urgent") for i in range(3)], quotas=quotas)

    assert len(result.admitted) == 2
    assert result.waiting[0].reason == "a tenant may have 2 trials of priority urgent at once"


def test_who_may_not_use_a_class_is_told_and_holds_up_nobody() -> None:
    closed = PriorityClass(name="urgent", value=1000, users=("ben",))
    quotas = Quotas(classes={**CLASSES, "urgent": closed})

    result = run([waiting("u-1", priority="urgent"), waiting("n-1")], quotas=quotas, gpus=1)

    assert result.admitted == ("n-1",)
    assert result.waiting[0].reason == "priority 'urgent' is not for 'ana'"


def test_who_can_never_start_holds_up_nobody() -> None:
    quotas = Quotas(capacity=Amounts(gpu_types={"l4": 4}))
    queue = [
        waiting("never-1", gpu=8, ago=900),
        waiting("other-1", gpu_type="h100", ago=800),
        waiting("fits-1", gpu_type="L4"),
    ]

    result = run(queue, quotas=quotas)

    assert result.admitted == ("fits-1",)
    assert [w.kind for w in result.waiting] == [WaitKind.NEVER, WaitKind.NEVER]
    assert "there are 4 GPUs" in result.waiting[0].reason
    assert result.waiting[1].starts_at is None


def test_of_several_bounds_that_never_let_it_start_its_own_tenant_s_is_told() -> None:
    """The author can ask about that one; what machines there are comes after it."""
    quotas = Quotas(capacity=Amounts(cpu=4), tenants={"vision": TenantQuota(limits=Amounts(gpu=2))})

    result = run([waiting("never-1", gpu=4, cpu=8)], quotas=quotas)

    assert "tenant vision may hold 2 GPUs" in result.waiting[0].reason


def test_a_spent_budget_stops_those_it_is_for() -> None:
    budget = BudgetState(
        name="march",
        scope=BudgetScope(tenant="vision"),
        left_usd=Decimal(5),
        left_gpu_hours=None,
    )
    queue = [waiting("v-1", usd=Decimal(3)), waiting("v-2", usd=Decimal(3))]

    result = run([*queue, waiting("s-1", tenant="speech")], budgets=[budget])

    assert set(result.admitted) == {"v-1", "s-1"}
    assert result.waiting[0].kind is WaitKind.BUDGET
    assert result.waiting[0].reason.startswith("budget march has $2.00 left, it needs $3.00")


def test_who_has_no_budget_left_keeps_no_room_and_is_told_of_the_budget() -> None:
    spent = BudgetState(
        name="spent", scope=BudgetScope(sweep_id="a"), left_usd=Decimal(0), left_gpu_hours=None
    )
    quotas = Quotas(classes=CLASSES, tenants={"vision": TenantQuota(limits=Amounts(gpu=4))})
    queue = [
        waiting("a-1", gpu=2, usd=Decimal(5), seconds=3600.0, ago=100),
        waiting("b-1", gpu=1, usd=Decimal(1), seconds=3600.0, ago=50),
    ]

    found = run(queue, [live("r-1", gpu=3)], quotas=quotas, budgets=[spent])

    assert found.admitted == ("b-1",)
    assert [(wait.attempt_id, wait.kind) for wait in found.waiting] == [("a-1", WaitKind.BUDGET)]


def test_who_waits_for_its_own_tenant_is_not_overtaken_in_the_capacity_by_that_tenant() -> None:
    quotas = Quotas(
        classes=CLASSES,
        capacity=Amounts(cpu=8, gpu=8),
        tenants={"vision": TenantQuota(limits=Amounts(gpu=5))},
    )
    running = [live("r-1", gpu=5, cpu=1, ago=0, seconds=60.0)]
    head = waiting("head-1", gpu=5, cpu=6, seconds=60.0, ago=100)
    others = [
        waiting("long-1", gpu=0, cpu=4, seconds=7200.0),  # would hold cores that it needs
        waiting("short-1", gpu=0, cpu=4, seconds=50.0),  # ends before
        waiting("text-1", gpu=0, cpu=2, seconds=7200.0, tenant="text"),  # not of its tenant
    ]

    found = run([head, *others], running, quotas=quotas)

    assert sorted(found.admitted) == ["short-1", "text-1"]
    kinds = {wait.attempt_id: wait.kind for wait in found.waiting}
    assert kinds == {"head-1": WaitKind.TENANT, "long-1": WaitKind.TURN}


@pytest.mark.parametrize("length", [None, 3600.0])
def test_what_is_kept_for_a_class_is_not_kept_for_who_must_not_have_it(
    length: float | None,
) -> None:
    normal = dataclasses.replace(CLASSES["normal"], raised_after=dt.timedelta(days=1))
    quotas = Quotas(
        classes={**CLASSES, "normal": normal},
        capacity=Amounts(gpu=10),
        reserved_share=0.2,
        reserved_for=("urgent",),
    )
    raised = waiting("raised-1", gpu=2, priority="normal", ago=2 * 86400)
    urgent = waiting("urgent-1", gpu=2, priority="urgent", tenant="text", ago=10, seconds=length)

    running = [live("r-1", gpu=8, priority="normal", tenant="speech")]

    found = run([raised, urgent], running, quotas=quotas)

    assert found.admitted == ("urgent-1",)
    assert [wait.kind for wait in found.waiting] == [WaitKind.RESERVED]


def test_what_live_trials_have_reserved_of_a_budget_is_gone() -> None:
    budget = BudgetState(
        name="march", scope=BudgetScope(), left_usd=Decimal(5), left_gpu_hours=None
    )
    running = [live("r-1", usd=Decimal(4))]

    assert run([waiting("v-1", usd=Decimal(2))], running, budgets=[budget]).admitted == ()


def test_what_somebody_else_admits_is_asked_for_its_budget_alone() -> None:
    quotas = Quotas(others=TenantQuota(limits=Amounts(gpu=0)))
    spent = BudgetState(name="march", scope=BudgetScope(), left_usd=Decimal(0), left_gpu_hours=None)
    queue = [waiting("k-1", is_admitted_elsewhere=True, usd=Decimal(1))]

    assert run(queue, quotas=quotas).admitted == ("k-1",)
    assert run(queue, quotas=quotas, budgets=[spent]).admitted == ()


def test_estimates_go_by_what_ends_and_then_by_rounds() -> None:
    running = [live(f"r-{i}", seconds=600 + 60 * i, ago=0) for i in range(2)]
    queue = [waiting(f"w-{i}", seconds=1000, ago=100 - i) for i in range(4)]

    result = run(queue, running, gpus=2)

    in_seconds = [(w.starts_at - NOW).total_seconds() for w in result.waiting if w.starts_at]
    assert in_seconds == [600, 660, 1660, 1660]


def test_a_policy_that_was_cut_below_what_is_held_admits_nobody_and_ends_nobody() -> None:
    quotas = Quotas(others=TenantQuota(limits=Amounts(gpu=1)))

    result = run([waiting("v-3")], [live("v-1"), live("v-2")], quotas=quotas)

    assert result.admitted == ()
    assert result.waiting[0].kind is WaitKind.TENANT


def test_a_class_that_is_gone_is_treated_as_the_usual_one() -> None:
    result = run([waiting("v-1", priority="gone")], gpus=1)

    assert result.admitted == ("v-1",)


def test_an_empty_queue_has_shares() -> None:
    result = run([], [live("v-1")], gpus=4)

    assert result.shares == {"vision": 0.25}


def test_wider_types_are_counted_with_the_narrower_ones() -> None:
    capacity = Amounts(gpu_types={"a100-40gb": 1, "a100-80gb": 1})
    queue = [waiting(f"w-{i}", gpu_type="a100", ago=9) for i in range(2)]
    queue.append(waiting("n-1", gpu_type="a100-80gb", ago=99))

    result = schedule(queue, [], capacity, Quotas(), [], {}, NOW)

    assert sorted(result.admitted) == ["n-1", "w-0"]


def test_a_late_trial_gets_a_little_more_time() -> None:
    late = live("r-1", gpu=2, seconds=100, ago=500)

    result = run([waiting("w-1", gpu=2)], [late], gpus=2)

    assert result.waiting[0].starts_at == NOW + dt.timedelta(seconds=60)
