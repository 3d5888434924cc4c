"""Starting a sweep's controller without a daemon: a Dagster run all the same.

The run is created on the same instance that the UI shows, and started by the instance's own run
launcher, so it is seen, terminated and resumed like any other.
"""

import sys

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import initialize_repository_def_from_pointer
from dagster._core.launcher import ResumeRunContext
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

from assets.partitions import SWEEPS
from orchestration import definitions
from orchestration.coming_runs import coming_run
from orchestration.platform import LOCATION_NAME, Platform, run_worker_log
from orchestration.run_launcher import PID_TAG, worker_process
from sweeps.errors import LauncherUnavailable
from sweeps.ids import SweepId
from sweeps.states import SweepState

JOB = "run_sweep"
RESUMES_TAG = "sweepworks/resumes"
_MAX_FAILURES = 3  # of Dagster runs while one command follows
_MAX_RESUMES = 100  # a controller that dies more often than that has a reason to


def start_controller(platform: Platform, sweep_id: SweepId) -> str:
    """Create and launch the Dagster run of a sweep that this process has claimed."""
    pointer = ModuleCodePointer(definitions.__name__, "defs", None)
    repository = initialize_repository_def_from_pointer(pointer)
    job = repository.get_job(JOB)
    instance = platform.dagster_instance
    instance.add_dynamic_partitions(str(SWEEPS.name), [sweep_id])
    run = instance.create_run_for_job(
        job_def=job,
        tags=SWEEPS.get_tags_for_partition_key(sweep_id),
        job_code_origin=JobPythonOrigin(
            job_name=JOB,
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
            job_name=JOB,
        ),
    )
    # No workspace: the launcher of the embedded mode needs none, and reading one takes seconds.
    instance.launch_run(run.run_id, workspace=None)  # pyright: ignore[reportArgumentType]
    platform.catalog.attach(sweep_id, dagster_run_id=run.run_id)
    return run.run_id


class Controllers:
    """Looks after the controller of one sweep, as long as somebody follows it."""

    def __init__(self, platform: Platform, sweep_id: SweepId) -> None:
        self._platform = platform
        self._sweep_id = sweep_id
        self._n_failed = 0
        self._said_queued = False

    def look_after(self) -> str | None:
        """Bring back a controller that is gone; says so, or nothing when all is well.

        With a daemon up, its run monitoring resumes Dagster runs as well; both find the process tag
        that the other one has set, and a controller too many loses its lease at its first write.

        Raises:
            LauncherUnavailable: It was lost, or failed, too often.
        """
        with self._platform.catalog.try_starting(self._sweep_id) as is_ours:
            return self._look() if is_ours else None

    def _look(self) -> str | None:
        platform, sweep_id = self._platform, self._sweep_id
        sweep = platform.catalog.get(sweep_id)
        if sweep.state.is_terminal or sweep.state is SweepState.SUBMITTED:
            return None
        instance = platform.dagster_instance
        run = (
            instance.get_run_by_id(sweep.dagster_run_id)
            if sweep.dagster_run_id
            else coming_run(instance, sweep_id)
        )
        if run is None:
            # Claimed, and whoever claimed it died before it could start a controller.
            if platform.catalog.claim(sweep_id) is None:
                return None
            start_controller(platform, sweep_id)
            return "nobody had started the controller; started it"
        if run.status is dg.DagsterRunStatus.QUEUED:
            return self._dequeue(run)
        if run.status is dg.DagsterRunStatus.CANCELED:
            # The daemon's sensor does the same, if there is a daemon.
            platform.catalog.cancel_abandoned(
                sweep_id, dagster_run_id=run.run_id, reason="its Dagster run was cancelled"
            )
            platform.launcher.reap(sweep_id)
            return "its Dagster run was cancelled; cancelled the sweep"
        if run.is_finished:
            return self._replace(run)
        if PID_TAG not in run.tags or worker_process(run) is not None:
            return None
        return self._resume(run)

    def _dequeue(self, run: dg.DagsterRun) -> str | None:
        """Queued by a daemon that may have gone since."""
        if not self._platform.has_daemon:
            self._platform.dagster_instance.launch_run(run.run_id, workspace=None)  # pyright: ignore[reportArgumentType]
            return "its Dagster run was queued and no daemon is up; started it"
        if self._said_queued:
            return None
        self._said_queued = True
        return f"Dagster run {run.run_id} waits in Dagster's queue"

    def _replace(self, run: dg.DagsterRun) -> str:
        """Another Dagster run in place of one that failed; not for ever."""
        self._n_failed += 1
        if self._n_failed > _MAX_FAILURES:
            raise LauncherUnavailable(
                f"the controller of {self._sweep_id} fails again and again; the last reason is in "
                f"{run_worker_log(run.run_id)} and in Dagster run {run.run_id}. Trials that run go "
                f"on; `sweepworks attach {self._sweep_id}` tries again"
            )
        start_controller(self._platform, self._sweep_id)
        return f"the controller failed (Dagster run {run.run_id}); started another one"

    def _resume(self, run: dg.DagsterRun) -> str:
        resumes = int(run.tags.get(RESUMES_TAG, "0")) + 1
        if resumes > _MAX_RESUMES:
            raise LauncherUnavailable(
                f"the controller of {self._sweep_id} was lost {_MAX_RESUMES} times; "
                "see `sweepworks doctor`"
            )
        instance = self._platform.dagster_instance
        instance.add_run_tags(run.run_id, {RESUMES_TAG: str(resumes)})
        instance.run_launcher.resume_run(
            ResumeRunContext(dagster_run=run, workspace=None, resume_attempt_number=resumes)
        )
        return "the controller was lost; started it again"
