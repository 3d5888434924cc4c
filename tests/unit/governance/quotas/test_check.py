"""What a submission is refused for: what no trial of it could ever get."""

from dataclasses import replace
from typing import Any

import pytest

from governance.quotas.check import quota_problems
from governance.quotas.quota import Amounts, PriorityClass, Quotas, TenantQuota
from sweeps.errors import Problem
from sweeps.specs import PodOptions, Resources, TrialSpec
from tests.factories import a_spec


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
