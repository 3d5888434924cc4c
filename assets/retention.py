"""Retention as assets: the weekly plan, and what each day carries out.

Both may be materialized at any time, and again. Automation: the schedules `weekly_retention` and
`daily_retention`, nothing else.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.boundary import dagster_errors
from retention.bytes_text import bytes_text
from retention.cold_text import cold_lines
from retention.keeping import PlanRow, RetentionKeeper

_RETRIES = dg.RetryPolicy(max_retries=3, delay=60)
_EXAMPLES = 20
#: The check is made once a week: what it has found stays in sight for a month, whoever was away.
_LOOKED_BACK = dt.timedelta(days=35)


@dg.asset(
    group_name="governance",
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description="What is to go by the policy, and what is spared by what. Deletes nothing.",
)
def retention_plan(retention_keeper: dg.ResourceParam[RetentionKeeper]) -> dg.MaterializeResult:
    """Make a plan; the policy says whether it is applied, or waits for a person."""
    with dagster_errors():
        made = retention_keeper.plan(who="schedule", now=dt.datetime.now(dt.UTC))
    summary = made.summary
    return dg.MaterializeResult(
        metadata={
            "plan": dg.MetadataValue.int(made.plan_id),
            "policy_version": dg.MetadataValue.int(made.policy_version),
            "waits_for_a_person": dg.MetadataValue.bool(made.applied_at is None),
            "planned_bytes": dg.MetadataValue.int(
                sum(share["bytes"] for share in summary["goes"].values())
            ),
            "freed_bytes": dg.MetadataValue.int(summary["freed_bytes"]),
            "spared_items": dg.MetadataValue.int(
                sum(share["count"] for share in summary["spared"].values())
            ),
            "by_rule": _table(summary["goes"]),
            "spared_by": _table(summary["spared"]),
            "report": dg.MetadataValue.md(_report(made)),
        }
    )


@dg.asset(
    group_name="governance",
    kinds={"postgres", "s3"},
    retry_policy=_RETRIES,
    deps=[retention_plan],
    description=(
        "What was marked and is due, deleted; points whose time is over, dropped; files that "
        "nothing refers to, collected; files that stay, in a colder class of the bucket."
    ),
)
def retention_deletions(
    retention_keeper: dg.ResourceParam[RetentionKeeper],
) -> dg.MaterializeResult:
    """Delete what is due, each batch judged once more."""
    with dagster_errors():
        done = retention_keeper.carry_out(now=dt.datetime.now(dt.UTC))
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "deleted_items": dg.MetadataValue.int(done.deleted),
        "deleted_bytes": dg.MetadataValue.int(done.deleted_bytes),
        "restored_items": dg.MetadataValue.int(done.restored),
        "dropped_tiers": dg.MetadataValue.int(done.tiers),
        "exported_runs": dg.MetadataValue.int(done.exported_runs),
        "collected_files": dg.MetadataValue.int(done.collected),
        "moved_files": dg.MetadataValue.int(done.moved),
        "moved_bytes": dg.MetadataValue.int(done.moved_bytes),
        "strays": dg.MetadataValue.int(done.strays),
        "freed_bytes": dg.MetadataValue.int(done.freed_bytes),
        "by_rule": _table(
            {rule: {"count": n, "bytes": size} for rule, (n, size) in done.by_rule.items()}
        ),
    }
    if done.refused:  # the rest is done; this waits for a person, so they are to see it
        raise dg.Failure(done.refused, metadata=metadata, allow_retries=False)
    return dg.MaterializeResult(metadata=metadata)


@dg.asset_check(
    asset=retention_plan,
    name="nothing_guarded_is_to_go",
    description="No item that is planned or marked, or went of late, was guarded by then.",
)
def nothing_guarded_is_to_go(
    retention_keeper: dg.ResourceParam[RetentionKeeper],
) -> dg.AssetCheckResult:
    """Look at each reason to stay by itself, apart from what makes the plans.

    Tags, models, evaluations, holds, what is live or open, warm starts, reruns, and all that these
    came out of, each for as long as it held. Not what only the policy says: age, the best of a sweep.
    What went earlier was looked at by earlier weeks.
    """
    since = dt.datetime.now(dt.UTC) - _LOOKED_BACK
    with dagster_errors():
        found = retention_keeper.out_of_place(since=since)
    return dg.AssetCheckResult(
        passed=not found,
        description=str(found[0]) if found else None,
        metadata={
            "count": dg.MetadataValue.int(len(found)),
            "since": dg.MetadataValue.timestamp(since),
            "examples": dg.MetadataValue.md("\n".join(f"- {one}" for one in found[:_EXAMPLES])),
        },
    )


def _table(shares: Mapping[str, Mapping[str, int]]) -> dg.TableMetadataValue:
    rows = sorted(shares.items(), key=lambda pair: (-pair[1]["bytes"], pair[0]))
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"reason": name, "items": share["count"], "bytes": share["bytes"]})
            for name, share in rows
        ],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn("reason", "string"),
                dg.TableColumn("items", "int"),
                dg.TableColumn("bytes", "int"),
            ]
        ),
    )


def _report(made: PlanRow) -> str:
    summary = made.summary
    lines = [
        (
            f"Plan {made.plan_id}: of {summary['artifacts']:,} files of {summary['runs']:,} runs, "
            f"{bytes_text(summary['stored_bytes'])}."
        ),
        "",
        "| would go | items | bytes |",
        "|---|---:|---:|",
    ]
    lines += _lines(summary["goes"])
    lines += ["", "| spared by | items | bytes |", "|---|---:|---:|", *_lines(summary["spared"])]
    for tier, before in summary["tiers"].items():
        lines += ["", (f"`{tier}` is dropped up to {before[:16]}; {summary['exports']:,} runs become "
                  "files first.")]  # fmt: skip
    lines += [f"\n{line}" for line in cold_lines(summary)]
    if made.applied_at is None:
        lines += ["", f"It waits: `sweepworks retention apply {made.plan_id}`."]
    elif made.due_at is not None:
        lines += ["", (f"It is marked, and goes on {made.due_at:%Y-%m-%d}; until then "
                  f"`sweepworks retention undo {made.plan_id}`.")]  # fmt: skip
    return "\n".join(lines)


def _lines(shares: Mapping[str, Mapping[str, int]]) -> list[str]:
    rows = sorted(shares.items(), key=lambda pair: (-pair[1]["bytes"], pair[0]))
    return [f"| {name} | {one['count']:,} | {bytes_text(one['bytes'])} |" for name, one in rows]


ASSETS = [retention_plan, retention_deletions]
CHECKS = [nothing_guarded_is_to_go]
