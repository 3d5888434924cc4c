-- runs_of_curves --
-- Runs of a tenant that curves are asked of. Settled are those that are sealed and rolled up whole,
-- also with what came late.
SELECT runs.run_id, CASE WHEN run_summaries.is_final THEN runs.sealed_at END AS settled_at,
       metric_tenths(runs.started_at) AS started
FROM runs
LEFT JOIN run_summaries USING (run_id)
WHERE runs.run_id = ANY(%(run_ids)s::text[])
  AND runs.tenant_id = %(tenant_id)s;

-- kept_since --
-- From when on the tiers have everything.
SELECT tier, kept_since
FROM metric_tiers;

-- extents --
-- Curves of a family, these runs and keys, and what is known of them; nulls where nothing is.
SELECT series.series_id, series.run_id, series.key, summary.point_count AS count,
       summary.least_step AS first_step, summary.greatest_step AS last_step,
       summary.first_time_ds AS first_time, summary.last_time_ds AS last_time
FROM series
LEFT JOIN series_summaries AS summary USING (series_id)
WHERE series.run_id = ANY(%(run_ids)s::text[])
  AND series.family = %(family)s
  AND series.key = ANY(%(keys)s::text[])
ORDER BY series.run_id, series.key;

-- extents_anew --
-- The same of curves that nothing is known of yet: from the coarsest rollup, or from the points when
-- they all came late and no rollup has them yet.
SELECT asked.series_id, coalesce(whole.count, late.count) AS count,
       coalesce(whole.first_step, late.first_step) AS first_step,
       coalesce(whole.last_step, late.last_step) AS last_step,
       coalesce(ends.first_time, whole.first_bucket) AS first_time,
       coalesce(ends.last_time, whole.last_bucket + 35999) AS last_time
FROM unnest(%(series_ids)s::bigint[]) AS asked (series_id)
CROSS JOIN LATERAL (
    SELECT sum(count)::bigint AS count, min(first_step) AS first_step, max(last_step) AS last_step,
           min(bucket) AS first_bucket, max(bucket) AS last_bucket
    FROM metric_points_1h AS hour
    WHERE hour.series_id = asked.series_id
) AS whole
CROSS JOIN LATERAL (
    SELECT min(time_ds) AS first_time, max(time_ds) AS last_time
    FROM metric_points AS point
    WHERE point.series_id = asked.series_id
) AS ends
CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(step) AS first_step, max(step) AS last_step
    FROM metric_points AS point
    WHERE point.series_id = asked.series_id
      AND whole.count IS NULL
) AS late
WHERE coalesce(whole.count, late.count) > 0;

-- times_of_steps --
-- In which stretch of time, in whole hours, curves have points of these steps.
SELECT asked.series_id, hours.time_low, hours.time_high
FROM unnest(%(series_ids)s::bigint[]) AS asked (series_id)
CROSS JOIN LATERAL (
    SELECT coalesce(min(bucket), 0) AS time_low, coalesce(max(bucket) + 35999, -1) AS time_high
    FROM metric_points_1h AS hour
    WHERE hour.series_id = asked.series_id
      AND hour.last_step >= %(low)s
      AND hour.first_step <= %(high)s
) AS hours;

-- raw --
-- All points in a range, in any order; `place` is that of the curve among those asked for.
SELECT asked.place, points.steps, points.times, points.values
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(step) AS steps,
           array_agg(time_ds) AS times,
           array_agg(value) AS values
    FROM metric_points AS point
    WHERE point.series_id = asked.series_id
      AND point.time_ds BETWEEN asked.low AND asked.high
      AND point.step BETWEEN %(step_low)s AND %(step_high)s
) AS points
WHERE points.steps IS NOT NULL;

-- buckets_by_step --
-- Points in buckets of steps. NaN and infinities come through here, as sums, leasts or greatests
-- that are not finite; the careful ones below tell them apart. Buckets begin at multiples of the
-- width, also below zero, come in any order, and only what has to be is compared: a million points
-- are read here in one go.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(total) AS sums,
           array_agg(least) AS leasts,
           array_agg(greatest) AS greatests
    FROM (
        SELECT CASE WHEN point.step < 0 THEN (point.step + 1) / %(width)s::bigint - 1
                    ELSE point.step / %(width)s::bigint END AS bucket,
               count(*) AS n, sum(point.value) AS total,
               min(point.value) AS least, max(point.value) AS greatest
        FROM metric_points AS point
        WHERE point.series_id = asked.series_id
          AND point.time_ds BETWEEN asked.low AND asked.high
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- buckets_by_time --
-- The same in buckets of time.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(total) AS sums,
           array_agg(least) AS leasts,
           array_agg(greatest) AS greatests
    FROM (
        SELECT CASE WHEN point.time_ds < 0 THEN (point.time_ds + 1) / %(width)s::bigint - 1
                    ELSE point.time_ds / %(width)s::bigint END AS bucket,
               count(*) AS n,
               sum(point.value) AS total,
               min(point.value) AS least, max(point.value) AS greatest
        FROM metric_points AS point
        WHERE point.series_id = asked.series_id
          AND point.time_ds BETWEEN asked.low AND asked.high
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- careful_buckets_by_step --
-- Points in buckets of a range of steps, with those that are no finite numbers, or beyond 1e290,
-- counted apart, as the rollups have them. NaN stands for a value that is not there.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests, cut.nonfinites
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(coalesce(total, 'NaN')) AS sums,
           array_agg(coalesce(least, 'NaN')) AS leasts,
           array_agg(coalesce(greatest, 'NaN')) AS greatests,
           array_agg(nonfinite) AS nonfinites
    FROM (
        SELECT CASE WHEN point.step < 0 THEN (point.step + 1) / %(width)s::bigint - 1
                    ELSE point.step / %(width)s::bigint END AS bucket,
               count(*) AS n,
               sum(finite.value) AS total, min(finite.value) AS least,
               max(finite.value) AS greatest, count(*) - count(finite.value) AS nonfinite
        FROM metric_points AS point
        CROSS JOIN LATERAL (
            SELECT CASE WHEN point.value BETWEEN float8 '-1e290' AND float8 '1e290'
                        THEN point.value END AS value
        ) AS finite
        WHERE point.series_id = asked.series_id
          AND point.time_ds BETWEEN asked.low AND asked.high
          AND point.step BETWEEN %(step_low)s AND %(step_high)s
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- careful_buckets_by_time --
-- The same in buckets of time.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests, cut.nonfinites
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(coalesce(total, 'NaN')) AS sums,
           array_agg(coalesce(least, 'NaN')) AS leasts,
           array_agg(coalesce(greatest, 'NaN')) AS greatests,
           array_agg(nonfinite) AS nonfinites
    FROM (
        SELECT CASE WHEN point.time_ds < 0 THEN (point.time_ds + 1) / %(width)s::bigint - 1
                    ELSE point.time_ds / %(width)s::bigint END AS bucket,
               count(*) AS n,
               sum(finite.value) AS total, min(finite.value) AS least,
               max(finite.value) AS greatest, count(*) - count(finite.value) AS nonfinite
        FROM metric_points AS point
        CROSS JOIN LATERAL (
            SELECT CASE WHEN point.value BETWEEN float8 '-1e290' AND float8 '1e290'
                        THEN point.value END AS value
        ) AS finite
        WHERE point.series_id = asked.series_id
          AND point.time_ds BETWEEN asked.low AND asked.high
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- minutes_by_step --
-- Rollups of a minute in buckets of steps; those that reach into the range come whole.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests, cut.nonfinites
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(coalesce(total, 'NaN')) AS sums,
           array_agg(coalesce(least, 'NaN')) AS leasts,
           array_agg(coalesce(greatest, 'NaN')) AS greatests,
           array_agg(nonfinite) AS nonfinites
    FROM (
        SELECT CASE WHEN minute.first_step < 0 THEN (minute.first_step + 1) / %(width)s::bigint - 1
                    ELSE minute.first_step / %(width)s::bigint END AS bucket,
               sum(minute.count)::bigint AS n,
               sum(minute.sum) AS total, min(minute.min) AS least, max(minute.max) AS greatest,
               sum(minute.nonfinite_count)::bigint AS nonfinite
        FROM metric_points_1m AS minute
        WHERE minute.series_id = asked.series_id
          AND minute.bucket BETWEEN asked.low AND asked.high
          AND minute.last_step >= %(step_low)s
          AND minute.first_step <= %(step_high)s
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- minutes_by_time --
-- The same in buckets of time.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests, cut.nonfinites
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(coalesce(total, 'NaN')) AS sums,
           array_agg(coalesce(least, 'NaN')) AS leasts,
           array_agg(coalesce(greatest, 'NaN')) AS greatests,
           array_agg(nonfinite) AS nonfinites
    FROM (
        SELECT CASE WHEN minute.bucket < 0 THEN (minute.bucket + 1) / %(width)s::bigint - 1
                    ELSE minute.bucket / %(width)s::bigint END AS bucket,
               sum(minute.count)::bigint AS n,
               sum(minute.sum) AS total, min(minute.min) AS least, max(minute.max) AS greatest,
               sum(minute.nonfinite_count)::bigint AS nonfinite
        FROM metric_points_1m AS minute
        WHERE minute.series_id = asked.series_id
          AND minute.bucket BETWEEN asked.low AND asked.high
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- hours_by_step --
-- Rollups of an hour in buckets of steps.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests, cut.nonfinites
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(coalesce(total, 'NaN')) AS sums,
           array_agg(coalesce(least, 'NaN')) AS leasts,
           array_agg(coalesce(greatest, 'NaN')) AS greatests,
           array_agg(nonfinite) AS nonfinites
    FROM (
        SELECT CASE WHEN hour.first_step < 0 THEN (hour.first_step + 1) / %(width)s::bigint - 1
                    ELSE hour.first_step / %(width)s::bigint END AS bucket,
               sum(hour.count)::bigint AS n,
               sum(hour.sum) AS total, min(hour.min) AS least, max(hour.max) AS greatest,
               sum(hour.nonfinite_count)::bigint AS nonfinite
        FROM metric_points_1h AS hour
        WHERE hour.series_id = asked.series_id
          AND hour.bucket BETWEEN asked.low AND asked.high
          AND hour.last_step >= %(step_low)s
          AND hour.first_step <= %(step_high)s
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;

-- hours_by_time --
-- The same in buckets of time.
SELECT asked.place, cut.buckets, cut.counts, cut.sums, cut.leasts, cut.greatests, cut.nonfinites
FROM unnest(%(series_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
    WITH ORDINALITY AS asked (series_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(n) AS counts,
           array_agg(coalesce(total, 'NaN')) AS sums,
           array_agg(coalesce(least, 'NaN')) AS leasts,
           array_agg(coalesce(greatest, 'NaN')) AS greatests,
           array_agg(nonfinite) AS nonfinites
    FROM (
        SELECT CASE WHEN hour.bucket < 0 THEN (hour.bucket + 1) / %(width)s::bigint - 1
                    ELSE hour.bucket / %(width)s::bigint END AS bucket,
               sum(hour.count)::bigint AS n,
               sum(hour.sum) AS total, min(hour.min) AS least, max(hour.max) AS greatest,
               sum(hour.nonfinite_count)::bigint AS nonfinite
        FROM metric_points_1h AS hour
        WHERE hour.series_id = asked.series_id
          AND hour.bucket BETWEEN asked.low AND asked.high
        GROUP BY 1
    ) AS bucket
) AS cut
WHERE cut.buckets IS NOT NULL;
