-- register_series --
-- New curves; those that were there already do not come back.
INSERT INTO series (series_id, run_id, key)
SELECT series_id, run_id, key
FROM unnest(%(series_ids)s::bigint[], %(run_ids)s::text[], %(keys)s::text[])
    AS new (series_id, run_id, key)
ORDER BY series_id
ON CONFLICT DO NOTHING
RETURNING series_id;

-- count_series --
-- How many curves each of the runs has.
SELECT run_id, count(*)
FROM series
WHERE run_id = ANY(%(run_ids)s::text[])
GROUP BY run_id;

-- owners_of_series --
-- Whose curves these are: an identifier is a hash, and hashes collide.
SELECT series_id, run_id, key
FROM series
WHERE series_id = ANY(%(series_ids)s::bigint[]);

-- ensure_partitions --
-- A partition for each day; each day that has one is skipped.
SELECT ensure_metric_partition(day)
FROM unnest(%(days)s::date[]) AS new (day)
ORDER BY day;

-- copy_points --
-- Points, as binary columns.
COPY metric_points (series_id, step, ts, value) FROM STDIN (FORMAT BINARY);

-- merge_summaries --
-- Last (by step), least, greatest and count per curve, merged into what is kept.
INSERT INTO series_summaries AS kept
    (series_id, point_count, last_step, last_value, least, greatest)
SELECT series_id, point_count, last_step, last_value, nullif(least, 'NaN'), nullif(greatest, 'NaN')
FROM unnest(%(series_ids)s::bigint[], %(counts)s::bigint[], %(last_steps)s::bigint[],
            %(last_values)s::float8[], %(least)s::float8[], %(greatest)s::float8[])
    AS new (series_id, point_count, last_step, last_value, least, greatest)
ORDER BY series_id
ON CONFLICT (series_id) DO UPDATE
SET point_count = kept.point_count + EXCLUDED.point_count,
    last_step = greatest(kept.last_step, EXCLUDED.last_step),
    last_value = CASE WHEN EXCLUDED.last_step >= kept.last_step THEN EXCLUDED.last_value
                      ELSE kept.last_value
                 END,
    least = least(kept.least, EXCLUDED.least),
    greatest = greatest(kept.greatest, EXCLUDED.greatest);

-- summaries_of_run --
-- The summaries of a run's curves, by key.
SELECT series.key, series_summaries.last_value AS last, series_summaries.last_step AS step,
       series_summaries.least AS min, series_summaries.greatest AS max,
       series_summaries.point_count AS count
FROM series
JOIN series_summaries USING (series_id)
WHERE series.run_id = %(run_id)s
ORDER BY series.key;

-- series_of_run --
-- Curves of one run, by key.
SELECT series.series_id, series.key, series.family
FROM series
JOIN runs USING (run_id)
WHERE runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s
ORDER BY series.key;

-- latest_points --
-- The end of one curve, newest first.
SELECT metric_points.step, metric_points.ts AS time, metric_points.value
FROM metric_points
WHERE metric_points.series_id = %(series_id)s
ORDER BY metric_points.ts DESC, metric_points.step DESC
LIMIT %(limit)s;
