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
        -- What was committed by a version that does not know `has_arrived` has arrived, too.
        size_bytes = CASE
            WHEN blobs.has_arrived OR EXISTS (
                SELECT FROM artifacts
                WHERE artifacts.tenant_id = blobs.tenant_id
                  AND artifacts.sha256 = blobs.sha256
            ) THEN blobs.size_bytes
            ELSE excluded.size_bytes
        END
    WHERE blobs.state <> 'deleting'
RETURNING size_bytes, renewed_at;

-- keep_blob --
-- Bytes that were found in the store after they had been renewed at `renewed_at`. No row: that was
-- so long ago that they may be gone since.
UPDATE blobs
SET has_arrived = true,
    size_bytes = CASE
        WHEN has_arrived OR EXISTS (
            SELECT FROM artifacts
            WHERE artifacts.tenant_id = blobs.tenant_id
              AND artifacts.sha256 = blobs.sha256
        ) THEN size_bytes
        ELSE %(size_bytes)s
    END
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND state <> 'deleting'
  AND %(renewed_at)s > now() - %(least_age)s::interval
RETURNING size_bytes;

-- deletable_blobs --
-- Bytes that nothing refers to and that were not announced for some time; those first whose deletion
-- was interrupted.
SELECT tenant_id, encode(sha256, 'hex') AS sha256
FROM (
    SELECT tenant_id, sha256, state, renewed_at
    FROM blobs
    WHERE state = 'deleting'
    UNION ALL
    SELECT tenant_id, sha256, state, renewed_at
    FROM blobs
    WHERE state <> 'deleting'
      AND renewed_at < now() - %(least_age)s::interval
      AND NOT EXISTS (
          SELECT FROM blob_references AS used
          WHERE used.tenant_id = blobs.tenant_id
            AND used.sha256 = blobs.sha256
      )
) AS due
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
      SELECT FROM blob_references AS used
      WHERE used.tenant_id = blobs.tenant_id
        AND used.sha256 = blobs.sha256
  )
RETURNING size_bytes;

-- end_deletion --
-- Its bytes are gone.
DELETE FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND state = 'deleting';

-- blobs_to_verify --
-- Bytes that artifacts or datasets refer to, those first that were never looked at, or longest ago;
-- of one run, or of all there are.
SELECT encode(blobs.sha256, 'hex') AS sha256, blobs.size_bytes, blobs.verified_at,
       users.names
FROM blobs
CROSS JOIN LATERAL (
    SELECT array_agg(name ORDER BY name) AS names
    FROM (
        SELECT artifacts.run_id || '/' || artifacts.name AS name
        FROM artifacts
        WHERE artifacts.tenant_id = blobs.tenant_id
          AND artifacts.sha256 = blobs.sha256
          AND (%(run_id)s::text IS NULL OR artifacts.run_id = %(run_id)s)
        UNION ALL
        SELECT datasets.name || '@' || dataset_blobs.number
        FROM dataset_blobs
        JOIN datasets USING (dataset_id)
        WHERE dataset_blobs.tenant_id = blobs.tenant_id
          AND dataset_blobs.sha256 = blobs.sha256
          AND %(run_id)s::text IS NULL
    ) AS named
) AS users
WHERE blobs.tenant_id = %(tenant_id)s
  AND users.names IS NOT NULL
  AND (
      %(run_id)s::text IS NULL
      OR blobs.sha256 IN (SELECT sha256 FROM artifacts WHERE run_id = %(run_id)s)
  )
ORDER BY blobs.verified_at NULLS FIRST, blobs.created_at
LIMIT %(limit)s;

-- note_verified --
-- Its bytes were read, and were right.
UPDATE blobs
SET verified_at = now()
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s;

-- all_tenants --
-- Whose bytes there may be.
SELECT tenant_id FROM tenants;

-- installation --
-- Which one this is.
SELECT installation_id FROM installation;

-- count_strays --
-- Of bytes in the store those that no row knows of.
SELECT count(*)
FROM unnest(%(tenants)s::text[], %(digests)s::text[]) AS found (tenant_id, sha256)
WHERE NOT EXISTS (
    SELECT FROM blobs
    WHERE blobs.tenant_id = found.tenant_id
      AND blobs.sha256 = decode(found.sha256, 'hex'));

-- adopt_blobs --
-- Bytes in the store that no row knows of: from now on one does, and nothing refers to it. They stay
-- for `quarantine` as if they were announced until then: somebody may miss them.
INSERT INTO blobs (tenant_id, sha256, size_bytes, has_arrived, renewed_at)
SELECT found.tenant_id, decode(found.sha256, 'hex'), found.size_bytes, false,
       now() - %(least_age)s::interval + %(quarantine)s::interval
FROM unnest(%(tenants)s::text[], %(digests)s::text[], %(sizes)s::bigint[])
    AS found (tenant_id, sha256, size_bytes)
ON CONFLICT DO NOTHING;
