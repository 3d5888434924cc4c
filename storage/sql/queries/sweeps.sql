-- ensure_tenant --
-- An anchor for foreign keys; who may be one is decided before.
INSERT INTO tenants (tenant_id)
VALUES (%(tenant_id)s)
ON CONFLICT (tenant_id) DO NOTHING;

-- ensure_experiment --
-- The experiment of that name; the first sweep's owner and purpose stay with it.
INSERT INTO experiments (tenant_id, name, owner, purpose)
VALUES (%(tenant_id)s, %(name)s, %(owner)s, %(purpose)s)
ON CONFLICT (tenant_id, name) DO UPDATE SET name = EXCLUDED.name
RETURNING experiment_id;

-- insert_sweep --
-- A submission; submitting the same name again changes nothing.
INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest,
                    source_dir, created_by)
VALUES (%(sweep_id)s, %(tenant_id)s, %(experiment_id)s, %(spec)s, %(spec_version)s,
        %(spec_digest)s, %(source_dir)s, %(created_by)s)
ON CONFLICT (sweep_id) DO NOTHING;

-- get_sweep --
-- One sweep.
SELECT sweep_id, tenant_id, spec, state::text, requested::text, reason, source_dir, created_by,
       created_at, started_at, ended_at, dagster_run_id
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL);

-- list_sweeps --
-- Newest first, with what a table shows of them.
SELECT sweeps.sweep_id, sweeps.tenant_id, experiments.name AS experiment, sweeps.state::text,
       sweeps.requested::text, sweeps.reason, sweeps.created_by, sweeps.created_at,
       sweeps.started_at, sweeps.ended_at, sweeps.log_position,
       sweeps.spec -> 'objective' ->> 'metric' AS metric,
       sweeps.spec -> 'objective' ->> 'direction' AS direction,
       (sweeps.spec -> 'limits' ->> 'max_trials')::int AS max_trials,
       counts.trials, counts.live, counts.completed, counts.stopped, counts.paused,
       counts.failed, counts.best
FROM sweeps
JOIN experiments USING (experiment_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS trials,
           count(*) FILTER (WHERE runs.state IN ('pending', 'queued', 'running')) AS live,
           count(*) FILTER (WHERE runs.state IN ('completed', 'stopped')) AS completed,
           count(*) FILTER (WHERE runs.state = 'stopped') AS stopped,
           count(*) FILTER (WHERE runs.state = 'paused') AS paused,
           count(*) FILTER (WHERE runs.state = 'failed') AS failed,
           CASE sweeps.spec -> 'objective' ->> 'direction'
               WHEN 'maximize' THEN max(finite.objective) FILTER (WHERE runs.state <> 'failed')
               ELSE min(finite.objective) FILTER (WHERE runs.state <> 'failed')
           END AS best
    FROM runs
    CROSS JOIN LATERAL (
        -- NaN is greater than every number here, infinity included.
        SELECT CASE WHEN runs.objective > '-Infinity' AND runs.objective < 'Infinity'
               THEN runs.objective END AS objective
    ) AS finite
    WHERE runs.sweep_id = sweeps.sweep_id
) AS counts
WHERE (sweeps.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (sweeps.state::text = %(state)s OR %(state)s::text IS NULL)
  AND (sweeps.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
  AND (sweeps.log_position < %(before)s OR %(before)s::bigint IS NULL)
ORDER BY sweeps.log_position DESC
LIMIT %(limit)s;

-- unclaimed_sweeps --
-- Submitted and not started by anybody, oldest first. Whoever claimed a sweep and died before a
-- controller came has lost it after a minute.
SELECT sweep_id
FROM sweeps
WHERE state = 'submitted'
   OR (state = 'running' AND lease = 0 AND started_at < now() - INTERVAL '1 minute')
ORDER BY log_position
LIMIT %(limit)s;

-- claim_sweep --
-- Start a sweep, once, whoever asks: no row comes back to the second one.
UPDATE sweeps
SET state = 'running',
    started_at = now()
WHERE sweep_id = %(sweep_id)s
  AND (state = 'submitted'
       OR (state = 'running' AND lease = 0 AND started_at < now() - INTERVAL '1 minute'))
RETURNING to_char(started_at, 'YYYYMMDD"T"HH24MISS.US');

-- try_starting --
-- One starter at a time, until its transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('controller of ' || %(sweep_id)s, 0));

-- attach_dagster_run --
-- Which Dagster run controls the sweep now: the first one, or a later one after a crash.
UPDATE sweeps
SET dagster_run_id = %(dagster_run_id)s,
    state = CASE WHEN state = 'submitted' THEN 'running'::sweep_state ELSE state END,
    started_at = coalesce(started_at, now())
WHERE sweep_id = %(sweep_id)s
RETURNING sweep_id;

-- request --
-- Pause, resume or cancel; the controller brings the state there. A cancel is not taken back: its
-- trials are already being ended.
UPDATE sweeps
SET requested = %(requested)s::sweep_request
WHERE sweep_id = %(sweep_id)s
  AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND state NOT IN ('completed', 'failed', 'cancelled')
  AND (requested <> 'cancel' OR %(requested)s = 'cancel')
RETURNING sweep_id;

-- cancel_unclaimed --
-- A sweep that nobody has started needs no controller to be cancelled.
UPDATE sweeps
SET state = 'cancelled',
    reason = %(reason)s,
    ended_at = now()
WHERE sweep_id = %(sweep_id)s
  AND state = 'submitted'
RETURNING sweep_id;

-- cancel_abandoned --
-- What is left of a sweep whose controller is gone for good. The lease moves on, so that a
-- controller that is not dead after all finds out.
UPDATE sweeps
SET state = 'cancelled',
    requested = 'cancel',
    reason = %(reason)s,
    ended_at = now(),
    lease = lease + 1
WHERE sweep_id = %(sweep_id)s
  AND (dagster_run_id = %(dagster_run_id)s OR dagster_run_id IS NULL)
  AND state IN ('submitted', 'running', 'paused')
RETURNING sweep_id;

-- cancel_live_runs --
-- Trials of a cancelled sweep that had not ended.
UPDATE runs
SET state = 'cancelled',
    reason = %(reason)s,
    ended_at = now()
WHERE sweep_id = %(sweep_id)s
  AND state IN ('pending', 'queued', 'running', 'paused');

-- cancel_live_attempts --
-- Their executions.
UPDATE attempts
SET state = 'ended',
    exit_reason = 'cancelled',
    ended_at = now()
FROM runs
WHERE runs.run_id = attempts.run_id
  AND runs.sweep_id = %(sweep_id)s
  AND attempts.state <> 'ended';
