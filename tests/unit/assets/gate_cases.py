"""What each gate says to a candidate that passes, and to one that does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from governance.lineage.rules import ModelFacts
from governance.promotion.gates.facts import DataState, MeasuredWith, Subject, TrainingCost
from governance.promotion.holdout import Leak, Leaks
from governance.promotion.policy import Gate
from sweeps.ids import RunId
from sweeps.lineage import Node
from tests.unit.governance.promotion.worlds import TENANT, THRESHOLD, measured, run_facts, used

LEAK = Leak(
    run=Node("run:digits-aaaaaaaa-00003"),
    path=(Node("dataset:raw@1"), Node("run:digits-aaaaaaaa-00003")),
    relation="is what the holdout was made from",
)
MODEL = ModelFacts(
    tenant_id=TENANT, model=Node("artifact:r/model.pkl"), datasets=0, runs=1, runs_without_code=(),
)  # fmt: skip
COMPARED = [*measured(0.95, 0.96, 0.97), *measured(0.94, 0.95, 0.96, subject=Subject.PRODUCTION)]
WORSE = [*measured(0.91, 0.92, 0.93), *measured(0.94, 0.95, 0.96, subject=Subject.PRODUCTION)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one gate says to facts: the criterion that is looked at, and what its row has."""

    gate: Gate
    asked: str = THRESHOLD  #: gates of the rule
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    place: int = 0  #: of the criterion
    value: str
    bound: str
    evidence: Mapping[str, object]

    def __str__(self) -> str:
        return self.gate


SERVED = f"{THRESHOLD}, serving: [{{metric: accuracy, at_most: 0.98, on: worst}}]"
TRAINED = f"{THRESHOLD}, training: {{max_cost_usd: 10, max_gpu_hours: 4}}"
NOT_WORSE = f"{THRESHOLD}, not_worse_than_production: [{{metric: accuracy, direction: maximize}}]"
APPROVED = f"{THRESHOLD}, approvals: {{count: 2}}"
RERUN = f"{THRESHOLD}, reproducible: {{}}"
IN_PRODUCTION = {
    "production": 3,
    "production_now": 3,
    "measured_with": [
        MeasuredWith(
            run_id=RunId(f"{subject}-{seed:05d}"),
            data=["holdout@1"],
            model=f"{subject}/model.pkl",
            files=[f"{subject}/model.pkl"],
            commit="c" * 40,
            is_dirty=False,
        )
        for subject in Subject
        for seed in (1, 2, 3)
    ],
}
BY_SEED = {"by_seed": {"1": 0.95, "2": 0.96, "3": 0.97}}

EVERYTHING = (
    f"{THRESHOLD}, not_worse_than_production: [{{metric: accuracy, direction: maximize}}],"
    " training: {max_cost_usd: 10}, serving: [{metric: accuracy, at_most: 0.98, on: worst}],"
    " reproducible: {}, approvals: {count: 2}"
)
LACKING_NOTHING: Mapping[str, Any] = {
    **IN_PRODUCTION,
    "measurements": COMPARED,
    "approved_by": ["ana", "ben", "owner"],
}
PASSING = [
    Case(gate=Gate.HOLDOUT, value="unseen", bound="unseen", evidence={"runs": 3, "paths": []}),
    Case(gate=Gate.MEASUREMENT, value="holdout@1", bound="holdout@1", evidence={"wrong": []}),
    Case(gate=Gate.THRESHOLDS, value="0.95", bound="0.9", evidence=BY_SEED),
    Case(
        gate=Gate.PRODUCTION, value="0.96", bound="0.95",
        evidence={"production": {"version": 3, "by_seed": {"1": 0.94, "2": 0.95, "3": 0.96},
                                 "runs": [f"production-{n:05d}" for n in (1, 2, 3)]}},
    ),
    Case(
        gate=Gate.TRAINING, value="5", bound="10", evidence={"attempts": 1, "source": "ledger"},
    ),
    Case(gate=Gate.SERVING, value="0.97", bound="0.98", evidence=BY_SEED),
    Case(
        gate=Gate.LINEAGE, value="complete", bound="complete", evidence={"runs": 1, "datasets": 1},
    ),
    Case(
        gate=Gate.REPRODUCIBLE, value="captured", bound="captured",
        evidence={"commit": "c" * 40, "mend": []},
    ),
    Case(gate=Gate.DATA, value="passed", bound="passed", evidence={"failed": []}),
    Case(
        gate=Gate.APPROVALS, value="2: ana, ben", bound="2",
        evidence={"counted": ["ana", "ben"], "not_counted": ["owner"], "owners": ["owner"]},
    ),
]  # fmt: skip
FAILING = [
    Case(
        gate=Gate.HOLDOUT, facts={"leaks": Leaks(told=(LEAK,))},
        value="dataset:raw@1 -> run:digits-aaaaaaaa-00003 (raw@1 is what the holdout was made from)",
        bound="unseen", evidence={"paths": [str(LEAK)]},
    ),
    Case(
        gate=Gate.MEASUREMENT, facts={"measured_with": used("holdout@2")},
        value="candidate-00001 used holdout@2", bound="holdout@1",
        evidence={"wrong": [f"candidate-{n:05d} used holdout@2" for n in (1, 2, 3)]},
    ),
    Case(
        gate=Gate.THRESHOLDS, facts={"measurements": measured(0.95, 0.89, 0.97)}, value="0.89",
        bound="0.9", evidence={"by_seed": {"1": 0.95, "2": 0.89, "3": 0.97}},
    ),
    Case(
        gate=Gate.PRODUCTION, asked=NOT_WORSE, facts={**IN_PRODUCTION, "measurements": WORSE},
        value="0.92", bound="0.95",
        evidence={"candidate": {"by_seed": {"1": 0.91, "2": 0.92, "3": 0.93},
                                "runs": [f"candidate-{n:05d}" for n in (1, 2, 3)]}},
    ),
    Case(
        gate=Gate.TRAINING, asked=TRAINED, place=1, value="5", bound="4",
        facts={"training": TrainingCost(usd=Decimal(5), gpu_hours=5.0, attempts=2, source="x")},
        evidence={"attempts": 2, "source": "x"},
    ),
    Case(
        gate=Gate.SERVING, asked=SERVED, facts={"measurements": measured(0.95, 0.99, 0.97)},
        value="0.99", bound="0.98", evidence={"by_seed": {"1": 0.95, "2": 0.99, "3": 0.97}},
    ),
    Case(
        gate=Gate.LINEAGE, facts={"model": MODEL}, value="no version of a dataset went into it",
        bound="complete", evidence={"runs": 1, "datasets": 0},
    ),
    Case(
        gate=Gate.REPRODUCIBLE, asked=RERUN, facts={"run": run_facts(has_seeds=False)},
        value="its seeds were not set", bound="captured", evidence={"commit": "c" * 40},
    ),
    Case(
        gate=Gate.DATA, value="failed: ages_are_positive", bound="passed",
        facts={"data": [DataState(version="train@1", has_passed=False, must_be_checked=True,
                                  failed=("ages_are_positive",))]},
        evidence={"failed": ["ages_are_positive"]},
    ),
]  # fmt: skip
