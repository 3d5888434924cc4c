-- hold_run --
-- The run, held open until the artifact is stored; see `hold_runs`.
SELECT sealed_at IS NOT NULL AS is_sealed
FROM runs
WHERE run_id = %(run_id)s
  AND tenant_id = %(tenant_id)s
FOR KEY SHARE;

-- insert_artifact --
-- The name, once.
INSERT INTO artifacts (tenant_id, run_id, name, type, sha256, size_bytes)
VALUES (%(tenant_id)s, %(run_id)s, %(name)s, %(type)s, %(sha256)s, %(size_bytes)s)
ON CONFLICT (run_id, name) DO NOTHING;

-- get_artifact --
-- One artifact.
SELECT run_id, name, type, encode(sha256, 'hex') AS sha256, size_bytes, created_at
FROM artifacts
WHERE run_id = %(run_id)s
  AND tenant_id = %(tenant_id)s
  AND name = %(name)s;

-- artifacts_of_run --
-- All of them, by name, with the day on which those go that retention has marked.
SELECT artifacts.run_id, artifacts.name, artifacts.type, encode(artifacts.sha256, 'hex') AS sha256,
       artifacts.size_bytes, artifacts.created_at, marks.due_at AS goes_at
FROM artifacts
LEFT JOIN retention_items AS marks
    ON marks.run_id = artifacts.run_id
    AND marks.kind = 'artifact'
    AND marks.name = artifacts.name
    AND marks.state = 'marked'
WHERE artifacts.run_id = %(run_id)s
  AND artifacts.tenant_id = %(tenant_id)s
ORDER BY artifacts.name;

-- has_sweep --
-- Whether the tenant has it.
SELECT true AS has_sweep
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND tenant_id = %(tenant_id)s;

-- artifacts_of_sweep --
-- All of its trials, by trial and name.
SELECT artifacts.run_id, artifacts.name, artifacts.type, encode(artifacts.sha256, 'hex') AS sha256,
       artifacts.size_bytes, artifacts.created_at, marks.due_at AS goes_at
FROM artifacts
JOIN runs USING (run_id)
LEFT JOIN retention_items AS marks
    ON marks.run_id = artifacts.run_id
    AND marks.kind = 'artifact'
    AND marks.name = artifacts.name
    AND marks.state = 'marked'
WHERE runs.sweep_id = %(sweep_id)s
  AND artifacts.tenant_id = %(tenant_id)s
ORDER BY runs.number, artifacts.name;

-- insert_input --
-- That a run uses an artifact: an edge of its lineage.
INSERT INTO lineage_edges (tenant_id, upstream, downstream)
VALUES (
    %(tenant_id)s,
    'artifact:' || %(owner)s || '/' || %(name)s,
    'run:' || %(run_id)s
)
ON CONFLICT DO NOTHING;

-- is_input --
-- Whether a run has said that it uses an artifact; its own it may read, too.
SELECT %(run_id)s = %(owner)s OR EXISTS (
    SELECT
    FROM lineage_edges
    WHERE tenant_id = %(tenant_id)s
      AND downstream = 'run:' || %(run_id)s
      AND upstream = 'artifact:' || %(owner)s || '/' || %(name)s
) AS is_input;

-- newest_checkpoint --
-- Where a new attempt of the run starts. A level whose report never arrived does not count: the
-- attempt would go on beyond it, and the search would never hear of it. No row: no such run.
SELECT newest.name, newest.level, newest.sha256, newest.size_bytes
FROM runs
LEFT JOIN LATERAL (
    SELECT artifacts.name, reports.resource_level AS level,
           encode(artifacts.sha256, 'hex') AS sha256, artifacts.size_bytes
    FROM artifacts
    JOIN reports
        ON reports.run_id = artifacts.run_id
        AND reports.resource_level
            = substring(artifacts.name FROM '^checkpoints/([0-9]{1,18})/')::bigint
    WHERE artifacts.run_id = runs.run_id
      AND artifacts.type = 'checkpoint'
    ORDER BY level DESC, artifacts.created_at, artifacts.name
    LIMIT 1
) AS newest ON true
WHERE runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s;
