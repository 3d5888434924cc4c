"""The file that a promotion would take, and has taken, is in no plan of retention; the plan says why."""

import datetime as dt
from collections.abc import Generator
from pathlib import Path

import pytest

from governance.promotion.evaluations import EvaluationState
from retention.policy import CheckpointRules, RetentionClass, RetentionPolicy, RunRules
from storage.database import Pool, open_pool
from storage.retention.store import RetentionStore
from sweeps.blobs import StorageClass
from sweeps.ids import RunId
from tests.integration.orchestration.promotion_world import PromotionWorld
from tests.integration.storage.retention_rows import LATER
from tests.plugins.postgres import Database

DAY = dt.timedelta(days=1)
#: Whatever may go does.
GREEDY = RetentionPolicy(
    classes={
        "standard": RetentionClass(
            name="standard",
            checkpoints=CheckpointRules(thin_after=DAY, expire_after=DAY, best_of_sweep=0),
            logs_after=DAY,
            runs=RunRules(
                scratch_after=DAY, failed_after=DAY, below_baseline_after=DAY, unpromoted_after=DAY
            ),
        )
    },
    default_class="standard",
)


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=4) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> PromotionWorld:
    return PromotionWorld(pool, tmp_path / "artifacts")


def fate(world: PromotionWorld, run: RunId) -> str:
    """What a plan says of the file that the rule names: `planned`, or what spares it."""
    plans = RetentionStore(world.pool)
    plan_id = plans.make(GREEDY, policy_version=0, who="me", now=LATER).plan_id
    (item,) = [one for one in plans.items(plan_id=plan_id, run_id=run) if one.name == "model.pkl"]
    return item.spared_by or item.state


def test_from_the_tag_to_the_promotion_and_after_it(world: PromotionWorld) -> None:
    run = world.candidate()
    fates = [fate(world, run)]
    world.tag(run)
    fates.append(fate(world, run))
    world.evaluations.request_tagged()
    fates.append(fate(world, run))
    found = world.steps.begin(f"{run}-e1")
    world.measure(found)
    fates.append(fate(world, run))
    world.through(found.evaluation_id)
    world.untag(run)
    fates.append(fate(world, run))

    assert fates == ["planned", "candidate", "candidate", "candidate", "promoted"]


def test_without_a_tag_as_long_as_the_evaluation_is_open(world: PromotionWorld) -> None:
    run = world.candidate()
    found = world.begun(run)
    world.rows("DELETE FROM run_tags")  # by whoever withdraws nothing
    is_open = fate(world, run)
    world.measure(found)
    record = world.through(found.evaluation_id)

    assert record.evaluation.state is EvaluationState.WITHDRAWN
    assert (is_open, fate(world, run)) == ("candidate", "evaluated")


def test_a_version_that_was_rolled_back_stays(world: PromotionWorld) -> None:
    first, second = RunId("scratch-aaaaaaaaaaaa"), RunId("scratch-bbbbbbbbbbbb")
    world.promoted(first, content=b"first")
    world.promoted(second, content=b"second")

    world.registry.rollback("digits", "production", tenant_id=world.tenant, by="ana", reason="x")

    assert world.alias() == 1
    assert (fate(world, first), fate(world, second)) == ("promoted", "promoted")


def test_what_an_alias_means_stays_hot_until_it_means_another(world: PromotionWorld) -> None:
    never = RunRules(scratch_after=None, failed_after=None, below_baseline_after=None)
    cold = RetentionClass(
        name="standard", runs=never, cold_after=DAY, cold_class=StorageClass.STANDARD_IA
    )
    policy = RetentionPolicy(classes={"standard": cold}, default_class="standard")
    first, second = RunId("scratch-aaaaaaaaaaaa"), RunId("scratch-bbbbbbbbbbbb")
    world.promoted(first, content=b"1" * 200_000)
    world.promoted(second, content=b"2" * 200_000)
    for run in (first, second):
        world.untag(run)  # what is tagged is about to be read, and stays hot as well
    plans = RetentionStore(world.pool, has_classes=True)

    def moves() -> list[str]:
        made = plans.make(policy, policy_version=0, who="me", now=LATER)
        return [one.run_id for one in plans.items(plan_id=made.plan_id) if one.kind == "cold"]

    before = moves()
    world.registry.rollback("digits", "production", tenant_id=world.tenant, by="ana", reason="x")

    assert (before, moves()) == ([first], [second])
