"""Removes what is old of Dagster's own records: runs with their events, ticks, partitions, checks.

Everything is found anew by each purge, and a run's row goes last: a purge that is killed leaves
nothing that the next one does not find.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES

from assets.partitions import DATASET_VERSIONS, EVALUATIONS, SWEEPS, dataset_of
from orchestration.coming_runs import PARTITION_TAG, UNFINISHED
from orchestration.purge.records import DagsterRecords
from orchestration.run_workers import run_worker_log
from retention.orchestration import (
    DagsterRunFacts,
    OrchestrationPolicy,
    PartitionSubjects,
    VersionName,
    WhyKept,
    why_kept,
)

_AT_ONCE = 100
_FINISHED = [status for status in dg.DagsterRunStatus if status not in UNFINISHED]
#: Assets whose partitions are sweeps; `graveyard_entries` had them once.
_OF_SWEEPS = frozenset({"sweep", "trials", "graveyard_entries"})
_OF_EVALUATIONS = frozenset({"evaluations", "model_versions"})
_OF_VERSIONS = "dataset_versions"
_BACKFILL_TAG = "dagster/backfill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What a purge has done."""

    dagster_runs: int = 0
    events: int = 0
    ticks: int = 0
    checks: int = 0
    sweep_partitions: int = 0
    version_partitions: int = 0
    evaluation_partitions: int = 0
    kept: Mapping[WhyKept, int] = field(default_factory=dict[WhyKept, int])  #: old ones
    is_whole: bool = True  #: False: the time was over, the next purge goes on


@dataclass(frozen=True, slots=True)
class _Stay:
    """Dagster runs with a reason to stay, by the reason."""

    last_materialization: set[str]
    last_of_job: set[str]
    last_of_partition: set[str]
    repeated: set[str]


def purge(
    instance: dg.DagsterInstance,
    subjects: PartitionSubjects,
    policy: OrchestrationPolicy,
    *,
    now: dt.datetime,
    is_time: Callable[[], bool] = lambda: True,
) -> Purged:
    """Remove what the policy does not keep.

    Args:
        now: What ages are counted from.
        is_time: Asked before every batch; when it says no, the rest is left to the next purge.
    """
    records = DagsterRecords(instance)
    sweeps = _drop_sweep_partitions(instance, subjects, before=now - policy.partitions)
    versions = _drop_version_partitions(instance, subjects, before=now - policy.partitions)
    evaluations = _drop_evaluation_partitions(instance, subjects, before=now - policy.partitions)
    ticks = _drop_ticks(instance, records, before=now - policy.ticks)
    ended_before = now - policy.dagster_runs
    stay = _reasons(instance, records, subjects)
    n_runs, n_events, kept, is_whole = 0, 0, Counter[WhyKept](), True
    for batch in _old_runs(instance, ended_before):
        if not is_time():
            is_whole = False
            break
        due: list[str] = []
        open_backfills = _open_backfills(instance, batch)
        for record in batch:
            reason = why_kept(_facts(record, stay, open_backfills), ended_before=ended_before)
            if reason is None:
                due.append(record.dagster_run.run_id)
            else:
                kept[reason] += 1
        n_events += records.count_events(due)
        for dagster_run_id in due:
            _delete(instance, dagster_run_id)
        n_runs += len(due)
    checks = records.drop_checks(before=ended_before)
    return Purged(
        dagster_runs=n_runs,
        events=n_events,
        ticks=ticks,
        checks=checks,
        sweep_partitions=sweeps,
        version_partitions=versions,
        evaluation_partitions=evaluations,
        kept=dict(kept),
        is_whole=is_whole,
    )


def _delete(instance: dg.DagsterInstance, dagster_run_id: str) -> None:
    # The row last: it is what the next purge finds the rest by.
    instance.compute_log_manager.delete_logs(prefix=[dagster_run_id])
    run_worker_log(dagster_run_id).unlink(missing_ok=True)
    instance.event_log_storage.delete_events(dagster_run_id)
    instance.delete_run(dagster_run_id)


def _old_runs(
    instance: dg.DagsterInstance, ended_before: dt.datetime
) -> Iterator[Sequence[dg.RunRecord]]:
    """Finished ones that nothing has happened to since, oldest first."""
    # All names first: a page's cursor is a run, which may be gone when the next page is asked for.
    old = dg.RunsFilter(statuses=_FINISHED, updated_before=ended_before)
    run_ids = list(reversed(instance.run_storage.get_run_ids(old)))
    for start in range(0, len(run_ids), _AT_ONCE):
        some = dg.RunsFilter(run_ids=run_ids[start : start + _AT_ONCE])
        yield instance.get_run_records(some, ascending=True)


def _facts(record: dg.RunRecord, stay: _Stay, open_backfills: frozenset[str]) -> DagsterRunFacts:
    run = record.dagster_run
    ended_at = record.update_timestamp
    if record.end_time is not None:
        ended_at = dt.datetime.fromtimestamp(record.end_time, dt.UTC)
    return DagsterRunFacts(
        dagster_run_id=run.run_id,
        ended_at=_aware(ended_at) if run.is_finished else None,
        has_last_materialization=run.run_id in stay.last_materialization,
        is_last_of_job=run.run_id in stay.last_of_job,
        is_last_of_partition=run.run_id in stay.last_of_partition,
        is_repeated=run.run_id in stay.repeated,
        has_open_backfill=run.tags.get(_BACKFILL_TAG) in open_backfills,
    )


def _aware(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _open_backfills(instance: dg.DagsterInstance, batch: Sequence[dg.RunRecord]) -> frozenset[str]:
    named = {record.dagster_run.tags.get(_BACKFILL_TAG) for record in batch}
    return frozenset(
        name
        for name in named
        if name is not None
        and (found := instance.get_backfill(name)) is not None
        and found.status not in BULK_ACTION_TERMINAL_STATUSES
    )


def _reasons(
    instance: dg.DagsterInstance, records: DagsterRecords, subjects: PartitionSubjects
) -> _Stay:
    sweeps = set(instance.get_dynamic_partitions(str(SWEEPS.name)))
    evaluations = set(instance.get_dynamic_partitions(str(EVALUATIONS.name)))
    last = records.last_events()
    # A version that is there would be shown anew if its materialization was gone, partition or not.
    named = {
        event.partition: _version(event.partition)
        for event in last
        if event.asset == _OF_VERSIONS and event.partition is not None
    }
    known = subjects.known_versions(named.values())
    shown = {
        **dict.fromkeys(_OF_SWEEPS, sweeps),
        **dict.fromkeys(_OF_EVALUATIONS, evaluations),
        _OF_VERSIONS: {partition for partition, version in named.items() if version in known},
    }
    holders = {
        event.dagster_run_id
        for event in last
        if event.partition is None
        or event.asset not in shown
        or event.partition in shown[event.asset]
    }
    there = sweeps | evaluations | set(instance.get_dynamic_partitions(str(DATASET_VERSIONS.name)))
    return _Stay(
        last_materialization=holders,
        last_of_job=records.last_of_jobs(),
        last_of_partition={
            run_id for run_id, partition in records.last_of_partitions() if partition in there
        },
        repeated=records.repeated(),
    )


def _drop_sweep_partitions(
    instance: dg.DagsterInstance, subjects: PartitionSubjects, *, before: dt.datetime
) -> int:
    name = str(SWEEPS.name)
    ended = subjects.ended_sweeps(instance.get_dynamic_partitions(name), before=before)
    return _drop_partitions(instance, name, sorted(ended))


def _drop_evaluation_partitions(
    instance: dg.DagsterInstance, subjects: PartitionSubjects, *, before: dt.datetime
) -> int:
    name = str(EVALUATIONS.name)
    ended = subjects.ended_evaluations(instance.get_dynamic_partitions(name), before=before)
    return _drop_partitions(instance, name, sorted(ended))


def _drop_version_partitions(
    instance: dg.DagsterInstance, subjects: PartitionSubjects, *, before: dt.datetime
) -> int:
    name = str(DATASET_VERSIONS.name)
    keys = {_version(key): key for key in instance.get_dynamic_partitions(name)}
    old = subjects.old_versions(list(keys), before=before)
    # One that was never shown would come back at once.
    shown = instance.get_materialized_partitions(dg.AssetKey(_OF_VERSIONS))
    known = subjects.known_versions(old)
    return _drop_partitions(
        instance,
        name,
        sorted(keys[version] for version in old if version not in known or keys[version] in shown),
    )


def _drop_partitions(instance: dg.DagsterInstance, name: str, keys: Sequence[str]) -> int:
    n_dropped = 0
    for key in keys:
        live = dg.RunsFilter(tags={PARTITION_TAG: key}, statuses=list(UNFINISHED))
        if not instance.get_runs_count(live):
            instance.delete_dynamic_partition(name, key)
            n_dropped += 1
    return n_dropped


def _version(partition: str) -> VersionName:
    tenant_id, reference = dataset_of(partition)
    return VersionName(tenant_id, reference.name, reference.number or 0)


def _drop_ticks(
    instance: dg.DagsterInstance, records: DagsterRecords, *, before: dt.datetime
) -> int:
    """Of all instigators: the daemon purges those of the ones that it still evaluates, when it does."""
    n_before = records.count_ticks()
    for state in instance.all_instigator_state():
        origin_id, selector_id = state.instigator_origin_id, state.selector_id
        # The last one stays: the scheduler goes on from there.
        for last in instance.get_ticks(origin_id, selector_id, limit=1):
            until = min(before.timestamp(), last.timestamp)
            instance.purge_ticks(origin_id, selector_id, before=until)
    return max(0, n_before - records.count_ticks())
