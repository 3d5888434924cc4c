-- list_experiments --
-- All of a tenant, the last one that something happened in first.
SELECT experiments.name, experiments.owner, experiments.purpose, experiments.created_at,
       sweeps.count AS sweeps, sweeps.open AS open_sweeps,
       runs.count AS runs, runs.live AS live_runs, runs.failed AS failed_runs,
       greatest(experiments.created_at, sweeps.last, runs.last) AS last_activity_at,
       cost.amount_usd,
       coalesce(tags.words, '{}') AS tags,
       baseline.run_id AS baseline
FROM experiments
CROSS JOIN LATERAL (
    SELECT count(*) AS count,
           count(*) FILTER (WHERE state IN ('submitted', 'running', 'paused')) AS open,
           max(coalesce(ended_at, created_at)) AS last
    FROM sweeps
    WHERE sweeps.experiment_id = experiments.experiment_id
) AS sweeps
LEFT JOIN (
    SELECT experiment_id, count(*) AS count,
           count(*) FILTER (WHERE state IN ('pending', 'queued', 'running')) AS live,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           max(coalesce(ended_at, created_at)) AS last
    FROM runs
    WHERE tenant_id = %(tenant_id)s
    GROUP BY experiment_id
) AS runs USING (experiment_id)
LEFT JOIN (
    SELECT experiment_id, sum(amount_usd)::float8 AS amount_usd
    FROM cost_entries
    WHERE tenant_id = %(tenant_id)s
    GROUP BY experiment_id
) AS cost USING (experiment_id)
LEFT JOIN LATERAL (
    SELECT array_agg(CASE value WHEN '' THEN name ELSE name || '=' || value END ORDER BY name)
           AS words
    FROM experiment_tags
    WHERE experiment_tags.experiment_id = experiments.experiment_id
) AS tags ON true
LEFT JOIN LATERAL (
    SELECT run_tags.run_id
    FROM run_tags
    JOIN runs AS tagged USING (run_id)
    WHERE run_tags.name = 'baseline'
      AND tagged.experiment_id = experiments.experiment_id
    LIMIT 1
) AS baseline ON true
WHERE experiments.tenant_id = %(tenant_id)s
  AND (experiments.name = %(name)s OR %(name)s::text IS NULL)
ORDER BY last_activity_at DESC, experiments.name
LIMIT %(limit)s;
