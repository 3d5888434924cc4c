-- take_due --
-- Some of what is to go cold, with its bytes, which are announced: no deletion takes them for a day.
WITH due AS MATERIALIZED (
    SELECT items.plan_id, items.ordinal, items.due_at, items.storage_class, artifacts.tenant_id,
           artifacts.sha256
    FROM retention_items AS items
    LEFT JOIN artifacts
        ON artifacts.run_id = items.run_id
        AND artifacts.name = items.name
    WHERE items.state = 'marked'
      AND items.due_at <= %(now)s
      AND items.kind = 'cold'
    ORDER BY items.due_at, items.plan_id, items.ordinal
    LIMIT %(limit)s
), held AS MATERIALIZED (
    SELECT tenant_id, sha256
    FROM blobs
    WHERE (tenant_id, sha256) IN (SELECT tenant_id, sha256 FROM due)
      AND state <> 'deleting'
    ORDER BY tenant_id, sha256
    FOR UPDATE
), announced AS (
    UPDATE blobs
    SET renewed_at = greatest(renewed_at, clock_timestamp())
    FROM held
    WHERE blobs.tenant_id = held.tenant_id
      AND blobs.sha256 = held.sha256
    RETURNING blobs.tenant_id, blobs.sha256, blobs.size_bytes
)
SELECT due.plan_id, due.ordinal, due.storage_class, announced.tenant_id,
       encode(announced.sha256, 'hex') AS sha256, announced.size_bytes
FROM due
LEFT JOIN announced USING (tenant_id, sha256)
ORDER BY due.due_at, due.plan_id, due.ordinal;

-- note_moved --
-- They are in their class from now on: by the clock of whoever writes it down, so that no day of the
-- ledger that was written before turns out otherwise.
WITH moved AS (
    SELECT * FROM unnest(
        %(plan_ids)s::bigint[], %(ordinals)s::int[], %(classes)s::text[], %(tenants)s::text[],
        %(digests)s::text[]
    ) AS moved (plan_id, ordinal, storage_class, tenant_id, sha256)
), held AS MATERIALIZED (
    SELECT blobs.tenant_id, blobs.sha256, moved.storage_class
    FROM blobs
    JOIN moved
        ON blobs.tenant_id = moved.tenant_id
        AND blobs.sha256 = decode(moved.sha256, 'hex')
    WHERE blobs.storage_class = 'standard'
    ORDER BY blobs.tenant_id, blobs.sha256
    FOR UPDATE OF blobs
), classed AS (
    UPDATE blobs
    SET storage_class = held.storage_class, class_since = clock_timestamp()
    FROM held
    WHERE blobs.tenant_id = held.tenant_id
      AND blobs.sha256 = held.sha256
)
UPDATE retention_items AS items
SET state = 'moved', changed_at = now()
FROM moved
WHERE items.plan_id = moved.plan_id
  AND items.ordinal = moved.ordinal
  AND items.state = 'marked';

-- note_gone --
-- Their artifact, or its bytes, went before.
UPDATE retention_items AS items
SET state = 'restored', spared_by = 'changed', changed_at = now()
FROM unnest(%(plan_ids)s::bigint[], %(ordinals)s::int[]) AS gone (plan_id, ordinal)
WHERE items.plan_id = gone.plan_id
  AND items.ordinal = gone.ordinal
  AND items.state = 'marked';

-- cold_serving --
-- Bytes of what aliases of models mean that are in a colder class.
SELECT tenant_id, encode(sha256, 'hex') AS sha256, size_bytes
FROM blobs
WHERE storage_class <> 'standard'
  AND state <> 'deleting'
  AND EXISTS (
      SELECT FROM model_versions
      JOIN model_aliases USING (model_id, number)
      JOIN models USING (model_id)
      WHERE models.tenant_id = blobs.tenant_id
        AND model_versions.sha256 = blobs.sha256)
ORDER BY tenant_id, sha256;

-- note_back --
-- It is standard from now on, by the clock as above.
UPDATE blobs
SET storage_class = 'standard', class_since = clock_timestamp()
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND storage_class <> 'standard';
