-- runs --
-- Runs of a tenant, in any order.
SELECT runs.run_id, experiments.name AS experiment, runs.sweep_id, runs.number, runs.seed,
       runs.created_by, runs.created_at, runs.state::text, runs.reason, runs.started_at,
       runs.ended_at, runs.objective, runs.resource_level, runs.sealed_at, runs.rerun_of
FROM runs
JOIN experiments USING (experiment_id)
WHERE runs.run_id = ANY(%(run_ids)s::text[])
  AND runs.tenant_id = %(tenant_id)s;

-- params --
-- Their parameters.
SELECT run_id, name, value
FROM run_params
WHERE run_id = ANY(%(run_ids)s::text[])
ORDER BY run_id, name;

-- tags --
-- Their tags.
SELECT run_id, name, value
FROM run_tags
WHERE run_id = ANY(%(run_ids)s::text[])
ORDER BY run_id, name;

-- summaries --
-- What is stored of what their scripts logged.
SELECT series.run_id, series.key, summary.last_value AS last, summary.last_step AS step,
       summary.least AS min, summary.greatest AS max, summary.at_best,
       summary.point_count AS count
FROM series
JOIN series_summaries AS summary USING (series_id)
WHERE series.run_id = ANY(%(run_ids)s::text[])
  AND series.family = 'user'
ORDER BY series.run_id, series.key;

-- objectives --
-- What the sweeps of these runs are after.
SELECT DISTINCT sweeps.spec -> 'objective' ->> 'metric' AS metric,
       sweeps.spec -> 'objective' ->> 'direction' AS direction
FROM runs
JOIN sweeps ON sweeps.sweep_id = runs.sweep_id
WHERE runs.run_id = ANY(%(run_ids)s::text[])
  AND runs.tenant_id = %(tenant_id)s;
