"""Looking after the Dagster run of an evaluation: started where none was, replaced when it is gone."""

import datetime as dt

import dagster as dg

from orchestration.dagster_outages import dagster_outages
from orchestration.platform import Platform
from orchestration.promotion.sensors import coming_evaluation
from orchestration.starting import start_evaluation
from orchestration.workers import WorkerState, worker_state


class EvaluationControllers:
    """Looks after one evaluation, as long as somebody follows it.

    With a daemon up its sensors do the same: a row is claimed by one.
    """

    def __init__(self, platform: Platform, evaluation_id: str) -> None:
        self._platform = platform
        self._evaluation_id = evaluation_id

    def look_after(self) -> str | None:
        """Start a Dagster run where none is, in place of one that is gone; says so, or nothing.

        Raises:
            EvaluationNotFound: There is no such evaluation.
            StorageUnavailable: One of the two databases does not answer.
        """
        with dagster_outages():
            return self._look()

    def _look(self) -> str | None:
        store, instance = self._platform.evaluations, self._platform.dagster_instance
        if store.due(evaluation_id=self._evaluation_id):
            if coming_evaluation(instance, self._evaluation_id) is not None:
                return None
            if store.claim(self._evaluation_id) is not None:
                start_evaluation(self._platform, self._evaluation_id)
            return None
        found = store.get(self._evaluation_id)
        if found.is_at_rest or found.dagster_run_id is None:
            return None
        record = instance.get_run_record_by_id(found.dagster_run_id)
        if record is None or record.dagster_run.is_finished:
            return self._replace(found.dagster_run_id, record)
        run = record.dagster_run
        if run.status is dg.DagsterRunStatus.QUEUED:
            if not self._platform.has_daemon:
                # No workspace: as in `start_controller`.
                instance.launch_run(run.run_id, workspace=None)  # pyright: ignore[reportArgumentType]
            return None
        if not self._platform.has_worker_processes:
            return None  # the daemon's monitoring sees its Job, which we may not
        home = self._platform.settings.home
        if worker_state(record, home, now=dt.datetime.now(dt.UTC)) is not WorkerState.GONE:
            return None
        instance.report_run_failed(run, "its process is gone")
        return self._replace(run.run_id, instance.get_run_record_by_id(run.run_id))

    def _replace(self, run_id: str, record: dg.RunRecord | None) -> str | None:
        """Another Dagster run in place of one that is not through; not of what a person has ended."""
        store = self._platform.evaluations
        if record is not None and record.dagster_run.status is dg.DagsterRunStatus.CANCELED:
            from orchestration.promotion.evaluations import PlatformEvaluations

            reason = f"Dagster run {run_id} was terminated"
            PlatformEvaluations(self._platform).cancel(
                self._evaluation_id, reason=reason, dagster_run_id=run_id
            )
            return reason
        if store.get(self._evaluation_id).is_at_rest:
            return None  # it ended between two looks
        if store.reclaim(self._evaluation_id, dagster_run_id=run_id) is None:
            return None
        start_evaluation(self._platform, self._evaluation_id)
        return f"Dagster run {run_id} was not through; started another one"
