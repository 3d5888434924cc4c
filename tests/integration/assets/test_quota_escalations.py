"""Escalations in Dagster: asked for once, told in the run's log and metadata, a check that warns."""

import datetime as dt
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from assets.quota_escalations import CHECKS, quota_escalations
from governance.quotas.escalations import News
from governance.tenants import TenantDirectory, parse_tenants
from orchestration.escalation_sensors import quota_violations
from storage.database import open_pool
from storage.queue.escalations import PostgresEscalations
from sweeps.errors import PermanentError, StorageUnavailable
from tests.contracts.admission_desk_contract import SECOND
from tests.integration.storage.escalation_world import HOUR, EscalationWorld
from tests.plugins.postgres import Database

# Of Dagster's resources, on the way from pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")


@pytest.fixture
def world(database: Database) -> Generator[EscalationWorld, None, None]:
    with open_pool(database.url) as pool:
        yield EscalationWorld(pool)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def noticed(world: EscalationWorld, *, hours: float) -> None:
    """A violation that somebody noticed so long ago."""
    world.obstruct()
    world.escalations.notice(dt.datetime.now(dt.UTC) - hours * HOUR)


def materialize(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
    result = dg.materialize(
        [quota_escalations, *CHECKS],
        instance=instance,
        resources={"escalations": world.escalations},
    )
    (check,) = result.get_asset_check_evaluations()
    return metadata_of(result), check


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Of the only materialization of the asset."""
    (event,) = result.asset_materializations_for_node("quota_escalations")
    return {name: value.value for name, value in event.metadata.items()}


def invoke(escalations: PostgresEscalations) -> None:
    """Without Dagster."""
    told = quota_escalations(dg.build_asset_context(), escalations=escalations)
    list(cast("Iterator[dg.MaterializeResult]", told))


def tick(world: EscalationWorld, instance: dg.DagsterInstance) -> Any:
    context = dg.build_sensor_context(
        instance=instance, resources={"escalations": world.escalations}
    )
    return quota_violations(context)


def test_a_run_tells_whom_what_and_what_would_remedy_it_once(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    noticed(world, hours=5)

    first, check = materialize(world, instance)
    second, _ = materialize(world, instance)

    assert f"no trial of sweep {SECOND} starts" in first["told"]
    assert "to me (me@example.org), as the owner" in first["told"]
    (telling,) = first["tellings"]
    assert telling["step"]["people"] == [{"name": "me", "email": "me@example.org"}]
    assert telling["ask"] == [{"name": "platform", "channel": "#platform"}]
    assert "`other_tenants.limits.gpu: 3`" in telling["remedy"]
    assert (second["told"], second["open"]) == ("nobody", 1)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_once_the_platform_was_told_the_check_is_an_error(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    noticed(world, hours=80)

    metadata, check = materialize(world, instance)

    assert [one["step"]["to"] for one in metadata["tellings"]] == ["owner", "tenant", "platform"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_what_is_over_or_looked_after_is_good(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    noticed(world, hours=5)
    materialize(world, instance)
    world.escalations.acknowledge(1, by="ana", comment="soon")
    _, acknowledged = materialize(world, instance)
    world.limit(3)

    asked = tick(world, instance)
    metadata, check = materialize(world, instance)

    assert acknowledged.passed
    assert asked.run_key == "1 over"
    assert f"no trial of sweep {SECOND} starts" in metadata["over"]
    assert check.passed
    assert isinstance(tick(world, instance), dg.SkipReason)


def test_the_sensor_notices_and_asks_once_when_a_step_is_due(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    world.obstruct()
    at_first = tick(world, instance)
    world.execute("UPDATE escalations SET since = since - interval '5 hours'")

    asked = [tick(world, instance), tick(world, instance)]
    materialize(world, instance)
    after = tick(world, instance)

    assert isinstance(at_first, dg.SkipReason)
    assert len(world.escalations.list()) == 1
    assert {one.run_key for one in asked} == {"1 step 1"}
    assert isinstance(after, dg.SkipReason)


@dg.job(name="escalate_quotas")
def the_job() -> None:
    pass


def test_what_a_dagster_run_that_failed_has_not_told_is_asked_for_again(
    world: EscalationWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed(world, hours=5)
    first = tick(world, instance)
    failed = instance.create_run_for_job(the_job, status=DagsterRunStatus.FAILURE)

    at_once = tick(world, instance)
    monkeypatch.setattr("orchestration.escalation_sensors._REST_SECONDS", 0.0)  # it has passed
    later = tick(world, instance)

    assert isinstance(at_once, dg.SkipReason)
    assert later.run_key == f"{first.run_key} after {failed.run_id}"


def test_what_a_run_was_not_sure_of_is_asked_for_again(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    """A trial had ended when it looked, and the next one started: nothing is told, and none failed."""
    noticed(world, hours=5)
    first = tick(world, instance)
    done = instance.create_run_for_job(the_job, status=DagsterRunStatus.SUCCESS)

    later = [tick(world, instance), tick(world, instance)]

    assert {one.run_key for one in later} == {f"{first.run_key} after {done.run_id}"}


def test_while_the_tenant_file_has_mistakes_the_run_fails_and_nothing_is_told(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    noticed(world, hours=5)

    def unreadable() -> TenantDirectory:
        return parse_tenants("tenants: 3", source="tenants.yaml")

    broken = PostgresEscalations(world.pool, world.policies, unreadable)
    with pytest.raises(dg.Failure, match=r"tenants\.yaml"):
        invoke(broken)

    assert tick(world, instance).run_key == "1 step 1"


def test_a_run_that_is_killed_while_it_tells_has_told_nothing(
    world: EscalationWorld, instance: dg.DagsterInstance
) -> None:
    noticed(world, hours=5)
    escalations = world.escalations

    class Dying(PostgresEscalations):
        """Its process is killed when the first one is told."""

        @contextmanager
        def telling(self, now: dt.datetime, *, most: int = 9) -> Generator[News, None, None]:
            with escalations.telling(now, most=most) as news:
                yield news
                raise KeyboardInterrupt

    # Not by Dagster, which would wait and try again.
    dying = Dying(world.pool, world.policies, lambda: pytest.fail("it asks the other one"))
    with pytest.raises(KeyboardInterrupt):
        invoke(dying)
    told, _ = materialize(world, instance)

    assert len(told["tellings"]) == 1


def test_what_is_told_is_on_record_with_addresses_before_it_counts_as_told(
    world: EscalationWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed(world, hours=5)
    telling = world.escalations.telling

    @contextmanager
    def uncommitted(now: dt.datetime, *, most: int) -> Generator[News, None, None]:
        with telling(now, most=most) as news:
            yield news
            raise PermanentError("the database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.escalations, "telling", uncommitted)
        failed = dg.materialize(
            [quota_escalations], instance=instance, resources={"escalations": world.escalations},
            raise_on_error=False,
        )  # fmt: skip
    again, _ = materialize(world, instance)

    assert not failed.success
    first = metadata_of(failed)["tellings"]
    assert [one["step"]["people"] for one in (*first, *again["tellings"])] == [
        [{"name": "me", "email": "me@example.org"}]
    ] * 2


def test_once_it_counts_as_told_the_database_is_not_asked_any_more(
    world: EscalationWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed(world, hours=5)

    def restarting(**_: object) -> None:
        raise StorageUnavailable("the database restarts")

    monkeypatch.setattr(world.escalations, "list", restarting)
    told = dg.materialize(
        [quota_escalations], instance=instance, resources={"escalations": world.escalations}
    )

    metadata = metadata_of(told)
    assert (metadata["open"], metadata["left"], len(metadata["tellings"])) == (1, 0, 1)


def test_what_is_too_much_for_one_run_is_told_by_the_next_ones(
    world: EscalationWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.quota_escalations._SHOWN", 2)
    noticed(world, hours=80)
    asked = tick(world, instance)

    first, _ = materialize(world, instance)
    asked_again = tick(world, instance)
    second, _ = materialize(world, instance)

    assert asked.run_key == "1 step 1; 1 step 2; 1 step 3"
    assert [one["step"]["to"] for one in first["tellings"]] == ["owner", "tenant"]
    assert (first["left"], second["left"]) == (1, 0)
    assert asked_again.run_key == "1 step 3"
    assert [one["step"]["to"] for one in second["tellings"]] == ["platform"]
