-- candidate --
-- A run as somebody's candidate: whose it is, what it is, and whether its file is there.
SELECT runs.run_id, runs.tenant_id, experiments.name AS experiment, runs.experiment_id,
       experiments.owner AS experiment_owner, runs.created_by, runs.state::text, runs.reason,
       runs.sweep_id, sweeps.kind AS sweep_kind, sweeps.source_dir,
       coalesce(sweeps.image, sweeps.spec -> 'trial' ->> 'image') AS image,
       sweeps.spec ->> 'owner' AS sweep_owner
FROM runs
JOIN experiments USING (experiment_id)
LEFT JOIN sweeps USING (sweep_id)
WHERE runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s;

-- edges_below --
-- What came out of some datasets and artifacts: first the runs that used them directly, then whatever
-- came out of those. Not what was made of the datasets: that is among them, or is another part of a
-- parent.
WITH RECURSIVE reached (upstream, downstream) AS (
    SELECT upstream, downstream
    FROM lineage_edges
    WHERE tenant_id = %(tenant_id)s
      AND upstream = ANY(%(nodes)s::text[])
      AND downstream NOT LIKE 'dataset:%%'
    UNION
    SELECT edges.upstream, edges.downstream
    FROM reached
    JOIN lineage_edges AS edges
        ON edges.tenant_id = %(tenant_id)s
        AND edges.upstream = reached.downstream
)
SELECT upstream, downstream
FROM reached
LIMIT %(limit)s;

-- runs_of_experiment --
-- Those of some runs that belong to an experiment, the candidate included wherever it belongs to.
SELECT run_id
FROM runs
WHERE run_id = ANY(%(run_ids)s::text[])
  AND (experiment_id = %(experiment_id)s OR run_id = %(candidate)s);

-- count_runs --
-- How many runs an experiment has.
SELECT count(*) AS runs
FROM runs
WHERE experiment_id = %(experiment_id)s;

-- came_out_of --
-- What an artifact came out of in the end, as it is said of a model.
WITH RECURSIVE reached (node) AS (
    SELECT %(artifact)s::text
    UNION
    SELECT edges.upstream
    FROM reached
    JOIN lineage_edges AS edges
        ON edges.tenant_id = %(tenant_id)s
        AND edges.downstream = reached.node
)
SELECT count(*) FILTER (WHERE reached.node LIKE 'dataset:%%') AS datasets,
       count(runs.run_id) AS runs,
       coalesce((array_agg(runs.run_id ORDER BY runs.run_id) FILTER (WHERE NOT EXISTS (
           SELECT FROM run_provenance
           WHERE run_provenance.run_id = runs.run_id
             AND section = 'code')
           AND runs.run_id IS NOT NULL))[1:3], '{}') AS runs_without_code
FROM reached
LEFT JOIN runs
    ON reached.node LIKE 'run:%%'
    AND runs.run_id = substr(reached.node, 5)
    AND runs.tenant_id = %(tenant_id)s;

-- learnt_from --
-- Versions that a run used, and those of the runs whose files it came out of, each with such a run:
-- its own, if it used the version itself. Not what the versions were made from.
WITH RECURSIVE reached (node) AS (
    SELECT 'run:' || %(run_id)s
    UNION
    SELECT edges.upstream
    FROM reached
    JOIN lineage_edges AS edges
        ON edges.tenant_id = %(tenant_id)s
        AND edges.downstream = reached.node
    WHERE reached.node NOT LIKE 'dataset:%%'
)
SELECT DISTINCT ON (version.node)
       datasets.name || '@' || dataset_versions.number AS version,
       substr(edges.downstream, 5) AS run_id
FROM reached AS version
JOIN lineage_edges AS edges
    ON edges.tenant_id = %(tenant_id)s
    AND edges.upstream = version.node
JOIN reached AS reader
    ON reader.node = edges.downstream
JOIN datasets
    ON datasets.tenant_id = %(tenant_id)s
JOIN dataset_versions
    ON dataset_versions.dataset_id = datasets.dataset_id
    AND 'dataset:' || datasets.name || '@' || dataset_versions.number = version.node
WHERE reader.node LIKE 'run:%%'
ORDER BY version.node, reader.node <> 'run:' || %(run_id)s, reader.node;

-- count_attempts --
-- How often a run was executed by a launcher; never where it runs by itself.
SELECT count(*) AS attempts
FROM attempts
WHERE run_id = %(run_id)s
  AND started_at IS NOT NULL;
