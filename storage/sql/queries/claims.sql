-- unclaimed_sweeps --
-- Submitted and not started by anybody, oldest first. Whoever claimed a sweep and died before a
-- controller came has lost it after a minute.
SELECT sweep_id
FROM sweeps
WHERE ((state = 'submitted' AND may_start(sweeps))
       OR (state IN ('running', 'paused')
           AND dagster_run_id IS NULL
           AND coalesce(claimed_at, started_at) < now() - INTERVAL '1 minute'
           AND replacements < %(most)s))
  AND NOT (place_key NOT IN ('', %(place_key)s)
           AND EXISTS (SELECT FROM attempts JOIN runs USING (run_id)
                       WHERE runs.sweep_id = sweeps.sweep_id
                         AND attempts.state <> 'ended'))
ORDER BY log_position
LIMIT %(limit)s;

-- fail_waiting_sweeps --
-- End those that wait for what cannot come any more, and that somebody held when that was known.
SELECT fail_waiting_sweeps();

-- due_sweeps --
-- Sweeps that have waited for others and may start now, the oldest first.
SELECT sweep_id
FROM sweeps
WHERE state = 'submitted'
  AND may_start(sweeps)
  AND EXISTS (SELECT FROM sweep_waits WHERE sweep_waits.sweep_id = sweeps.sweep_id)
ORDER BY log_position
LIMIT %(limit)s;

-- untold_ends --
-- Sweeps that have failed since others have ended otherwise than they waited for, and of which Dagster
-- does not know yet, the oldest first. Whoever was about to tell it and died has lost that after a
-- minute.
SELECT sweep_id
FROM sweeps
WHERE state = 'failed'
  AND started_at IS NULL
  AND dagster_run_id IS NULL
  AND (claimed_at IS NULL OR claimed_at < now() - INTERVAL '1 minute')
  AND sweep_id IN (SELECT sweep_id FROM sweep_waits WHERE NOT is_met)
ORDER BY log_position
LIMIT %(limit)s;

-- claim_end --
-- Take it on oneself to tell Dagster of such an end: no row comes back to the second one.
UPDATE sweeps
SET claimed_at = now()
WHERE sweep_id = %(sweep_id)s
  AND dagster_run_id IS NULL
  AND (claimed_at IS NULL OR claimed_at < now() - INTERVAL '1 minute')
RETURNING reason;

-- claim_sweep --
-- Start a sweep, once, whoever asks: no row comes back to the second one.
UPDATE sweeps
SET state = CASE WHEN state = 'submitted' THEN 'running'::sweep_state ELSE state END,
    replacements = CASE WHEN state = 'submitted' THEN replacements ELSE replacements + 1 END,
    claimed_at = now()
WHERE sweep_id = %(sweep_id)s
  AND ((state = 'submitted' AND may_start(sweeps))
       OR (state IN ('running', 'paused')
           AND dagster_run_id IS NULL
           AND coalesce(claimed_at, started_at) < now() - INTERVAL '1 minute'
           AND replacements < %(most)s))
RETURNING to_char(claimed_at, 'YYYYMMDD"T"HH24MISS.US');

-- reclaim_sweep --
-- Take a sweep whose Dagster run has failed, or is gone, in order to start another one in its place.
UPDATE sweeps
SET dagster_run_id = NULL,
    replacements = replacements + 1,
    claimed_at = now()
WHERE sweep_id = %(sweep_id)s
  AND dagster_run_id = %(dagster_run_id)s
  AND state IN ('running', 'paused')
  AND replacements < %(most)s
RETURNING to_char(claimed_at, 'YYYYMMDD"T"HH24MISS.US');

-- given_up --
-- Whether nobody starts another controller in place of that Dagster run, or of a claim that nothing
-- has followed.
SELECT replacements >= %(most)s
       AND state IN ('running', 'paused')
       AND CASE WHEN dagster_run_id IS NULL
                THEN coalesce(claimed_at, started_at) < now() - INTERVAL '1 minute'
                ELSE dagster_run_id = %(dagster_run_id)s
           END
FROM sweeps
WHERE sweep_id = %(sweep_id)s;

-- forgive --
-- A person asks for it: controllers may fail again before it is given up.
UPDATE sweeps
SET replacements = 0
WHERE sweep_id = %(sweep_id)s
RETURNING sweep_id;

-- under_way --
-- Sweeps of this place that somebody has started and that have not ended, and whether attempts of
-- theirs hold what others may wait for; those first, then the oldest.
SELECT sweep_id,
       EXISTS (SELECT FROM runs
               JOIN attempts USING (run_id)
               JOIN admissions USING (attempt_id)
               WHERE runs.sweep_id = sweeps.sweep_id
                 AND attempts.state <> 'ended'
                 AND admissions.admitted_at IS NOT NULL) AS holds
FROM sweeps
WHERE state IN ('running', 'paused')
  AND place_key = %(place_key)s
ORDER BY holds DESC, log_position
LIMIT %(limit)s;

-- try_starting --
-- One starter at a time, until its transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('controller of ' || %(sweep_id)s, 0));

-- lock_sweep --
-- The row under lock: what the next statement sees stays so until the transaction ends.
SELECT sweep_id
FROM sweeps
WHERE sweep_id = %(sweep_id)s
FOR UPDATE;

-- may_not_start --
-- Whether a sweep that nobody has started waits for others, or rests after it has.
SELECT state = 'submitted' AND NOT may_start(sweeps) AS may_not
FROM sweeps
WHERE sweep_id = %(sweep_id)s;

-- elsewhere --
-- Where the sweep's live attempts are, if that is another place.
SELECT place
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND place_key NOT IN ('', %(place_key)s)
  AND EXISTS (SELECT FROM attempts JOIN runs USING (run_id)
              WHERE runs.sweep_id = sweeps.sweep_id
                AND attempts.state <> 'ended');

-- attach_dagster_run --
-- Which Dagster run controls the sweep now, and where: the first one, or a later one after a crash.
-- In another place than before, a controller that is not dead after all finds its lease gone.
UPDATE sweeps
SET dagster_run_id = %(dagster_run_id)s,
    state = CASE WHEN state = 'submitted' THEN 'running'::sweep_state ELSE state END,
    claimed_at = coalesce(claimed_at, now()),
    lease = lease + CASE WHEN place_key IN ('', %(place_key)s) THEN 0 ELSE 1 END,
    place_key = %(place_key)s,
    place = %(place)s
WHERE sweep_id = %(sweep_id)s
RETURNING sweep_id;

-- leave_place --
-- The place where the attempts were is gone for good: they are lost, and may be taken for that.
UPDATE sweeps
SET place_key = '',
    lease = lease + 1
WHERE sweep_id = %(sweep_id)s
  AND place_key NOT IN ('', %(place_key)s)
RETURNING sweep_id;

-- cancel_abandoned --
-- What is left of a sweep whose controller is gone for good. The lease moves on, so that a
-- controller that is not dead after all finds out. One that waits for others has none yet, whoever
-- launched a Dagster run for it.
UPDATE sweeps
SET state = 'cancelled',
    requested = 'cancel',
    reason = %(reason)s,
    ended_at = now(),
    lease = lease + 1
WHERE sweep_id = %(sweep_id)s
  AND (dagster_run_id = %(dagster_run_id)s OR dagster_run_id IS NULL)
  AND state IN ('submitted', 'running', 'paused')
  AND NOT (state = 'submitted' AND NOT may_start(sweeps))
RETURNING sweep_id;

-- cancel_live_runs --
-- Trials of a cancelled sweep that had not ended.
UPDATE runs
SET state = 'cancelled',
    reason = %(reason)s,
    ended_at = now()
WHERE sweep_id = %(sweep_id)s
  AND state IN ('pending', 'queued', 'running', 'paused');

-- live_attempts --
-- Executions of a sweep that have not ended.
SELECT attempt_id
FROM attempts
JOIN runs USING (run_id)
WHERE runs.sweep_id = %(sweep_id)s
  AND attempts.state <> 'ended';

-- cancel_live_attempts --
-- Executions of a cancelled sweep; those of which it is known end at the time at which they were
-- gone, not before they began and not in the future of the database's clock.
UPDATE attempts
SET state = 'ended',
    exit_reason = 'cancelled',
    ended_at = greatest(least(coalesce(known.ended_at, now()), now()),
                        coalesce(attempts.started_at, attempts.created_at))
FROM runs
JOIN attempts AS live USING (run_id)
LEFT JOIN unnest(%(attempt_ids)s::text[], %(ended_ats)s::timestamptz[])
    AS known (attempt_id, ended_at) USING (attempt_id)
WHERE live.attempt_id = attempts.attempt_id
  AND runs.sweep_id = %(sweep_id)s
  AND attempts.state <> 'ended';
