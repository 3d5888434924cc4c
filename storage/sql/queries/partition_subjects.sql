-- ended_sweeps --
-- Of some sweeps those that ended before a time, and those that there are none of.
SELECT asked.sweep_id
FROM unnest(%(sweep_ids)s::text[]) AS asked (sweep_id)
LEFT JOIN sweeps USING (sweep_id)
WHERE sweeps.sweep_id IS NULL
   OR (sweeps.state IN ('completed', 'failed', 'cancelled') AND sweeps.ended_at < %(before)s);

-- ended_evaluations --
-- Of some evaluations those that ended before a time, and those that there are none of.
SELECT asked.evaluation_id
FROM unnest(%(evaluation_ids)s::text[]) AS asked (evaluation_id)
LEFT JOIN evaluations USING (evaluation_id)
WHERE evaluations.evaluation_id IS NULL
   OR evaluations.ended_at < %(before)s;

-- known_versions --
-- Of some versions of datasets those that there are.
SELECT asked.tenant, asked.name, asked.number
FROM unnest(%(tenants)s::text[], %(names)s::text[], %(numbers)s::int[])
     AS asked (tenant, name, number)
JOIN datasets ON datasets.tenant_id = asked.tenant AND datasets.name = asked.name
JOIN dataset_versions AS versions USING (dataset_id)
WHERE versions.number = asked.number;

-- old_versions --
-- Of some versions of datasets those that there are none of; and those that are older than a time,
-- that have a successor, and that no run has learnt from since.
SELECT asked.tenant, asked.name, asked.number
FROM unnest(%(tenants)s::text[], %(names)s::text[], %(numbers)s::int[])
     AS asked (tenant, name, number)
LEFT JOIN datasets ON datasets.tenant_id = asked.tenant AND datasets.name = asked.name
LEFT JOIN dataset_versions AS versions
    ON versions.dataset_id = datasets.dataset_id AND versions.number = asked.number
WHERE versions.number IS NULL
   OR (versions.created_at < %(before)s
       AND EXISTS (
           SELECT FROM dataset_versions AS newer
           WHERE newer.dataset_id = versions.dataset_id AND newer.number > versions.number)
       AND NOT EXISTS (
           SELECT FROM sweep_datasets AS used
           JOIN sweeps USING (sweep_id)
           WHERE used.dataset_id = versions.dataset_id
             AND used.number = versions.number
             AND (sweeps.ended_at IS NULL OR sweeps.ended_at >= %(before)s))
       AND NOT EXISTS (
           SELECT FROM run_datasets AS used
           JOIN runs USING (run_id)
           WHERE used.dataset_id = versions.dataset_id
             AND used.number = versions.number
             AND (runs.ended_at IS NULL OR runs.ended_at >= %(before)s)));
