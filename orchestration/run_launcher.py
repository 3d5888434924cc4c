"""Dagster runs as processes of their own on this machine.

Dagster's default launcher makes a run a child of the code server, so it dies with it, cannot be
started without one, and cannot be resumed. Here a run is a detached `dagster api execute_run`:
the web server, the daemon and the command line start it alike, it outlives all of them, the UI
terminates it by SIGTERM, and after a crash the same run is resumed. `deploy/dagster.yaml` has
Kubernetes Jobs with the same properties in its place.
"""

import datetime as dt
import signal
import sys
from collections.abc import Mapping, Sequence

import dagster as dg
import psutil
from dagster._core.launcher import (
    CheckRunHealthResult,
    LaunchRunContext,
    ResumeRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._grpc.types import ExecuteRunArgs, ResumeRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from orchestration.detached import spawn_detached
from orchestration.run_workers import run_worker_environment, run_worker_log
from orchestration.settings import Settings
from orchestration.workers import (
    COMING_TAGS,
    PID_TAG,
    WorkerState,
    home_tags,
    is_elsewhere,
    place_of,
    process_tags,
    worker_process,
    worker_state,
)

_TERMINATION_SECONDS = 2.0  # to see whether a terminated process had anything to end


class ProcessRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """A `RunLauncher` that starts one detached process per Dagster run."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What `dagster.yaml` says; Dagster passes it on to other processes."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> Mapping[str, dg.Field]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, object],  # noqa: ARG003 - Dagster's signature
    ) -> "ProcessRunLauncher":
        """Make one for an instance."""
        return cls(inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run's process."""
        run = context.dagster_run
        if run.job_code_origin is None:
            raise dg.DagsterInvariantViolationError(f"Dagster run {run.run_id} names no code")
        arguments = ExecuteRunArgs(
            job_origin=run.job_code_origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
        ).get_command_args()
        self._start(run, arguments)

    @property
    def supports_resume_run(self) -> bool:
        """A run whose process was lost goes on under the same id: all its ops may run twice."""
        return True

    def resume_run(self, context: ResumeRunContext) -> None:
        """Start the run's process again, unless it is there."""
        run = self._instance.get_run_by_id(context.dagster_run.run_id) or context.dagster_run
        self._refuse_elsewhere(run, "resumed")
        if worker_process(run) is not None:
            return  # somebody else was faster: the daemon's monitoring, or a command that follows
        if run.job_code_origin is None:
            raise dg.DagsterInvariantViolationError(f"Dagster run {run.run_id} names no code")
        arguments = ResumeRunArgs(
            job_origin=run.job_code_origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
        ).get_command_args()
        self._start(run, arguments)

    def terminate(self, run_id: str) -> bool:
        """Ask the run's process to end; its trials are ended by itself. False when it is gone."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._refuse_elsewhere(run, "terminated")
        self._instance.report_run_canceling(run)
        process = worker_process(run)
        if process is None:
            # Nobody is left to say so. What it leaves behind is for the sensor on CANCELED.
            self._instance.report_run_canceled(run)
            return True
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_TERMINATION_SECONDS)
        except psutil.TimeoutExpired:
            return True  # it is ending its trials, and says so itself
        self._close(run_id)
        return True

    def _close(self, run_id: str) -> None:
        """Report a run as cancelled whose process ended before it could, while still importing."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_canceled(run)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Processes of this machine can be looked at."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is alive; one that cannot be seen from here counts as that."""
        pid = run.tags.get(PID_TAG)
        record = self._instance.get_run_record_by_id(run.run_id)
        home = Settings.from_environment().home
        if record is None or (
            worker_state(record, home, now=dt.datetime.now(dt.UTC)) is WorkerState.GONE
        ):
            return CheckRunHealthResult(
                WorkerStatus.NOT_FOUND, msg=f"process {pid} is gone", run_worker_id=pid
            )
        return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=pid)

    def _refuse_elsewhere(self, run: dg.DagsterRun, what: str) -> None:
        if is_elsewhere(run, Settings.from_environment().home):
            raise dg.DagsterInvariantViolationError(
                f"Dagster run {run.run_id} has its process in {place_of(run)} and can be {what} "
                "there only; `sweepworks cancel` ends its sweep from anywhere"
            )

    def _start(self, run: dg.DagsterRun, arguments: Sequence[str]) -> None:
        log = run_worker_log(run.run_id)
        # First: whoever finds a run without a process knows where one may be.
        home = Settings.from_environment().home
        self._instance.add_run_tags(run.run_id, {**home_tags(home), **COMING_TAGS})
        pid = spawn_detached(
            _with_interpreter(arguments), log, environment=run_worker_environment()
        )
        self._instance.add_run_tags(run.run_id, process_tags(pid))
        self._instance.report_engine_event(
            f"Started process {pid}; its output is in {log}", run, cls=type(self)
        )


def _with_interpreter(arguments: Sequence[str]) -> list[str]:
    """`arguments` with this environment's Python where the run's origin says only ``dagster``."""
    if arguments[0] == "dagster":
        return [sys.executable, "-m", *arguments]
    return list(arguments)
