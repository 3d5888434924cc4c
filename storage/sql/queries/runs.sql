-- list_runs --
-- Newest first; `after` is the run that the last page ended with.
SELECT runs.run_id, experiments.name AS experiment, runs.sweep_id, runs.number, runs.seed,
       runs.created_by, runs.created_at, runs.state::text, runs.reason, runs.started_at,
       runs.ended_at, runs.objective, runs.resource_level, runs.sealed_at, runs.rerun_of
FROM runs
JOIN experiments USING (experiment_id)
WHERE runs.tenant_id = %(tenant_id)s
  AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
  AND (runs.state = %(state)s::run_state OR %(state)s::text IS NULL)
  AND (%(after)s::text IS NULL
       OR (runs.created_at, runs.run_id) < (
           SELECT last.created_at, last.run_id
           FROM runs AS last
           WHERE last.run_id = %(after)s
             AND last.tenant_id = %(tenant_id)s
       ))
ORDER BY runs.created_at DESC, runs.run_id DESC
LIMIT %(limit)s;

-- get_run --
-- One run.
SELECT runs.run_id, experiments.name AS experiment, runs.sweep_id, runs.number, runs.seed,
       runs.created_by, runs.created_at, runs.state::text, runs.reason, runs.started_at,
       runs.ended_at, runs.objective, runs.resource_level, runs.sealed_at, runs.rerun_of
FROM runs
JOIN experiments USING (experiment_id)
WHERE runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s;

-- params_of_run --
-- What the run was started with, and what its script added.
SELECT name, value
FROM run_params
WHERE run_id = %(run_id)s
ORDER BY name;

-- tags_of_run --
-- Its tags.
SELECT name, value
FROM run_tags
WHERE run_id = %(run_id)s
ORDER BY name;

-- notices_of_run --
-- What of it was not stored, oldest first.
SELECT subject, sentence
FROM run_notices
WHERE run_id = %(run_id)s
ORDER BY noted_at, subject;

-- attempts_of_run --
-- Its executions, in order.
SELECT attempt_id, run_id, number, state::text, created_at, started_at, ended_at,
       exit_reason::text, exit_code, exit_signal, message, node, gpus, image, scheduled_at,
       gpu_model, gpu_count, capacity, region, instance_type, pools
FROM attempts
WHERE run_id = %(run_id)s
ORDER BY number;

-- trials_of_sweep --
-- A sweep as a table, a line a trial.
SELECT runs.run_id, runs.number, runs.state::text, runs.reason, runs.objective,
       runs.resource_level,
       (SELECT extract(epoch FROM sum(coalesce(attempts.ended_at, now()) - attempts.started_at))
        FROM attempts
        WHERE attempts.run_id = runs.run_id)::float8 AS duration_seconds,
       coalesce(params.configuration, '{}') AS configuration
FROM runs
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(name, value) AS configuration
    FROM run_params
    WHERE run_params.run_id = runs.run_id
) AS params
WHERE runs.sweep_id = %(sweep_id)s
  AND runs.tenant_id = %(tenant_id)s
ORDER BY runs.number;

-- ensure_scratch_experiment --
-- The experiment of that name; whoever was first stays its owner.
INSERT INTO experiments (tenant_id, name, owner, purpose)
VALUES (%(tenant_id)s, %(name)s, %(owner)s, 'runs outside a sweep')
ON CONFLICT (tenant_id, name) DO UPDATE SET owner = experiments.owner
RETURNING experiment_id;

-- insert_scratch_run --
-- It runs already, if its script is what asked for it. No row comes back when it is there.
INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by, state, started_at, rerun_of)
SELECT %(run_id)s, %(tenant_id)s, %(experiment_id)s, %(seed)s, %(created_by)s,
       CASE WHEN waits THEN 'queued' ELSE 'running' END::run_state,
       CASE WHEN NOT waits THEN least(coalesce(%(started_at)s::timestamptz, now()), now()) END,
       %(rerun_of)s
FROM (SELECT %(is_queued)s::boolean AS waits) AS asked
ON CONFLICT (run_id) DO NOTHING
RETURNING run_id;

-- is_scratch_run --
-- Whether that is what a run of this name is.
SELECT run_id
FROM runs
WHERE run_id = %(run_id)s
  AND tenant_id = %(tenant_id)s
  AND seed = %(seed)s
  AND sweep_id IS NULL;

-- hear_of_runs --
-- Those that were given up for their silence live again. In order of name, as every batch locks.
WITH held AS (
    SELECT run_id
    FROM runs
    WHERE run_id = ANY(%(run_ids)s::text[])
      AND lost_at IS NOT NULL
      AND sealed_at IS NULL
    ORDER BY run_id
    FOR NO KEY UPDATE
)
UPDATE runs
SET state = 'running', ended_at = NULL, reason = '', lost_at = NULL
FROM held
WHERE runs.run_id = held.run_id
RETURNING runs.run_id, runs.rerun_of IS NOT NULL AS is_rerun;

-- record_end --
-- When the script has ended, of a run whose last flush is still to come.
UPDATE runs
SET recorded_ended_at = %(ended_at)s
WHERE run_id = %(run_id)s
  AND state = 'running'
  AND recorded_ended_at IS NULL;

-- insert_scratch_params --
-- Its params, from one object.
INSERT INTO run_params (run_id, name, value)
SELECT %(run_id)s, key, value
FROM jsonb_each(%(params)s::jsonb);

-- insert_scratch_tags --
-- Its tags, from one object.
INSERT INTO run_tags (run_id, name, value)
SELECT %(run_id)s, key, value
FROM jsonb_each_text(%(tags)s::jsonb);

-- touch_scratch_run --
-- Its sign of life, or that of whoever brings what its script has left.
INSERT INTO run_activity (run_id, last_seen_at)
VALUES (%(run_id)s, now())
ON CONFLICT (run_id) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at;

-- decision --
-- The search's answer to a report; a sweep that is being cancelled answers for it. A pause lasts
-- until the trial is promoted: an attempt that comes by the same level again is not paused again.
SELECT CASE WHEN sweeps.requested = 'cancel' THEN 'stop'
            WHEN reports.decision = 'pause' THEN coalesce(run_activity.control::text, 'pause')
            ELSE reports.decision::text
       END AS decision
FROM runs
LEFT JOIN sweeps USING (sweep_id)
LEFT JOIN run_activity USING (run_id)
LEFT JOIN reports ON reports.run_id = runs.run_id AND reports.resource_level = %(level)s
WHERE runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s;

-- beat --
-- A sign of life; what the script is told comes back.
UPDATE run_activity
SET last_seen_at = now()
FROM runs
LEFT JOIN sweeps USING (sweep_id)
WHERE run_activity.run_id = runs.run_id
  AND runs.run_id = %(run_id)s
  AND runs.tenant_id = %(tenant_id)s
RETURNING CASE WHEN sweeps.requested = 'cancel' THEN 'stop'
               ELSE coalesce(run_activity.control::text, 'continue')
          END AS control;

-- watermarks --
-- How much of each writer of a run is stored.
SELECT writer_id, watermark
FROM writers
WHERE run_id = %(run_id)s;

-- end_of_run --
-- How a run has ended and why, and how much of one writer is stored.
SELECT runs.state::text, runs.reason, coalesce(writers.watermark, 0) AS watermark
FROM runs
LEFT JOIN writers ON writers.run_id = runs.run_id AND writers.writer_id = %(writer_id)s
WHERE runs.run_id = %(run_id)s;

-- note_gateway --
-- A gateway is there; how long none was is kept, if that was longer than a moment.
WITH last AS (
    SELECT last_seen_at
    FROM gateway_activity
    FOR UPDATE
), gap AS (
    INSERT INTO gateway_gaps (since, until)
    SELECT last_seen_at, now()
    FROM last
    WHERE last_seen_at < now() - %(gap)s::interval
    ON CONFLICT DO NOTHING
    RETURNING since
)
INSERT INTO gateway_activity (last_seen_at)
SELECT now()
FROM (SELECT count(*) FROM gap) AS kept  -- first; afterwards the row tells no gap
ON CONFLICT (only_row) DO UPDATE
SET last_seen_at = greatest(gateway_activity.last_seen_at, EXCLUDED.last_seen_at);

-- fail_silent_runs --
-- What `retention.silence` says, for all scratch runs at once. One that is being written to is
-- locked by its batch and left alone.
UPDATE runs
SET state = 'failed',
    ended_at = now(),
    lost_at = now(),
    reason = 'silent since '
        || to_char(silent.last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        || ' UTC: its script has ended without a word, or cannot reach the gateway'
FROM (
    SELECT live.run_id, activity.last_seen_at
    FROM runs AS live
    JOIN run_activity AS activity USING (run_id)
    WHERE live.sweep_id IS NULL
      AND live.state IN ('queued', 'running')
      AND now() - activity.last_seen_at - (
              SELECT coalesce(sum(greatest(
                         least(gaps.until + %(recovery)s::interval, now())
                             - greatest(gaps.since, activity.last_seen_at),
                         interval '0')), interval '0')
              FROM gateway_gaps AS gaps
              WHERE gaps.until > activity.last_seen_at - %(recovery)s::interval
          ) >= %(after)s::interval
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS silent
WHERE runs.run_id = silent.run_id
RETURNING runs.run_id;

-- seal_runs --
-- What `retention.sealing` says, for all ended runs at once. A run that is being written to is
-- locked by its batch and left to the next time; so are those another gateway has in hand.
UPDATE runs
SET sealed_at = now()
WHERE run_id IN (
    SELECT ended.run_id
    FROM runs AS ended
    WHERE ended.sealed_at IS NULL
      AND ended.ended_at IS NOT NULL
      AND (ended.ended_at <= now() - CASE WHEN ended.lost_at IS NULL THEN %(grace)s::interval
                                          ELSE %(lost_grace)s::interval END
           OR (SELECT bool_and(writers.finished_at IS NOT NULL)
               FROM writers
               WHERE writers.run_id = ended.run_id))
    ORDER BY ended.ended_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
RETURNING run_id;
