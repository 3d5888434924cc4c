-- ensure_tenant --
-- An anchor for foreign keys; who may be one is decided before.
INSERT INTO tenants (tenant_id)
VALUES (%(tenant_id)s)
ON CONFLICT (tenant_id) DO NOTHING;

-- ensure_experiment --
-- The experiment of that name; the first sweep's owner and purpose stay with it. Where it is there,
-- a column is written that is no key, so that nobody waits who adds a run of it meanwhile.
INSERT INTO experiments (tenant_id, name, owner, purpose)
VALUES (%(tenant_id)s, %(name)s, %(owner)s, %(purpose)s)
ON CONFLICT (tenant_id, name) DO UPDATE SET owner = experiments.owner
RETURNING experiment_id;

-- insert_sweep --
-- A submission; submitting the same name again changes nothing, and no row comes back.
INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest,
                    source_dir, created_by, code, image)
VALUES (%(sweep_id)s, %(tenant_id)s, %(experiment_id)s, %(spec)s, %(spec_version)s,
        %(spec_digest)s, %(source_dir)s, %(created_by)s, %(code)s, %(image)s)
ON CONFLICT (sweep_id) DO NOTHING
RETURNING sweep_id;

-- pinned_image --
-- Image of its trials, by its digest.
SELECT image
FROM sweeps
WHERE sweep_id = %(sweep_id)s;

-- pin_image --
-- The first one that is noted stays.
UPDATE sweeps
SET image = coalesce(image, %(image)s)
WHERE sweep_id = %(sweep_id)s
RETURNING image;

-- get_sweep --
-- One sweep.
SELECT sweep_id, tenant_id, spec, state::text, requested::text, reason, source_dir, created_by,
       created_at, started_at, ended_at, dagster_run_id, place
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
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (sweeps.log_position < %(before)s OR %(before)s::bigint IS NULL)
ORDER BY sweeps.log_position DESC
LIMIT %(limit)s;

-- live_sweeps --
-- Those that have not ended, the newest first.
SELECT sweeps.sweep_id, sweeps.tenant_id, experiments.name AS experiment,
       coalesce(sweeps.spec ->> 'owner', '') AS owner, sweeps.state::text, sweeps.created_at
FROM sweeps
JOIN experiments USING (experiment_id)
WHERE sweeps.state IN ('submitted', 'running', 'paused')
  AND (%(tenant_id)s::text IS NULL OR sweeps.tenant_id = %(tenant_id)s)
ORDER BY sweeps.log_position DESC;

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
