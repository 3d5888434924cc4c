"""Looking after the controller of a sweep: started where none was, brought back when it is gone."""

import datetime as dt

import dagster as dg
from dagster._core.launcher import ResumeRunContext

from orchestration.abandoned import close_abandoned
from orchestration.coming_runs import coming_run
from orchestration.dagster_outages import dagster_outages
from orchestration.platform import Platform
from orchestration.run_workers import run_worker_log
from orchestration.starting import start_controller
from orchestration.workers import PID_TAG, WorkerState, is_elsewhere, place_of, worker_state
from sweeps.errors import LauncherUnavailable, RunsElsewhere
from sweeps.ids import SweepId
from sweeps.states import SweepState
from sweeps.trials import Sweep

RESUMES_TAG = "sweepworks/resumes"
_MAX_RESUMES = 100  # a controller that dies more often than that has a reason to


class Controllers:
    """Looks after the controller of one sweep, as long as somebody follows it."""

    def __init__(self, platform: Platform, sweep_id: SweepId) -> None:
        self._platform = platform
        self._sweep_id = sweep_id
        self._said_queued = False

    def begin(self) -> str | None:
        """As `look_after`, for a person who asks anew: what failed before is forgiven.

        Raises:
            SweepNotFound: There is no such sweep.
            RunsElsewhere: As there.
        """
        self._platform.catalog.get(self._sweep_id)
        self._platform.claims.forgive(self._sweep_id)
        return self.look_after()

    def take_over(self) -> None:
        """Give up what is in another home, which is gone for good, so that it goes on in this one.

        Raises:
            SweepNotFound: There is no such sweep.
        """
        platform, home = self._platform, self._platform.settings.home
        with dagster_outages():
            record = self._record(platform.catalog.get(self._sweep_id))
            run = None if record is None else record.dagster_run
            if run is not None and is_elsewhere(run, home) and not run.is_finished:
                reason = f"taken over by {home.place().name}"
                platform.dagster_instance.report_run_failed(run, reason)
        platform.claims.leave_place(self._sweep_id)

    def look_after(self) -> str | None:
        """Start a controller where none was, bring back one that is gone; says so, or nothing.

        With a daemon up, its run monitoring and its sensors do the same. Whoever is first changes
        the row or the process tag that the other one looks at, and a controller too many loses its
        lease at its first write.

        Raises:
            RunsElsewhere: It belongs to another home, where alone its trials can be seen.
            LauncherUnavailable: It was lost, or failed, too often, or no process can be started.
            StorageUnavailable: One of the two databases does not answer.
        """
        with dagster_outages(), self._platform.claims.try_starting(self._sweep_id) as is_ours:
            return self._look() if is_ours else None

    def _look(self) -> str | None:
        platform, sweep_id = self._platform, self._sweep_id
        sweep = platform.catalog.get(sweep_id)
        if sweep.state.is_terminal:
            return None
        platform.claims.check_place(sweep_id)
        record = self._record(sweep)
        if record is None:
            return self._start(sweep)
        run = record.dagster_run
        if run.status is dg.DagsterRunStatus.QUEUED:
            return self._dequeue(run)
        if run.status is dg.DagsterRunStatus.CANCELED:
            return self._close(run)
        if run.is_finished:
            return self._replace(sweep, run)
        if not platform.has_worker_processes:
            return None  # the daemon's monitoring sees its Job, which we may not, and resumes it
        state = worker_state(record, platform.settings.home, now=dt.datetime.now(dt.UTC))
        if state is WorkerState.ELSEWHERE:
            raise RunsElsewhere(sweep_id, place=place_of(run))
        return self._bring_back(sweep, run) if state is WorkerState.GONE else None

    def _record(self, sweep: Sweep) -> dg.RunRecord | None:
        """The Dagster run that controls the sweep, or is about to."""
        instance = self._platform.dagster_instance
        run_id = sweep.dagster_run_id
        if run_id is None:
            run = coming_run(instance, sweep.sweep_id)
            run_id = None if run is None else run.run_id
        return None if run_id is None else instance.get_run_record_by_id(run_id)

    def _start(self, sweep: Sweep) -> str | None:
        """The first controller, or one where somebody has died before there was one."""
        if sweep.dagster_run_id is not None:
            return self._replace(sweep, None)
        if self._platform.claims.claim(self._sweep_id) is None:
            self._check_hope(None)
            return None
        start_controller(self._platform, self._sweep_id)
        is_first = sweep.state is SweepState.SUBMITTED
        return None if is_first else "nobody had started the controller; started it"

    def _dequeue(self, run: dg.DagsterRun) -> str | None:
        """Queued by a daemon that may have gone since."""
        if not self._platform.has_daemon:
            self._launch(run)
            return "its Dagster run was queued and no daemon is up; started it"
        if self._said_queued:
            return None
        self._said_queued = True
        return f"Dagster run {run.run_id} waits in Dagster's queue"

    def _close(self, run: dg.DagsterRun) -> str | None:
        """The daemon's sensor does the same, if there is a daemon."""
        platform = self._platform
        is_closed = close_abandoned(
            platform.catalog,
            platform.claims,
            platform.launcher,
            self._sweep_id,
            dagster_run_id=run.run_id,
        )
        return "its Dagster run was cancelled; cancelled the sweep" if is_closed else None

    def _replace(self, sweep: Sweep, run: dg.DagsterRun | None) -> str | None:
        """Another Dagster run in place of one that failed, or was deleted; not for ever."""
        claims, failed = self._platform.claims, sweep.dagster_run_id
        if failed is None:  # it failed before it had said that it controls the sweep
            assert run is not None  # it led here
            failed = run.run_id
            claims.attach(self._sweep_id, dagster_run_id=failed)
        if claims.reclaim(self._sweep_id, dagster_run_id=failed) is None:
            self._check_hope(failed)
            return None  # somebody else was faster
        start_controller(self._platform, self._sweep_id)
        became = "is gone" if run is None else "failed"
        return f"the controller {became} (Dagster run {failed}); started another one"

    def _check_hope(self, failed: str | None) -> None:
        """Whether somebody will start a controller, after it could not be done here."""
        if not self._platform.claims.is_given_up(self._sweep_id, dagster_run_id=failed):
            return
        where = "its Dagster runs"
        if failed is not None:
            where = f"{run_worker_log(failed)} and in Dagster run {failed}"
        raise LauncherUnavailable(
            f"the controller of {self._sweep_id} fails again and again; the last reason is in "
            f"{where}. Trials that run go on; `sweepworks attach {self._sweep_id}` tries again"
        )

    def _bring_back(self, sweep: Sweep, run: dg.DagsterRun) -> str | None:
        """A run whose process is gone, or never came."""
        if run.status is dg.DagsterRunStatus.CANCELING:
            self._platform.dagster_instance.report_run_canceled(run)
            return self._close(run)
        if run.status is dg.DagsterRunStatus.STARTED or run.tags.get(PID_TAG):
            resumes = int(run.tags.get(RESUMES_TAG, "0")) + 1
            if resumes <= _MAX_RESUMES:
                return self._resume(run, resumes)
            reason = f"its process was lost {_MAX_RESUMES} times"
            self._platform.dagster_instance.report_run_failed(run, reason)
            return self._replace(sweep, run)
        self._launch(run)
        return "nobody had started the controller's process; started it"

    def _launch(self, run: dg.DagsterRun) -> None:
        # No workspace: as in `start_controller`.
        self._platform.dagster_instance.launch_run(run.run_id, workspace=None)  # pyright: ignore[reportArgumentType]

    def _resume(self, run: dg.DagsterRun, resumes: int) -> str:
        instance = self._platform.dagster_instance
        instance.add_run_tags(run.run_id, {RESUMES_TAG: str(resumes)})
        instance.run_launcher.resume_run(
            ResumeRunContext(dagster_run=run, workspace=None, resume_attempt_number=resumes)
        )
        return "the controller was lost; started it again"
