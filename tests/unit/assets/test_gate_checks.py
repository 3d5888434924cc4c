"""Each kind of gate is an asset check, with what it asked, found, and from what in its metadata."""

import dataclasses
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from assets.partitions import EVALUATIONS
from assets.promotion import evaluations, gates, model_versions
from governance.promotion.approvals import rejected
from governance.promotion.evaluations import Evaluation, EvaluationRecord, EvaluationState
from governance.promotion.gates.judgement import judge
from governance.promotion.gates.results import Verdict, overall
from governance.promotion.policy import Gate
from sweeps.ids import RunId
from tests.factories import START
from tests.unit.assets.gate_cases import (
    APPROVED,
    EVERYTHING,
    FAILING,
    LACKING_NOTHING,
    PASSING,
    Case,
)
from tests.unit.governance.promotion.worlds import (
    TENANT,
    THRESHOLD,
    a_rule,
    some_facts,
)

# Dagster's own business with a resource of generic type.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")

NAME = "digits-aaaaaaaa-00001-e1"


@dataclass(slots=True)
class Steps:
    """An evaluation whose runs are over; what is done with it."""

    record: EvaluationRecord
    after: EvaluationRecord | None = None  #: when it is judged; None: the same
    promoted: int = 0

    def attach(self, evaluation_id: str, *, dagster_run_id: str) -> Evaluation:
        assert (evaluation_id, bool(dagster_run_id)) == (NAME, True)
        return self.record.evaluation

    def begin(self, _evaluation_id: str) -> Evaluation:
        return self.record.evaluation

    def look(self, _evaluation_id: str) -> Evaluation:
        return self.record.evaluation

    def is_measured(self, _evaluation: Evaluation) -> bool:
        return True

    def measured(self, _evaluation_id: str) -> EvaluationRecord:
        return self.record

    def judge(self, _evaluation_id: str) -> EvaluationRecord:
        return self.after or self.record

    def promote(self, _evaluation_id: str) -> int | None:
        if overall(self.record.gates) is not Verdict.PASSED:
            return None
        self.promoted += 1
        return 1


def steps_of(asked: str, **facts: Any) -> Steps:
    rule, known = a_rule(asked), some_facts(**facts)
    found = Evaluation(
        evaluation_id=NAME, tenant_id=TENANT, run_id=RunId(NAME[:-3]), experiment="digits",
        number=1, state=EvaluationState.RUNNING, reason="", rule=rule.document, policy_version=4,
        model="digits", artifact="model.pkl", sha256="0" * 64, holdout="holdout@1", sweep_id=None,
        compared_with=None, requested_by="owner", requested_at=START, began_at=START,
        judged_at=START, ended_at=None, claims=1, claimed_at=START, dagster_run_id="d1",
    )  # fmt: skip
    record = EvaluationRecord(
        evaluation=found,
        gates=judge(rule, known),
        measurements=tuple(known.measurements),
        approvals=(),
    )
    return Steps(record)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def judged(instance: dg.DagsterInstance, steps: Steps) -> dg.ExecuteInProcessResult:
    """A Dagster run of the job `evaluate_candidate`, in this process."""
    loaded = dg.Definitions(
        assets=[evaluations, model_versions],
        asset_checks=[gates],
        jobs=[dg.define_asset_job("chosen")],
        resources={"candidate_evaluations": steps},
    )
    instance.add_dynamic_partitions(str(EVALUATIONS.name), [NAME])
    job = loaded.resolve_job_def("chosen")
    return job.execute_in_process(partition_key=NAME, instance=instance, raise_on_error=False)


def checks_of(result: dg.ExecuteInProcessResult) -> dict[Gate, dg.AssetCheckEvaluation]:
    return {Gate(check.check_name): check for check in result.get_asset_check_evaluations()}


def shown(check: dg.AssetCheckEvaluation, place: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Row and evidence of one criterion, as the metadata has them."""
    criteria, evidence = check.metadata["criteria"], check.metadata["evidence"]
    assert isinstance(criteria, dg.TableMetadataValue)
    assert isinstance(evidence, dg.JsonMetadataValue)
    kept = json.loads(json.dumps(evidence.data))
    return dict(criteria.records[place].data), kept[place]


def test_gates_that_pass_say_what_was_asked_and_found(instance: dg.DagsterInstance) -> None:
    steps = steps_of(EVERYTHING, **LACKING_NOTHING)

    result = judged(instance, steps)

    checks = checks_of(result)
    assert [case.gate for case in PASSING] == list(Gate)
    assert set(checks) == set(Gate)
    for case in PASSING:
        check = checks[case.gate]
        row, evidence = shown(check, case.place)
        assert check.passed, case.gate
        assert check.metadata["verdict"].value == "passed"
        assert (row["value"], row["bound"], row["passed"]) == (case.value, case.bound, True)
        assert evidence == {"subject": row["subject"], **evidence, **case.evidence}
        assert row["asked"] in str(check.description)
    assert (result.success, steps.promoted) == (True, 1)


@pytest.mark.parametrize("case", FAILING, ids=str)
def test_a_gate_that_fails_says_why_and_blocks_the_version(
    instance: dg.DagsterInstance, case: Case
) -> None:
    steps = steps_of(case.asked, **case.facts)

    result = judged(instance, steps)

    checks = checks_of(result)
    check = checks[case.gate]
    row, evidence = shown(check, case.place)
    assert {gate for gate, one in checks.items() if not one.passed} == {case.gate}
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.blocking
    assert check.metadata["verdict"].value == "failed"
    assert (row["value"], row["bound"], row["passed"]) == (case.value, case.bound, False)
    assert evidence == {"subject": row["subject"], **evidence, **case.evidence}
    assert case.value in str(check.description)
    assert (result.success, steps.promoted) == (False, 0)
    assert result.asset_materializations_for_node("model_versions") == []


def test_people_who_are_waited_for_are_a_warning_that_promotes_nothing(
    instance: dg.DagsterInstance,
) -> None:
    steps = steps_of(APPROVED, approved_by=["ana", "owner"])

    result = judged(instance, steps)

    check = checks_of(result)[Gate.APPROVALS]
    row, evidence = shown(check, 0)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["verdict"].value == "waiting"
    assert (row["value"], row["bound"], row["passed"]) == ("1: ana", "2", False)
    assert evidence["not_counted"] == ["owner"]
    assert (result.success, steps.promoted) == (True, 0)
    assert result.asset_materializations_for_node("model_versions") == []


def test_a_rejection_by_a_person_is_a_gate_that_has_failed(instance: dg.DagsterInstance) -> None:
    steps = steps_of(APPROVED, approved_by=["ana", "ben"])
    after = rejected(steps.record.gates, by="cleo", comment="it mistakes sevens")
    steps.record = dataclasses.replace(steps.record, gates=after)

    result = judged(instance, steps)

    check = checks_of(result)[Gate.APPROVALS]
    row, evidence = shown(check, 1)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert row["value"] == "cleo: it mistakes sevens"
    assert evidence["rejected_by"] == "cleo"
    assert (result.success, steps.promoted) == (False, 0)


def test_a_candidate_that_nobody_could_judge_fails_every_check_with_the_reason(
    instance: dg.DagsterInstance,
) -> None:
    steps = steps_of(THRESHOLD)
    gone = dataclasses.replace(
        steps.record.evaluation,
        state=EvaluationState.REFUSED,
        reason="the candidate was pruned during its evaluation",
        ended_at=START,
    )
    steps.after = dataclasses.replace(steps.record, evaluation=gone, gates=())

    result = judged(instance, steps)

    checks = checks_of(result)
    assert set(checks) == set(Gate)
    assert not any(check.passed for check in checks.values())
    assert "pruned during its evaluation" in str(checks[Gate.THRESHOLDS].description)
    assert (result.success, steps.promoted) == (False, 0)


def test_what_was_not_asked_for_passes_and_says_so(instance: dg.DagsterInstance) -> None:
    check = checks_of(judged(instance, steps_of(THRESHOLD)))[Gate.TRAINING]

    assert (check.passed, check.description) == (True, "not asked for")
    assert check.metadata["criteria"].value == "none"


def test_the_evaluation_shows_what_was_measured_and_by_which_rule(
    instance: dg.DagsterInstance,
) -> None:
    result = judged(instance, steps_of(THRESHOLD))

    (event,) = result.asset_materializations_for_node("evaluations")
    (version,) = result.asset_materializations_for_node("model_versions")
    measurements = event.metadata["measurements"]
    assert isinstance(measurements, dg.TableMetadataValue)
    assert [record.data["accuracy"] for record in measurements.records] == ["0.95", "0.96", "0.97"]
    assert {name: event.metadata[name].value for name in ("candidate", "holdout", "verdict")} == {
        "candidate": NAME[:-3], "holdout": "holdout@1", "verdict": "passed",
    }  # fmt: skip
    assert event.metadata["policy_version"].value == 4
    assert event.metadata["rule"].value == a_rule(THRESHOLD).document
    assert version.metadata["version"].value == "digits@1"
