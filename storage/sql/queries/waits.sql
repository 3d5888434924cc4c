-- lock_awaited --
-- Sweeps that are to be waited for stay as they are until the transaction ends: whoever ends one
-- meanwhile waits, and then finds who waits for it; an end that was begun before is waited for. Only
-- the next statement sees all of what was written before the lock was had.
SELECT sweep_id
FROM sweeps
WHERE sweep_id = ANY(%(sweep_ids)s::text[])
FOR SHARE;

-- awaited_states --
-- Sweeps of a tenant that are to be waited for.
SELECT sweep_id, state::text, reason, has_succeeded(sweep_id, state) AS has_succeeded
FROM sweeps
WHERE sweep_id = ANY(%(sweep_ids)s::text[])
  AND tenant_id = %(tenant_id)s;

-- is_submitted --
-- Whether a sweep of a tenant is there already.
SELECT true
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND tenant_id = %(tenant_id)s;

-- insert_waits --
-- What a new sweep waits for.
INSERT INTO sweep_waits (sweep_id, awaited_id, must_succeed, is_met)
SELECT %(sweep_id)s, awaited_id, must_succeed, is_met
FROM unnest(%(awaited_ids)s::text[], %(must_succeeds)s::boolean[], %(are_met)s::boolean[])
    AS new (awaited_id, must_succeed, is_met);

-- waits_of --
-- What a sweep waits for, or has waited for, and who waits for it; the oldest first.
SELECT sweep_waits.sweep_id = %(sweep_id)s AS is_awaiting, others.sweep_id AS sweep,
       sweep_waits.must_succeed, others.state::text, sweep_waits.is_met
FROM sweep_waits
JOIN sweeps AS others
    ON others.sweep_id IN (sweep_waits.sweep_id, sweep_waits.awaited_id)
    AND others.sweep_id <> %(sweep_id)s
WHERE %(sweep_id)s IN (sweep_waits.sweep_id, sweep_waits.awaited_id)
ORDER BY others.log_position;

-- open_waits --
-- What sweeps still wait for that have not started.
SELECT sweep_waits.sweep_id, others.sweep_id AS sweep, sweep_waits.must_succeed,
       others.state::text, sweep_waits.is_met
FROM sweep_waits
JOIN sweeps AS others ON others.sweep_id = sweep_waits.awaited_id
WHERE sweep_waits.sweep_id = ANY(%(sweep_ids)s::text[])
  AND NOT sweep_waits.is_met
ORDER BY others.log_position;

-- waiting_sweeps --
-- Sweeps that have not started since others have not ended, the oldest first.
SELECT sweeps.sweep_id, sweeps.tenant_id, experiments.name AS experiment, experiments.owner,
       sweeps.requested = 'pause' AS is_paused, sweeps.created_at AS submitted_at
FROM sweeps
JOIN experiments USING (experiment_id)
WHERE sweeps.state = 'submitted'
  AND (sweeps.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND EXISTS (SELECT FROM sweep_waits
              WHERE sweep_waits.sweep_id = sweeps.sweep_id
                AND NOT sweep_waits.is_met)
ORDER BY sweeps.log_position
LIMIT %(limit)s;
