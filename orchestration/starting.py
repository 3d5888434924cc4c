"""Starting a sweep's controller without a daemon: a Dagster run all the same.

The run is created on the same instance that the UI shows, and started by the instance's own run
launcher, so it is seen, terminated and resumed like any other.
"""

import sys
from collections.abc import Mapping

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import initialize_repository_def_from_pointer
from dagster._core.origin import (
    DEFAULT_DAGSTER_ENTRY_POINT,
    JobPythonOrigin,
    RepositoryPythonOrigin,
)
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from assets.links import LOCATION_NAME
from assets.partitions import EVALUATIONS, SWEEPS
from orchestration import definitions
from orchestration.coming_runs import PARTITION_TAG, last_run
from orchestration.platform import Platform
from sweeps.ids import SweepId

JOB = "run_sweep"


EVALUATION_JOB = "evaluate_candidate"
#: Of Dagster runs that only tell of an end: nobody has launched them, and nobody does.
_TELLS_END = {"sweepworks/tells_end": "true"}


def start_controller(platform: Platform, sweep_id: SweepId) -> str:
    """Create and launch the Dagster run of a sweep that this process has claimed."""
    run_id = _start(platform, JOB, SWEEPS, sweep_id)
    platform.claims.attach(sweep_id, dagster_run_id=run_id)
    return run_id


def start_evaluation(platform: Platform, evaluation_id: str) -> str:
    """Create and launch the Dagster run of an evaluation that this process has claimed."""
    run_id = _start(platform, EVALUATION_JOB, EVALUATIONS, evaluation_id)
    platform.evaluations.attach(evaluation_id, dagster_run_id=run_id)
    return run_id


def report_failed(platform: Platform, sweep_id: SweepId, reason: str) -> str:
    """Show a sweep that has failed without ever being started as a Dagster run that says why.

    Whoever calls has claimed its end. What one who died has left of this is finished.
    """
    instance = platform.dagster_instance
    filters = dg.RunsFilter(
        job_name=JOB,
        tags={PARTITION_TAG: sweep_id, **_TELLS_END},
        statuses=[dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.FAILURE],
    )
    run = last_run(instance, filters)
    if run is None:
        run = _create(platform, JOB, SWEEPS, sweep_id, tags=_TELLS_END)
    if run.status is not dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run, reason)
    platform.claims.attach(sweep_id, dagster_run_id=run.run_id)
    return run.run_id


def _start(
    platform: Platform, job_name: str, partitions: dg.DynamicPartitionsDefinition, key: str
) -> str:
    run = _create(platform, job_name, partitions, key)
    instance = platform.dagster_instance
    # No workspace: neither launcher nor queue needs one, and reading one takes seconds.
    if platform.has_worker_processes:
        instance.launch_run(run.run_id, workspace=None)  # pyright: ignore[reportArgumentType]
    else:  # only the daemon may make Jobs
        instance.submit_run(run.run_id, workspace=None)  # pyright: ignore[reportArgumentType]
    return run.run_id


def _create(
    platform: Platform,
    job_name: str,
    partitions: dg.DynamicPartitionsDefinition,
    key: str,
    *,
    tags: Mapping[str, str] | None = None,
) -> dg.DagsterRun:
    pointer = ModuleCodePointer(definitions.__name__, "defs", None)
    repository = initialize_repository_def_from_pointer(pointer)
    job = repository.get_job(job_name)
    instance = platform.dagster_instance
    instance.add_dynamic_partitions(str(partitions.name), [key])
    return instance.create_run_for_job(
        job_def=job,
        tags={**job.tags, **partitions.get_tags_for_partition_key(key), **(tags or {})},
        job_code_origin=JobPythonOrigin(
            job_name=job_name,
            repository_origin=RepositoryPythonOrigin(
                executable_path=sys.executable,
                code_pointer=pointer,
                entry_point=list(DEFAULT_DAGSTER_ENTRY_POINT),
            ),
        ),
        remote_job_origin=RemoteJobOrigin(
            repository_origin=RemoteRepositoryOrigin(
                code_location_origin=GrpcServerCodeLocationOrigin(
                    host="127.0.0.1",
                    port=platform.port("code_server", default=4000),
                    location_name=LOCATION_NAME,
                ),
                repository_name=repository.name,
            ),
            job_name=job_name,
        ),
    )
