"""Schedules of reports: of the week and of the month that are over, made up for when one failed."""

import datetime as dt

import dagster as dg

from governance.periods import Period
from orchestration.coming_runs import request_of_ended
from orchestration.jobs import report_month, report_week


@dg.schedule(
    job=report_week,
    cron_schedule="0 5-23 * * 1-3",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The report of the week that is over, once its last day is in the ledger.",
)
def weekly_reports(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Last week, at five on Monday; later where that has failed, or no daemon was there."""
    return _of_the_last(Period.WEEK, context, report_week.name)


@dg.schedule(
    job=report_month,
    cron_schedule="30 5-23 1-3 * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The report of the month that is over, once its last day is in the ledger.",
)
def monthly_reports(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Last month, at half past five on its first day after; later as `weekly_reports` does."""
    return _of_the_last(Period.MONTH, context, report_month.name)


def _of_the_last(
    period: Period, context: dg.ScheduleEvaluationContext, job_name: str
) -> dg.RunRequest | dg.SkipReason:
    present = context.scheduled_execution_time.astimezone(dt.UTC).date()
    span = period.span(present).previous
    asked = request_of_ended(
        context.instance, job_name=job_name, first=span.first, until=span.until
    )
    return asked or dg.SkipReason(f"{span.name} has its report, or it is coming")


SCHEDULES = [weekly_reports, monthly_reports]
