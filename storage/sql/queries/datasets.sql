-- ensure_dataset --
-- The dataset of that name, its row under lock: numbers are given out one at a time.
INSERT INTO datasets (tenant_id, name, owner, purpose, created_by)
VALUES (%(tenant_id)s, %(name)s, %(owner)s, %(purpose)s, %(created_by)s)
ON CONFLICT ON CONSTRAINT datasets_tenant_id_name_key DO UPDATE SET name = excluded.name
RETURNING dataset_id;

-- number_of_content --
-- The version that has this content.
SELECT number
FROM dataset_versions
WHERE dataset_id = %(dataset_id)s
  AND content_hash = %(content_hash)s;

-- next_number --
-- What a new version is called.
SELECT coalesce(max(number), 0) + 1
FROM dataset_versions
WHERE dataset_id = %(dataset_id)s;

-- insert_version --
-- A version, written once.
INSERT INTO dataset_versions (dataset_id, number, content_hash, kind, location, manifest, variant,
                              file_count, size_bytes, row_count, schema, statistics,
                              preprocessing, column_lineage, created_by)
VALUES (%(dataset_id)s, %(number)s, %(content_hash)s, %(kind)s, %(location)s, %(manifest)s,
        %(variant)s::dataset_variant, %(file_count)s, %(size_bytes)s, %(row_count)s, %(schema)s,
        %(statistics)s, %(preprocessing)s, %(column_lineage)s, %(created_by)s);

-- insert_parents --
-- What it was made from.
INSERT INTO dataset_version_parents (dataset_id, number, parent_id, parent_number)
SELECT %(dataset_id)s, %(number)s, parent_id, parent_number
FROM unnest(%(parent_ids)s::bigint[], %(parent_numbers)s::int[]) AS new (parent_id, parent_number)
ON CONFLICT DO NOTHING;

-- lock_parents --
-- One at a time adds parents to versions of a tenant that are there, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('parents of ' || %(tenant_id)s, 0));

-- said_parents --
-- What a version is said to be made from, directly.
SELECT parent_id, parent_number
FROM dataset_version_parents
WHERE dataset_id = %(dataset_id)s
  AND number = %(number)s;

-- made_from --
-- Those of some versions that are a version, or were made from it, through however many others.
WITH RECURSIVE reached (first_id, first_number, dataset_id, number) AS (
    SELECT id, number, id, number
    FROM unnest(%(parent_ids)s::bigint[], %(parent_numbers)s::int[]) AS asked (id, number)
    UNION
    SELECT reached.first_id, reached.first_number, parents.parent_id, parents.parent_number
    FROM reached
    JOIN dataset_version_parents AS parents
        ON parents.dataset_id = reached.dataset_id
        AND parents.number = reached.number
)
SELECT first_id, first_number
FROM reached
WHERE dataset_id = %(dataset_id)s
  AND number = %(number)s;

-- insert_location --
-- Where it was found, and when its files were written there, unless that is known; says whether
-- the place is another one than the last.
WITH last AS (
    SELECT location, states
    FROM dataset_locations
    WHERE dataset_id = %(dataset_id)s
      AND number = %(number)s
    ORDER BY found_at DESC
    LIMIT 1
), added AS (
    INSERT INTO dataset_locations (dataset_id, number, location, states)
    SELECT %(dataset_id)s, %(number)s, %(location)s, %(states)s::jsonb
    WHERE NOT EXISTS (
        SELECT
        FROM last
        WHERE location = %(location)s
          AND states IS NOT DISTINCT FROM %(states)s::jsonb
    )
)
SELECT location <> %(location)s
FROM last;

-- list_versions --
-- Versions as a list shows them, newest first. Without a number the newest ones of each dataset
-- come with the others; `latest` leaves these others out.
SELECT datasets.tenant_id, datasets.name, versions.number, datasets.owner, datasets.purpose,
       versions.variant::text, versions.kind, encode(versions.content_hash, 'hex') AS content_hash,
       places.location, versions.file_count, versions.size_bytes, versions.row_count,
       looks.has_passed, versions.created_by, versions.created_at,
       EXISTS (
           SELECT FROM dataset_blobs
           WHERE dataset_blobs.dataset_id = versions.dataset_id
             AND dataset_blobs.number = versions.number
       ) AS is_stored
FROM dataset_versions AS versions
JOIN datasets USING (dataset_id)
CROSS JOIN LATERAL (
    SELECT location
    FROM dataset_locations
    WHERE dataset_id = versions.dataset_id
      AND number = versions.number
    ORDER BY found_at DESC
    LIMIT 1
) AS places
LEFT JOIN LATERAL (
    SELECT bool_and(checks.has_passed OR NOT checks.is_blocking) AS has_passed
    FROM dataset_checks AS checks
    WHERE checks.dataset_id = versions.dataset_id
      AND checks.number = versions.number
      AND checks.checked_at = (
          SELECT max(last.checked_at)
          FROM dataset_checks AS last
          WHERE last.dataset_id = versions.dataset_id
            AND last.number = versions.number
      )
) AS looks ON true
WHERE (datasets.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (datasets.name = %(name)s OR %(name)s::text IS NULL)
  AND (versions.number = %(number)s OR %(number)s::int IS NULL)
  AND (NOT %(latest)s OR NOT EXISTS (
      SELECT
      FROM dataset_versions AS newer
      WHERE newer.dataset_id = versions.dataset_id
        AND newer.number > versions.number
  ))
ORDER BY versions.created_at DESC, datasets.name, versions.number DESC
LIMIT %(limit)s;

-- get_version --
-- What a list leaves out; without a number of the newest one.
SELECT versions.dataset_id, versions.number, versions.manifest, versions.statistics,
       versions.row_count, versions.preprocessing, versions.column_lineage, places.states
FROM dataset_versions AS versions
JOIN datasets USING (dataset_id)
CROSS JOIN LATERAL (
    SELECT states
    FROM dataset_locations
    WHERE dataset_id = versions.dataset_id
      AND number = versions.number
    ORDER BY found_at DESC
    LIMIT 1
) AS places
WHERE datasets.tenant_id = %(tenant_id)s
  AND datasets.name = %(name)s
  AND (versions.number = %(number)s OR %(number)s::int IS NULL)
ORDER BY versions.number DESC
LIMIT 1;

-- parents_of --
-- What a version was made from.
SELECT datasets.name || '@' || parents.parent_number
FROM dataset_version_parents AS parents
JOIN datasets ON datasets.dataset_id = parents.parent_id
WHERE parents.dataset_id = %(dataset_id)s
  AND parents.number = %(number)s
ORDER BY datasets.name, parents.parent_number;

-- numbers_of --
-- Which versions a dataset has, newest first.
SELECT versions.number
FROM dataset_versions AS versions
JOIN datasets USING (dataset_id)
WHERE datasets.tenant_id = %(tenant_id)s
  AND datasets.name = %(name)s
ORDER BY versions.number DESC
LIMIT 10;

-- pin --
-- The version that a reference means now; without a number the newest one.
SELECT versions.dataset_id, datasets.name, versions.number, places.location
FROM dataset_versions AS versions
JOIN datasets USING (dataset_id)
CROSS JOIN LATERAL (
    SELECT location
    FROM dataset_locations
    WHERE dataset_id = versions.dataset_id
      AND number = versions.number
    ORDER BY found_at DESC
    LIMIT 1
) AS places
WHERE datasets.tenant_id = %(tenant_id)s
  AND datasets.name = %(name)s
  AND (versions.number = %(number)s OR %(number)s::int IS NULL)
ORDER BY versions.number DESC
LIMIT 1;

-- insert_checks --
-- All results of one look, at one time.
INSERT INTO dataset_checks (dataset_id, number, suite, suite_digest, expectation, is_blocking,
                            has_passed, details)
SELECT %(dataset_id)s, %(number)s, %(suite)s, %(suite_digest)s, expectation, is_blocking,
       has_passed, details
FROM unnest(%(expectations)s::text[], %(are_blocking)s::boolean[], %(have_passed)s::boolean[],
            %(details)s::jsonb[])
    AS new (expectation, is_blocking, has_passed, details);

-- newest_look --
-- What was found when a version was looked at last.
SELECT suite, suite_digest, expectation, is_blocking, has_passed, details, checked_at
FROM dataset_checks
WHERE dataset_id = %(dataset_id)s
  AND number = %(number)s
  AND checked_at = (
      SELECT max(checked_at)
      FROM dataset_checks
      WHERE dataset_id = %(dataset_id)s
        AND number = %(number)s
  )
ORDER BY check_id;

-- pin_to_sweep --
-- Versions that a sweep named; the first time stands.
INSERT INTO sweep_datasets (sweep_id, dataset_id, number)
SELECT %(sweep_id)s, dataset_id, number
FROM unnest(%(dataset_ids)s::bigint[], %(numbers)s::int[]) AS new (dataset_id, number)
ON CONFLICT DO NOTHING;

-- of_sweep --
-- Versions that a sweep named, and where they are.
SELECT pinned.dataset_id, datasets.name, pinned.number, places.location
FROM sweep_datasets AS pinned
JOIN datasets USING (dataset_id)
CROSS JOIN LATERAL (
    SELECT location
    FROM dataset_locations
    WHERE dataset_id = pinned.dataset_id
      AND number = pinned.number
    ORDER BY found_at DESC
    LIMIT 1
) AS places
WHERE pinned.sweep_id = %(sweep_id)s
ORDER BY datasets.name;

-- of_run --
-- Versions that a run has used, and where they are.
SELECT used.dataset_id, datasets.name, used.number, places.location
FROM run_datasets AS used
JOIN datasets USING (dataset_id)
CROSS JOIN LATERAL (
    SELECT location
    FROM dataset_locations
    WHERE dataset_id = used.dataset_id
      AND number = used.number
    ORDER BY found_at DESC
    LIMIT 1
) AS places
JOIN runs USING (run_id)
WHERE used.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s
ORDER BY datasets.name, used.number;

-- use_in_runs --
-- New trials use what their sweep has pinned.
INSERT INTO run_datasets (run_id, dataset_id, number)
SELECT new.run_id, pinned.dataset_id, pinned.number
FROM sweep_datasets AS pinned
CROSS JOIN unnest(%(run_ids)s::text[]) AS new (run_id)
WHERE pinned.sweep_id = %(sweep_id)s
ON CONFLICT DO NOTHING;

-- use_in_run --
-- A run says that it uses a version. Of a sealed one nothing more is taken, not even the same again.
INSERT INTO run_datasets (run_id, dataset_id, number)
VALUES (%(run_id)s, %(dataset_id)s, %(number)s)
ON CONFLICT DO NOTHING;

-- open_in_run --
-- A run has asked for a version that it uses.
INSERT INTO opened_datasets (run_id, dataset_id, number)
VALUES (%(run_id)s, %(dataset_id)s, %(number)s)
ON CONFLICT DO NOTHING;

-- manifest_of --
-- Files of a version.
SELECT manifest -> 'files'
FROM dataset_versions
WHERE dataset_id = %(dataset_id)s
  AND number = %(number)s;

-- renew_arrived --
-- Whoever brings a version wants all of it: what has arrived stays as if it had been announced again.
UPDATE blobs
SET renewed_at = clock_timestamp()
FROM (
    SELECT tenant_id, sha256
    FROM blobs
    WHERE tenant_id = %(tenant_id)s
      AND sha256 = ANY(%(sha256s)s)
      AND has_arrived
      AND state <> 'deleting'
      AND renewed_at < now() - interval '1 hour'
    ORDER BY sha256
    FOR NO KEY UPDATE
) AS due
WHERE blobs.tenant_id = due.tenant_id
  AND blobs.sha256 = due.sha256;

-- hold_arrived --
-- Those of some bytes that the store has; nobody deletes them before the transaction ends.
SELECT sha256, size_bytes
FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = ANY(%(sha256s)s)
  AND has_arrived
  AND state <> 'deleting'
ORDER BY sha256
FOR KEY SHARE;

-- insert_dataset_blobs --
-- All files of a version, at once.
INSERT INTO dataset_blobs (tenant_id, dataset_id, number, sha256)
SELECT %(tenant_id)s, %(dataset_id)s, %(number)s, sha256
FROM unnest(%(sha256s)s::bytea[]) AS new (sha256)
ORDER BY sha256
ON CONFLICT DO NOTHING;

-- find_blob --
-- Bytes of a file that the store has of that version; no row: it has not.
SELECT blobs.size_bytes
FROM dataset_blobs
JOIN blobs USING (tenant_id, sha256)
WHERE dataset_blobs.dataset_id = %(dataset_id)s
  AND dataset_blobs.number = %(number)s
  AND dataset_blobs.sha256 = %(sha256)s;

-- is_stored --
-- Whether the store has a version; no row: it has not.
SELECT true AS is_stored
FROM dataset_blobs
WHERE dataset_id = %(dataset_id)s
  AND number = %(number)s
LIMIT 1;
