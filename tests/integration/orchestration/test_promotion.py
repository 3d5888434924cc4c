"""Evaluations and promotions on PostgreSQL: once each, whoever dies, and never unearned."""

import threading

import pytest

from governance.naming_file import NAMING
from governance.promotion.evaluations import EvaluationState
from governance.promotion.policy import Gate, PromotionPolicy
from governance.promotion.registry import NothingBefore
from storage.database import transaction
from storage.lineage.graph import LineageStore
from storage.policy_store import PolicyStore
from sweeps.errors import InvalidSweepFile
from sweeps.lineage import Node
from sweeps.policies import PolicyChange
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.integration.storage.lineage_world import TENANT
from tests.unit.governance.promotion.worlds import THRESHOLD

COMPARED = f"{THRESHOLD}, not_worse_than_production: [{{metric: accuracy, direction: maximize}}]"
APPROVED = f"{THRESHOLD}, approvals: {{count: 1}}"
OTHER = "scratch-bbbbbbbbbbbb"


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
    withdrawn = world.evaluations.get(found.evaluation_id)  # with no daemon that would look
    looked = world.steps.look(found.evaluation_id)
    world.tag(run)

    assert withdrawn.state is EvaluationState.WITHDRAWN
    assert looked.state is EvaluationState.WITHDRAWN
    assert world.rows("SELECT requested::text FROM sweeps") == [("cancel",)]
    assert world.evaluations.request_tagged() == [f"{run}-e2"]


@pytest.mark.parametrize("step", ["look", "judge", "promote"])
def test_whatever_took_the_tag_away_nothing_is_promoted(world: PromotionWorld, step: str) -> None:
    """Even a version of the platform that leaves the evaluation open."""
    found = world.begun(world.candidate())
    world.measure(found)
    if step == "promote":
        world.steps.measured(found.evaluation_id)
        world.steps.judge(found.evaluation_id)
    world.rows("DELETE FROM run_tags")

    getattr(world.steps, step)(found.evaluation_id)

    ended = world.evaluations.get(found.evaluation_id)
    assert (ended.state, ended.reason) == (EvaluationState.WITHDRAWN, "the tag was taken away")
    assert world.alias() is None


def test_a_tag_that_is_taken_away_while_its_run_is_promoted_comes_before_or_after(
    world: PromotionWorld,
) -> None:
    """The promotion waits for whoever is taking the tag away, and then it sees that it is gone."""
    found = world.begun(world.candidate())
    world.measure(found)
    world.steps.measured(found.evaluation_id)
    world.steps.judge(found.evaluation_id)
    promoting = threading.Thread(target=world.steps.promote, args=[found.evaluation_id])
    with transaction(world.pool) as connection:
        connection.execute("DELETE FROM run_tags")
        promoting.start()
        promoting.join(0.5)
        is_waiting = promoting.is_alive()
    promoting.join()

    assert is_waiting
    assert world.evaluations.get(found.evaluation_id).state is EvaluationState.WITHDRAWN
    assert world.alias() is None


def test_another_look_at_what_is_in_production_is_no_new_evaluation(world: PromotionWorld) -> None:
    first = world.promoted("scratch-aaaaaaaaaaaa", content=b"first").evaluation

    again = world.steps.request_again(first, by="ana")

    assert again == first
    assert world.evaluations.newest(first.run_id, tenant_id=TENANT) == first


def test_another_look_at_what_was_rolled_back_is_a_new_evaluation(world: PromotionWorld) -> None:
    world.promoted("scratch-aaaaaaaaaaaa", content=b"first")
    second = world.promoted("scratch-bbbbbbbbbbbb", content=b"second").evaluation
    world.registry.rollback("digits", "production", tenant_id=TENANT, by="ana", reason="x")

    again = world.steps.request_again(second, by="ana")

    assert (again.number, again.state) == (2, EvaluationState.REQUESTED)


def test_what_was_promoted_since_somebody_looked_is_not_evaluated_again(
    world: PromotionWorld,
) -> None:
    found = world.begun(world.candidate())  # as `promotion retry` saw it
    world.measure(found)
    world.through(found.evaluation_id)

    again = world.steps.request_again(found, by="ana")

    assert (again.evaluation_id, again.state) == (found.evaluation_id, EvaluationState.PROMOTED)
    assert world.rows("SELECT count(*) FROM evaluations") == [(1,)]


def test_a_promotion_that_is_under_way_is_waited_for(world: PromotionWorld) -> None:
    """It holds its model: whether the alias means the run is asked when it is through."""
    old = world.promoted("scratch-aaaaaaaaaaaa", content=b"first").evaluation
    world.promoted(OTHER, content=b"second")
    asked: list[str] = []

    def ask() -> None:
        asked.append(world.steps.request_again(old, by="ana").evaluation_id)

    with transaction(world.pool) as connection:
        connection.execute("SELECT FROM models FOR UPDATE")
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(timeout=0.5)
        before = list(asked)
        connection.execute(
            "INSERT INTO promotions (model_id, alias, kind, from_number, number, moved_by, reason)"
            " SELECT model_id, 'production', 'rolled_back', 2, 1, 'ana', 'x' FROM models"
        )
    thread.join(timeout=20)

    assert (before, asked) == ([], [old.evaluation_id])


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
