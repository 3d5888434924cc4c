-- hold_run --
-- The run, held open until the artifact is stored; see `hold_runs`.
SELECT sealed_at IS NOT NULL AS is_sealed
FROM runs
WHERE run_id = %(run_id)s
  AND tenant_id = %(tenant_id)s
FOR KEY SHARE;

-- is_leaving --
-- Whether these bytes are being deleted. Without a lock: who deletes holds the row as long as the
-- store takes.
SELECT true AS is_leaving
FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND state = 'deleting';

-- renew_blob --
-- The row of these bytes, made if need be: nobody deletes them for some time. No row: they are being
-- deleted. The size of bytes that have not arrived is whatever was said last: it binds nobody.
INSERT INTO blobs (tenant_id, sha256, size_bytes, has_arrived, renewed_at)
VALUES (%(tenant_id)s, %(sha256)s, %(size_bytes)s, false, clock_timestamp())
ON CONFLICT (tenant_id, sha256) DO UPDATE
    SET renewed_at = clock_timestamp(),
        size_bytes = CASE
            WHEN blobs.has_arrived THEN blobs.size_bytes ELSE excluded.size_bytes
        END
    WHERE blobs.state <> 'deleting'
RETURNING size_bytes, renewed_at;

-- keep_blob --
-- Bytes that were found in the store after they had been renewed at `renewed_at`. No row: that was
-- so long ago that they may be gone since.
UPDATE blobs
SET has_arrived = true,
    size_bytes = CASE WHEN has_arrived THEN size_bytes ELSE %(size_bytes)s END
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND state <> 'deleting'
  AND %(renewed_at)s > now() - %(least_age)s::interval
RETURNING size_bytes;

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
-- All of them, by name.
SELECT run_id, name, type, encode(sha256, 'hex') AS sha256, size_bytes, created_at
FROM artifacts
WHERE run_id = %(run_id)s
  AND tenant_id = %(tenant_id)s
ORDER BY name;

-- has_sweep --
-- Whether the tenant has it.
SELECT true AS has_sweep
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND tenant_id = %(tenant_id)s;

-- artifacts_of_sweep --
-- All of its trials, by trial and name.
SELECT artifacts.run_id, artifacts.name, artifacts.type, encode(artifacts.sha256, 'hex') AS sha256,
       artifacts.size_bytes, artifacts.created_at
FROM artifacts
JOIN runs USING (run_id)
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
