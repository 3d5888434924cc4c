-- is_final --
-- Whether what is stored of a run is all there will ever be.
SELECT is_final
FROM run_summaries
WHERE run_id = %(run_id)s;

-- stored --
-- What is stored of what a run's script logged.
SELECT series.key, summary.last_value, summary.last_step, summary.least, summary.greatest,
       summary.point_count, summary.at_best
FROM series
JOIN series_summaries AS summary USING (series_id)
WHERE series.run_id = %(run_id)s
  AND series.family = 'user'
ORDER BY series.key;

-- plan_once --
-- For the rest of the transaction. To plan for hundreds of partitions takes longer than to look into
-- those few that a run has points in.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true);

-- compute --
-- What became of a run's curves so far, from the coarsest rollup and the ends of the curves. `at_best`
-- is what a curve was at when the best report of the run's objective came. Where points were dropped
-- already, the last hour's last value stands for them.
WITH best AS (
    SELECT metric_tenths(reports.reported_at) AS time_ds
    FROM reports
    JOIN runs USING (run_id)
    JOIN sweeps ON sweeps.sweep_id = runs.sweep_id
    WHERE reports.run_id = %(run_id)s
      AND reports.value BETWEEN float8 '-1.7976931348623157e308' AND float8 '1.7976931348623157e308'
    ORDER BY CASE WHEN sweeps.spec -> 'objective' ->> 'direction' = 'maximize'
                  THEN -reports.value ELSE reports.value END,
             reports.resource_level
    LIMIT 1
)
SELECT series.series_id, series.family, series.key, coalesce(whole.point_count, late.point_count) AS point_count,
       coalesce(whole.nonfinite_count, late.nonfinite_count) AS nonfinite_count,
       coalesce(whole.least, late.least) AS least,
       coalesce(whole.greatest, late.greatest) AS greatest, coalesce(latest.value, newest_hour.last) AS last_value,
       coalesce(latest.step, newest_hour.last_step) AS last_step, at_best.value AS at_best,
       coalesce(whole.least_step, late.least_step) AS least_step,
       coalesce(whole.greatest_step, late.greatest_step) AS greatest_step,
       coalesce(earliest.time_ds, whole.first_bucket) AS first_time_ds,
       coalesce(latest.time_ds, whole.last_bucket + 35999) AS last_time_ds
FROM series
CROSS JOIN LATERAL (
    SELECT sum(count)::bigint AS point_count, sum(nonfinite_count)::bigint AS nonfinite_count,
           min(min) AS least, max(max) AS greatest,
           min(first_step) AS least_step, max(last_step) AS greatest_step,
           min(bucket) AS first_bucket, max(bucket) AS last_bucket
    FROM metric_points_1h AS hour
    WHERE hour.series_id = series.series_id
) AS whole
CROSS JOIN LATERAL (
    -- Hundreds of partitions need no look then.
    SELECT coalesce(whole.first_bucket, -9223372036854775808) AS low,
           coalesce(whole.last_bucket + 35999, 9223372036854775807) AS high
) AS bounds
CROSS JOIN LATERAL (
    -- When all of them came late, and no rollup has them yet.
    SELECT count(*) AS point_count,
           count(*) FILTER (WHERE NOT value BETWEEN float8 '-1e290' AND float8 '1e290')
               AS nonfinite_count,
           min(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS least,
           max(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS greatest,
           min(step) AS least_step, max(step) AS greatest_step
    FROM metric_points AS point
    WHERE point.series_id = series.series_id
      AND whole.point_count IS NULL
) AS late
LEFT JOIN LATERAL (
    SELECT min(time_ds) AS time_ds
    FROM metric_points AS point
    WHERE point.series_id = series.series_id
      AND point.time_ds BETWEEN bounds.low AND bounds.high
) AS earliest ON true
LEFT JOIN LATERAL (
    SELECT point.time_ds, point.step, point.value
    FROM metric_points AS point
    WHERE point.series_id = series.series_id
      AND point.time_ds BETWEEN bounds.low AND bounds.high
    ORDER BY point.time_ds DESC, point.step DESC, point.value DESC
    LIMIT 1
) AS latest ON true
LEFT JOIN LATERAL (
    SELECT hour.last, hour.last_step
    FROM metric_points_1h AS hour
    WHERE latest.time_ds IS NULL
      AND hour.series_id = series.series_id
    ORDER BY hour.bucket DESC
    LIMIT 1  -- also so that it is not planned for all curves at once
) AS newest_hour ON true
LEFT JOIN best ON true
LEFT JOIN LATERAL (
    SELECT point.value
    FROM metric_points AS point
    WHERE point.series_id = series.series_id
      AND point.time_ds BETWEEN bounds.low AND bounds.high
      AND point.time_ds <= best.time_ds
    ORDER BY point.time_ds DESC, point.step DESC, point.value DESC
    LIMIT 1
) AS at_best ON true
WHERE series.run_id = %(run_id)s
  AND coalesce(whole.point_count, late.point_count) > 0
ORDER BY series.key;

-- take_sealed --
-- A sealed run whose points are all in the rollups: what is computed now is final. Before all live
-- runs, which are computed anew whenever somebody asks. It is locked for whoever takes it and passed
-- over by everybody else.
SELECT run_summaries.run_id
FROM run_summaries
JOIN runs USING (run_id)
CROSS JOIN LATERAL (
    -- Once for notes that are about all series, then series by series: both by an index.
    SELECT NOT EXISTS (SELECT FROM late_metric_points AS late WHERE late.series_id IS NULL)
       AND NOT EXISTS (
               SELECT FROM series
               CROSS JOIN LATERAL (
                   SELECT FROM late_metric_points AS late
                   WHERE late.series_id = series.series_id
                   LIMIT 1
               ) AS late
               WHERE series.run_id = runs.run_id
           ) AS are_whole
) AS rollups
WHERE NOT run_summaries.is_final
  AND runs.sealed_at IS NOT NULL
  AND rollups.are_whole
ORDER BY run_summaries.refreshed_at
LIMIT 1
FOR UPDATE OF run_summaries SKIP LOCKED;

-- take --
-- A run whose summaries are the oldest of those that were not refreshed for a while, the longer the
-- more that took. Locked likewise.
SELECT run_id
FROM run_summaries
WHERE NOT is_final
  AND refreshed_at <= now() - greatest(%(period)s::interval, 20 * took)
ORDER BY refreshed_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- store --
-- What was computed, in place of what was there.
INSERT INTO series_summaries (
    series_id, point_count, nonfinite_count, least, greatest, last_value, last_step, at_best,
    least_step, greatest_step, first_time_ds, last_time_ds
)
SELECT series_id, point_count, nonfinite_count, least, greatest, last_value, last_step, at_best,
       least_step, greatest_step, first_time_ds, last_time_ds
FROM unnest(
    %(series_id)s::bigint[], %(point_count)s::bigint[], %(nonfinite_count)s::bigint[],
    %(least)s::float8[], %(greatest)s::float8[], %(last_value)s::float8[], %(last_step)s::bigint[],
    %(at_best)s::float8[], %(least_step)s::bigint[], %(greatest_step)s::bigint[],
    %(first_time_ds)s::bigint[], %(last_time_ds)s::bigint[]
) AS new (
    series_id, point_count, nonfinite_count, least, greatest, last_value, last_step, at_best,
    least_step, greatest_step, first_time_ds, last_time_ds
)
ON CONFLICT (series_id) DO UPDATE
SET point_count = EXCLUDED.point_count,
    nonfinite_count = EXCLUDED.nonfinite_count,
    least = EXCLUDED.least,
    greatest = EXCLUDED.greatest,
    last_value = EXCLUDED.last_value,
    last_step = EXCLUDED.last_step,
    at_best = EXCLUDED.at_best,
    least_step = EXCLUDED.least_step,
    greatest_step = EXCLUDED.greatest_step,
    first_time_ds = EXCLUDED.first_time_ds,
    last_time_ds = EXCLUDED.last_time_ds;

-- note --
-- They were computed now; of a sealed run, for the last time.
UPDATE run_summaries
SET refreshed_at = clock_timestamp(),
    took = clock_timestamp() - now(),
    is_final = %(is_final)s
WHERE run_id = %(run_id)s;
