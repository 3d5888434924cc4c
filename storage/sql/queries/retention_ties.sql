-- reached --
-- Some runs and whatever came out of them, in any number of steps, with the edges between: what may
-- be a reason for these runs to stay. An artifact that is reached reaches its run, whose guards are
-- the artifact's as well, and a run reaches those that repeat it. Each node is one look into the
-- index, whatever the planner expects of a recursion: hence OFFSET.
WITH RECURSIVE reached (tenant_id, node) AS (
    SELECT tenant_id, 'run:' || run_id
    FROM runs
    WHERE run_id = ANY(%(run_ids)s::text[])
    UNION
    SELECT reached.tenant_id, near.node
    FROM reached
    CROSS JOIN LATERAL (
        SELECT downstream AS node
        FROM lineage_edges
        WHERE tenant_id = reached.tenant_id
          AND upstream = reached.node
        UNION ALL
        SELECT 'run:' || split_part(substr(reached.node, 10), '/', 1)
        WHERE reached.node LIKE 'artifact:%%'
        UNION ALL
        SELECT 'run:' || run_id
        FROM runs
        WHERE rerun_of = substr(reached.node, 5)
          AND reached.node LIKE 'run:%%'
        OFFSET 0
    ) AS near
)
SELECT reached.tenant_id, reached.node AS upstream, edges.downstream
FROM reached
LEFT JOIN LATERAL (
    SELECT downstream
    FROM lineage_edges
    WHERE tenant_id = reached.tenant_id
      AND upstream = reached.node
      AND (reached.node NOT LIKE 'run:%%'
           OR downstream NOT LIKE 'artifact:%%'
           OR split_part(substr(downstream, 10), '/', 1) <> substr(reached.node, 5))
    OFFSET 0
) AS edges ON true
WHERE reached.node LIKE 'run:%%'
   OR edges.downstream IS NOT NULL;

-- sources --
-- What some runs came out of directly, other than runs: holds of datasets and models are theirs, too.
SELECT edges.tenant_id, edges.upstream, edges.downstream
FROM unnest(%(tenants)s::text[], %(run_ids)s::text[]) AS asked (tenant_id, run_id)
JOIN lineage_edges AS edges
    ON edges.tenant_id = asked.tenant_id
    AND edges.downstream = 'run:' || asked.run_id
WHERE edges.upstream LIKE 'dataset:%%'
   OR edges.upstream LIKE 'model:%%';

-- runs --
-- Some runs, by name: where each belongs, and whether it has ended.
SELECT run_id, tenant_id, experiment_id, sweep_id, state::text AS state, ended_at,
       sealed_at IS NOT NULL AS is_sealed
FROM runs
WHERE run_id = ANY(%(run_ids)s::text[])
ORDER BY run_id;

-- sweeps --
-- Some sweeps, and the open ones that learn from any of them.
SELECT sweep_id, experiment_id, state IN ('submitted', 'running', 'paused') AS is_open,
       ARRAY(SELECT json_array_elements_text(
           CASE WHEN json_typeof(spec -> 'warm_start') = 'array'
               THEN spec -> 'warm_start' ELSE '[]' END)) AS warm_start
FROM sweeps
WHERE sweep_id = ANY(%(sweep_ids)s::text[])
UNION ALL
SELECT sweep_id, experiment_id, true, learning.warm_start
FROM sweeps
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT json_array_elements_text(spec -> 'warm_start')) AS warm_start
) AS learning
WHERE state IN ('submitted', 'running', 'paused')
  AND json_typeof(spec -> 'warm_start') = 'array'
  AND sweep_id <> ALL(%(sweep_ids)s::text[])
  AND learning.warm_start && %(sweep_ids)s::text[];

-- experiments --
-- Some experiments.
SELECT experiment_id, tenant_id, name
FROM experiments
WHERE experiment_id = ANY(%(experiment_ids)s::bigint[]);

-- run_tags --
-- Tags of some runs that retention goes by.
SELECT run_id, array_agg(name) AS names
FROM run_tags
WHERE run_id = ANY(%(run_ids)s::text[])
  AND name = ANY(%(names)s::text[])
GROUP BY run_id;

-- sweep_tags --
-- Likewise of sweeps.
SELECT sweep_id, array_agg(name) AS names
FROM sweep_tags
WHERE sweep_id = ANY(%(sweep_ids)s::text[])
  AND name = ANY(%(names)s::text[])
GROUP BY sweep_id;

-- experiment_tags --
-- Likewise of experiments.
SELECT tenant_id, experiments.name AS experiment, array_agg(experiment_tags.name) AS names
FROM experiment_tags
JOIN experiments USING (experiment_id)
WHERE experiment_id = ANY(%(experiment_ids)s::bigint[])
  AND experiment_tags.name = ANY(%(names)s::text[])
GROUP BY tenant_id, experiments.name;

-- promoted --
-- Those of some runs that models are made of.
SELECT DISTINCT run_id
FROM model_versions
WHERE run_id = ANY(%(run_ids)s::text[]);

-- candidates --
-- Those of some runs whose evaluation is open.
SELECT run_id
FROM evaluations
WHERE run_id = ANY(%(run_ids)s::text[])
  AND state IN ('requested', 'running', 'waiting');

-- evaluated --
-- Those of some runs that evaluations that have ended are of, and those that any are made of.
SELECT run_id
FROM evaluations
WHERE run_id = ANY(%(run_ids)s::text[])
  AND ended_at IS NOT NULL
UNION
SELECT run_id
FROM evaluation_runs
WHERE run_id = ANY(%(run_ids)s::text[])
UNION
SELECT runs.run_id
FROM runs
JOIN evaluations USING (sweep_id)
WHERE runs.run_id = ANY(%(run_ids)s::text[]);

-- reruns --
-- Those of some runs that repeat another one, and which.
SELECT run_id, rerun_of
FROM runs
WHERE run_id = ANY(%(run_ids)s::text[])
  AND rerun_of IS NOT NULL;
