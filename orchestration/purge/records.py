"""What is read of Dagster's tables, and removed from them, that its instance has no call for.

By its own table objects, as in `orchestration.dagster_tables`: their names and columns are Dagster's.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.schedules.schema import JobTickTable
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage

_EVENTS, _CHECKS = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
_OF_ASSETS = (
    dg.DagsterEventType.ASSET_MATERIALIZATION.value,
    dg.DagsterEventType.ASSET_OBSERVATION.value,
)
_REPEATS = ("dagster/root_run_id", "dagster/parent_run_id")
_CHECKS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The last materialization, or observation, of an asset or of one of its partitions."""

    dagster_run_id: str
    asset: str  #: its key, parts joined by slashes
    partition: str | None


class DagsterRecords:
    """Reads an instance whose storage is a database."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        events, runs = instance.event_log_storage, instance.run_storage
        schedules = instance.schedule_storage
        assert isinstance(events, SqlEventLogStorage)
        assert isinstance(runs, SqlRunStorage)
        assert isinstance(schedules, SqlScheduleStorage)
        self._events, self._runs, self._schedules = events, runs, schedules

    def last_events(self) -> list[LastEvent]:
        """Of every asset and every partition that something was stored of."""
        newest = (
            sa.select(sa.func.max(_EVENTS.id))
            .where(_EVENTS.asset_key.is_not(None), _EVENTS.dagster_event_type.in_(_OF_ASSETS))
            .group_by(_EVENTS.asset_key, _EVENTS.dagster_event_type, _EVENTS.partition)
        )
        found = sa.select(_EVENTS.run_id, _EVENTS.asset_key, _EVENTS.partition).where(
            _EVENTS.id.in_(newest)
        )
        with self._events.index_connection() as connection:
            rows = connection.execute(found).fetchall()
        last: list[LastEvent] = []
        for run_id, asset_key, partition in rows:
            key = dg.AssetKey.from_db_string(asset_key)
            if key is not None:
                last.append(LastEvent(run_id, key.to_user_string(), partition))
        return last

    def last_of_jobs(self) -> set[str]:
        """The newest Dagster run of each job."""
        newest = sa.select(sa.func.max(RunsTable.c.id)).group_by(RunsTable.c.pipeline_name)
        with self._runs.connect() as connection:
            return set(
                connection.execute(
                    sa.select(RunsTable.c.run_id).where(RunsTable.c.id.in_(newest))
                ).scalars()
            )

    def last_of_partitions(self) -> list[tuple[str, str]]:
        """The newest Dagster run of each job and partition, and the partition."""
        tags = RunTagsTable.c
        of_partition = (
            sa.select(sa.func.max(RunsTable.c.id).label("id"), tags.value.label("partition"))
            .join(RunTagsTable, tags.run_id == RunsTable.c.run_id)
            .where(tags.key == "dagster/partition")
            .group_by(RunsTable.c.pipeline_name, tags.value)
            .subquery()
        )
        found = sa.select(RunsTable.c.run_id, of_partition.c.partition).join(
            of_partition, of_partition.c.id == RunsTable.c.id
        )
        with self._runs.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(found)]

    def repeated(self) -> set[str]:
        """Dagster runs that others name as the ones that they repeat."""
        tags = RunTagsTable.c
        with self._runs.connect() as connection:
            return set(
                connection.execute(
                    sa.select(tags.value).distinct().where(tags.key.in_(_REPEATS))
                ).scalars()
            )

    def count_events(self, dagster_run_ids: Sequence[str]) -> int:
        """Of these Dagster runs."""
        counted = (
            sa.select(sa.func.count())
            .select_from(SqlEventLogStorageTable)
            .where(_EVENTS.run_id.in_(dagster_run_ids))
        )
        with self._events.index_connection() as connection:
            return int(connection.execute(counted).scalar_one())

    def count_ticks(self) -> int:
        """Of all schedules and sensors."""
        with self._schedules.connect() as connection:
            return int(
                connection.execute(
                    sa.select(sa.func.count()).select_from(JobTickTable)
                ).scalar_one()
            )

    def drop_checks(self, *, before: dt.datetime) -> int:
        """Remove results of asset checks that are older, but the last one of each.

        Dagster keeps them when it deletes the run that they are of.
        """
        newest = sa.select(sa.func.max(_CHECKS.id)).group_by(
            _CHECKS.asset_key, _CHECKS.check_name, _CHECKS.partition
        )
        old = sa.select(_CHECKS.id).where(
            _CHECKS.create_timestamp < before.replace(tzinfo=None),
            _CHECKS.id.not_in(newest),
        )
        dropped = 0
        with self._events.index_connection() as connection:
            ids = list(connection.execute(old).scalars())
        for start in range(0, len(ids), _CHECKS_AT_ONCE):
            some = ids[start : start + _CHECKS_AT_ONCE]
            with self._events.index_connection() as connection:
                connection.execute(sa.delete(AssetCheckExecutionsTable).where(_CHECKS.id.in_(some)))
            dropped += len(some)
        return dropped
