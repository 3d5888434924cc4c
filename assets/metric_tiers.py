"""The tiers of metric points as assets: one partition a day, from fine to coarse.

Materializing a day brings the tier up to date and mends the day where it has to be. The database
keeps what is done already, so every op may run twice. Automation: the schedules in
`orchestration.schedules`, nothing else.
"""

import datetime as dt

import dagster as dg

from assets.boundary import dagster_errors
from assets.partitions import DAYS
from assets.unfinished_features import unfinished_features
from retention.tiers import Chunks, Completeness, MetricTiers, Tier, TierState

GROUP = "metrics"
_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)
_ALLOWED_LAG = {Tier.MINUTES: dt.timedelta(hours=1), Tier.HOURS: dt.timedelta(hours=3)}


@dg.asset(
    name=Tier.POINTS.value,
    partitions_def=DAYS,
    group_name=GROUP,
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description="Metric points as they came: closed chunks are compressed, days that are over merged.",
)
def metric_points(metric_tiers: dg.ResourceParam[MetricTiers]) -> dg.MaterializeResult:
    """Close chunks, whichever day they are of, and show how all of them are."""
    with dagster_errors():
        metric_tiers.close_chunks()
        state, chunks = metric_tiers.state(Tier.POINTS), metric_tiers.chunks()
    return dg.MaterializeResult(metadata={**_size(state), **_chunks(chunks)})


def _rollup(tier: Tier, source: Tier, bucket: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=tier.value,
        partitions_def=DAYS,
        group_name=GROUP,
        kinds={"postgres"},
        deps=[dg.AssetDep(source.value)],
        retry_policy=_RETRIES,
        description=(
            f"Metric points by {bucket}: count, sum, least, greatest, last. What is too new to be "
            "stored is computed when it is asked for."
        ),
    )
    def rollup(
        context: dg.AssetExecutionContext, metric_tiers: dg.ResourceParam[MetricTiers]
    ) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        with dagster_errors():
            metric_tiers.refresh(tier)
            counted: dict[str, dg.MetadataValue] = {}
            # Counting reads the whole day: not every few minutes while it goes on.
            if day < dt.datetime.now(dt.UTC).date():
                found = metric_tiers.completeness(tier, day=day)
                if not found.is_complete:
                    context.log.warning(f"{_difference(found)}: the day is rolled up anew")
                    metric_tiers.rebuild(tier, day=day)
                    found = metric_tiers.completeness(tier, day=day)
                counted = _counts(found)
            state = metric_tiers.state(tier)
        return dg.MaterializeResult(metadata={**_progress(state), **_size(state), **counted})

    return rollup


metric_points_1m = _rollup(Tier.MINUTES, Tier.POINTS, "minute")
metric_points_1h = _rollup(Tier.HOURS, Tier.MINUTES, "hour")
ROLLUPS = (metric_points_1m, metric_points_1h)


def _checks(rollup: dg.AssetsDefinition, tier: Tier) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset=rollup,
        name="points_are_rolled_up_in_time",
        partitions_def=DAYS,
        description=f"Points wait for at most {_ALLOWED_LAG[tier]} once they are due.",
    )
    def lag(metric_tiers: dg.ResourceParam[MetricTiers]) -> dg.AssetCheckResult:
        with dagster_errors():
            state = metric_tiers.state(tier)
        return dg.AssetCheckResult(
            passed=state.lag <= _ALLOWED_LAG[tier],
            severity=dg.AssetCheckSeverity.WARN,
            metadata=_progress(state),
        )

    @dg.asset_check(
        asset=rollup,
        name="every_point_is_rolled_up",
        partitions_def=DAYS,
        description="The counts of the day's buckets add up to its points, as far as it is stored.",
    )
    def completeness(
        context: dg.AssetCheckExecutionContext, metric_tiers: dg.ResourceParam[MetricTiers]
    ) -> dg.AssetCheckResult:
        with dagster_errors():
            found = metric_tiers.completeness(
                tier, day=dt.date.fromisoformat(context.partition_key)
            )
        return dg.AssetCheckResult(
            passed=found.is_complete,
            severity=dg.AssetCheckSeverity.ERROR,
            description=None if found.is_complete else _difference(found),
            metadata=_counts(found),
        )

    return [lag, completeness]


with unfinished_features():
    CHECKS = [
        *_checks(metric_points_1m, Tier.MINUTES),
        *_checks(metric_points_1h, Tier.HOURS),
    ]


def _difference(found: Completeness) -> str:
    return f"{found.points} points are there, {found.rolled_up} are rolled up"


def _counts(found: Completeness) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/row_count": dg.MetadataValue.int(found.buckets),
        "points": dg.MetadataValue.int(found.points),
        "rolled_up": dg.MetadataValue.int(found.rolled_up),
    }


def _progress(state: TierState) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "lag_seconds": dg.MetadataValue.float(state.lag.total_seconds())
    }
    # A tier without a bound is one that nothing was stored in; dates end before numbers do.
    if state.stored_until is not None:
        metadata["stored_until"] = dg.MetadataValue.timestamp(state.stored_until)
    return metadata


def _size(state: TierState) -> dict[str, dg.MetadataValue]:
    return {
        "bytes": dg.MetadataValue.int(state.bytes),
        "rows_estimate": dg.MetadataValue.int(state.row_estimate),
    }


def _chunks(chunks: Chunks) -> dict[str, dg.MetadataValue]:
    compressed = [count for count in chunks.by_state if count.bytes < count.uncompressed_bytes]
    metadata: dict[str, dg.MetadataValue] = {
        "chunks_to_close": dg.MetadataValue.int(chunks.to_close),
        "chunks_by_state": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "state": count.state,
                        "chunks": count.chunks,
                        "bytes": count.bytes,
                        "bytes before compression": count.uncompressed_bytes,
                    }
                )
                for count in chunks.by_state
            ]
        )
        if chunks.by_state
        else dg.MetadataValue.text("none"),
    }
    if compressed:
        metadata["compression_ratio"] = dg.MetadataValue.float(
            round(
                sum(count.uncompressed_bytes for count in compressed)
                / sum(count.bytes for count in compressed),
                1,
            )
        )
    return metadata
