"""Budgets as an asset: where each stands, day by day, and a check that warns.

Materializing it tells each share of a limit that was reached, once in each period. Automation: the
sensor `budget_warnings` when there is something to be told, the schedule `closed_budget_days`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

import dagster as dg

from assets.boundary import dagster_errors
from assets.partitions import DAYS
from assets.unfinished_features import unfinished_features
from governance.budgets.report import BudgetReports, BudgetWarning, document, markdown
from governance.budgets.spending import BudgetPosition
from governance.periods import midnight
from sweeps.money import dollars

_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)
_SHOWN = 200  # budgets in the UI


@dg.asset(
    group_name="governance",
    kinds={"postgres"},
    partitions_def=DAYS,
    retry_policy=_RETRIES,
    description="Where budgets stand: limit, spent, reserved, left, and when they run out.",
)
def budget_report(
    context: dg.AssetExecutionContext, budget_reports: dg.ResourceParam[BudgetReports]
) -> Iterator[dg.MaterializeResult]:
    """At the end of the day, or now; tells what was reached that nobody was told of."""
    at = _moment(context.partition_key)
    with dagster_errors():
        positions = budget_reports.at(at)
        # Within the block, so that it is on record before it counts as told: what a run that dies
        # in between has told is told again.
        with budget_reports.telling(positions) as new:
            for warning in new:
                context.log.warning(warning.sentence)
            yield dg.MaterializeResult(metadata=_metadata(positions, new, at=at))


def _metadata(
    positions: Sequence[BudgetPosition], new: Sequence[BudgetWarning], *, at: dt.datetime
) -> dict[str, dg.MetadataValue]:
    limited = [one.budget.max_usd for one in positions if one.budget.max_usd is not None]
    highest = max((one.share for one in positions), default=0.0)
    limits = dollars(sum(limited, start=limited[0] * 0)) if limited else "none"
    warnings = "\n".join(f"- {warning.sentence}" for warning in new) or "none"
    shown = positions[:_SHOWN]
    return {
        "at": dg.MetadataValue.timestamp(at),
        "budgets": dg.MetadataValue.int(len(positions)),
        "spent_out": dg.MetadataValue.int(sum(one.is_spent for one in positions)),
        "highest_share": dg.MetadataValue.float(round(highest, 4)),
        "limits_usd": dg.MetadataValue.text(limits),
        "report": dg.MetadataValue.md(markdown(shown)),
        "positions": dg.MetadataValue.json([_plain(document(one)) for one in shown]),
        "new_warnings": dg.MetadataValue.md(warnings),
    }


with unfinished_features():

    @dg.asset_check(
        asset=budget_report,
        name="budgets_are_within_their_limits",
        partitions_def=DAYS,
        description="No budget has reached a share of its limit that is to be told.",
    )
    def within_limits(
        context: dg.AssetCheckExecutionContext,
        budget_reports: dg.ResourceParam[BudgetReports],
    ) -> dg.AssetCheckResult:
        """A warning while shares are reached, an error while all of one is spent."""
        with dagster_errors():
            positions = budget_reports.at(_moment(context.partition_key))
        reached = [one for one in positions if one.crossed]
        is_spent = any(one.is_spent for one in reached)
        words = [f"{one.budget.name}: {one.share:.0%} of the limit" for one in reached[:_SHOWN]]
        return dg.AssetCheckResult(
            passed=not reached,
            severity=dg.AssetCheckSeverity.ERROR if is_spent else dg.AssetCheckSeverity.WARN,
            description="; ".join(words) or None,
            metadata={
                "budgets": dg.MetadataValue.int(len(positions)),
                "reached": dg.MetadataValue.int(len(reached)),
            },
        )


CHECKS = [within_limits]


def _moment(partition_key: str) -> dt.datetime:
    """The last moment of a day that is over, or now."""
    ends = midnight(dt.date.fromisoformat(partition_key) + dt.timedelta(days=1))
    return min(dt.datetime.now(dt.UTC), ends - dt.timedelta(microseconds=1))


def _plain(value: dict[str, object]) -> dict[str, object]:
    return {
        key: item.isoformat() if isinstance(item, dt.datetime) else item
        for key, item in value.items()
    }
