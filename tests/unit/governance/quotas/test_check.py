"""What a submission is refused for: what no trial of it could ever get."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.quotas.check import quota_problems
from governance.quotas.quota import Amounts, PriorityClass, Quotas, TenantQuota
from governance.scheduling import Demand, Waiting, schedule
from sweeps.errors import Problem
from sweeps.ids import AttemptId
from sweeps.specs import PodOptions, Resources, TrialSpec
from tests.factories import a_spec, at

SHARED = {
    "normal": PriorityClass(name="normal", value=2),
    "low": PriorityClass(name="low", value=1, max_share=0.5),
}


def problems(
    quotas: Quotas, *, nodes: int = 1, priority: str | None = None, **asked: Any
) -> list[Problem]:
    trial = TrialSpec(
        command=("python", "train.py"),
        resources=Resources(**asked),
        pods=PodOptions(nodes=nodes),
    )
    spec = replace(a_spec(trial=trial), priority=priority)
    return quota_problems(quotas, spec, lines={"priority": 7})


def test_what_fits_is_not_refused() -> None:
    quotas = Quotas(others=TenantQuota(limits=Amounts(gpu=2)))

    assert problems(quotas, gpu=2) == []


@pytest.mark.parametrize(
    ("quotas", "asked", "path", "words"),
    [
        (Quotas(others=TenantQuota(limits=Amounts(gpu=2))), {"gpu": 3},
         "trial.resources.gpu", "3 are asked for on 1 node, and tenant default may hold 2"),
        (Quotas(others=TenantQuota(limits=Amounts(gpu=2))), {"gpu": 1, "nodes": 3},
         "trial.resources.gpu", "3 are asked for on 3 nodes"),
        (Quotas(others=TenantQuota(limits=Amounts(gpu=9, gpu_types={"A100": 1}))),
         {"gpu": 2, "gpu_type": "a100-80gb"}, "trial.resources.gpu", "may hold 1"),
        (Quotas(capacity=Amounts(cpu=4)), {"cpu": 8}, "trial.resources.cpu", "has 4"),
        (Quotas(capacity=Amounts(memory_bytes=4)), {"memory_bytes": 8},
         "trial.resources.memory", "has 4"),
        (Quotas(capacity=Amounts(gpu_types={"l4": 4})), {"gpu": 1, "gpu_type": "h100"},
         "trial.resources.gpu_type", "there are no h100 GPUs here"),
        (Quotas(others=TenantQuota(limits=Amounts(trials=0))), {}, "tenant", "0 trials"),
        (Quotas(classes=SHARED, capacity=Amounts(gpu=8)), {"gpu": 6, "priority": "low"},
         "trial.resources.gpu", "6 are asked for on 1 node, and priority low may hold 4"),
        (Quotas(classes=SHARED, capacity=Amounts(cpu=5)), {"cpu": 3, "priority": "low"},
         "trial.resources.cpu", "3 are asked for on 1 node, and priority low may hold 2.5"),
        (Quotas(classes=SHARED, capacity=Amounts(gpu_types={"a100": 4, "l4": 4}),
                reserved_share=0.25, reserved_for=("low",)), {"gpu": 7},
         "trial.resources.gpu", "without what is kept for priority low this installation has 6"),
        (Quotas(capacity=Amounts(gpu_types={"a100-40gb": 2, "a100-80gb": 2})),
         {"gpu": 5, "gpu_type": "a100"}, "trial.resources.gpu", "this installation has 4"),
        (Quotas(capacity=Amounts(gpu_types={"a100": 4, "l4": 4})), {"gpu": 9},
         "trial.resources.gpu", "this installation has 8"),
        (Quotas(classes={"normal": PriorityClass(name="normal", value=1, max_trials=0)}), {},
         "priority", "priority normal may hold 0 trials"),
        (Quotas(), {"priority": "fast"}, "priority", "there is no class 'fast'"),
        (Quotas(classes={"normal": PriorityClass(name="normal", value=1),
                         "high": PriorityClass(name="high", value=2, tenants=("vision",))}),
         {"priority": "high"}, "priority", "priority 'high' is not for tenant 'default'"),
    ],
)  # fmt: skip
def test_what_can_never_start_is_refused(
    quotas: Quotas, asked: dict[str, Any], path: str, words: str
) -> None:
    (problem,) = problems(quotas, **asked)

    assert problem.path == path
    assert words in problem.message
    assert problem.line == (7 if path == "priority" else None)


def test_a_class_that_the_reserved_part_is_kept_for_has_it() -> None:
    quotas = Quotas(
        classes=SHARED, capacity=Amounts(gpu=8), reserved_share=0.25, reserved_for=("normal",)
    )

    assert problems(quotas, gpu=8) == []


AMOUNTS = st.builds(
    Amounts,
    cpu=st.none() | st.integers(0, 4),
    gpu=st.none() | st.integers(0, 4),
    gpu_types=st.dictionaries(st.sampled_from(["a100", "a100-80gb", "l4"]), st.integers(0, 3)),
    trials=st.none() | st.integers(0, 2),
)
CLASSES = st.builds(
    lambda share, burst: {
        "normal": PriorityClass(name="normal", value=2),
        "low": PriorityClass(name="low", value=1, max_share=share, max_trials=burst),
    },
    st.sampled_from([0.3, 0.5, 1.0]),
    st.none() | st.integers(0, 2),
)
QUOTAS = st.builds(
    Quotas,
    classes=CLASSES,
    capacity=AMOUNTS,
    reserved_share=st.sampled_from([0.0, 0.25]),
    reserved_for=st.sampled_from([(), ("normal",), ("low",)]),
    others=st.builds(TenantQuota, limits=AMOUNTS),
)


@given(
    quotas=QUOTAS,
    priority=st.sampled_from([None, "low"]),
    cpu=st.sampled_from([0.5, 1.0, 3.0]),
    gpu=st.integers(0, 4),
    gpu_type=st.sampled_from(["", "a100", "a100-80gb", "l4", "h100"]),
    nodes=st.integers(1, 2),
)
def test_it_refuses_what_the_scheduler_would_never_start_and_nothing_else(
    quotas: Quotas, priority: str | None, cpu: float, gpu: int, gpu_type: str, nodes: int
) -> None:
    found = problems(
        quotas, nodes=nodes, priority=priority, cpu=cpu, gpu=gpu, gpu_type=gpu_type if gpu else ""
    )

    waiting = Waiting(
        attempt_id=AttemptId("digits-1-00001-a1"),
        sweep_id="digits-1",
        tenant="default",
        experiment="digits",
        owner="me",
        priority=priority,
        demand=Demand(
            cpu_millis=round(cpu * 1000) * nodes,
            gpu=gpu * nodes,
            gpu_type=gpu_type if gpu else "",
        ),
        queued_at=at(0),
    )
    result = schedule([waiting], [], quotas.capacity, quotas, (), {}, at(1))
    assert (found == []) == (result.admitted == (waiting.attempt_id,))


def test_what_somebody_else_admits_is_asked_for_its_class_alone() -> None:
    quotas = Quotas(others=TenantQuota(limits=Amounts(gpu=0)))
    trial = TrialSpec(command=("true",), resources=Resources(gpu=1))
    spec = a_spec(trial=trial)

    assert quota_problems(quotas, spec, is_elsewhere=True) == []
    assert quota_problems(quotas, replace(spec, priority="fast"), is_elsewhere=True)


def test_a_class_that_there_is_not_hides_no_limit() -> None:
    quotas = Quotas(others=TenantQuota(limits=Amounts(gpu=0)))

    assert [one.path for one in problems(quotas, gpu=1, priority="fast")] == [
        "priority",
        "trial.resources.gpu",
    ]
