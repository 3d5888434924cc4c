"""Schedules of the ledger: the present day every hour, the day before once more when it is over."""

import datetime as dt

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from assets.cost import ASSETS, contiguous
from governance.cost.books import CostBooks

#: How far back days are looked for that a daemon which was away, or a late end, has left behind.
_BACK = dt.timedelta(days=31)
_DAY = dt.timedelta(days=1)

replace_costs = dg.define_asset_job(
    "replace_costs",
    selection=dg.AssetSelection.assets(*ASSETS),
    description="Writes the ledger of a day anew, sums it, and checks it.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=replace_costs,
    cron_schedule="7 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The ledger of the present day; nothing while nothing is held.",
)
def costs_of_today(
    context: dg.ScheduleEvaluationContext, cost_books: dg.ResourceParam[CostBooks]
) -> dg.RunRequest | dg.SkipReason:
    """The present day, when attempts held something since it was written."""
    day = context.scheduled_execution_time.astimezone(dt.UTC).date()
    if not cost_books.is_used_since_covered(day):
        return dg.SkipReason("nothing was held since the ledger was written")
    return dg.RunRequest(
        run_key=context.scheduled_execution_time.isoformat(), partition_key=day.isoformat()
    )


@dg.schedule(
    job=replace_costs,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The ledger of the day before, and of earlier days that turned out otherwise.",
)
def costs_of_yesterday(
    context: dg.ScheduleEvaluationContext, cost_books: dg.ResourceParam[CostBooks]
) -> list[dg.RunRequest]:
    """The day before, once more: ends are noted late. One run for days that follow each other."""
    yesterday = context.scheduled_execution_time.astimezone(dt.UTC).date() - _DAY
    behind = cost_books.behind(since=yesterday - _BACK, until=yesterday)
    return [
        dg.RunRequest(
            run_key=f"{yesterday} {first}",
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
            },
        )
        for first, last in contiguous({yesterday, *behind})
    ]


SCHEDULES = [costs_of_today, costs_of_yesterday]
