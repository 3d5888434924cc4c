-- experiments --
-- All of them.
SELECT experiment_id, tenant_id, name
FROM experiments
ORDER BY experiment_id;

-- sweeps --
-- All of them, by name, with what their files say.
SELECT sweep_id, experiment_id, spec ->> 'retention' AS class_name,
       coalesce(spec #>> '{objective,metric}', '') AS metric,
       coalesce(spec #>> '{objective,direction}', '') = 'maximize' AS is_maximized,
       state IN ('submitted', 'running', 'paused') AS is_open,
       CASE WHEN state IN ('submitted', 'running', 'paused')
           THEN ARRAY(SELECT json_array_elements_text(
               CASE WHEN json_typeof(spec -> 'warm_start') = 'array'
                   THEN spec -> 'warm_start' ELSE '[]' END))
           ELSE '{}' END AS warm_start
FROM sweeps
ORDER BY sweep_id;

-- runs --
-- A page of runs in columns, by name: where each belongs, how it ended, what it came to.
SELECT array_agg(run_id) AS run_ids,
       array_agg(experiment_id) AS experiments,
       array_agg(coalesce(sweep_id, '')) AS sweeps,
       array_agg(state_code) AS states,
       array_agg(ended) AS ended,
       array_agg(sealed) AS sealed,
       array_agg(coalesce(objective, 'NaN')) AS objectives
FROM (
    SELECT run_id, experiment_id, sweep_id, objective,
           array_position(enum_range(NULL::run_state), state)::bigint AS state_code,
           coalesce(extract(epoch FROM ended_at)::bigint, -1) AS ended,
           (sealed_at IS NOT NULL)::int::bigint AS sealed
    FROM runs
    WHERE run_id > %(after)s
    ORDER BY run_id
    LIMIT %(limit)s
) AS page;

-- points --
-- Of some runs, by their place among those asked for: points that are still there, in columns.
SELECT array_agg(place - 1) AS places,
       array_agg(points) AS points,
       array_agg(first_time) AS first_times,
       array_agg(last_time) AS last_times,
       array_agg(has_own) AS has_own
FROM (
    SELECT asked.place, sum(series_summaries.point_count)::bigint AS points,
           (min(series_summaries.first_time_ds) / 10)::bigint AS first_time,
           (max(series_summaries.last_time_ds) / 10)::bigint AS last_time,
           bool_or(series.family = 'user')::int::bigint AS has_own  -- others are in no export
    FROM unnest(%(run_ids)s::text[]) WITH ORDINALITY AS asked (run_id, place)
    JOIN series USING (run_id)
    JOIN series_summaries USING (series_id)
    WHERE NOT EXISTS (
        SELECT FROM deletions
        WHERE deletions.run_id = asked.run_id
          AND deletions.kind = 'points')
    GROUP BY asked.place
) AS sums;

-- kept_since --
-- From when on each tier of points is whole.
SELECT tier, kept_since / 10 AS since
FROM metric_tiers;

-- marked --
-- What is marked already, and whose points have become a file.
SELECT run_id, kind FROM retention_items
WHERE state = 'marked'
  AND kind = 'points';

-- exported --
-- Runs whose points are a file: one that came after the run was sealed, so not from its script.
SELECT DISTINCT artifacts.run_id
FROM artifacts
JOIN runs USING (run_id)
WHERE artifacts.type = 'points'
  AND artifacts.name IN ('metrics/points-0001.parquet', 'metrics/minutes-0001.parquet',
                         'metrics/hours-0001.parquet', 'metrics/system-points-0001.parquet',
                         'metrics/system-minutes-0001.parquet', 'metrics/system-hours-0001.parquet')
  AND artifacts.created_at >= runs.sealed_at;

-- artifacts --
-- Artifacts of some runs in columns, by the place of their runs among those asked for, which follow
-- each other by name: tables are read from one name to another, not looked into for each run. `blob`
-- tells equal bytes of a tenant; were two different ones ever taken for equal, a sum would be off.
WITH files AS MATERIALIZED (
    SELECT run_id, name, size_bytes,
           CASE type WHEN 'checkpoint' THEN 1 WHEN 'log' THEN 2 WHEN 'points' THEN 3 ELSE 0
               END::bigint AS kind,
           date_part('epoch', created_at)::bigint AS created,
           CASE WHEN type = 'checkpoint' AND name ^@ 'checkpoints/'
                 AND split_part(name, '/', 3) <> ''
                 AND length(split_part(name, '/', 2)) BETWEEN 1 AND 18
                 AND translate(split_part(name, '/', 2), '0123456789', '') = ''
               THEN split_part(name, '/', 2)::bigint END AS level,  -- a pattern takes thrice as long
           hashtextextended(tenant_id, ('x' || encode(substr(sha256, 1, 8), 'hex')
               )::bit(64)::bigint) AS blob
    FROM artifacts
    WHERE run_id BETWEEN %(first)s AND %(last)s
), levels AS MATERIALIZED (
    SELECT run_id, resource_level, value
    FROM reports
    WHERE run_id BETWEEN %(first)s AND %(last)s
), marks AS MATERIALIZED (
    SELECT run_id, name
    FROM retention_items
    WHERE run_id BETWEEN %(first)s AND %(last)s
      AND kind = 'artifact'
      AND state = 'marked'
)
SELECT array_agg(place - 1) AS places,
       array_agg(name) AS names,
       array_agg(kind) AS kinds,
       array_agg(size_bytes) AS sizes,
       array_agg(created) AS created,
       array_agg(coalesce(level, -1)) AS levels,
       array_agg(coalesce(value, 'NaN')) AS values,
       array_agg(blob) AS blobs,
       array_agg((marked IS NOT NULL)::int::bigint) AS marked
FROM (
    SELECT asked.place, files.name, files.kind, files.size_bytes, files.created, files.level,
           levels.value, files.blob, marks.name AS marked
    FROM files
    JOIN unnest(%(run_ids)s::text[]) WITH ORDINALITY AS asked (run_id, place)
        ON asked.run_id = files.run_id
    LEFT JOIN levels
        ON levels.run_id = files.run_id
        AND levels.resource_level = files.level
    LEFT JOIN marks
        ON marks.run_id = files.run_id
        AND marks.name = files.name
    ORDER BY asked.place, files.name COLLATE "C"
) AS page;

-- dataset_blobs --
-- Bytes that are files of datasets.
SELECT array_agg(DISTINCT hashtextextended(
    tenant_id, ('x' || encode(substr(sha256, 1, 8), 'hex'))::bit(64)::bigint
)) AS blobs
FROM dataset_blobs;

-- cold_blobs --
-- Bytes that are in a colder class of the store.
SELECT array_agg(hashtextextended(
    tenant_id, ('x' || encode(substr(sha256, 1, 8), 'hex'))::bit(64)::bigint
)) AS blobs
FROM blobs
WHERE storage_class <> 'standard';

-- serving_blobs --
-- Bytes of what an alias of a model means.
SELECT array_agg(hashtextextended(
    models.tenant_id, ('x' || encode(substr(model_versions.sha256, 1, 8), 'hex'))::bit(64)::bigint
)) AS blobs
FROM model_aliases
JOIN model_versions USING (model_id, number)
JOIN models USING (model_id);

-- run_tags --
-- Tags that retention goes by.
SELECT run_id, array_agg(name) AS names
FROM run_tags
WHERE name = ANY(%(names)s::text[])
GROUP BY run_id;

-- sweep_tags --
-- Likewise of sweeps.
SELECT sweep_id, array_agg(name) AS names
FROM sweep_tags
WHERE name = ANY(%(names)s::text[])
GROUP BY sweep_id;

-- experiment_tags --
-- Likewise of experiments.
SELECT tenant_id, experiments.name AS experiment, array_agg(experiment_tags.name) AS names
FROM experiment_tags
JOIN experiments USING (experiment_id)
WHERE experiment_tags.name = ANY(%(names)s::text[])
GROUP BY tenant_id, experiments.name;

-- promoted --
-- Runs that models are made of.
SELECT DISTINCT run_id FROM model_versions;

-- candidates --
-- Runs whose evaluation is open.
SELECT run_id
FROM evaluations
WHERE state IN ('requested', 'running', 'waiting');

-- evaluated --
-- Runs that evaluations that have ended are of, and those that any are made of.
SELECT run_id FROM evaluations WHERE ended_at IS NOT NULL
UNION
SELECT run_id FROM evaluation_runs
UNION
SELECT runs.run_id FROM evaluations JOIN runs USING (sweep_id);

-- reruns --
-- Reruns, and what they repeat.
SELECT run_id, rerun_of FROM runs WHERE rerun_of IS NOT NULL;

-- edges --
-- The lineage, but for what a run has made itself.
SELECT tenant_id, upstream, downstream
FROM lineage_edges
WHERE upstream NOT LIKE 'run:%%'
   OR downstream NOT LIKE 'artifact:%%'
   OR split_part(substr(downstream, 10), '/', 1) <> substr(upstream, 5);
