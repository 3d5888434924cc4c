-- versions --
-- Versions of a tenant's datasets, each with what it was made from.
SELECT version.node, version.name, coalesce(above.parents, '{}') AS parents
FROM (
    SELECT datasets.name, 'dataset:' || datasets.name || '@' || dataset_versions.number AS node
    FROM datasets
    JOIN dataset_versions USING (dataset_id)
    WHERE datasets.tenant_id = %(tenant_id)s
) AS version
CROSS JOIN LATERAL (
    SELECT array_agg(upstream) AS parents
    FROM lineage_edges
    WHERE tenant_id = %(tenant_id)s
      AND downstream = version.node
      AND upstream LIKE 'dataset:%%'
) AS above;

-- contents --
-- How many contents of files of some versions are in the same versions of all there are. Empty files
-- are all alike and count for none.
WITH files AS (
    SELECT 'dataset:' || datasets.name || '@' || dataset_versions.number AS node,
           file ->> 'sha256' AS sha256
    FROM datasets
    JOIN dataset_versions USING (dataset_id)
    CROSS JOIN LATERAL jsonb_array_elements(manifest -> 'files') AS file
    WHERE datasets.tenant_id = %(tenant_id)s
      AND (file ->> 'size_bytes')::bigint > 0
), held AS (
    SELECT sha256, array_agg(DISTINCT node ORDER BY node) AS holders
    FROM files
    WHERE sha256 IN (SELECT sha256 FROM files WHERE node = ANY(%(versions)s::text[]))
    GROUP BY sha256
)
SELECT holders, count(*) AS files
FROM held
GROUP BY holders
ORDER BY holders;

-- used_files --
-- Artifacts that somebody used and that have the bytes of a file of some versions, with those.
WITH held AS MATERIALIZED (
    SELECT file ->> 'sha256' AS sha256,
           array_agg(DISTINCT 'dataset:' || datasets.name || '@' || dataset_versions.number) AS holders
    FROM datasets
    JOIN dataset_versions USING (dataset_id)
    CROSS JOIN LATERAL jsonb_array_elements(manifest -> 'files') AS file
    WHERE datasets.tenant_id = %(tenant_id)s
      AND 'dataset:' || datasets.name || '@' || dataset_versions.number = ANY(%(versions)s::text[])
      AND (file ->> 'size_bytes')::bigint > 0
    GROUP BY file ->> 'sha256'
)
SELECT 'artifact:' || artifacts.run_id || '/' || artifacts.name AS artifact, held.holders
FROM held
JOIN artifacts
    ON artifacts.tenant_id = %(tenant_id)s
    AND artifacts.sha256 = decode(held.sha256, 'hex')
WHERE EXISTS (
    SELECT FROM lineage_edges AS edges
    WHERE edges.tenant_id = %(tenant_id)s
      AND edges.upstream = 'artifact:' || artifacts.run_id || '/' || artifacts.name
      AND edges.downstream LIKE 'run:%%');
