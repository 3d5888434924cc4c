"""Escalations of quotas as an asset: who is told what is in the way, and a check that warns.

Materializing it takes the steps that are due, each once. Automation: the sensor `quota_violations`.
"""

import datetime as dt

import dagster as dg

from assets.boundary import dagster_errors
from assets.unfinished_features import unfinished_features
from governance.quotas.escalation import Audience
from governance.quotas.escalations import Escalations, document, telling_document

_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)
_SHOWN = 200  # escalations in the UI


@dg.asset(
    group_name="governance",
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description="Violations of quotas that stay: since when, what would remedy them, who was told.",
)
def quota_escalations(
    context: dg.AssetExecutionContext, escalations: dg.ResourceParam[Escalations]
) -> dg.MaterializeResult:
    """Tells whoever is to be told by now, and that what they were told of is over."""
    with dagster_errors():
        with escalations.telling(dt.datetime.now(dt.UTC)) as news:
            for telling in news.tellings:
                context.log.warning(telling.sentence)
            for one in news.over:
                context.log.info(f"over: {one.what}")
        still_open = escalations.list()
    return dg.MaterializeResult(
        metadata={
            "open": dg.MetadataValue.int(len(still_open)),
            "told": dg.MetadataValue.md(
                "\n".join(f"- {telling.sentence}" for telling in news.tellings[:_SHOWN]) or "nobody"
            ),
            "tellings": dg.MetadataValue.json(
                [_plain(telling_document(telling)) for telling in news.tellings[:_SHOWN]]
            ),
            "over": dg.MetadataValue.md(
                "\n".join(f"- {one.what}" for one in news.over[:_SHOWN]) or "none"
            ),
            "escalations": dg.MetadataValue.json(
                [_plain(document(one)) for one in still_open[:_SHOWN]]
            ),
        }
    )


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
