"""What Dagster loads."""

import warnings

import dagster as dg

from assets import (
    budget_report,
    cost,
    lineage,
    metric_tiers,
    quota_escalations,
    reports,
    retention,
)
from assets.datasets import dataset_checks, dataset_versions
from assets.graveyard import graveyard_entries
from assets.metric_tiers import ROLLUPS, metric_points
from assets.promotion import evaluations, gates, model_versions
from assets.sweep import TRIALS, sweep
from assets.system_metrics import system_metrics
from orchestration import (
    budget_schedules,
    cost_schedules,
    escalation_sensors,
    jobs,
    report_schedules,
    resources,
    schedules,
    sensors,
)
from orchestration.promotion import sensors as promotion_sensors
from orchestration.purge import job as purge_job
from orchestration.reruns import job as rerun_job

# Sensors get their resources by port; Dagster calls that a preview.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources."""
    return dg.Definitions(
        assets=[
            dataset_versions,
            sweep,
            TRIALS,
            graveyard_entries,
            metric_points,
            *ROLLUPS,
            system_metrics,
            evaluations,
            model_versions,
            lineage.lineage,
            budget_report.budget_report,
            quota_escalations.quota_escalations,
            *cost.ASSETS,
            reports.weekly_report,
            reports.monthly_report,
            *retention.ASSETS,
        ],
        asset_checks=[
            dataset_checks,
            gates,
            *metric_tiers.CHECKS,
            *lineage.CHECKS,
            *budget_report.CHECKS,
            *quota_escalations.CHECKS,
            *cost.CHECKS,
            *retention.CHECKS,
        ],
        jobs=[
            jobs.run_sweep,
            jobs.write_graveyard,
            jobs.register_sweep,
            jobs.check_datasets,
            jobs.evaluate_candidate,
            jobs.refresh_rollups,
            jobs.close_metric_chunks,
            jobs.finish_metric_day,
            jobs.drop_system_metrics,
            jobs.plan_retention,
            jobs.carry_out_retention,
            jobs.check_lineage,
            budget_schedules.report_budgets,
            escalation_sensors.escalate_quotas,
            jobs.report_week,
            jobs.report_month,
            jobs.reap_jobs,
            cost_schedules.replace_costs,
            purge_job.purge_dagster,
            rerun_job.rerun_run,
        ],
        schedules=[
            *schedules.SCHEDULES,
            *cost_schedules.SCHEDULES,
            *budget_schedules.SCHEDULES,
            *report_schedules.SCHEDULES,
        ],
        sensors=[
            *sensors.SENSORS,
            *budget_schedules.SENSORS,
            *escalation_sensors.SENSORS,
            *promotion_sensors.SENSORS,
        ],
        resources=resources.resources(),
        # One process per sweep: a step process more would only add seconds and memory.
        executor=dg.in_process_executor,
    )
