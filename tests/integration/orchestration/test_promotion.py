"""Evaluations and promotions on PostgreSQL: once each, whoever dies, and never unearned."""

import math
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from governance.naming_file import NAMING
from governance.promotion.evaluations import EvaluationState
from governance.promotion.gates.results import Verdict
from governance.promotion.policy import Gate, PromotionPolicy
from governance.promotion.registry import NothingBefore
from storage.database import Pool, open_pool
from storage.lineage.graph import LineageStore
from storage.policy_store import PolicyStore
from sweeps.errors import InvalidSweepFile, StateConflict, StorageError
from sweeps.lineage import Node
from sweeps.policies import PolicyChange
from tests.integration.compute.test_code_tree import commit, git
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.integration.storage.lineage_world import TENANT
from tests.plugins.postgres import Database
from tests.unit.governance.promotion.worlds import THRESHOLD

COMPARED = f"{THRESHOLD}, not_worse_than_production: [{{metric: accuracy, direction: maximize}}]"
APPROVED = f"{THRESHOLD}, approvals: {{count: 1}}"
OTHER = "scratch-bbbbbbbbbbbb"


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=8) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> PromotionWorld:
    return PromotionWorld(pool, tmp_path / "artifacts")


def test_a_tag_asks_for_one_evaluation_however_often_somebody_looks(world: PromotionWorld) -> None:
    run = world.candidate()
    world.tag(run)

    first, again = world.evaluations.request_tagged(), world.evaluations.request_tagged()
    claims = [world.evaluations.claim(name) for name in world.evaluations.due() * 2]

    assert (first, again) == ([f"{run}-e1"], [])
    assert claims == [f"{run}-e1@1", None]
    assert world.evaluations.due() == []
    assert world.evaluations.get(f"{run}-e1").requested_by == "ana"


def test_a_candidate_that_still_runs_waits_for_its_end(world: PromotionWorld) -> None:
    run = world.whole_run("scratch-cccccccccccc", dataset=("train", 1))
    world.tag(run)
    world.evaluations.request_tagged()

    before = world.evaluations.due()
    world.end(run, state="stopped")

    assert before == []
    assert world.evaluations.due() == [f"{run}-e1"]
    found = world.steps.begin(f"{run}-e1")
    assert found.state is EvaluationState.REFUSED
    assert "was pruned" in found.reason


def test_a_claim_that_nobody_follows_is_void_and_one_that_is_followed_is_not(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    world.tag(run)
    (name,) = world.evaluations.request_tagged()
    world.evaluations.claim(name)

    world.rows("UPDATE evaluations SET claimed_at = now() - interval '2 minutes'")
    assert world.evaluations.due() == [name]
    assert world.evaluations.claim(name) == f"{name}@2"
    world.evaluations.attach(name, dagster_run_id="d1")
    world.rows("UPDATE evaluations SET claimed_at = now() - interval '2 minutes'")

    assert world.evaluations.due() == []
    assert world.evaluations.reclaim(name, dagster_run_id="other") is None
    assert world.evaluations.reclaim(name, dagster_run_id="d1") == f"{name}@3"
    assert world.evaluations.reclaim(name, dagster_run_id="d1") is None


def test_a_dagster_run_that_fails_again_and_again_ends_the_evaluation(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    world.tag(run)
    (name,) = world.evaluations.request_tagged()
    world.evaluations.claim(name)
    for number in range(20):
        world.evaluations.attach(name, dagster_run_id=f"d{number}")
        if world.evaluations.reclaim(name, dagster_run_id=f"d{number}") is None:
            break

    found = world.evaluations.get(name)

    assert found.state is EvaluationState.FAILED
    assert "again and again" in found.reason


def test_a_candidate_that_passes_becomes_a_version_with_all_it_takes_to_serve_it(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    found = world.begun(run)
    world.steps.begin(found.evaluation_id)  # a second time, after a crash
    world.measure(found)

    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.PROMOTED
    assert {result.gate for result in record.gates} == set(Gate)
    version = world.registry.meant_by("digits", "production", tenant_id=TENANT)
    assert (version.number, version.run_id, version.artifact) == (1, run, "model.pkl")
    assert version.image.endswith("0" * 64)
    assert version.inference == {"batch_size": 32}
    assert version.commit == "c" * 40
    assert version.data == ["train@1"]
    assert version.metrics["accuracy"]["min"] == 0.95
    ancestors = LineageStore(world.pool).graph(Node("model:digits@1"), tenant_id=TENANT).ancestors
    assert {f"artifact:{run}/model.pkl", f"run:{run}", "dataset:train@1"} <= set(ancestors)
    ((sweeps, kinds),) = world.rows("SELECT count(*), min(kind) FROM sweeps")
    assert (sweeps, kinds) == (1, "evaluation")


def test_every_step_may_run_again_and_nothing_happens_twice(world: PromotionWorld) -> None:
    found = world.begun(world.candidate())
    world.measure(found)
    world.through(found.evaluation_id)

    world.steps.begin(found.evaluation_id)
    world.steps.look(found.evaluation_id)
    world.steps.measured(found.evaluation_id)
    world.steps.judge(found.evaluation_id)
    numbers = [world.steps.promote(found.evaluation_id) for _ in range(2)]

    assert numbers == [1, 1]
    assert world.rows("SELECT count(*) FROM model_versions") == [(1,)]
    assert world.rows("SELECT count(*) FROM promotions") == [(1,)]
    assert world.rows("SELECT count(*) FROM evaluation_runs") == [(3,)]


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


def test_rules_for_names_are_for_what_people_submit(world: PromotionWorld) -> None:
    rules = "default: {owner: {pattern: '[a-z]+@x', example: a@x}, tags: [{name: team}]}"
    policies = PolicyStore(world.pool)
    change = PolicyChange(kind=NAMING, source="test", before=policies.current(NAMING), text=rules)
    policies.apply([change], by="ana", comment="")

    found = world.begun(world.candidate())

    assert found.sweep_id is not None
    spec = world.catalog.get(found.sweep_id).spec
    with pytest.raises(InvalidSweepFile, match="owner"):
        policies.current(NAMING).value.check(spec, source="test", lines={})


def test_without_a_rule_nothing_is_evaluated(world: PromotionWorld) -> None:

    world.policy = PromotionPolicy()

    found = world.begun(world.candidate())

    assert found.state is EvaluationState.REFUSED
    assert "no rule of the policy" in found.reason


def test_a_tag_that_is_taken_away_withdraws_and_one_that_is_given_again_asks_anew(
    world: PromotionWorld,
) -> None:
    run = world.candidate()
    world.tag(run)
    world.evaluations.request_tagged()
    found = world.begun(run)
    world.untag(run)

    withdrawn = world.evaluations.withdraw_untagged()
    looked = world.steps.look(found.evaluation_id)
    world.tag(run)

    assert withdrawn == [found.evaluation_id]
    assert looked.state is EvaluationState.WITHDRAWN
    assert world.rows("SELECT requested::text FROM sweeps") == [("cancel",)]
    assert world.evaluations.request_tagged() == [f"{run}-e2"]


def test_people_are_waited_for_and_their_word_needs_no_new_runs(world: PromotionWorld) -> None:
    world.policy = a_policy(APPROVED)
    found = world.begun(world.candidate())
    name = found.evaluation_id
    world.measure(found)
    waiting = world.through(name)
    due_before = world.evaluations.due()

    world.evaluations.approve(name, by="me", comment="mine")  # who owns it
    after_own = world.through(name)
    world.evaluations.approve(name, by="ben", comment="good")
    due_after = world.evaluations.due()
    world.evaluations.claim(name)  # somebody judges it anew: nobody may take it for waiting
    rests = (waiting.evaluation.is_at_rest, world.evaluations.get(name).is_at_rest)
    record = world.through(name)

    assert waiting.evaluation.state is EvaluationState.WAITING
    assert "approvals_are_given" in waiting.evaluation.reason
    assert after_own.evaluation.state is EvaluationState.WAITING
    assert (due_before, due_after) == ([], [name])
    assert rests == (True, False)
    assert record.evaluation.state is EvaluationState.PROMOTED
    assert world.rows("SELECT count(*) FROM sweeps") == [(1,)]
    assert world.rows("SELECT max(judgement) FROM gate_results") == [(3,)]


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


def test_production_that_moves_after_the_judgement_stops_the_promotion(
    world: PromotionWorld,
) -> None:
    world.policy = a_policy(COMPARED)
    world.promoted("scratch-aaaaaaaaaaaa", content=b"first")
    slow = world.begun(world.candidate(OTHER, content=b"slow"))
    world.measure(slow, production=(0.95, 0.96, 0.97))
    world.steps.measured(slow.evaluation_id)
    world.steps.judge(slow.evaluation_id)

    world.promoted("scratch-eeeeeeeeeeee", content=b"fast")
    number = world.steps.promote(slow.evaluation_id)

    record = world.evaluations.record(slow.evaluation_id)
    assert number is None
    assert record.evaluation.state is EvaluationState.REJECTED
    assert "it was compared with version 1" in record.evaluation.reason
    assert world.alias() == 2


def test_what_is_in_production_is_measured_beside_the_candidate(world: PromotionWorld) -> None:
    world.policy = a_policy(COMPARED)
    world.promoted("scratch-aaaaaaaaaaaa", content=b"first")
    found = world.begun(world.candidate(OTHER, content=b"second"))
    assert found.sweep_id is not None
    spec = world.catalog.get(found.sweep_id).spec

    world.measure(found, (0.94, 0.95, 0.96), production=(0.95, 0.96, 0.97))
    record = world.through(found.evaluation_id)

    assert spec.limits.max_trials == 6
    assert found.compared_with == 1
    assert record.evaluation.state is EvaluationState.REJECTED
    (compared,) = [r for r in record.gates if r.gate is Gate.PRODUCTION]
    assert compared.criteria[0].bound == pytest.approx(0.96)
    assert world.alias() == 1


def test_what_is_in_production_already_is_not_evaluated(world: PromotionWorld) -> None:
    record = world.promoted("scratch-aaaaaaaaaaaa", content=b"first")

    again = world.begun(record.evaluation.run_id, anew=True)

    assert again.state is EvaluationState.REFUSED
    assert "is production already, as digits@1" in again.reason


def test_rolling_back_and_promoting_after_it(world: PromotionWorld) -> None:
    world.promoted("scratch-aaaaaaaaaaaa", content=b"first")
    world.promoted(OTHER, content=b"second")

    moved = world.registry.rollback(
        "digits", "production", tenant_id=TENANT, by="ben", reason="clicks fell"
    )
    with pytest.raises(NothingBefore):
        world.registry.rollback("digits", "production", tenant_id=TENANT, by="ben", reason="again")
    world.promoted("scratch-eeeeeeeeeeee", content=b"third")

    model = world.registry.model("digits", tenant_id=TENANT)
    assert moved == (2, 1)
    assert world.alias() == 3
    assert [(m.kind, m.from_number, m.number) for m in reversed(model.moves)] == [
        ("promoted", None, 1),
        ("promoted", 1, 2),
        ("rolled_back", 2, 1),
        ("promoted", 1, 3),
    ]
    assert (model.moves[1].moved_by, model.moves[1].reason) == ("ben", "clicks fell")


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


def test_candidates_that_pass_at_once_get_numbers_of_their_own(world: PromotionWorld) -> None:
    names = []
    for place in range(4):
        letter = "abcd"[place]
        run = world.candidate(f"scratch-{letter * 12}", content=letter.encode())
        found = world.begun(run)
        world.measure(found)
        world.steps.measured(found.evaluation_id)
        world.steps.judge(found.evaluation_id)
        names.append(found.evaluation_id)

    threads = [
        threading.Thread(target=world.steps.promote, args=(name,)) for name in names for _ in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    model = world.registry.model("digits", tenant_id=TENANT)
    assert sorted(version.number for version in model.versions) == [1, 2, 3, 4]
    assert len(model.moves) == 4
    assert world.alias() == model.moves[0].number


def test_runs_that_have_used_another_version_of_the_holdout_as_well_promote_nothing(
    world: PromotionWorld,
) -> None:
    found = world.begun(world.candidate())
    world.measure(found)
    world.use(f"{found.sweep_id}-00002", "holdout", 2)

    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.REJECTED
    (measured,) = [r for r in record.gates if r.gate is Gate.MEASUREMENT]
    assert measured.criteria[0].value == f"{found.sweep_id}-00002 used holdout@1, holdout@2"
    assert world.alias() is None


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
    files = '{"files": [{"path": "x", "size_bytes": 3, "sha256": "abc"}], "source": null}'
    world.rows(
        "UPDATE dataset_versions SET manifest = %s::jsonb FROM datasets"
        " WHERE datasets.dataset_id = dataset_versions.dataset_id AND (name, number) IN"
        " ((%s, 1), (%s, 2))",
        files, second, first,
    )  # fmt: skip
    world.policy = _on(f"{first}@2")
