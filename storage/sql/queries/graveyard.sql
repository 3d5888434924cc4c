-- due --
-- Sweeps that have ended and have no page, or one that is older than what it is written from. Found
-- from what has changed of late, not from all that have ended: in the week before the last look at any
-- of them, so that nothing is forgotten while nobody looks. A day of the ledger counts once it is over:
-- before that it grows by the hour. For one sweep everything counts.
WITH span AS (
    SELECT CASE WHEN %(sweep_id)s::text IS NULL
                THEN coalesce(max(looked_at), now()) - INTERVAL '7 days'
                ELSE '-infinity' END AS since
    FROM graveyard_looks
), change AS (
    SELECT sweep_id, changed_at AS at
    FROM tag_changes
    WHERE changed_at >= (SELECT since FROM span)
      AND sweep_id IS NOT NULL
      AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
    UNION ALL
    SELECT (SELECT sweep_id FROM runs WHERE runs.run_id = tag_changes.run_id), changed_at
    FROM tag_changes
    WHERE changed_at >= (SELECT since FROM span)
      AND run_id IS NOT NULL
      AND (%(sweep_id)s::text IS NULL
           OR run_id IN (SELECT run_id FROM runs WHERE sweep_id = %(sweep_id)s))
    UNION ALL
    SELECT sweep_id, written_at
    FROM notes
    WHERE written_at >= (SELECT since FROM span)
      AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
    UNION ALL
    SELECT sweep_id, greatest(added_at, removed_at)
    FROM links
    WHERE greatest(added_at, removed_at) >= (SELECT since FROM span)
      AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
    UNION ALL
    SELECT sweep_id, confirmed_at
    FROM takeaways
    WHERE confirmed_at >= (SELECT since FROM span)
      AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
    UNION ALL
    SELECT sweeps.sweep_id, cost_days.replaced_at
    FROM cost_days
    JOIN sweeps ON cost_days.day BETWEEN (least(created_at, ended_at) AT TIME ZONE 'UTC')::date
                                     AND (ended_at AT TIME ZONE 'UTC')::date
    WHERE cost_days.replaced_at >= (SELECT since FROM span)
      AND cost_days.covered_until >= (cost_days.day + 1)::timestamp AT TIME ZONE 'UTC'
      AND (sweeps.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
), changed AS (
    SELECT sweep_id, max(at) AS at
    FROM change
    GROUP BY sweep_id
), stale AS MATERIALIZED (
    SELECT sweeps.sweep_id, sweeps.ended_at, looks.looked_at
    FROM sweeps
    LEFT JOIN graveyard_looks AS looks USING (sweep_id)
    LEFT JOIN graveyard_failures AS failures USING (sweep_id)
    LEFT JOIN changed USING (sweep_id)
    WHERE sweeps.state IN ('completed', 'failed', 'cancelled')
      AND (sweeps.sweep_id = %(sweep_id)s
           OR (%(sweep_id)s::text IS NULL
               AND coalesce(failures.failed_at < now() - INTERVAL '1 hour', true)))
      AND (looks.sweep_id IS NULL
           OR changed.at >= looks.looked_at
           OR (sweeps.sweep_id = %(sweep_id)s
               AND looks.amount_usd <> (
                   SELECT coalesce(sum(amount_usd), 0)
                   FROM cost_entries
                   WHERE cost_entries.sweep_id = %(sweep_id)s
                     AND category = 'compute'
               )))
)
SELECT sweep_id
FROM stale
WHERE NOT EXISTS (
    SELECT FROM runs
    WHERE runs.sweep_id = stale.sweep_id
      AND runs.ended_at IS NULL
    OFFSET 0  -- asked for each of the few, not joined with all runs
)
ORDER BY looked_at NULLS FIRST, ended_at
LIMIT %(limit)s;

-- sweep_facts --
-- What of a sweep its snapshot does not say. A change that is being committed may have begun a
-- little earlier: the look counts from some seconds ago.
SELECT sweeps.tenant_id, sweeps.code ->> 'commit' AS commit, sweeps.image, now() - INTERVAL '5 seconds' AS read_at
FROM sweeps
WHERE sweeps.sweep_id = %(sweep_id)s;

-- cost_of_sweep --
-- What computing it cost by the ledger; no row when it has nothing. Its files cost more every day.
SELECT sum(amount_usd)::float8 AS amount_usd,
       (sum(amount_usd) FILTER (WHERE is_waste))::float8 AS waste_usd,
       coalesce(sum(quantity) FILTER (WHERE unit = 'gpu_hours'), 0) AS gpu_hours,
       coalesce(sum(quantity) FILTER (WHERE unit = 'core_hours'), 0) AS core_hours
FROM cost_entries
WHERE sweep_id = %(sweep_id)s
  AND category = 'compute'
HAVING count(*) > 0;

-- tags_of_runs --
-- Of its trials, without what their scripts say of themselves.
SELECT run_tags.run_id,
       CASE run_tags.value WHEN '' THEN run_tags.name
                           ELSE run_tags.name || '=' || run_tags.value END AS words
FROM run_tags
JOIN runs USING (run_id)
WHERE runs.sweep_id = %(sweep_id)s
  AND run_tags.set_by <> ''
ORDER BY run_tags.run_id, run_tags.name;

-- takeaway_of --
-- The last one.
SELECT text, confirmed_by AS by, confirmed_at AS at
FROM takeaways
WHERE sweep_id = %(sweep_id)s
ORDER BY takeaway_id DESC
LIMIT 1;

-- insert_takeaway --
-- Written once. No row comes back when the sweep is not the tenant's, or has not ended.
INSERT INTO takeaways (tenant_id, sweep_id, text, confirmed_by, confirmed_at)
SELECT tenant_id, sweep_id, %(text)s, %(by)s, clock_timestamp()
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND tenant_id = %(tenant_id)s
  AND state IN ('completed', 'failed', 'cancelled')
RETURNING takeaway_id;

-- lock_sweep --
-- Two that write its page follow each other.
SELECT sweep_id
FROM sweeps
WHERE sweep_id = %(sweep_id)s
FOR NO KEY UPDATE;

-- newest_digest --
-- Of the newest version.
SELECT version, digest
FROM graveyard_entries
WHERE sweep_id = %(sweep_id)s
ORDER BY version DESC
LIMIT 1;

-- insert_entry --
-- Another version.
INSERT INTO graveyard_entries (sweep_id, version, tenant_id, title, markdown, digest, proposal,
                               importance, advice)
SELECT sweep_id, %(version)s, tenant_id, %(title)s, %(markdown)s, %(digest)s, %(proposal)s,
       %(importance)s, %(advice)s
FROM sweeps
WHERE sweep_id = %(sweep_id)s;

-- note_look --
-- The page says what the record said at that moment.
INSERT INTO graveyard_looks (sweep_id, version, looked_at, amount_usd)
VALUES (%(sweep_id)s, %(version)s, %(read_at)s, %(amount_usd)s)
ON CONFLICT (sweep_id) DO UPDATE
SET version = EXCLUDED.version, looked_at = EXCLUDED.looked_at, amount_usd = EXCLUDED.amount_usd
WHERE graveyard_looks.looked_at <= EXCLUDED.looked_at;

-- spent_exactly --
-- As `due` compares it.
SELECT coalesce(sum(amount_usd), 0)
FROM cost_entries
WHERE sweep_id = %(sweep_id)s
  AND category = 'compute';

-- forget_failure --
-- The page could be written.
DELETE FROM graveyard_failures
WHERE sweep_id = %(sweep_id)s;

-- note_failure --
-- The page could not be written.
INSERT INTO graveyard_failures (sweep_id, reason)
SELECT sweep_id, %(reason)s
FROM sweeps
WHERE sweep_id = %(sweep_id)s
ON CONFLICT (sweep_id) DO UPDATE
SET reason = EXCLUDED.reason, failed_at = EXCLUDED.failed_at;

-- search_entries --
-- Newest versions of a tenant that have the words, the best match first; without words the latest.
SELECT entries.sweep_id, entries.version, experiments.name AS experiment, sweeps.state::text,
       entries.title, entries.markdown, entries.proposal, takeaway.text AS takeaway,
       takeaway.confirmed_by, entries.importance, entries.advice,
       coalesce(tags.names, '{}') AS tags, entries.written_at
FROM graveyard_entries AS entries
JOIN graveyard_looks USING (sweep_id, version)
JOIN sweeps USING (sweep_id)
JOIN experiments USING (experiment_id)
LEFT JOIN LATERAL (
    SELECT text, confirmed_by
    FROM takeaways
    WHERE takeaways.sweep_id = entries.sweep_id
    ORDER BY takeaway_id DESC
    LIMIT 1
) AS takeaway ON true
LEFT JOIN LATERAL (
    SELECT array_agg(name ORDER BY name) AS names
    FROM sweep_tags
    WHERE sweep_tags.sweep_id = entries.sweep_id
) AS tags ON true
CROSS JOIN LATERAL (SELECT websearch_to_tsquery('english', %(words)s::text) AS query) AS asked
WHERE entries.tenant_id = %(tenant_id)s
  AND (entries.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (%(tag)s::text IS NULL OR %(tag)s = ANY (tags.names))
  AND (%(words)s::text IS NULL OR entries.words @@ asked.query)
ORDER BY CASE WHEN %(words)s::text IS NULL THEN 0 ELSE ts_rank(entries.words, asked.query) END DESC,
         sweeps.ended_at DESC, entries.sweep_id
LIMIT %(limit)s;

-- earlier_sweeps --
-- That have ended, for the same objective or of the same experiment; the latest first.
SELECT sweeps.sweep_id, sweeps.spec,
       coalesce(datasets.names, '{}') AS datasets,
       best.value AS best,
       coalesce(takeaway.text, entries.proposal, '') AS takeaway,
       takeaway.text IS NOT NULL AS is_confirmed
FROM sweeps
JOIN experiments USING (experiment_id)
LEFT JOIN graveyard_looks USING (sweep_id)
LEFT JOIN graveyard_entries AS entries USING (sweep_id, version)
LEFT JOIN LATERAL (
    SELECT text
    FROM takeaways
    WHERE takeaways.sweep_id = sweeps.sweep_id
    ORDER BY takeaway_id DESC
    LIMIT 1
) AS takeaway ON true
LEFT JOIN LATERAL (
    SELECT array_agg(datasets.name || '@' || sweep_datasets.number ORDER BY datasets.name) AS names
    FROM sweep_datasets
    JOIN datasets USING (dataset_id)
    WHERE sweep_datasets.sweep_id = sweeps.sweep_id
) AS datasets ON true
LEFT JOIN LATERAL (
    SELECT CASE %(direction)s WHEN 'maximize' THEN max(objective) ELSE min(objective) END AS value
    FROM runs
    WHERE runs.sweep_id = sweeps.sweep_id
      AND runs.state IN ('completed', 'stopped')
      AND objective > '-Infinity'
      AND objective < 'Infinity'
) AS best ON true
WHERE sweeps.tenant_id = %(tenant_id)s
  AND sweeps.state IN ('completed', 'failed', 'cancelled')
  AND sweeps.spec -> 'objective' ->> 'metric' = %(metric)s
  AND sweeps.spec -> 'objective' ->> 'direction' = %(direction)s
ORDER BY (experiments.name = %(experiment)s) DESC, sweeps.log_position DESC
LIMIT %(limit)s;
