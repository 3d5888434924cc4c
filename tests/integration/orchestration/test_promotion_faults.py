"""What goes wrong with candidates, on PostgreSQL: nothing unearned is ever promoted, and it is told why."""

import json
import math
from pathlib import Path

import pytest

from governance.promotion.evaluations import EvaluationState
from governance.promotion.gates.results import Verdict
from governance.promotion.policy import Gate, PromotionPolicy
from sweeps.errors import StateConflict, StorageError
from sweeps.ids import SweepId
from tests.integration.compute.test_code_tree import commit, git
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.integration.storage.lineage_world import TENANT
from tests.unit.governance.promotion.worlds import THRESHOLD

OTHER = "scratch-bbbbbbbbbbbb"
COMPARED = f"{THRESHOLD}, not_worse_than_production: [{{metric: accuracy, direction: maximize}}]"


def test_an_evaluation_that_crashes_fails_with_its_reason_and_can_be_asked_for_again(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    found = world.begun(run)
    world.measure(found, crash="the script exited with code 1: no such file")

    record = world.through(found.evaluation_id)
    same = world.evaluations.request(run, tenant_id=TENANT, by="ana")
    again = world.begun(run, anew=True)

    assert record.evaluation.state is EvaluationState.FAILED
    assert "no such file" in record.evaluation.reason
    assert not record.gates
    assert same.evaluation_id == found.evaluation_id
    assert (again.number, again.state) == (2, EvaluationState.RUNNING)
    assert again.sweep_id != found.sweep_id
    assert world.alias() is None


def test_nan_is_a_result_and_no_good_one(world: PromotionWorld) -> None:
    found = world.begun(world.candidate())
    world.measure(found, (0.95, math.nan, 0.97))

    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REJECTED
    (thresholds,) = [r for r in record.gates if r.gate is Gate.THRESHOLDS]
    assert thresholds.verdict is Verdict.FAILED
    assert thresholds.criteria[0].value == "nan"
    assert world.alias() is None


@pytest.mark.parametrize("leak", ["itself", "parent", "variant", "files", "model"])
def test_a_holdout_that_the_experiment_knows_is_refused_with_the_way(
    world: PromotionWorld, leak: str
) -> None:
    run = world.candidate()
    if leak == "model":
        foreign = world.run("scratch-dddddddddddd")
        world.use(foreign, "holdout", 1)
        world.artifact(foreign, "base.pt", b"base")
    trial = world.run(OTHER)
    if leak == "itself":
        world.use(trial, "holdout", 1)
    elif leak == "parent":
        world.dataset("holdout", 2, parents=(("raw", 1),))
        world.policy = _on("holdout@2")
        world.use(trial, "raw", 1)
    elif leak == "variant":
        world.dataset("small", 1, parents=(("holdout", 1),))
        world.use(trial, "small", 1)
    elif leak == "files":
        _same_files(world, "holdout", "copy")
        world.use(trial, "copy", 1)
    else:
        world.rows(
            "INSERT INTO lineage_edges (tenant_id, upstream, downstream) VALUES"
            " (%s, 'artifact:scratch-dddddddddddd/base.pt', %s)",
            TENANT, f"run:{trial}",
        )  # fmt: skip

    found = world.begun(run)

    assert found.state is EvaluationState.REFUSED
    assert "is known to the experiment: dataset:" in found.reason
    assert " -> run:" in found.reason
    assert world.rows("SELECT count(*) FROM sweeps") == [(0,)]


def test_a_training_set_of_the_same_origin_is_no_leak(world: PromotionWorld) -> None:
    world.dataset("holdout", 2, parents=(("raw", 1),))
    world.dataset("train", 2, parents=(("raw", 1),))
    world.policy = _on("holdout@2")
    run = world.candidate()
    world.use(world.run(OTHER), "train", 2)

    assert world.begun(run).state is EvaluationState.RUNNING


def test_a_candidate_that_is_pruned_meanwhile_is_told_and_its_runs_end(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    found = world.begun(run)
    world.prune(run)

    looked = world.steps.look(found.evaluation_id)

    assert looked.state is EvaluationState.REFUSED
    assert "pruned during its evaluation" in looked.reason
    assert world.rows("SELECT requested::text FROM sweeps") == [("cancel",)]


def test_a_candidate_that_is_pruned_between_its_runs_and_its_judgement_is_not_promoted(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    found = world.begun(run)
    world.measure(found)
    world.steps.measured(found.evaluation_id)
    world.prune(run)

    record = world.steps.judge(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REFUSED
    assert world.steps.promote(found.evaluation_id) is None
    assert world.alias() is None


def test_whoever_is_killed_within_a_promotion_leaves_nothing_of_it_and_the_next_one_does_it(
    world: PromotionWorld,
) -> None:
    found = world.begun(world.candidate())
    world.measure(found)
    world.steps.measured(found.evaluation_id)
    world.steps.judge(found.evaluation_id)
    world.rows(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'killed'; END $$"
    )
    world.rows(
        "CREATE TRIGGER die BEFORE INSERT ON model_aliases FOR EACH ROW EXECUTE FUNCTION die()"
    )

    with pytest.raises(StorageError, match="killed"):  # the version is written, the alias is not
        world.steps.promote(found.evaluation_id)
    left = world.rows("SELECT count(*) FROM model_versions")
    state = world.evaluations.get(found.evaluation_id).state
    world.rows("DROP TRIGGER die ON model_aliases")

    assert left == [(0,)]
    assert state is EvaluationState.RUNNING
    assert world.steps.promote(found.evaluation_id) == 1
    assert world.alias() == 1


def test_the_database_itself_refuses_what_was_not_earned(world: PromotionWorld) -> None:
    found = world.begun(world.candidate())
    world.measure(found, (0.1, 0.1, 0.1))
    world.promoted(OTHER, content=b"good")

    with pytest.raises(StateConflict):  # no gate was ever judged
        _register(world, found.evaluation_id)
    world.through(found.evaluation_id)
    with pytest.raises(StateConflict):  # judged, and failed
        _register(world, found.evaluation_id)
    with pytest.raises(StateConflict):
        world.rows("UPDATE model_aliases SET number = 1")
    with pytest.raises(StateConflict):
        world.rows("UPDATE model_versions SET image = 'other'")
    with pytest.raises(StateConflict):
        world.rows("DELETE FROM promotions")
    with pytest.raises(StateConflict):
        world.rows("UPDATE evaluations SET state = 'running' WHERE state = 'rejected'")


def test_runs_that_have_used_another_version_of_the_holdout_as_well_promote_nothing(
    world: PromotionWorld,
) -> None:
    found = world.begun(world.candidate())
    world.measure(found)
    world.open(f"{found.sweep_id}-00002", "holdout", 2)

    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REJECTED
    (measured,) = [r for r in record.gates if r.gate is Gate.MEASUREMENT]
    assert measured.criteria[0].value == f"{found.sweep_id}-00002 used holdout@1, holdout@2"
    assert world.alias() is None


def test_runs_that_never_looked_at_the_holdout_that_was_pinned_to_them_promote_nothing(
    world: PromotionWorld,
) -> None:
    found = world.begun(world.candidate())
    world.measure(found, reads=False)

    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REJECTED
    (measured,) = [r for r in record.gates if r.gate is Gate.MEASUREMENT]
    assert str(measured.criteria[0].value).startswith(f"{found.sweep_id}-00001 never asked for it")
    assert world.alias() is None


@pytest.mark.parametrize("instead", [None, "scratch-bbbbbbbbbbbb/model.pkl"])
def test_runs_that_have_not_used_the_file_that_they_were_to_measure_promote_nothing(
    world: PromotionWorld, instead: str | None
) -> None:
    world.candidate(OTHER, content=b"better")
    found = world.begun(world.candidate())
    world.measure(found, uses=False)
    for number in (1, 3):
        world.use_file(f"{found.sweep_id}-{number:05d}", f"{found.run_id}/{found.artifact}")
    if instead is not None:
        world.use_file(f"{found.sweep_id}-00002", instead)

    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REJECTED
    (measured,) = [r for r in record.gates if r.gate is Gate.MEASUREMENT]
    of_model = measured.criteria[2]
    assert not of_model.has_passed
    used = "" if instead is None else f"; it used {instead}"
    assert of_model.value == (
        f"{found.sweep_id}-00002 never asked for {found.run_id}/model.pkl by run.use_artifact, or "
        f"over HTTP{used}"
    )
    assert world.alias() is None


def test_runs_beside_the_candidates_have_to_use_the_file_that_is_in_production(
    world: PromotionWorld,
) -> None:
    world.policy = a_policy(COMPARED)
    world.promoted("scratch-aaaaaaaaaaaa", content=b"first")
    found = world.begun(world.candidate(OTHER, content=b"second"))
    world.measure(found, production=(0.9, 0.9, 0.9), uses=False)
    for number in range(1, 7):  # all of them the candidate's
        world.use_file(f"{found.sweep_id}-{number:05d}", f"{OTHER}/model.pkl")

    record = world.through(found.evaluation_id)

    (measured,) = [r for r in record.gates if r.gate is Gate.MEASUREMENT]
    assert str(measured.criteria[2].value).startswith(
        f"{found.sweep_id}-00004 never asked for scratch-aaaaaaaaaaaa/model.pkl"
    )
    assert world.alias() == 1


def test_code_of_the_candidates_folder_judges_only_as_a_commit_has_it(
    world: PromotionWorld, tmp_path: Path
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "evaluate.py").write_text("accuracy = 0.95\n")
    git(folder, "init", "--quiet")
    committed = commit(folder)
    world.policy = a_policy(source=None)
    clean = world.begun(world.candidate_of_sweep("scratch-aaaaaaaaaaaa", folder))
    (folder / "evaluate.py").write_text("accuracy = 1.0\n")

    changed = world.begun(world.candidate_of_sweep(OTHER, folder))
    world.measure(clean, commit=committed)
    judged = world.through(clean.evaluation_id)

    assert changed.state is EvaluationState.REFUSED
    assert "evaluate.py differs from commit" in changed.reason
    assert "evaluation.source" in changed.reason
    assert judged.evaluation.state is EvaluationState.PROMOTED


def test_code_that_changes_between_submission_and_runs_promotes_nothing(
    world: PromotionWorld, tmp_path: Path
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "evaluate.py").touch()
    git(folder, "init", "--quiet")
    commit(folder)
    world.policy = a_policy(source=None)
    found = world.begun(world.candidate_of_sweep("scratch-aaaaaaaaaaaa", folder))

    world.measure(found, commit="d" * 40)
    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REJECTED
    (measured,) = [r for r in record.gates if r.gate is Gate.MEASUREMENT]
    assert f"ran commit {'d' * 40}" in str(measured.criteria[1].value)


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_data_of_what_the_candidate_was_tuned_from_is_looked_at_as_its_own(
    world: PromotionWorld, hops: int
) -> None:
    world.policy = a_policy(f"{THRESHOLD}, data_checks: true")
    candidate = reader = world.whole_run("scratch-aaaaaaaaaaaa", dataset=("train", 1))
    world.artifact(candidate, "model.pkl")
    for hop in range(hops):
        base = world.run(f"scratch-{hop:012d}")
        world.artifact(base, "base.pt", b"%d" % hop)
        world.rows(
            "INSERT INTO lineage_edges (tenant_id, upstream, downstream) VALUES (%s, %s, %s)",
            TENANT, f"artifact:{base}/base.pt", f"run:{reader}",
        )  # fmt: skip
        reader = base
    world.use(reader, "broken", 1)
    world.end(candidate)
    world.rows(
        "INSERT INTO dataset_checks (dataset_id, number, suite, suite_digest, expectation, is_blocking,"
        " has_passed, details) SELECT dataset_id, 1, 'broken', '', 'no_nulls', true, false, '{}'"
        " FROM datasets WHERE name = 'broken'"
    )
    found = world.begun(candidate)
    world.measure(found)

    record = world.through(found.evaluation_id)

    (checked,) = [r for r in record.gates if r.gate is Gate.DATA]
    assert record.evaluation.state is EvaluationState.REJECTED
    assert {one.subject for one in checked.criteria} == {
        "dataset:broken@1", "dataset:train@1", "dataset:holdout@1"
    }  # fmt: skip
    (failed,) = checked.failed
    assert (failed.subject, failed.value) == ("dataset:broken@1", "failed: no_nulls")
    assert failed.evidence["used_by"] == reader


def _register(world: PromotionWorld, evaluation_id: str) -> None:
    world.rows(
        "INSERT INTO model_versions SELECT model_id, 9, %s, run_id, artifact, sha256, size_bytes,"
        ' image, inference, rollout, "commit", data, metrics, created_by FROM model_versions',
        evaluation_id,
    )


def _on(holdout: str) -> "PromotionPolicy":
    from dataclasses import replace

    from sweeps.datasets import DatasetReference

    policy = a_policy()
    rule = policy.rules[0]
    document = {
        **rule.document,
        "evaluation": {**rule.document["evaluation"], "holdout": holdout},
    }
    plan = replace(rule.evaluation, holdout=DatasetReference.parse(holdout))
    return replace(policy, rules=(replace(rule, evaluation=plan, document=document),))


def _same_files(world: PromotionWorld, first: str, second: str) -> None:
    """Another dataset that has a file of the first, whose next version has it as well."""
    world.dataset(second, 1)
    world.dataset(first, 2)
    entry = {"path": "x", "size_bytes": 3, "sha256": "ab" * 32}
    files = json.dumps({"files": [entry], "source": None})
    world.rows(
        "UPDATE dataset_versions SET manifest = %s::jsonb FROM datasets"
        " WHERE datasets.dataset_id = dataset_versions.dataset_id AND (name, number) IN"
        " ((%s, 1), (%s, 2))",
        files, second, first,
    )  # fmt: skip
    world.policy = _on(f"{first}@2")


def test_runs_of_what_is_withdrawn_end_though_no_dagster_run_looks_after_it(
    world: PromotionWorld,
) -> None:
    found = world.begun(world.candidate())
    other = world.begun(world.candidate(OTHER, content=b"others"))

    world.untag(found.run_id)

    sweeps = dict(world.rows("SELECT sweep_id, requested::text FROM sweeps"))
    assert sweeps == {found.sweep_id: "cancel", other.sweep_id: "run"}


def test_a_tag_that_is_taken_away_while_its_runs_are_submitted_leaves_no_sweep_behind(
    world: PromotionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.candidate()
    world.tag(run)
    (name,) = world.evaluations.request_tagged()
    note = world.evaluations.note_sweep

    def note_late(evaluation_id: str, sweep_id: SweepId) -> None:
        world.untag(run)
        world.evaluations.withdraw_untagged()
        note(evaluation_id, sweep_id)

    monkeypatch.setattr(world.evaluations, "note_sweep", note_late)

    world.steps.begin(name)
    found = world.steps.look(name)

    assert found.state is EvaluationState.WITHDRAWN
    assert world.rows("SELECT kind, requested::text FROM sweeps") == [("evaluation", "cancel")]
    assert world.steps.is_measured(found)
