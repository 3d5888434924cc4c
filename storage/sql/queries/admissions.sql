-- ask --
-- Attempts enter the queue; those that are in it already stay as they are. Who has given way is back in
-- its place, and news for the next pass.
INSERT INTO admissions (attempt_id, sweep_id, tenant_id, experiment, owner, priority, cpu_millis,
                        memory_bytes, gpu, gpu_type, is_admitted_elsewhere, predicted_seconds,
                        predicted_usd, predicted_gpu_hours, may_be_launched)
SELECT new.attempt_id, %(sweep_id)s, %(tenant_id)s, %(experiment)s, %(owner)s, %(priority)s,
       %(cpu_millis)s, %(memory_bytes)s, %(gpu)s, %(gpu_type)s, %(is_admitted_elsewhere)s,
       new.predicted_seconds, new.predicted_usd, new.predicted_gpu_hours, false
FROM unnest(%(attempt_ids)s::text[], %(predicted_seconds)s::float8[], %(predicted_usd)s::numeric[],
            %(predicted_gpu_hours)s::float8[])
    AS new (attempt_id, predicted_seconds, predicted_usd, predicted_gpu_hours)
JOIN attempts ON attempts.attempt_id = new.attempt_id AND attempts.state <> 'ended'
ORDER BY new.attempt_id
FOR SHARE OF attempts
ON CONFLICT (attempt_id) DO UPDATE
SET kind = '',
    reason = '',
    position = DEFAULT
WHERE admissions.kind = 'held_back'
  AND admissions.settled_at IS NULL;

-- seek --
-- A controller is there and asks.
INSERT INTO admission_seekers (sweep_id, asked_at)
VALUES (%(sweep_id)s, now())
ON CONFLICT (sweep_id) DO UPDATE SET asked_at = now();

-- answers --
-- What became of attempts.
SELECT attempt_id, admitted_at IS NOT NULL, kind, reason, place, starts_at
FROM admissions
WHERE attempt_id = ANY(%(attempt_ids)s::text[]);

-- is_due --
-- Whether a pass could decide anything that the last one could not.
SELECT decided_at < clock_timestamp() - %(patience)s::interval
       OR last_position < coalesce((SELECT max(position) FROM admissions), 0)
       OR policy_version <> coalesce((SELECT max(version) FROM policies WHERE kind = 'quotas'), 0)
       OR EXISTS (SELECT FROM admissions WHERE settled_at IS NULL AND ended_at IS NOT NULL)
FROM scheduling_state;

-- wait_for_turn --
-- One pass at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(%(lock)s);

-- begin_pass --
-- What a pass has to know of the world; the clock is the database's.
SELECT clock_timestamp(),
       coalesce((SELECT max(position) FROM admissions), 0),
       coalesce((SELECT max(version) FROM policies WHERE kind = 'quotas'), 0);

-- settle --
-- Count what ended attempts have used, each once: nothing, if they never started.
WITH ended AS (
    UPDATE admissions
    SET settled_at = %(now)s
    WHERE attempt_id IN (SELECT attempt_id
                         FROM admissions
                         WHERE settled_at IS NULL AND ended_at IS NOT NULL
                         FOR UPDATE SKIP LOCKED)
    RETURNING *
), used AS (
    SELECT ended.tenant_id, ended.owner, ended.experiment,
           coalesce(nullif(ended.gpu_type, ''), CASE WHEN ended.gpu > 0 THEN attempts.gpu_model ELSE '' END)
               AS gpu_type,
           sum(weight * ended.cpu_millis / 1000.0) AS cpu_hours,
           sum(weight * ended.memory_bytes / 1073741824.0) AS memory_gib_hours,
           sum(weight * ended.gpu) AS gpu_hours
    FROM ended
    JOIN attempts USING (attempt_id)
    CROSS JOIN LATERAL (
        SELECT greatest(-700, -extract(epoch FROM %(now)s - least(ended.ended_at, %(now)s))
                              / %(tau)s) AS until_end,
               greatest(-700, -extract(epoch FROM %(now)s
                                  - least(greatest(attempts.started_at, ended.counted_until), %(now)s))
                              / %(tau)s) AS until_start
    ) AS ages
    CROSS JOIN LATERAL (
        SELECT greatest(0, %(tau)s / 3600 * (exp(until_end::float8) - exp(until_start::float8)))
               AS weight
    ) AS weights
    WHERE ended.admitted_at IS NOT NULL AND attempts.started_at IS NOT NULL
    GROUP BY 1, 2, 3, 4
)
INSERT INTO fair_share_usage AS known (tenant_id, owner, experiment, gpu_type, cpu_hours,
                                       memory_gib_hours, gpu_hours, as_of)
SELECT tenant_id, owner, experiment, gpu_type, cpu_hours, memory_gib_hours, gpu_hours, %(now)s
FROM used
ON CONFLICT (tenant_id, owner, experiment, gpu_type) DO UPDATE
SET cpu_hours = EXCLUDED.cpu_hours + known.cpu_hours
        * exp(greatest(-700, -extract(epoch FROM %(now)s - known.as_of) / %(tau)s)::float8),
    memory_gib_hours = EXCLUDED.memory_gib_hours + known.memory_gib_hours
        * exp(greatest(-700, -extract(epoch FROM %(now)s - known.as_of) / %(tau)s)::float8),
    gpu_hours = EXCLUDED.gpu_hours + known.gpu_hours
        * exp(greatest(-700, -extract(epoch FROM %(now)s - known.as_of) / %(tau)s)::float8),
    as_of = %(now)s;

-- usage --
-- What everybody has used, decayed up to now: that of ended attempts, and of live ones so far.
SELECT tenant_id, owner, experiment, gpu_type, sum(cpu_hours), sum(memory_gib_hours),
       sum(gpu_hours)
FROM (
    SELECT tenant_id, owner, experiment, gpu_type,
           cpu_hours * decay AS cpu_hours, memory_gib_hours * decay AS memory_gib_hours,
           gpu_hours * decay AS gpu_hours
    FROM fair_share_usage
    CROSS JOIN LATERAL (
        SELECT exp(greatest(-700, least(0, -extract(epoch FROM %(now)s - as_of) / %(tau)s))::float8)
               AS decay
    ) AS decays
    UNION ALL
    SELECT tenant_id, owner, experiment,
           coalesce(nullif(admissions.gpu_type, ''), CASE WHEN admissions.gpu > 0 THEN attempts.gpu_model ELSE '' END),
           weight * cpu_millis / 1000.0,
           weight * memory_bytes / 1073741824.0, weight * gpu
    FROM admissions
    JOIN attempts USING (attempt_id)
    CROSS JOIN LATERAL (
        SELECT %(tau)s / 3600 * (1 - exp(greatest(-700, least(0,
                   -extract(epoch FROM %(now)s
                       - greatest(attempts.started_at, admissions.counted_until)) / %(tau)s))::float8))
               AS weight
    ) AS weights
    WHERE settled_at IS NULL
      AND admitted_at IS NOT NULL
      AND admissions.ended_at IS NULL
      AND attempts.started_at IS NOT NULL
) AS parts
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;

-- give_back --
-- Those that were admitted and not launched, and whose controller has been silent for long, wait again.
UPDATE admissions
SET admitted_at = NULL,
    reason = 'its controller does not ask any more'
WHERE attempt_id IN (SELECT known.attempt_id
                     FROM admissions AS known
                     JOIN attempts USING (attempt_id)
                     LEFT JOIN admission_seekers USING (sweep_id)
                     WHERE known.settled_at IS NULL
                       AND known.ended_at IS NULL
                       AND known.admitted_at IS NOT NULL
                       AND NOT known.may_be_launched
                       AND attempts.state = 'pending'
                       AND coalesce(admission_seekers.asked_at, known.admitted_at)
                           < %(now)s::timestamptz - %(silence)s::interval
                     FOR UPDATE OF known SKIP LOCKED);

-- open --
-- Everybody who waits or holds something. One whose controller does not ask any more waits aside, and so
-- does who has given way.
SELECT admissions.attempt_id, admissions.sweep_id, admissions.tenant_id, admissions.experiment,
       admissions.owner, admissions.priority, admissions.cpu_millis, admissions.memory_bytes,
       admissions.gpu,
       -- Who asked for any type is counted with the one that it got.
       coalesce(nullif(admissions.gpu_type, ''),
                CASE WHEN admissions.gpu > 0 THEN attempts.gpu_model ELSE '' END) AS gpu_type,
       admissions.is_admitted_elsewhere, admissions.predicted_seconds,
       admissions.predicted_usd, admissions.predicted_gpu_hours,
       admissions.queued_at, admissions.admitted_at,
       coalesce(attempts.started_at, admissions.admitted_at) AS began_at
FROM admissions
JOIN attempts USING (attempt_id)
LEFT JOIN admission_seekers USING (sweep_id)
WHERE admissions.settled_at IS NULL
  AND attempts.state <> 'ended'
  AND (admissions.admitted_at IS NOT NULL
       OR admissions.kind <> 'held_back'
          AND admission_seekers.asked_at > %(now)s::timestamptz - %(gone_after)s::interval);

-- admit --
-- Whoever may start; none whose attempt is just being ended by somebody, or has just given way.
UPDATE admissions
SET admitted_at = %(now)s,
    kind = '',
    reason = '',
    place = NULL,
    starts_at = NULL
WHERE attempt_id IN (SELECT attempt_id
                     FROM admissions
                     WHERE attempt_id = ANY(%(attempt_ids)s::text[])
                       AND admitted_at IS NULL
                       AND kind <> 'held_back'
                     FOR UPDATE SKIP LOCKED);

-- tell --
-- What the others wait for, where that has changed.
UPDATE admissions
SET kind = new.kind,
    reason = new.reason,
    place = new.place,
    starts_at = new.starts_at
FROM unnest(%(attempt_ids)s::text[], %(kinds)s::text[], %(reasons)s::text[], %(places)s::int[],
            %(starts)s::timestamptz[]) AS new (attempt_id, kind, reason, place, starts_at)
WHERE admissions.attempt_id IN (
        SELECT known.attempt_id
        FROM unnest(%(attempt_ids)s::text[], %(kinds)s::text[], %(reasons)s::text[],
                    %(places)s::int[], %(starts)s::timestamptz[])
            AS seen (attempt_id, kind, reason, place, starts_at)
        JOIN admissions AS known USING (attempt_id)
        WHERE known.admitted_at IS NULL
          AND known.kind <> 'held_back'
          AND (known.kind, known.reason, known.place, known.starts_at)
              IS DISTINCT FROM (seen.kind, seen.reason, seen.place, seen.starts_at)
        FOR UPDATE OF known SKIP LOCKED)
  AND admissions.attempt_id = new.attempt_id;

-- end_pass --
-- What was decided with.
UPDATE scheduling_state
SET decided_at = %(now)s,
    last_position = %(last_position)s,
    policy_version = %(policy_version)s,
    shares = %(shares)s;

-- withdraw --
-- Attempts that do not want to start any more, or not now, and were never launched.
DELETE FROM admissions
USING attempts
WHERE admissions.attempt_id = ANY(%(attempt_ids)s::text[])
  AND attempts.attempt_id = admissions.attempt_id
  AND attempts.state = 'pending'
  AND admissions.settled_at IS NULL
RETURNING admissions.attempt_id;

-- give_way --
-- Attempts that cannot start now, and were never launched, let others pass until they ask again: since
-- when they are in the queue stays.
UPDATE admissions
SET admitted_at = NULL,
    may_be_launched = false,
    kind = 'held_back',
    reason = %(reason)s,
    place = NULL,
    starts_at = NULL
FROM attempts
WHERE admissions.attempt_id = ANY(%(attempt_ids)s::text[])
  AND attempts.attempt_id = admissions.attempt_id
  AND attempts.state = 'pending'
  AND admissions.settled_at IS NULL
RETURNING admissions.attempt_id;

-- begin_launch --
-- An attempt is about to be launched, if it is still admitted: from now on it may be alive somewhere.
UPDATE admissions
SET may_be_launched = true
FROM attempts
WHERE admissions.attempt_id = %(attempt_id)s
  AND admissions.admitted_at IS NOT NULL
  AND admissions.ended_at IS NULL
  AND attempts.attempt_id = admissions.attempt_id
  AND attempts.state <> 'ended'
RETURNING true;

-- found_no_place --
-- It was not launched.
UPDATE admissions
SET may_be_launched = false
WHERE attempt_id = %(attempt_id)s
  AND may_be_launched
  AND settled_at IS NULL;

-- decide_soon --
-- Something has become free that no ended attempt tells of.
UPDATE scheduling_state
SET decided_at = '-infinity';

-- waiting --
-- The queue, by place; those aside last.
SELECT admissions.attempt_id, runs.sweep_id, runs.rerun_of, admissions.tenant_id,
       admissions.experiment, admissions.owner, admissions.priority, admissions.cpu_millis,
       admissions.memory_bytes, admissions.gpu, admissions.gpu_type, admissions.kind,
       admissions.reason, admissions.place, admissions.starts_at, admissions.queued_at
FROM admissions
JOIN attempts USING (attempt_id)
JOIN runs USING (run_id)
WHERE admissions.settled_at IS NULL
  AND admissions.admitted_at IS NULL
  AND attempts.state <> 'ended'
  AND (admissions.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
ORDER BY admissions.place NULLS LAST, admissions.queued_at, admissions.attempt_id
LIMIT %(limit)s;

-- held --
-- What live attempts hold, by tenant and type: counted as a pass counts it.
SELECT admissions.tenant_id,
       coalesce(nullif(admissions.gpu_type, ''),
                CASE WHEN admissions.gpu > 0 THEN attempts.gpu_model ELSE '' END) AS gpu_type,
       admissions.is_admitted_elsewhere,
       count(*) AS trials, sum(cpu_millis)::bigint AS cpu_millis,
       sum(memory_bytes)::bigint AS memory_bytes, sum(gpu)::bigint AS gpu
FROM admissions
JOIN attempts USING (attempt_id)
WHERE admissions.settled_at IS NULL
  AND admissions.admitted_at IS NOT NULL
  AND attempts.state <> 'ended'
  AND (admissions.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- queued --
-- How many wait, by tenant.
SELECT admissions.tenant_id, count(*)
FROM admissions
JOIN attempts USING (attempt_id)
WHERE admissions.settled_at IS NULL
  AND admissions.admitted_at IS NULL
  AND attempts.state <> 'ended'
  AND (admissions.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
GROUP BY 1
ORDER BY 1;

-- last_pass --
-- When the scheduler looked last, and at what shares it came.
SELECT decided_at, shares
FROM scheduling_state
WHERE decided_at > '-infinity';

-- waits_of_runs --
-- What runs wait for.
SELECT attempts.run_id, admissions.reason, admissions.place, admissions.starts_at
FROM admissions
JOIN attempts USING (attempt_id)
WHERE attempts.run_id = ANY(%(run_ids)s::text[])
  AND admissions.settled_at IS NULL
  AND admissions.admitted_at IS NULL
  AND attempts.state <> 'ended';

-- stored --
-- Bytes in the artifact store, by tenant: those on their way count from their announcement on.
SELECT tenant_id, sum(size_bytes)::bigint
FROM blobs
WHERE (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND tenant_id <> installation_tenant()
GROUP BY 1;

-- is_stored --
-- Whether bytes were let in before: then they take no more room.
SELECT true
FROM blobs
WHERE tenant_id = %(tenant_id)s
  AND sha256 = %(sha256)s
  AND size_bytes >= %(size_bytes)s
  AND state <> 'deleting';

-- is_added_up --
-- Whether what a tenant has was added up within the last seconds.
SELECT added_up_at > clock_timestamp() - %(lasting)s::interval
FROM storage_sums
WHERE tenant_id = %(tenant_id)s;

-- ensure_sum --
-- A tenant's sum is there to be locked.
INSERT INTO storage_sums (tenant_id, bytes, added_up_at)
VALUES (%(tenant_id)s, 0, '-infinity')
ON CONFLICT DO NOTHING;

-- hold_sum --
-- What a tenant has. Whoever is let in, and whoever adds up, holds it until that is committed.
SELECT bytes
FROM storage_sums
WHERE tenant_id = %(tenant_id)s
FOR UPDATE;

-- add_up --
-- A statement of its own behind the lock: it sees all that was let in before. Bytes that are on their way
-- count from their announcement on.
UPDATE storage_sums
SET bytes = coalesce((SELECT sum(size_bytes) FROM blobs WHERE tenant_id = %(tenant_id)s), 0),
    added_up_at = clock_timestamp()
WHERE tenant_id = %(tenant_id)s;

-- let_in --
-- More bytes, until all are added up again.
UPDATE storage_sums
SET bytes = bytes + %(size_bytes)s
WHERE tenant_id = %(tenant_id)s;
