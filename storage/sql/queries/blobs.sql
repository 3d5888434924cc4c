-- deletable_blobs --
-- Bytes that nothing refers to and that were not announced for some time; those first whose deletion
-- was interrupted.
SELECT tenant_id, encode(sha256, 'hex') AS sha256
FROM blobs
WHERE state = 'deleting'
   OR (
       renewed_at < now() - %(least_age)s::interval
       AND NOT EXISTS (
           SELECT FROM artifacts
           WHERE artifacts.tenant_id = blobs.tenant_id
             AND artifacts.sha256 = blobs.sha256
       )
   )
ORDER BY state DESC, renewed_at
LIMIT %(limit)s;

-- lock_blob --
-- Held against uploads that refer to it, and against others who delete it; no row: they do.
SELECT size_bytes
FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
FOR UPDATE SKIP LOCKED;

-- lock_leaving_blob --
-- The same of bytes that are to go; no row: others are at it, or have done it.
SELECT size_bytes
FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND state = 'deleting'
FOR UPDATE SKIP LOCKED;

-- begin_deletion --
-- From now on nothing can refer to it; no row: something does, or is about to. A statement of its own
-- behind the lock, so that it sees what was committed while the lock was waited for.
UPDATE blobs
SET state = 'deleting'
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND renewed_at < now() - %(least_age)s::interval
  AND NOT EXISTS (
      SELECT FROM artifacts
      WHERE artifacts.tenant_id = blobs.tenant_id
        AND artifacts.sha256 = blobs.sha256
  )
RETURNING size_bytes;

-- end_deletion --
-- Its bytes are gone.
DELETE FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND state = 'deleting';

-- blobs_to_verify --
-- Bytes that artifacts refer to, those first that were never looked at, or longest ago; of one run,
-- or of all runs of the tenant.
SELECT encode(blobs.sha256, 'hex') AS sha256, blobs.size_bytes, blobs.verified_at,
       array_agg(artifacts.run_id || '/' || artifacts.name
                 ORDER BY artifacts.run_id, artifacts.name) AS names
FROM blobs
JOIN artifacts USING (tenant_id, sha256)
WHERE blobs.tenant_id = %(tenant_id)s
  AND (%(run_id)s::text IS NULL OR artifacts.run_id = %(run_id)s)
GROUP BY blobs.tenant_id, blobs.sha256
ORDER BY blobs.verified_at NULLS FIRST, blobs.created_at
LIMIT %(limit)s;

-- note_verified --
-- Its bytes were read, and were right.
UPDATE blobs
SET verified_at = now()
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s;
