-- copy_datasets --
-- A rerun learns from the same versions.
INSERT INTO run_datasets (run_id, dataset_id, number)
SELECT %(rerun)s, dataset_id, number
FROM run_datasets
WHERE run_id = %(run_id)s
ON CONFLICT DO NOTHING;

-- insert_attempt --
-- The one execution of a rerun, written before it is launched.
INSERT INTO attempts (attempt_id, run_id, number, state, created_at)
VALUES (%(attempt_id)s, %(run_id)s, 1, 'pending', now());

-- start_rerun --
-- It is about to be launched: its script finds a run that runs.
UPDATE runs
SET state = 'running',
    started_at = now(),
    reason = ''
WHERE run_id = %(run_id)s
  AND state = 'queued';

-- queue_rerun --
-- It was not launched.
UPDATE runs
SET state = 'queued',
    started_at = NULL,
    reason = %(reason)s
WHERE run_id = %(run_id)s
  AND rerun_of IS NOT NULL
  AND state = 'running';

-- beat --
-- Whoever makes a rerun is there, and sees to it. False: its attempt was ended meanwhile.
WITH asked AS (
    INSERT INTO admission_seekers (sweep_id, asked_at)
    VALUES (%(run_id)s, now())
    ON CONFLICT (sweep_id) DO UPDATE SET asked_at = now()
), heard AS (
    UPDATE run_activity
    SET last_seen_at = now()
    WHERE run_id = %(run_id)s
)
SELECT state <> 'ended'
FROM attempts
WHERE attempt_id = %(attempt_id)s;

-- hold_attempt --
-- An attempt under lock, unless somebody has ended it.
SELECT attempt_id
FROM attempts
WHERE attempt_id = %(attempt_id)s
  AND state <> 'ended'
FOR UPDATE;

-- hold_deserted --
-- An attempt under lock that others have ended, by what was heard of its script last.
SELECT started_at, ended_at
FROM attempts
WHERE attempt_id = %(attempt_id)s
  AND state = 'ended'
  AND message = %(deserted)s
FOR UPDATE;

-- note_revised --
-- Its end is another one than days of the ledger may have.
UPDATE attempts
SET revised_at = clock_timestamp()
WHERE attempt_id = %(attempt_id)s;

-- state_of_attempt --
-- No row: it is of another installation.
SELECT state::text
FROM attempts
WHERE attempt_id = %(attempt_id)s;

-- reopen_attempts --
-- Reruns that live again have held all the while what they held, also where others have ended their
-- attempts meanwhile. What was counted in shares until then is not counted again.
WITH ended AS (
    SELECT attempts.attempt_id, attempts.ended_at,
           coalesce(attempts.started_at, attempts.scheduled_at, runs.started_at) AS started_at
    FROM attempts
    JOIN runs USING (run_id)
    WHERE attempts.run_id = ANY(%(run_ids)s::text[])
      AND runs.rerun_of IS NOT NULL
      AND attempts.state = 'ended'
      AND attempts.message = %(deserted)s
    ORDER BY attempts.attempt_id
    FOR UPDATE OF attempts
), again AS (
    UPDATE attempts
    SET state = 'running', started_at = ended.started_at, ended_at = NULL, exit_reason = NULL,
        message = '', revised_at = clock_timestamp()
    FROM ended
    WHERE attempts.attempt_id = ended.attempt_id
    RETURNING attempts.attempt_id, ended.ended_at AS was_ended_at
)
UPDATE admissions
SET ended_at = NULL,
    settled_at = NULL,
    counted_until = CASE WHEN settled_at IS NULL THEN counted_until ELSE again.was_ended_at END
FROM again
WHERE admissions.attempt_id = again.attempt_id;

-- end_rerun --
-- A rerun whose script has ended without saying so.
UPDATE runs
SET state = %(state)s::run_state,
    reason = %(reason)s,
    ended_at = now()
WHERE run_id = %(run_id)s
  AND rerun_of IS NOT NULL
  AND state IN ('queued', 'running');

-- end_left_attempts --
-- Attempts of reruns that are over and whose command is gone, so that nobody else will end them. A
-- script that was heard has run, also where nobody saw it start.
UPDATE attempts
SET state = 'ended',
    started_at = deserted.started_at,
    ended_at = greatest(deserted.ended_at, deserted.started_at),
    exit_reason = deserted.exit_reason,
    message = %(deserted)s
FROM (
    SELECT attempts.attempt_id,
           coalesce(attempts.started_at, attempts.scheduled_at,
                    CASE WHEN EXISTS (SELECT FROM writers WHERE writers.run_id = runs.run_id)
                         THEN runs.started_at END) AS started_at,
           CASE WHEN runs.lost_at IS NULL THEN runs.ended_at
                ELSE run_activity.last_seen_at END AS ended_at,
           CASE WHEN runs.lost_at IS NOT NULL THEN 'lost'
                WHEN runs.state IN ('completed', 'stopped', 'cancelled') THEN runs.state::text
                ELSE 'script_failed' END::exit_reason AS exit_reason
    FROM attempts
    JOIN runs USING (run_id)
    JOIN run_activity USING (run_id)
    LEFT JOIN admission_seekers AS command ON command.sweep_id = runs.run_id
    WHERE attempts.state <> 'ended'
      AND runs.rerun_of IS NOT NULL
      AND runs.ended_at IS NOT NULL
      AND coalesce(command.asked_at, runs.ended_at) < now() - %(silence)s::interval
    LIMIT %(limit)s
    FOR UPDATE OF attempts SKIP LOCKED
) AS deserted
WHERE attempts.attempt_id = deserted.attempt_id
RETURNING attempts.run_id;

-- reruns_of_run --
-- Runs that repeat it, oldest first.
SELECT run_id
FROM runs
WHERE rerun_of = %(run_id)s
  AND tenant_id = %(tenant_id)s
ORDER BY created_at, run_id;
