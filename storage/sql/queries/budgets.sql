-- open_sweeps --
-- Those that may yet spend something.
SELECT sweep_id
FROM sweeps
WHERE state IN ('submitted', 'running', 'paused');

-- sweep_facts --
-- Whose sweeps are, and what they ask for. None of it ever changes.
SELECT sweeps.sweep_id, sweeps.tenant_id, experiments.name, sweeps.spec
FROM sweeps
JOIN experiments USING (experiment_id)
WHERE sweeps.sweep_id = ANY(%(sweep_ids)s::text[]);

-- rerun_facts --
-- Whose reruns are, and what they were admitted with. None of it ever changes.
SELECT runs.run_id, runs.tenant_id, experiments.name, runs.created_by,
       coalesce(admissions.gpu, 0), coalesce(admissions.cpu_millis, 0),
       coalesce(admissions.memory_bytes, 0), coalesce(admissions.gpu_type, '')
FROM runs
JOIN experiments USING (experiment_id)
LEFT JOIN attempts USING (run_id)
LEFT JOIN admissions USING (attempt_id)
WHERE runs.run_id = ANY(%(run_ids)s::text[])
  AND runs.rerun_of IS NOT NULL;

-- closed_days --
-- Days that the ledger has to their end.
SELECT day
FROM cost_days
WHERE usage_until >= (day + 1)::timestamptz
  AND day < %(today)s
ORDER BY day;

-- closed_of_sweeps --
-- What the ledger has for budgets of one sweep each: in their periods, and lately.
SELECT budgets.name,
       coalesce(sum(usage.amount_usd) FILTER (WHERE usage.day >= budgets.begins), 0),
       coalesce(sum(usage.gpu_hours) FILTER (WHERE usage.day >= budgets.begins), 0),
       coalesce(sum(usage.amount_usd) FILTER (WHERE usage.day >= %(window)s), 0),
       coalesce(sum(usage.gpu_hours) FILTER (WHERE usage.day >= %(window)s), 0)
FROM unnest(%(names)s::text[], %(sweeps)s::text[], %(tenants)s::text[], %(experiments)s::text[],
            %(evaluations)s::text[], %(users)s::text[], %(begins)s::date[])
    AS budgets (name, sweep_id, tenant_id, experiment, evaluation, owner, begins)
JOIN usage_daily AS usage ON usage.sweep_id = budgets.sweep_id AND usage.sweep_id <> ''
JOIN cost_days AS days ON days.day = usage.day AND days.usage_until >= (days.day + 1)::timestamptz
    AND days.day < %(today)s
WHERE (budgets.tenant_id IS NULL OR usage.tenant_id = budgets.tenant_id)
  AND (budgets.owner IS NULL OR usage.owner = budgets.owner)
  AND (budgets.experiment IS NULL OR usage.experiment_id IN (
      SELECT experiment_id FROM experiments
      WHERE experiments.tenant_id = budgets.tenant_id
        AND experiments.name IN (budgets.experiment, budgets.evaluation)))
GROUP BY budgets.name;

-- closed_of_tenants --
-- Likewise for budgets of one tenant each.
SELECT budgets.name,
       coalesce(sum(usage.amount_usd) FILTER (WHERE usage.day >= budgets.begins), 0),
       coalesce(sum(usage.gpu_hours) FILTER (WHERE usage.day >= budgets.begins), 0),
       coalesce(sum(usage.amount_usd) FILTER (WHERE usage.day >= %(window)s), 0),
       coalesce(sum(usage.gpu_hours) FILTER (WHERE usage.day >= %(window)s), 0)
FROM unnest(%(names)s::text[], %(tenants)s::text[], %(experiments)s::text[],
            %(evaluations)s::text[], %(users)s::text[], %(begins)s::date[])
    AS budgets (name, tenant_id, experiment, evaluation, owner, begins)
JOIN usage_daily AS usage ON usage.tenant_id = budgets.tenant_id
    AND usage.day >= least(budgets.begins, %(window)s)
JOIN cost_days AS days ON days.day = usage.day AND days.usage_until >= (days.day + 1)::timestamptz
    AND days.day < %(today)s
WHERE (budgets.owner IS NULL OR usage.owner = budgets.owner)
  AND (budgets.experiment IS NULL OR usage.experiment_id IN (
      SELECT experiment_id FROM experiments
      WHERE experiments.tenant_id = budgets.tenant_id
        AND experiments.name IN (budgets.experiment, budgets.evaluation)))
GROUP BY budgets.name;

-- closed_of_all --
-- Likewise for budgets of everybody, or of a user wherever they are.
SELECT budgets.name,
       coalesce(sum(usage.amount_usd) FILTER (WHERE usage.day >= budgets.begins), 0),
       coalesce(sum(usage.gpu_hours) FILTER (WHERE usage.day >= budgets.begins), 0),
       coalesce(sum(usage.amount_usd) FILTER (WHERE usage.day >= %(window)s), 0),
       coalesce(sum(usage.gpu_hours) FILTER (WHERE usage.day >= %(window)s), 0)
FROM unnest(%(names)s::text[], %(users)s::text[], %(begins)s::date[])
    AS budgets (name, owner, begins)
JOIN usage_daily AS usage ON usage.day >= least(budgets.begins, %(window)s)
JOIN cost_days AS days ON days.day = usage.day AND days.usage_until >= (days.day + 1)::timestamptz
    AND days.day < %(today)s
WHERE budgets.owner IS NULL OR usage.owner = budgets.owner
GROUP BY budgets.name;

-- held_in_segments --
-- How long attempts that have ended held the same things, in stretches of time: microseconds. Of a
-- sweep together, and of each rerun.
SELECT segments.start, coalesce(runs.sweep_id, runs.run_id),
       CASE WHEN attempts.gpu_count > 0 THEN attempts.gpu_count
            ELSE cardinality(attempts.gpus) END AS gpus,
       attempts.gpu_model, attempts.capacity, attempts.region,
       sum(round(extract(epoch FROM
           least(upper(held), segments."end") - greatest(lower(held), segments.start)) * 1000000)
       )::bigint
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS segments (start, "end")
JOIN attempts ON attempts.state = 'ended'
    AND held_during(attempts.scheduled_at, attempts.started_at, attempts.ended_at)
        && tstzrange(segments.start, segments."end")
CROSS JOIN LATERAL (
    SELECT held_during(attempts.scheduled_at, attempts.started_at, attempts.ended_at) AS held
) AS of_attempt
JOIN runs USING (run_id)
WHERE (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL)
  AND (%(tenant_id)s::text IS NULL OR runs.tenant_id = %(tenant_id)s)
  AND (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s)
GROUP BY 1, 2, 3, 4, 5, 6;

-- live_attempts --
-- Attempts that were let in, or have begun, and have not ended; and what is reserved for them.
SELECT coalesce(runs.sweep_id, runs.run_id),
       coalesce(attempts.scheduled_at, attempts.started_at) AS began_at,
       CASE WHEN attempts.gpu_count > 0 THEN attempts.gpu_count
            ELSE cardinality(attempts.gpus) END AS gpus,
       attempts.gpu_model, attempts.capacity, attempts.region, admissions.predicted_usd,
       admissions.predicted_gpu_hours
FROM attempts
JOIN runs USING (run_id)
LEFT JOIN admissions USING (attempt_id)
WHERE attempts.state <> 'ended'
  AND (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL)
  AND (attempts.started_at IS NOT NULL OR attempts.scheduled_at IS NOT NULL
       OR admissions.admitted_at IS NOT NULL)
  AND (%(tenant_id)s::text IS NULL OR runs.tenant_id = %(tenant_id)s)
  AND (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s);

-- finished_attempts --
-- How long the newest attempts of a sweep took that ended as they were meant to, and how many
-- resource levels they went through.
SELECT extract(epoch FROM attempts.ended_at - coalesce(attempts.scheduled_at, attempts.started_at))
           ::float8 AS seconds,
       greatest(coalesce(
           (SELECT max(resource_level) FROM reports
            WHERE reports.run_id = attempts.run_id
              AND reports.reported_at <= attempts.ended_at), 0) - coalesce(
           (SELECT max(resource_level) FROM reports
            WHERE reports.run_id = attempts.run_id
              AND reports.reported_at < attempts.started_at), 0), 0) AS levels
FROM runs
JOIN attempts USING (run_id)
WHERE runs.sweep_id = ANY(%(sweep_ids)s::text[])
  AND attempts.state = 'ended'
  AND attempts.exit_reason IN ('completed', 'stopped', 'paused', 'timed_out')
  AND attempts.started_at IS NOT NULL
ORDER BY attempts.ended_at DESC
LIMIT %(limit)s;

-- finished_runs --
-- How long a run took that ended as it was meant to, and those that repeat it, all of their attempts
-- together; and how many resource levels they went through.
SELECT coalesce(
           (SELECT extract(epoch FROM sum(
                       ended_at - coalesce(attempts.scheduled_at, attempts.started_at)))
            FROM attempts
            WHERE attempts.run_id = runs.run_id
              AND attempts.state = 'ended'
              AND attempts.started_at IS NOT NULL),
           extract(epoch FROM runs.ended_at - runs.started_at), 0)::float8 AS seconds,
       coalesce(runs.resource_level,
                (SELECT max(reports.resource_level) FROM reports
                 WHERE reports.run_id = runs.run_id), 0) AS levels
FROM runs
WHERE (runs.run_id = %(run_id)s OR runs.rerun_of = %(run_id)s)
  AND runs.state IN ('completed', 'stopped')
ORDER BY runs.ended_at DESC
LIMIT %(limit)s;

-- machine_of_run --
-- What the newest attempt of a run ran on, and of which sweep it is.
SELECT runs.sweep_id, attempts.gpu_model, attempts.capacity, attempts.region
FROM runs
LEFT JOIN attempts ON attempts.run_id = runs.run_id AND attempts.started_at IS NOT NULL
WHERE runs.run_id = %(run_id)s
ORDER BY attempts.started_at DESC NULLS LAST
LIMIT 1;

-- longest_live --
-- When the oldest live attempt of a sweep began.
SELECT min(coalesce(attempts.scheduled_at, attempts.started_at))
FROM runs
JOIN attempts USING (run_id)
WHERE runs.sweep_id = %(sweep_id)s
  AND attempts.state <> 'ended';

-- last_machine --
-- What the newest attempt of a sweep, or of earlier ones of its experiment, ran on.
SELECT attempts.gpu_model, attempts.capacity, attempts.region
FROM runs
JOIN attempts USING (run_id)
WHERE runs.sweep_id = ANY(%(sweep_ids)s::text[])
  AND attempts.started_at IS NOT NULL
ORDER BY attempts.started_at DESC
LIMIT 1;

-- earlier_sweeps --
-- The newest sweeps of an experiment, another one aside.
SELECT sweep_id
FROM sweeps
JOIN experiments USING (experiment_id)
WHERE experiments.tenant_id = %(tenant_id)s
  AND experiments.name = %(experiment)s
  AND sweeps.sweep_id <> %(sweep_id)s
ORDER BY sweeps.log_position DESC
LIMIT %(limit)s;

-- add_warnings --
-- Note that shares of limits were reached; gives those that nobody had noted.
INSERT INTO budget_warnings (budget, begins, threshold, tenant_id, spent_usd, spent_gpu_hours,
                             max_usd, max_gpu_hours, warned_at)
SELECT budget, begins, threshold, tenant_id, spent_usd, spent_gpu_hours, max_usd, max_gpu_hours,
       %(now)s
FROM unnest(%(budgets)s::text[], %(begins)s::date[], %(thresholds)s::float8[],
            %(tenants)s::text[], %(spent_usds)s::numeric[], %(spent_hours)s::float8[],
            %(max_usds)s::numeric[], %(max_hours)s::float8[])
    AS new (budget, begins, threshold, tenant_id, spent_usd, spent_gpu_hours, max_usd,
            max_gpu_hours)
ORDER BY budget, begins, threshold
ON CONFLICT DO NOTHING
RETURNING budget, begins, threshold, tenant_id, spent_usd, spent_gpu_hours, max_usd, max_gpu_hours,
          warned_at;

-- list_warnings --
-- What was told since some day, and before another, newest first.
SELECT budget, begins, threshold, tenant_id, spent_usd, spent_gpu_hours, max_usd, max_gpu_hours,
       warned_at
FROM budget_warnings
WHERE warned_at >= %(since)s
  AND (%(until)s::timestamptz IS NULL OR warned_at < %(until)s)
  AND (%(tenant_id)s::text IS NULL OR tenant_id IN ('', %(tenant_id)s))
ORDER BY warned_at DESC, budget, threshold DESC
LIMIT %(limit)s;

-- reached_levels --
-- Resource levels at which trials were paused whose attempts go on from there.
SELECT attempts.attempt_id, coalesce(runs.resource_level, 0)
FROM attempts
JOIN runs USING (run_id)
WHERE attempts.attempt_id = ANY(%(attempt_ids)s::text[])
  AND attempts.promoted_sequence IS NOT NULL;

-- predict_waiting --
-- What attempts that wait will take, now that more is known; those that go on from a rung aside.
UPDATE admissions
SET predicted_seconds = %(seconds)s,
    predicted_usd = %(usd)s,
    predicted_gpu_hours = %(gpu_hours)s
WHERE attempt_id IN (
    SELECT admissions.attempt_id
    FROM admissions
    JOIN attempts USING (attempt_id)
    WHERE admissions.sweep_id = %(sweep_id)s
      AND admissions.admitted_at IS NULL
      AND admissions.settled_at IS NULL
      AND attempts.state <> 'ended'
      AND attempts.promoted_sequence IS NULL
      AND (admissions.predicted_seconds, admissions.predicted_usd, admissions.predicted_gpu_hours)
          IS DISTINCT FROM (%(seconds)s::float8, %(usd)s::numeric, %(gpu_hours)s::float8)
    FOR UPDATE OF admissions SKIP LOCKED);

-- unwarned --
-- Shares of limits that nobody has noted yet.
SELECT new.budget, new.begins, new.threshold
FROM unnest(%(budgets)s::text[], %(begins)s::date[], %(thresholds)s::float8[])
    AS new (budget, begins, threshold)
LEFT JOIN budget_warnings USING (budget, begins, threshold)
WHERE budget_warnings.budget IS NULL
ORDER BY 1, 2, 3;
