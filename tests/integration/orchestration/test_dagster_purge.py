"""What is old of Dagster's records goes from its database; what is live, shown or needed stays."""

import datetime as dt
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster import DagsterRunStatus

from assets.partitions import DATASET_VERSIONS, EVALUATIONS, SWEEPS
from orchestration.coming_runs import PARTITION_TAG
from orchestration.purge import job as purge_job
from orchestration.purge.purge import Purged, purge
from orchestration.schedules import old_dagster_records
from orchestration.settings import dagster_url
from retention.orchestration import OrchestrationPolicy, WhyKept
from storage.database import Pool, open_pool, transaction
from storage.partition_subjects import PostgresPartitionSubjects
from storage.policy_store import PolicyStore
from storage.sweeps.catalog import SweepCatalog
from sweeps.ids import SweepId
from tests.factories import a_spec
from tests.integration.storage.lineage_world import LineageWorld
from tests.plugins.postgres import Database

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated"),
]
NOW = dt.datetime.now(dt.UTC)
POLICY = OrchestrationPolicy()


@dg.asset(partitions_def=SWEEPS)
def sweep() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"leaderboard": "1"})


@dg.asset(partitions_def=DATASET_VERSIONS)
def dataset_versions() -> None:
    pass


@dg.asset(partitions_def=SWEEPS)
def graveyard_entries() -> None:
    """As it was when each page had a partition."""


@dg.asset(partitions_def=EVALUATIONS)
def evaluations() -> None:
    pass


@dg.asset(partitions_def=EVALUATIONS, deps=[evaluations])
def model_versions() -> None:
    pass


@dg.asset
def rollup() -> None:
    pass


@dg.asset_check(asset=rollup)
def in_time() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


class World:
    """A Dagster instance on PostgreSQL, and our own rows beside it."""

    def __init__(self, instance: dg.DagsterInstance, dagsters_url: str, pool: Pool) -> None:
        self.instance = instance
        self.url = dagsters_url
        self.pool = pool

    def run(
        self, *assets: Any, partition: str | None = None, days_ago: float = 0, **options: Any
    ) -> str:
        """A Dagster run that ended so long ago."""
        result = dg.materialize(
            list(assets), partition_key=partition, instance=self.instance, **options
        )
        self.age(result.run_id, days_ago)
        return result.run_id

    def age(self, run_id: str, days_ago: float) -> None:
        then = NOW - dt.timedelta(days=days_ago)
        self.rows(
            "UPDATE runs SET update_timestamp = %s, create_timestamp = %s,"
            " end_time = CASE WHEN end_time IS NULL THEN NULL ELSE %s END WHERE run_id = %s",
            then.replace(tzinfo=None), then.replace(tzinfo=None), then.timestamp(), run_id,
        )  # fmt: skip
        self.rows(
            "UPDATE asset_check_executions SET create_timestamp = %s WHERE run_id = %s",
            then.replace(tzinfo=None), run_id,
        )  # fmt: skip

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]  literals of tests
            return cursor.fetchall() if cursor.description else []

    def there(self) -> set[str]:
        return set(self.instance.run_storage.get_run_ids())

    def a_sweep(self, sweep_id: str, *, ended_days_ago: float | None) -> None:
        """A sweep in our tables, and its partition in Dagster's."""
        SweepCatalog(self.pool).submit(SweepId(sweep_id), a_spec(), source_dir="/", created_by="me")
        if ended_days_ago is not None:
            with transaction(self.pool) as connection:
                connection.execute(
                    "UPDATE sweeps SET state = 'completed', ended_at = %s WHERE sweep_id = %s",
                    [NOW - dt.timedelta(days=ended_days_ago), sweep_id],
                )
        self.instance.add_dynamic_partitions(str(SWEEPS.name), [sweep_id])

    def an_evaluation(
        self, evaluation_id: str, number: int, *, ended_days_ago: float | None
    ) -> None:
        """One of the first run of the sweep `digits`, and its partition."""
        ended = None if ended_days_ago is None else NOW - dt.timedelta(days=ended_days_ago)
        with transaction(self.pool) as connection:
            connection.execute(
                "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by)"
                " SELECT 'digits-1', tenant_id, experiment_id, sweep_id, 1, 1, 'me' FROM sweeps"
                " WHERE sweep_id = 'digits' ON CONFLICT DO NOTHING"
            )
            connection.execute(
                "INSERT INTO evaluations (evaluation_id, tenant_id, run_id, number, state,"
                " requested_by, ended_at)"
                " SELECT %s, tenant_id, run_id, %s, %s::evaluation_state, 'me', %s FROM runs",
                [evaluation_id, number, "requested" if ended is None else "rejected", ended],
            )
        self.instance.add_dynamic_partitions(str(EVALUATIONS.name), [evaluation_id])

    def purge(self, **options: Any) -> Purged:
        return purge(
            self.instance, PostgresPartitionSubjects(self.pool), POLICY, now=NOW, **options
        )


@pytest.fixture
def world(
    database: Database,
    empty_databases: tuple[Database, Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[World, None, None]:
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path / "home"))
    url = empty_databases[1].url
    storage = {"postgres": {"postgres_url": dagster_url(url)}}
    with (
        dg.instance_for_test(overrides={"storage": storage}) as instance,
        open_pool(database.url, max_size=2) as pool,
    ):
        yield World(instance, url, pool)


def test_old_dagster_runs_go_with_their_events_and_the_last_one_stays(world: World) -> None:
    old = [world.run(rollup, days_ago=90 - n) for n in range(3)]
    young = world.run(rollup, days_ago=3)

    purged = world.purge()

    assert world.there() == {young}
    assert purged.dagster_runs == 3
    events = dict(world.rows("SELECT run_id, count(*) FROM event_logs GROUP BY run_id"))
    assert set(events) == {young}
    assert purged.events >= 3 * events[young] > 0
    assert not set(old) & set(events)


def test_what_goes_on_stays_however_old(world: World) -> None:
    run_id = world.run(rollup, days_ago=400)
    world.rows("UPDATE runs SET status = 'STARTED' WHERE run_id = %s", run_id)
    world.rows(
        "UPDATE runs SET run_body = replace(run_body, 'SUCCESS', 'STARTED') WHERE run_id = %s",
        run_id,
    )
    world.run(rollup)

    world.purge()

    assert run_id in world.there()


def test_the_last_materialization_of_an_asset_stays_and_is_shown(world: World) -> None:
    only = world.run(rollup, days_ago=400)

    purged = world.purge()

    assert purged.kept == {WhyKept.LAST_MATERIALIZATION: 1}
    event = world.instance.get_latest_materialization_event(dg.AssetKey("rollup"))
    assert event is not None
    assert event.run_id == only


def test_a_sweep_keeps_its_page_until_its_partition_goes(world: World) -> None:
    world.a_sweep("recent", ended_days_ago=100)
    world.a_sweep("ancient", ended_days_ago=200)
    world.a_sweep("open", ended_days_ago=None)
    runs = {
        name: world.run(sweep, partition=name, days_ago=300)
        for name in ("recent", "ancient", "open")
    }
    newest = world.run(sweep, partition="recent", days_ago=1)
    again = {"recent": newest, "open": runs["open"]}

    purged = world.purge()

    assert set(world.instance.get_dynamic_partitions("sweeps")) == {"recent", "open"}
    assert world.there() == set(again.values())
    assert (purged.sweep_partitions, purged.dagster_runs) == (1, 2)


def test_pages_that_had_partitions_hold_no_dagster_run_for_ever(world: World) -> None:
    world.a_sweep("ancient", ended_days_ago=200)
    world.run(graveyard_entries, partition="ancient", days_ago=199)
    newest = world.run(rollup)

    world.run(graveyard_entries, partition="ancient", days_ago=198)
    last_of_job = world.run(sweep, partition="ancient", days_ago=197)
    world.purge()

    assert world.there() <= {newest, last_of_job}


def test_an_evaluation_keeps_its_dagster_run_until_its_partition_goes(world: World) -> None:
    world.a_sweep("digits", ended_days_ago=None)
    days = {"digits-1-e1": 200, "digits-1-e2": 100, "digits-1-e3": None}
    for number, (name, days_ago) in enumerate(days.items(), start=1):
        world.an_evaluation(name, number, ended_days_ago=days_ago)
    runs = {
        name: world.run(evaluations, model_versions, partition=name, days_ago=300) for name in days
    }
    newest = world.run(rollup)

    purged = world.purge()

    assert purged.evaluation_partitions == 1
    assert world.instance.get_dynamic_partitions("evaluations") == ["digits-1-e2", "digits-1-e3"]
    assert world.there() == {newest, runs["digits-1-e2"], runs["digits-1-e3"]}


def test_a_partition_with_a_live_dagster_run_stays(world: World) -> None:
    world.a_sweep("ancient", ended_days_ago=200)

    @dg.job
    def a_job() -> None:
        pass

    world.instance.create_run_for_job(
        a_job, status=DagsterRunStatus.STARTED, tags={PARTITION_TAG: "ancient"}
    )

    assert world.purge().sweep_partitions == 0
    assert world.instance.get_dynamic_partitions("sweeps") == ["ancient"]


def test_a_partition_whose_sweep_was_deleted_goes(world: World) -> None:
    world.instance.add_dynamic_partitions("sweeps", ["gone"])

    assert world.purge().sweep_partitions == 1


def test_old_versions_of_data_lose_their_partition_and_are_not_shown_again(
    world: World, tmp_path: Path
) -> None:
    data = LineageWorld(world.pool, store=None)  # pyright: ignore[reportArgumentType]  brings no bytes
    for number in (1, 2, 3):
        data.dataset("digits", number)
    data.rows("ALTER TABLE dataset_versions DISABLE TRIGGER ALL")
    data.rows("UPDATE dataset_versions SET created_at = now() - interval '1 year'")
    data.rows("ALTER TABLE dataset_versions ENABLE TRIGGER ALL")
    used = data.run()
    data.use(used, "digits", 2)
    data.end(used)
    keys = [f"digits@{number}" for number in (1, 2, 3)]
    world.instance.add_dynamic_partitions(str(DATASET_VERSIONS.name), keys)
    for key in keys:
        world.run(dataset_versions, partition=key, days_ago=300)

    purged = world.purge()

    left = set(world.instance.get_dynamic_partitions(str(DATASET_VERSIONS.name)))
    assert left == {"digits@2", "digits@3"}  # one was used of late, one is the newest
    assert purged.version_partitions == 1
    # The sensor asks what was shown: all of them were, and are not shown anew.
    assert world.instance.get_materialized_partitions(dataset_versions.key) == set(keys)


def test_one_that_is_repeated_goes_after_those_that_repeat_it(world: World) -> None:
    first = world.run(rollup, days_ago=300)
    second = world.run(rollup, days_ago=200, tags={"dagster/root_run_id": first})
    newest = world.run(rollup)

    world.purge()
    assert world.there() == {first, newest}
    assert second not in world.there()

    world.purge()
    assert world.there() == {newest}


def test_results_of_checks_go_but_the_last_one(world: World) -> None:
    for days in (300, 200, 100):
        world.run(rollup, in_time, days_ago=days)

    purged = world.purge()

    assert purged.checks == 2
    assert world.rows("SELECT count(*) FROM asset_check_executions") == [(1,)]


def test_a_purge_that_was_killed_is_finished_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        world.run(rollup, days_ago=90 - n)
    newest = world.run(rollup)
    delete_run = world.instance.delete_run

    def killed(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.instance, "delete_run", killed)
    with pytest.raises(KeyboardInterrupt):
        world.purge()
    monkeypatch.setattr(world.instance, "delete_run", delete_run)

    purged = world.purge()

    assert purged.dagster_runs == 3
    assert world.there() == {newest}
    assert world.rows("SELECT DISTINCT run_id FROM event_logs") == [(newest,)]
    assert world.purge() == Purged(kept={})


def test_when_the_time_is_over_the_next_purge_goes_on(world: World) -> None:
    for n in range(3):
        world.run(rollup, days_ago=90 - n)
    world.run(rollup)

    first = world.purge(is_time=lambda: False)
    second = world.purge()

    assert (first.dagster_runs, first.is_whole) == (0, False)
    assert (second.dagster_runs, second.is_whole) == (3, True)


def test_old_ticks_go_but_the_last_one_of_each(world: World) -> None:
    state = a_sensor_state(world.instance)
    for days in (50, 40, 31):
        a_tick(world.instance, state, NOW - dt.timedelta(days=days))

    purged = world.purge()

    assert purged.ticks == 2
    (left,) = world.instance.get_ticks(state.instigator_origin_id, state.selector_id)
    assert left.timestamp == pytest.approx((NOW - dt.timedelta(days=31)).timestamp())


def test_what_a_dagster_run_printed_goes_with_it(world: World) -> None:
    old = world.run(rollup, days_ago=90)
    newest = world.run(rollup)
    storage = Path(world.instance.storage_directory())
    folders = [storage / old, storage / newest]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / "out").write_text("words")

    world.purge()

    assert [folder.exists() for folder in folders] == [False, True]


def test_the_job_goes_by_the_policy_and_reports_what_it_did(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(2):
        world.run(rollup, days_ago=90 - n)
    here = SimpleNamespace(
        policies=PolicyStore(world.pool),
        partition_subjects=PostgresPartitionSubjects(world.pool),
    )
    monkeypatch.setattr(purge_job, "platform", lambda: here)

    result = purge_job.purge_dagster.execute_in_process(instance=world.instance)

    (output,) = [
        event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_OUTPUT
    ]
    told = output.step_output_data.metadata
    assert told["dagster_runs"].value == 1
    assert told["is_whole"].value is True
    assert "it holds the last materialization of something | 1" in str(
        told["old_ones_that_stay"].value
    )


def test_the_schedule_runs_by_itself_once_a_day() -> None:
    assert old_dagster_records.default_status is dg.DefaultScheduleStatus.RUNNING
    assert old_dagster_records.cron_schedule == "15 4 * * *"
    assert old_dagster_records.execution_timezone == "UTC"


def a_sensor_state(instance: dg.DagsterInstance) -> Any:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import (
        InProcessCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        SensorInstigatorData,
    )
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="gone"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "r"), "a_sensor")
    state = InstigatorState(
        origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData()
    )
    instance.add_instigator_state(state)
    return state


def a_tick(instance: dg.DagsterInstance, state: Any, at: dt.datetime) -> None:
    from dagster._core.scheduler.instigation import TickData, TickStatus

    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=state.instigator_name,
            instigator_type=state.instigator_type,
            status=TickStatus.SKIPPED,
            timestamp=at.timestamp(),
            selector_id=state.selector_id,
        )
    )
