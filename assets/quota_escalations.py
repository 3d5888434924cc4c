"""Escalations of quotas as an asset: who is told what is in the way, and a check that warns.

Materializing it takes the steps that are due, each once. Automation: the sensor `quota_violations`.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from assets.boundary import dagster_errors
from assets.unfinished_features import unfinished_features
from governance.quotas.escalation import Audience
from governance.quotas.escalations import Escalations, News, document, telling_document

_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)
_SHOWN = 200  # escalations in the UI, and steps that one run tells


@dg.asset(
    group_name="governance",
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description="Violations of quotas that stay: since when, what would remedy them, who was told.",
)
def quota_escalations(
    context: dg.AssetExecutionContext, escalations: dg.ResourceParam[Escalations]
) -> Iterator[dg.MaterializeResult]:
    """Tells whoever is to be told by now, and that what they were told of is over."""
    # Within the block, so that it is on record before it counts as told: whom a run that dies in
    # between has told is told again.
    with (
        dagster_errors(),
        escalations.telling(dt.datetime.now(dt.UTC), most=_SHOWN) as news,
    ):
        for telling in news.tellings:
            context.log.warning(telling.sentence)
        for one in news.over:
            context.log.info(f"over: {one.what}")
        if news.left:
            context.log.info(f"{news.left} more are for the next run to tell")
        yield dg.MaterializeResult(metadata=_metadata(news))


def _metadata(news: News) -> dict[str, dg.MetadataValue]:
    """What was told to whom, with addresses, and what is open."""
    told = "\n".join(f"- {telling.sentence}" for telling in news.tellings)
    tellings = [_plain(telling_document(telling)) for telling in news.tellings]
    still_open = [_plain(document(one)) for one in news.still_open[:_SHOWN]]
    return {
        "open": dg.MetadataValue.int(len(news.still_open)),
        "told": dg.MetadataValue.md(told or "nobody"),
        "tellings": dg.MetadataValue.json(tellings),
        "over": dg.MetadataValue.md("\n".join(f"- {one.what}" for one in news.over) or "none"),
        "left": dg.MetadataValue.int(news.left),
        "escalations": dg.MetadataValue.json(still_open),
    }


with unfinished_features():

    @dg.asset_check(
        asset=quota_escalations,
        name="no_limit_stays_in_the_way",
        description="Nobody was told of a violation of quotas that is there and that nobody looks after.",
    )
    def no_limit_stays(escalations: dg.ResourceParam[Escalations]) -> dg.AssetCheckResult:
        """A warning; an error once the platform was told."""
        with dagster_errors():
            told = [one for one in escalations.list() if one.told and one.acknowledged_at is None]
        is_late = any(step.audience is Audience.PLATFORM for one in told for step in one.told)
        return dg.AssetCheckResult(
            passed=not told,
            severity=dg.AssetCheckSeverity.ERROR if is_late else dg.AssetCheckSeverity.WARN,
            description="; ".join(one.what for one in told[:_SHOWN]) or None,
            metadata={"escalated": dg.MetadataValue.int(len(told))},
        )


CHECKS = [no_limit_stays]


def _plain(value: object) -> object:
    """With times as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.datetime) else value
