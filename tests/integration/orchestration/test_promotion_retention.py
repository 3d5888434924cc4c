"""The file that a promotion would take, and has taken, is in no plan of retention; the plan says why."""

import datetime as dt
import hashlib
from collections.abc import Generator
from pathlib import Path

import pytest

from governance.promotion.evaluations import EvaluationState
from retention.policy import CheckpointRules, RetentionClass, RetentionPolicy, RunRules
from storage.artifacts.bucket import ArtifactBucket
from storage.artifacts.location import BucketLocation
from storage.artifacts.s3_client import s3_client
from storage.database import Pool, open_pool
from storage.retention.cold import ColdStorage, Moved
from storage.retention.store import RetentionStore
from sweeps.blobs import BlobKey, BytesArchived, StorageClass
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


class Cold:
    """Bytes of runs in a bucket, where retention has moved all of them."""

    def __init__(self, world: PromotionWorld, bucket: BucketLocation, *contents: bytes) -> None:
        self._world, self._bucket = world, bucket
        self.store = ArtifactBucket(bucket)
        self.storage = ColdStorage(world.pool, self.store)
        for content in contents:
            self.store.put(self.key(content), content)
            self.store.move(self.key(content), StorageClass.STANDARD_IA)
        world.rows("UPDATE blobs SET storage_class = 'standard_ia', class_since = now()")

    def key(self, content: bytes) -> BlobKey:
        return BlobKey(tenant_id=self._world.tenant, sha256=hashlib.sha256(content).hexdigest())

    def place(self, content: bytes) -> dict[str, str]:
        key = self.store.address(self.key(content)).partition(f"{self._bucket.bucket}/")[2]
        return {"Bucket": self._bucket.bucket, "Key": key}

    def of(self, content: bytes) -> tuple[str, str]:
        """Its class as the bucket has it, and as the database has."""
        head = s3_client(self._bucket).head_object(**self.place(content))
        ((written,),) = self._world.rows(
            "SELECT storage_class FROM blobs WHERE sha256 = %s",
            bytes.fromhex(self.key(content).sha256),
        )
        return head.get("StorageClass", "STANDARD"), written


HOT, COLD = ("STANDARD", "standard"), ("STANDARD_IA", "standard_ia")
FIRST, SECOND = RunId("scratch-aaaaaaaaaaaa"), RunId("scratch-bbbbbbbbbbbb")


def test_a_cold_model_that_an_alias_means_comes_back(
    world: PromotionWorld, bucket: BucketLocation
) -> None:
    world.promoted(FIRST, content=b"first")
    world.promoted(SECOND, content=b"second")
    cold = Cold(world, bucket, b"first", b"second")

    back = cold.storage.bring_back()
    after = [cold.of(b"first"), cold.of(b"second")]
    world.registry.rollback("digits", "production", tenant_id=world.tenant, by="ana", reason="x")
    again = cold.storage.bring_back()

    assert (back, again) == (Moved(count=1, size_bytes=6), Moved(count=1, size_bytes=5))
    assert after == [COLD, HOT]
    assert cold.of(b"first") == HOT
    assert cold.storage.bring_back() == Moved()


def test_what_came_back_and_was_not_written_down_is_written_down(
    world: PromotionWorld, bucket: BucketLocation
) -> None:
    world.promoted(FIRST, content=b"first")
    cold = Cold(world, bucket, b"first")
    cold.store.move(cold.key(b"first"), StorageClass.STANDARD)  # and died

    cold.storage.bring_back()

    assert cold.of(b"first") == HOT


def test_a_model_that_the_bucket_archived_is_told_of_and_keeps_no_other(
    world: PromotionWorld, bucket: BucketLocation
) -> None:
    world.promoted(FIRST, content=b"first")
    world.promoted(SECOND, content=b"second")
    world.registry.set_alias(
        "digits", "staging", 1, tenant_id=world.tenant, by="ana", reason="it is tried"
    )
    cold = Cold(world, bucket, b"first", b"second")
    place = cold.place(b"first")
    s3_client(bucket).copy_object(**place, CopySource=place, StorageClass="GLACIER")

    with pytest.raises(BytesArchived, match="RestoreObject"):
        cold.storage.bring_back()

    assert cold.of(b"second") == HOT
    assert cold.of(b"first") == ("GLACIER", "standard_ia")
