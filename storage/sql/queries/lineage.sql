-- ancestors --
-- Edges among what a node came out of, the nearest first as far as `nodes` go. Without a bound on
-- the depth every node is one row, however many ways lead to it, so that circles end and a lattice
-- costs no more than its edges; with one it is a row for each depth. Each node is one look into the
-- index, and the nodes are hashed, whatever the planner expects of a recursion: hence OFFSET, and
-- IS TRUE.
WITH RECURSIVE reached (node, depth) AS (
    SELECT %(node)s::text, 0
    UNION
    SELECT near.node,
           CASE WHEN %(depth)s::int IS NULL THEN 0 ELSE reached.depth + 1 END
    FROM reached
    CROSS JOIN LATERAL (
        SELECT upstream AS node
        FROM lineage_edges
        WHERE tenant_id = %(tenant_id)s
          AND downstream = reached.node
        OFFSET 0
    ) AS near
    WHERE reached.depth < coalesce(%(depth)s::int, 1)
), near AS MATERIALIZED (
    SELECT node FROM reached LIMIT %(nodes)s + 1
), nodes AS MATERIALIZED (
    SELECT DISTINCT node FROM (SELECT node FROM near LIMIT %(nodes)s) AS nearest
)
SELECT edges.upstream, nodes.node AS downstream,
       (SELECT count(*) FROM near) > %(nodes)s AS is_cut
FROM nodes
CROSS JOIN LATERAL (
    SELECT upstream
    FROM lineage_edges
    WHERE tenant_id = %(tenant_id)s
      AND downstream = nodes.node
    OFFSET 0
) AS edges
WHERE (edges.upstream IN (SELECT node FROM nodes)) IS TRUE
LIMIT %(edges)s;

-- descendants --
-- Likewise, of what came out of a node.
WITH RECURSIVE reached (node, depth) AS (
    SELECT %(node)s::text, 0
    UNION
    SELECT near.node,
           CASE WHEN %(depth)s::int IS NULL THEN 0 ELSE reached.depth + 1 END
    FROM reached
    CROSS JOIN LATERAL (
        SELECT downstream AS node
        FROM lineage_edges
        WHERE tenant_id = %(tenant_id)s
          AND upstream = reached.node
        OFFSET 0
    ) AS near
    WHERE reached.depth < coalesce(%(depth)s::int, 1)
), near AS MATERIALIZED (
    SELECT node FROM reached LIMIT %(nodes)s + 1
), nodes AS MATERIALIZED (
    SELECT DISTINCT node FROM (SELECT node FROM near LIMIT %(nodes)s) AS nearest
)
SELECT nodes.node AS upstream, edges.downstream,
       (SELECT count(*) FROM near) > %(nodes)s AS is_cut
FROM nodes
CROSS JOIN LATERAL (
    SELECT downstream
    FROM lineage_edges
    WHERE tenant_id = %(tenant_id)s
      AND upstream = nodes.node
    OFFSET 0
) AS edges
WHERE (edges.downstream IN (SELECT node FROM nodes)) IS TRUE
LIMIT %(edges)s;

-- insert_edges --
-- What is written down by hand; what the tables say becomes an edge by itself.
INSERT INTO lineage_edges (tenant_id, upstream, downstream)
SELECT %(tenant_id)s, upstream, downstream
FROM unnest(%(upstream)s::text[], %(downstream)s::text[]) AS new (upstream, downstream)
ORDER BY upstream, downstream
ON CONFLICT DO NOTHING;

-- is_known --
-- Whether there is such a thing: in its table, or, of a model, at either end of an edge.
SELECT EXISTS (
           SELECT FROM lineage_edges
           WHERE tenant_id = %(tenant_id)s
             AND upstream = %(node)s)
    OR EXISTS (
           SELECT FROM lineage_edges
           WHERE tenant_id = %(tenant_id)s
             AND downstream = %(node)s)
    OR %(node)s NOT LIKE 'model:%%' AND node_is_there(%(tenant_id)s, %(node)s) AS is_known;

-- runs --
-- What is recorded of some runs.
SELECT tenant_id, run_id, experiment, sweep_id, state, objective, seed, created_by, created_at,
       ended_at, has_code, "commit", branch, remote, is_dirty, is_whole, left_out, script,
       is_notebook, has_software, python, image, has_seeds, has_data
FROM run_facts
WHERE run_id = ANY(%(run_ids)s::text[])
  AND tenant_id = %(tenant_id)s;

-- artifacts --
-- Type and bytes of some artifacts, given as RUN/NAME.
SELECT 'artifact:' || artifacts.run_id || '/' || artifacts.name AS node, artifacts.type,
       encode(artifacts.sha256, 'hex') AS sha256, artifacts.size_bytes
FROM unnest(%(names)s::text[]) AS asked (name)
JOIN artifacts
    ON artifacts.run_id = split_part(asked.name, '/', 1)
    AND artifacts.name = substr(asked.name, strpos(asked.name, '/') + 1)
WHERE artifacts.tenant_id = %(tenant_id)s;

-- datasets --
-- What some versions of datasets are, given as NAME@N.
SELECT 'dataset:' || datasets.name || '@' || versions.number AS node, versions.variant::text,
       encode(versions.content_hash, 'hex') AS content_hash, versions.row_count,
       versions.size_bytes
FROM unnest(%(names)s::text[]) AS asked (name)
JOIN datasets ON datasets.name = split_part(asked.name, '@', 1)
JOIN dataset_versions AS versions
    ON versions.dataset_id = datasets.dataset_id
    AND versions.number::text = split_part(asked.name, '@', 2)
WHERE datasets.tenant_id = %(tenant_id)s;
