-- finished_runs --
-- A page of runs that have ended well, by name, with what is recorded of where they came from.
SELECT tenant_id, run_id, experiment, sweep_id, state, objective, seed, created_by, created_at,
       ended_at, has_code, "commit", branch, remote, is_dirty, is_whole, left_out, script,
       is_notebook, has_software, python, image, has_seeds, has_data
FROM run_facts
WHERE run_id > %(after)s
  AND state IN ('completed', 'stopped')
  AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
  AND (ended_at >= %(since)s OR %(since)s::timestamptz IS NULL)
ORDER BY run_id
LIMIT %(limit)s;

-- blobs --
-- A page of what artifacts and datasets stand for, each with one of them.
SELECT blobs.tenant_id, encode(blobs.sha256, 'hex') AS sha256, blobs.size_bytes,
       blobs.verified_at IS NOT NULL AS is_verified, example.node AS example
FROM blobs
CROSS JOIN LATERAL (
    SELECT 'artifact:' || artifacts.run_id || '/' || artifacts.name AS node
    FROM artifacts
    JOIN runs USING (run_id)
    WHERE artifacts.tenant_id = blobs.tenant_id
      AND artifacts.sha256 = blobs.sha256
      AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
      AND (runs.ended_at >= %(since)s OR %(since)s::timestamptz IS NULL)
    UNION ALL
    SELECT 'dataset:' || datasets.name || '@' || dataset_blobs.number
    FROM dataset_blobs
    JOIN datasets USING (dataset_id)
    WHERE dataset_blobs.tenant_id = blobs.tenant_id
      AND dataset_blobs.sha256 = blobs.sha256
      AND %(sweep_id)s::text IS NULL
    ORDER BY node
    LIMIT 1
) AS example
WHERE (blobs.tenant_id, blobs.sha256) > (%(after_tenant)s, decode(%(after)s, 'hex'))
  AND (blobs.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
ORDER BY blobs.tenant_id, blobs.sha256
LIMIT %(limit)s;

-- edges --
-- A page of edges, each with whether its ends are there. Of models there is no table to look into.
SELECT page.tenant_id, page.upstream, page.downstream,
       node_is_there(page.tenant_id, page.upstream) AS has_upstream,
       node_is_there(page.tenant_id, page.downstream) AS has_downstream
FROM (
    SELECT tenant_id, upstream, downstream
    FROM lineage_edges
    WHERE (tenant_id, downstream, upstream)
              > (%(after_tenant)s, %(after)s, %(after_upstream)s)
      AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
      AND (created_at >= %(since)s OR %(since)s::timestamptz IS NULL)
      AND (%(sweep_id)s::text IS NULL
           OR EXISTS (
               SELECT FROM runs
               WHERE runs.sweep_id = %(sweep_id)s
                 AND runs.run_id IN (split_part(split_part(upstream, ':', 2), '/', 1),
                                     split_part(split_part(downstream, ':', 2), '/', 1))))
    ORDER BY tenant_id, downstream, upstream
    LIMIT %(limit)s
) AS page
ORDER BY page.tenant_id, page.downstream, page.upstream;

-- models --
-- A page of versions of models that any edge names, each with what it came out of in the end.
WITH RECURSIVE models AS (
    SELECT tenant_id, node AS model
    FROM lineage_edges
    CROSS JOIN LATERAL (VALUES (upstream), (downstream)) AS ends (node)
    WHERE node LIKE 'model:%%'
      AND (tenant_id, node) > (%(after_tenant)s, %(after)s)
      AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
    GROUP BY tenant_id, node
    ORDER BY tenant_id, node
    LIMIT %(limit)s
), reached (tenant_id, model, node) AS (
    SELECT tenant_id, model, model
    FROM models
    UNION
    SELECT reached.tenant_id, reached.model, near.upstream
    FROM reached
    CROSS JOIN LATERAL (
        SELECT upstream
        FROM lineage_edges
        WHERE tenant_id = reached.tenant_id
          AND downstream = reached.node
        OFFSET 0
    ) AS near
)
SELECT reached.tenant_id, reached.model,
       count(*) FILTER (WHERE reached.node LIKE 'dataset:%%') AS datasets,
       count(runs.run_id) AS runs,
       coalesce((array_agg(runs.run_id ORDER BY runs.run_id) FILTER (WHERE NOT EXISTS (
           SELECT FROM run_provenance
           WHERE run_provenance.run_id = runs.run_id
             AND section = 'code')
           AND runs.run_id IS NOT NULL))[1:3], '{}') AS runs_without_code,
       coalesce(bool_or(runs.sweep_id = %(sweep_id)s), false) OR %(sweep_id)s::text IS NULL
           AS is_asked
FROM reached
LEFT JOIN runs
    ON reached.node LIKE 'run:%%'
    AND runs.run_id = substr(reached.node, 5)
    AND runs.tenant_id = reached.tenant_id
GROUP BY reached.tenant_id, reached.model
ORDER BY reached.tenant_id, reached.model;

-- record_digests --
-- Digests of sealed runs that have none yet: of some, or of any.
INSERT INTO run_digests (run_id, version, run, params, artifacts, reports, provenance, datasets,
                         edges, dataset_rows)
SELECT run_id, 2, run, params, artifacts, reports, provenance, datasets, edges, dataset_rows
FROM run_digests_v2(ARRAY(
    SELECT runs.run_id
    FROM runs
    LEFT JOIN run_digests USING (run_id)
    WHERE runs.sealed_at IS NOT NULL
      AND run_digests.run_id IS NULL
      AND (runs.run_id = ANY(%(run_ids)s::text[]) OR %(run_ids)s::text[] IS NULL)
    ORDER BY runs.run_id
    LIMIT %(limit)s
))
ON CONFLICT DO NOTHING
RETURNING run_id;

-- compare_digests --
-- A page of sealed runs, each with the parts that are not what they were. One that is gone has no
-- tenant any more.
WITH page AS (
    SELECT run_digests.*, runs.tenant_id
    FROM run_digests
    LEFT JOIN runs USING (run_id)
    WHERE run_digests.run_id > %(after)s
      AND run_digests.version <= 2
      AND (runs.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL OR runs.run_id IS NULL)
      AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL
           OR runs.run_id IS NULL AND run_digests.run_id ^@ %(sweep_id)s)
      AND (runs.ended_at >= %(since)s OR %(since)s::timestamptz IS NULL OR runs.run_id IS NULL)
    ORDER BY run_digests.run_id
    LIMIT %(limit)s
)
SELECT coalesce(page.tenant_id, '') AS tenant_id, page.run_id,
       present.run_id IS NOT NULL AS is_there,
       array_remove(ARRAY[
           CASE WHEN page.run <> present.run THEN 'the run itself' END,
           CASE WHEN page.params <> present.params THEN 'params' END,
           CASE WHEN page.artifacts <> present.artifacts THEN 'artifacts' END,
           CASE WHEN page.reports <> present.reports THEN 'reports' END,
           CASE WHEN page.provenance <> present.provenance THEN 'provenance' END,
           CASE WHEN page.datasets <> present.datasets THEN 'datasets' END,
           CASE WHEN page.edges <> present.edges THEN 'lineage' END,
           CASE WHEN page.dataset_rows <> present.dataset_rows
               THEN 'what is recorded of its datasets' END
       ], NULL) AS changed
FROM page
LEFT JOIN run_digests_v2(ARRAY(SELECT run_id FROM page)) AS present USING (run_id)
ORDER BY page.run_id;
