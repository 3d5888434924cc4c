"""Reports of budgets: when something has to be told, and of each day that is over.

What is told, and by which run, is said by the rows of warnings: a Dagster run that fails has told
nothing, and is asked for again.
"""

import datetime as dt
import time

import dagster as dg

from assets.budget_report import budget_report
from governance.budgets.report import BudgetReports
from orchestration.coming_runs import (
    key_after,
    last_run,
    may_be_asked_again,
    request_of_ended,
)

_DAY = dt.timedelta(days=1)
_BACK = 3  # days that are over and looked at: what failed, or was missed, is made up for
_REST_SECONDS = 600.0  # after a failure; the asset itself has tried several times by then

report_budgets = dg.define_asset_job(
    "report_budgets",
    selection=dg.AssetSelection.assets(budget_report),
    description="Where budgets stand on a day, and what has to be told about them.",
)


@dg.sensor(
    job=report_budgets,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells when a share of a budget is spent that is to be told, once.",
)
def budget_warnings(
    context: dg.SensorEvaluationContext, budget_reports: dg.ResourceParam[BudgetReports]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a report of the present day when there is anything that nobody was told of.

    No cursor: the rows of warnings say what was told. The same tick twice starts one Dagster run.
    """
    now = dt.datetime.now(dt.UTC)
    new = budget_reports.untold(budget_reports.at(now))
    if not new:
        return dg.SkipReason("no budget has reached a share that was not told")
    job = report_budgets.name
    if not may_be_asked_again(context.instance, job_name=job, now=time.time(), rest=_REST_SECONDS):
        return dg.SkipReason("a report is coming, or could not be made a moment ago")
    context.log.info(f"to be told: {', '.join(new)}")
    last = last_run(context.instance, dg.RunsFilter(job_name=job))
    return dg.RunRequest(
        run_key=key_after("; ".join(new), last), partition_key=now.date().isoformat()
    )


@dg.schedule(
    job=report_budgets,
    cron_schedule="30 1-23 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Where budgets stood at the end of each day, once the ledger has it.",
)
def closed_budget_days(
    context: dg.ScheduleEvaluationContext,
) -> list[dg.RunRequest] | dg.SkipReason:
    """Of the last days those without a report that was made after their end."""
    present = context.scheduled_execution_time.astimezone(dt.UTC).date()
    days = [present - back * _DAY for back in range(1, _BACK + 1)]
    requests = [
        request
        for day in days
        if (
            request := request_of_ended(
                context.instance, job_name=report_budgets.name, first=day, until=day + _DAY
            )
        )
    ]
    return requests or dg.SkipReason("every day that is over has its report, or it is coming")


SENSORS = [budget_warnings]
SCHEDULES = [closed_budget_days]
