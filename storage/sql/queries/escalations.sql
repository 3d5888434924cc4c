-- wait_for_turn --
-- One look at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(%(lock)s);

-- stuck --
-- Of each sweep one trial for each thing that its trials wait for, the first by place.
SELECT DISTINCT ON (admissions.sweep_id, admissions.kind)
       admissions.attempt_id, admissions.sweep_id, admissions.tenant_id, admissions.experiment,
       admissions.owner, admissions.priority, admissions.cpu_millis, admissions.memory_bytes,
       admissions.gpu, admissions.gpu_type, admissions.is_admitted_elsewhere,
       admissions.queued_at, admissions.kind, admissions.reason,
       coalesce(admission_seekers.asked_at <= clock_timestamp() - %(gone_after)s::interval, true)
           AS is_silent
FROM admissions
JOIN attempts USING (attempt_id)
JOIN sweeps ON sweeps.sweep_id = admissions.sweep_id
LEFT JOIN admission_seekers ON admission_seekers.sweep_id = admissions.sweep_id
WHERE admissions.settled_at IS NULL
  AND admissions.admitted_at IS NULL
  AND attempts.state <> 'ended'
ORDER BY admissions.sweep_id, admissions.kind, admissions.place NULLS LAST, admissions.attempt_id;

-- end_others --
-- All that are over: neither found, nor such that nobody can tell.
UPDATE escalations
SET ended_at = %(now)s
WHERE ended_at IS NULL
  AND NOT EXISTS (
    SELECT FROM unnest(%(kinds)s::text[], %(tenants)s::text[], %(subjects)s::text[])
        AS there (kind, tenant_id, subject)
    WHERE there.kind = escalations.kind
      AND there.tenant_id = escalations.tenant_id
      AND there.subject = escalations.subject);

-- notice --
-- What was found, new or not.
INSERT INTO escalations AS known (kind, tenant_id, subject, owner, what, remedy, since, seen_at)
SELECT kind, tenant_id, subject, owner, what, remedy, %(now)s, %(now)s
FROM unnest(%(kinds)s::text[], %(tenants)s::text[], %(subjects)s::text[], %(owners)s::text[],
            %(whats)s::text[], %(remedies)s::text[])
    AS found (kind, tenant_id, subject, owner, what, remedy)
ORDER BY kind, tenant_id, subject
ON CONFLICT (kind, tenant_id, subject) WHERE ended_at IS NULL DO UPDATE
SET owner = EXCLUDED.owner,
    what = EXCLUDED.what,
    remedy = EXCLUDED.remedy,
    seen_at = EXCLUDED.seen_at;

-- take_step --
-- Somebody is told by whoever commits this.
INSERT INTO escalation_steps (escalation_id, step, audience, people, told_at)
VALUES (%(escalation_id)s, %(step)s, %(audience)s, %(people)s, %(now)s);

-- over --
-- What somebody was told of, and is over, which nobody was told.
SELECT escalation_id
FROM escalations
WHERE ended_at IS NOT NULL
  AND closed_at IS NULL
  AND EXISTS (SELECT FROM escalation_steps
              WHERE escalation_steps.escalation_id = escalations.escalation_id)
ORDER BY escalation_id;

-- close --
-- Some of the same, told by whoever commits this; what nobody was told of needs no end either.
UPDATE escalations
SET closed_at = %(now)s
WHERE ended_at IS NOT NULL
  AND closed_at IS NULL
  AND (escalation_id = ANY(%(numbers)s::bigint[])
       OR NOT EXISTS (SELECT FROM escalation_steps
                      WHERE escalation_steps.escalation_id = escalations.escalation_id));

-- list --
-- Escalations with what was told, the newest first.
SELECT escalation_id, kind, tenant_id, subject, owner, what, remedy, since, ended_at,
       acknowledged_at, acknowledged_by, acknowledgement,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'step', step, 'audience', audience, 'people', people, 'told_at', told_at)
               ORDER BY step), '[]')
        FROM escalation_steps
        WHERE escalation_steps.escalation_id = escalations.escalation_id) AS told
FROM escalations
WHERE (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(with_ended)s OR ended_at IS NULL)
  AND (%(seen_at)s::timestamptz IS NULL OR seen_at = %(seen_at)s)
  AND (%(numbers)s::bigint[] IS NULL OR escalation_id = ANY(%(numbers)s::bigint[]))
ORDER BY escalations.escalation_id DESC
LIMIT %(limit)s;

-- acknowledge --
-- Somebody looks after it.
UPDATE escalations
SET acknowledged_at = now(),
    acknowledged_by = %(by)s,
    acknowledgement = %(comment)s
WHERE escalation_id = %(escalation_id)s
  AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s)
  AND ended_at IS NULL
  AND acknowledged_at IS NULL
RETURNING escalation_id;

-- standing --
-- Why one could not be acknowledged.
SELECT ended_at, acknowledged_by
FROM escalations
WHERE escalation_id = %(escalation_id)s
  AND (%(tenant_id)s::text IS NULL OR tenant_id = %(tenant_id)s);
