-- hold_runs --
-- The runs of a batch, held open until it commits: sealing needs the whole row and skips those it
-- cannot have. What the scripts are told comes with them. In order of name, as every batch locks.
SELECT runs.run_id, runs.tenant_id, runs.sweep_id,
       runs.sealed_at IS NOT NULL AS is_sealed, runs.lost_at IS NOT NULL AS is_lost,
       sweeps.spec -> 'objective' ->> 'metric' AS objective,
       CASE WHEN sweeps.requested = 'cancel' THEN 'stop'
            ELSE coalesce(run_activity.control::text, 'continue')
       END AS control
FROM runs
LEFT JOIN sweeps USING (sweep_id)
LEFT JOIN run_activity USING (run_id)
WHERE runs.run_id = ANY(%(run_ids)s::text[])
ORDER BY runs.run_id
FOR KEY SHARE OF runs;

-- move_watermarks --
-- Of runs that are there for the tenant, and open. Only what is new comes back: a repeated or late
-- flush finds a watermark at or above its sequence.
INSERT INTO writers (run_id, writer_id, attempt_id, watermark, finished_at, updated_at)
SELECT new.run_id, new.writer_id, new.attempt_id, new.sequence,
       CASE WHEN new.is_last THEN now() END, now()
FROM unnest(%(run_ids)s::text[], %(tenant_ids)s::text[], %(writer_ids)s::text[],
            %(attempt_ids)s::text[], %(sequences)s::bigint[], %(are_last)s::boolean[])
    AS new (run_id, tenant_id, writer_id, attempt_id, sequence, is_last)
JOIN runs USING (run_id, tenant_id)
WHERE runs.sealed_at IS NULL
ORDER BY new.run_id, new.writer_id
ON CONFLICT (run_id, writer_id) DO UPDATE
SET watermark = EXCLUDED.watermark,
    attempt_id = coalesce(EXCLUDED.attempt_id, writers.attempt_id),
    finished_at = coalesce(EXCLUDED.finished_at, writers.finished_at),
    updated_at = EXCLUDED.updated_at
WHERE writers.watermark < EXCLUDED.watermark
RETURNING run_id, writer_id;

-- insert_reports --
-- The first report of a level stands: another attempt that passes it again changes nothing. Only
-- what it lacks may follow, above all the objective, which a script may report by a call of its own.
INSERT INTO reports (run_id, resource_level, sweep_id, value, "values", reported_at)
SELECT run_id, level, sweep_id, value, reported, reported_at
FROM unnest(%(run_ids)s::text[], %(levels)s::bigint[], %(sweep_ids)s::text[],
            %(values)s::float8[], %(reported)s::jsonb[], %(reported_ats)s::timestamptz[])
    AS new (run_id, level, sweep_id, value, reported, reported_at)
ORDER BY run_id, level
ON CONFLICT (run_id, resource_level) DO UPDATE
SET value = coalesce(reports.value, EXCLUDED.value),
    "values" = EXCLUDED."values" || reports."values"
WHERE reports.decision IS NULL
  AND NOT reports."values" @> EXCLUDED."values"
  AND (reports.value IS NULL OR EXCLUDED.value IS NULL);

-- surplus_params --
-- Those beyond what a run may have, in the order in which they came.
SELECT new.place
FROM unnest(%(run_ids)s::text[], %(names)s::text[]) WITH ORDINALITY AS new (run_id, name, place)
JOIN (
    SELECT asked.run_id, asked.name,
           row_number() OVER (PARTITION BY asked.run_id ORDER BY min(asked.place)) AS nth
    FROM unnest(%(run_ids)s::text[], %(names)s::text[]) WITH ORDINALITY
        AS asked (run_id, name, place)
    LEFT JOIN run_params AS kept USING (run_id, name)
    WHERE kept.run_id IS NULL
    GROUP BY asked.run_id, asked.name
) AS fresh USING (run_id, name)
LEFT JOIN (
    SELECT run_id, count(*) AS n
    FROM run_params
    WHERE run_id = ANY(%(run_ids)s::text[])
    GROUP BY run_id
) AS there USING (run_id)
WHERE fresh.nth + coalesce(there.n, 0) > %(most)s
ORDER BY new.place;

-- insert_params --
-- Set once; `differing_params` tells who tried a second value.
INSERT INTO run_params (run_id, name, value)
SELECT run_id, name, value
FROM unnest(%(run_ids)s::text[], %(names)s::text[], %(values)s::jsonb[]) AS new (run_id, name, value)
ORDER BY run_id, name
ON CONFLICT (run_id, name) DO NOTHING;

-- differing_params --
-- Params that have another value already.
SELECT new.place, run_params.value::text AS kept
FROM unnest(%(run_ids)s::text[], %(names)s::text[], %(values)s::jsonb[]) WITH ORDINALITY
    AS new (run_id, name, value, place)
JOIN run_params USING (run_id, name)
WHERE run_params.value <> new.value;

-- surplus_tags --
-- Those beyond what a run may have, in the order in which they came.
SELECT new.place
FROM unnest(%(run_ids)s::text[], %(names)s::text[]) WITH ORDINALITY AS new (run_id, name, place)
JOIN (
    SELECT asked.run_id, asked.name,
           row_number() OVER (PARTITION BY asked.run_id ORDER BY min(asked.place)) AS nth
    FROM unnest(%(run_ids)s::text[], %(names)s::text[]) WITH ORDINALITY
        AS asked (run_id, name, place)
    LEFT JOIN run_tags AS kept USING (run_id, name)
    WHERE kept.run_id IS NULL
    GROUP BY asked.run_id, asked.name
) AS fresh USING (run_id, name)
LEFT JOIN (
    SELECT run_id, count(*) AS n
    FROM run_tags
    WHERE run_id = ANY(%(run_ids)s::text[])
    GROUP BY run_id
) AS there USING (run_id)
WHERE fresh.nth + coalesce(there.n, 0) > %(most)s
ORDER BY new.place;

-- set_tags --
-- The last value counts.
INSERT INTO run_tags (run_id, name, value)
SELECT run_id, name, value
FROM unnest(%(run_ids)s::text[], %(names)s::text[], %(values)s::text[]) AS new (run_id, name, value)
ORDER BY run_id, name
ON CONFLICT (run_id, name) DO UPDATE
SET value = EXCLUDED.value
WHERE run_tags.value <> EXCLUDED.value;

-- note_activity --
-- A sign of life of the scripts. A row that the controller is writing is skipped, not waited for:
-- it locks them in another order, and the next flush says the same again.
UPDATE run_activity
SET last_seen_at = now()
WHERE run_id IN (
    SELECT run_id
    FROM run_activity
    WHERE run_id = ANY(%(run_ids)s::text[])
    ORDER BY run_id
    FOR NO KEY UPDATE SKIP LOCKED
);

-- finish_scratch_runs --
-- The script's own word ends a run that no controller looks after. In order of name, as every batch
-- locks.
WITH held AS (
    SELECT run_id
    FROM runs
    WHERE run_id = ANY(%(run_ids)s::text[])
      AND sweep_id IS NULL
      AND state = 'running'
    ORDER BY run_id
    FOR NO KEY UPDATE
)
UPDATE runs
SET state = new.state::run_state,
    reason = new.reason,
    ended_at = greatest(least(coalesce(runs.recorded_ended_at, now()), now()), runs.started_at)
FROM unnest(%(run_ids)s::text[], %(states)s::text[], %(reasons)s::text[])
    AS new (run_id, state, reason)
JOIN held USING (run_id)
WHERE runs.run_id = new.run_id;

-- note --
-- What was left out. A hundred subjects of a run are enough for anybody.
INSERT INTO run_notices (run_id, subject, sentence)
SELECT run_id, subject, sentence
FROM unnest(%(run_ids)s::text[], %(subjects)s::text[], %(sentences)s::text[])
    AS new (run_id, subject, sentence)
WHERE (SELECT count(*) FROM run_notices WHERE run_notices.run_id = new.run_id) < 100
   OR EXISTS (
       SELECT FROM run_notices AS kept
       WHERE kept.run_id = new.run_id
         AND kept.subject = new.subject
   )
ORDER BY run_id, subject
ON CONFLICT (run_id, subject) DO UPDATE
SET sentence = EXCLUDED.sentence
WHERE run_notices.sentence <> EXCLUDED.sentence;
