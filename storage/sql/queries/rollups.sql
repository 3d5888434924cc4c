-- present --
-- When this transaction began. Clocks of gateways may differ, and rollups do not go by them.
SELECT metric_tenths(now());

-- note_late_points --
-- In the transaction that writes points which a rollup may have gone past: of which series (null:
-- of all), in which hours.
SELECT note_late_points(%(series_ids)s::bigint[], %(hours)s::bigint[]);

-- refresh --
-- Store what is new or has changed.
CALL refresh_metric_rollup(%(tier)s, %(until)s);

-- rebuild --
-- Roll a stretch of time up anew.
CALL rebuild_metric_rollup(%(tier)s, %(low)s, %(high)s);

-- close_chunks --
-- Compress, merge.
CALL close_metric_chunks();

-- drop --
-- Drop what a tier has from before a time.
CALL drop_metric_points(%(tier)s, %(before)s);

-- delete_series --
-- All points of some series, in all tiers.
SELECT delete_metric_series(%(series_ids)s::bigint[]) AS deleted;

-- state --
-- How far a tier is stored, how late it is, what it takes.
SELECT nullif(metric_stored_until(tier), -9223372036854775808) AS stored_until,
       metric_tier_lag(tier) AS lag, size.bytes, size.row_estimate
FROM metric_tiers
CROSS JOIN LATERAL metric_tier_size(tier) AS size
WHERE tier = %(tier)s;

-- chunks --
-- Chunks of the points, by state.
SELECT state, count(*) AS chunks, sum(bytes)::bigint AS bytes,
       sum(uncompressed_bytes)::bigint AS uncompressed_bytes
FROM metric_chunks()
GROUP BY state
ORDER BY state;

-- chunks_to_close --
-- How much there is to be compressed and merged.
SELECT metric_chunks_to_close();

-- count_minutes --
-- Points of a stretch of time, and what the rollup has of them: from where points are kept up to
-- where the rollup is stored.
WITH bounds AS (
    SELECT greatest(%(low)s, max(kept_since)) AS low,
           least(%(high)s, metric_stored_until('metric_points_1m')) AS high
    FROM metric_tiers
    WHERE tier IN ('metric_points', 'metric_points_1m')
)
SELECT (
           SELECT count(*)
           FROM metric_points
           WHERE time_ds >= (SELECT low FROM bounds) AND time_ds < (SELECT high FROM bounds)
       ) AS points,
       coalesce(sum(count), 0)::bigint AS rolled_up, count(*) AS buckets
FROM metric_points_1m
WHERE bucket >= (SELECT low FROM bounds)
  AND bucket < (SELECT high FROM bounds);

-- count_hours --
-- The same of the other rollup.
WITH bounds AS (
    SELECT greatest(%(low)s, max(kept_since)) AS low,
           least(%(high)s, metric_stored_until('metric_points_1h')) AS high
    FROM metric_tiers
    WHERE tier IN ('metric_points', 'metric_points_1h')
)
SELECT (
           SELECT count(*)
           FROM metric_points
           WHERE time_ds >= (SELECT low FROM bounds) AND time_ds < (SELECT high FROM bounds)
       ) AS points,
       coalesce(sum(count), 0)::bigint AS rolled_up, count(*) AS buckets
FROM metric_points_1h
WHERE bucket >= (SELECT low FROM bounds)
  AND bucket < (SELECT high FROM bounds);
