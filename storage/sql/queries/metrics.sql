-- register_series --
-- New curves; those that were there already do not come back.
INSERT INTO series (series_id, run_id, family, key)
SELECT series_id, run_id, family, key
FROM unnest(%(series_ids)s::bigint[], %(run_ids)s::text[], %(families)s::text[], %(keys)s::text[])
    AS new (series_id, run_id, family, key)
ORDER BY series_id
ON CONFLICT DO NOTHING
RETURNING series_id;

-- count_series --
-- How many curves of each family each of the runs has.
SELECT run_id, family, count(*)
FROM series
WHERE run_id = ANY(%(run_ids)s::text[])
GROUP BY run_id, family;

-- owners_of_series --
-- Whose curves these are: an identifier is a hash, and hashes collide.
SELECT series_id, run_id, family, key
FROM series
WHERE series_id = ANY(%(series_ids)s::bigint[]);

-- hot_width --
-- How long a hot chunk is, in tenths of a second.
SELECT hot_width
FROM metric_storage;

-- chunk_layout --
-- Which chunks there are, and where ensure_metric_chunk makes which kind of them.
SELECT metric_bucket(hot_width, metric_now()) - 2 * hot_width AS hot_since,
       metric_now() - 400 * 864000 AS days_since, metric_now() + 2 * 864000 AS until,
       is_hypertable, chunks.lows, chunks.highs
FROM metric_storage
CROSS JOIN (
    SELECT coalesce(array_agg(low ORDER BY low), '{}') AS lows,
           coalesce(array_agg(high ORDER BY low), '{}') AS highs
    FROM metric_chunk_bounds()
    WHERE low IS NOT NULL
) AS chunks;

-- ensure_chunks --
-- Room for points of these times; nothing happens where it is there.
SELECT ensure_metric_chunk(time_ds)
FROM unnest(%(times)s::bigint[]) AS time_ds
ORDER BY time_ds;

-- copy_points --
-- Points, as binary columns.
COPY metric_points (series_id, step, time_ds, value) FROM STDIN (FORMAT BINARY);

-- compress_directly --
-- Whether points are compressed as they come, until the transaction ends. No row comes back where
-- the server cannot.
SELECT set_config(name, %(setting)s, true)
FROM pg_settings
WHERE name = 'timescaledb.enable_direct_compress_copy'
  AND (SELECT has_compression FROM metric_storage);

-- series_of_run --
-- Curves of one run, by key.
SELECT series.series_id, series.key, series.family
FROM series
JOIN runs USING (run_id)
WHERE runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s
ORDER BY series.key, series.family;

-- latest_points --
-- The end of one curve, newest first.
SELECT metric_points.step, metric_time(metric_points.time_ds) AS time, metric_points.value
FROM metric_points
WHERE metric_points.series_id = (
    SELECT series.series_id
    FROM series
    WHERE series.run_id = %(run_id)s
      AND series.family = %(family)s
      AND series.key = %(key)s
)
ORDER BY metric_points.time_ds DESC, metric_points.step DESC
LIMIT %(limit)s;
