"""A rule and facts of a candidate that passes everything, to be changed by tests."""

import dataclasses
from decimal import Decimal
from typing import Any

from governance.lineage.facts import RunFacts
from governance.lineage.rules import ModelFacts
from governance.promotion.file import parse_promotion
from governance.promotion.gates.facts import (
    DataState,
    Facts,
    JudgingCode,
    MeasuredWith,
    Measurement,
    Subject,
    TrainingCost,
)
from governance.promotion.gates.judgement import judge
from governance.promotion.gates.results import GateResult
from governance.promotion.holdout import Leaks
from governance.promotion.policy import Gate, PromotionRule
from sweeps.ids import RunId, TenantId
from sweeps.lineage import Node
from tests.factories import START

TENANT = TenantId("default")
RULE = """\
rules:
  - experiment: "digits*"
    model: digits
    artifact: model.pkl
    evaluation: {command: [python, evaluate.py], holdout: holdout@1, seeds: [1, 2, 3]}
    gates: {%s}
    deployment:
      image: registry.example/serve@sha256:%s
      inference: {batch_size: 32}
"""
THRESHOLD = "thresholds: [{metric: accuracy, at_least: 0.9, on: worst}]"


def a_rule(gates: str = THRESHOLD, *, source: str | None = None) -> PromotionRule:
    text = RULE % (gates, "0" * 64)
    if source is not None:
        text = text.replace("holdout@1,", f"holdout@1, source: {source},")
    return parse_promotion(text, source="promotion.yaml").rules[0]


def measured(
    *values: float, metric: str = "accuracy", subject: Subject = Subject.CANDIDATE
) -> list[Measurement]:
    """One run for each value, with the seeds 1, 2, 3."""
    return [
        Measurement(
            run_id=RunId(f"{subject}-{seed:05d}"),
            subject=subject,
            seed=seed,
            metrics={metric: value},
        )
        for seed, value in enumerate(values, start=1)
    ]


def used(
    *data: str,
    commit: str | None = "c" * 40,
    is_dirty: bool = False,
    files: tuple[str, ...] = ("digits-aaaaaaaa-00001/model.pkl",),
    runs: tuple[int, ...] = (1, 2, 3),
) -> list[MeasuredWith]:
    """What the candidate's runs with these seeds measured with."""
    return [
        MeasuredWith(
            run_id=RunId(f"{Subject.CANDIDATE}-{seed:05d}"),
            data=data,
            model="digits-aaaaaaaa-00001/model.pkl",
            files=files,
            commit=commit,
            is_dirty=is_dirty,
        )
        for seed in runs
    ]


def run_facts(**changes: Any) -> RunFacts:
    whole = RunFacts(
        tenant_id=TENANT, run_id=RunId("digits-aaaaaaaa-00001"), experiment="digits", sweep_id=None,
        state="completed", objective=1.0, seed=7, created_by="owner", created_at=START,
        ended_at=START, has_code=True, commit="c" * 40, branch="main", remote=None, is_dirty=False,
        is_whole=True, left_out=None, script="train.py", is_notebook=False, has_software=True,
        python="3.12", image=None, has_seeds=True, has_data=True,
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def some_facts(**changes: Any) -> Facts:
    good = Facts(
        owners=frozenset({"owner"}),
        leaks=Leaks(),
        looked_at_runs=3,
        is_look_cut=False,
        measurements=measured(0.95, 0.96, 0.97),
        measured_with=used("holdout@1"),
        code=JudgingCode(image=None, commit="c" * 40, differing=()),
        is_in_pods=False,
        production=None,
        training=TrainingCost(usd=Decimal(5), gpu_hours=2.0, attempts=1, source="ledger"),
        run=run_facts(),
        model=ModelFacts(
            tenant_id=TENANT, model=Node("artifact:r/model.pkl"), datasets=1, runs=1,
            runs_without_code=(),
        ),
        reruns=(),
        data=(DataState(version="train@1", has_passed=True, must_be_checked=True),),
        approved_by=(),
        production_now=None,
    )  # fmt: skip
    return dataclasses.replace(good, **changes)


def gate(gates: str, name: Gate, **changes: Any) -> GateResult:
    """What one gate of a rule says to facts."""
    results = judge(a_rule(gates), some_facts(**changes))
    return next(result for result in results if result.gate is name)
