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

-- ledger_state --
-- Stretches of days that the ledger has to their end, and a text that is another one once any of them
-- was summed anew: the transaction that has written a row is in its xmin.
SELECT range_agg(daterange(day, day + 1)),
       coalesce(md5(string_agg(day::text || ' ' || xmin::text, ',' ORDER BY day)), '')
FROM cost_days
WHERE usage_until >= (day + 1)::timestamptz
  AND day < %(today)s;

-- known_sums --
-- Sums over closed days that are of this state of the ledger.
SELECT scope, amount_usd, gpu_hours
FROM budget_sums
WHERE ledger = %(ledger)s
  AND (%(scopes)s::text[] IS NULL OR scope = ANY(%(scopes)s::text[]));

-- keep_sums --
-- Sums for whoever asks next.
INSERT INTO budget_sums (ledger, scope, amount_usd, gpu_hours)
SELECT %(ledger)s, scope, usd, hours
FROM unnest(%(scopes)s::text[], %(usds)s::numeric[], %(hours)s::float8[])
    AS new (scope, usd, hours)
ORDER BY scope
ON CONFLICT DO NOTHING;

-- forget_sums --
-- Those of earlier states of the ledger, which nobody asks for any more.
DELETE FROM budget_sums
WHERE (ledger, scope) IN (SELECT ledger, scope
                          FROM budget_sums
                          WHERE ledger <> %(ledger)s
                            AND summed_at < now() - interval '2 days'
                          FOR UPDATE SKIP LOCKED);

-- closed_of_sweeps --
-- What the ledger has for budgets of one sweep each, since some day.
SELECT budgets.place, sum(usage.amount_usd), sum(usage.gpu_hours)
FROM unnest(%(places)s::int[], %(sweeps)s::text[], %(tenants)s::text[], %(experiments)s::text[],
            %(evaluations)s::text[], %(users)s::text[], %(begins)s::date[])
    AS budgets (place, sweep_id, tenant_id, experiment, evaluation, owner, begins)
JOIN usage_daily AS usage ON usage.sweep_id = budgets.sweep_id AND usage.sweep_id <> ''
    AND usage.day >= budgets.begins
JOIN cost_days AS days ON days.day = usage.day AND days.usage_until >= (days.day + 1)::timestamptz
    AND days.day < %(today)s
WHERE (budgets.tenant_id IS NULL OR usage.tenant_id = budgets.tenant_id)
  AND (budgets.owner IS NULL OR usage.owner = budgets.owner)
  AND (budgets.experiment IS NULL OR usage.experiment_id IN (
      SELECT experiment_id FROM experiments
      WHERE experiments.tenant_id = budgets.tenant_id
        AND experiments.name IN (budgets.experiment, budgets.evaluation)))
GROUP BY budgets.place;

-- closed_of_tenants --
-- Likewise for budgets of one tenant each.
SELECT budgets.place, sum(usage.amount_usd), sum(usage.gpu_hours)
FROM unnest(%(places)s::int[], %(tenants)s::text[], %(experiments)s::text[],
            %(evaluations)s::text[], %(users)s::text[], %(begins)s::date[])
    AS budgets (place, tenant_id, experiment, evaluation, owner, begins)
JOIN usage_daily AS usage ON usage.tenant_id = budgets.tenant_id AND usage.day >= budgets.begins
JOIN cost_days AS days ON days.day = usage.day AND days.usage_until >= (days.day + 1)::timestamptz
    AND days.day < %(today)s
WHERE (budgets.owner IS NULL OR usage.owner = budgets.owner)
  AND (budgets.experiment IS NULL OR usage.experiment_id IN (
      SELECT experiment_id FROM experiments
      WHERE experiments.tenant_id = budgets.tenant_id
        AND experiments.name IN (budgets.experiment, budgets.evaluation)))
GROUP BY budgets.place;

-- closed_of_all --
-- Likewise for budgets of everybody, or of a user wherever they are.
SELECT budgets.place, sum(usage.amount_usd), sum(usage.gpu_hours)
FROM unnest(%(places)s::int[], %(users)s::text[], %(begins)s::date[])
    AS budgets (place, owner, begins)
JOIN usage_daily AS usage ON usage.day >= budgets.begins
JOIN cost_days AS days ON days.day = usage.day AND days.usage_until >= (days.day + 1)::timestamptz
    AND days.day < %(today)s
WHERE budgets.owner IS NULL OR usage.owner = budgets.owner
GROUP BY budgets.place;

-- held_in_stretches --
-- How long attempts that have ended held the same things, in stretches of time: microseconds. Of a
-- sweep together, and of each rerun. Most stretches are of the last gap of the ledger: what has ended
-- since it began is found by its end, and whose it is by its admission; of the others their runs tell.
WITH recent AS MATERIALIZED (
    SELECT attempts.run_id, admissions.sweep_id AS name,
           coalesce(attempts.scheduled_at, attempts.started_at) AS begun_at, attempts.ended_at,
           attempts.gpu_count, attempts.gpus, attempts.gpu_model, attempts.capacity,
           attempts.region
    FROM attempts
    LEFT JOIN admissions ON admissions.attempt_id = attempts.attempt_id
        AND admissions.ended_at >= %(last_gap)s::timestamptz
    WHERE attempts.state = 'ended'
      AND attempts.ended_at >= %(last_gap)s::timestamptz
), stretches AS MATERIALIZED (
    SELECT place, start, "end"
    FROM unnest(%(places)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS given (place, start, "end")
), held AS (
    SELECT stretches.place, name, run_id, gpu_count, gpus, gpu_model, capacity, region,
           least(ended_at, stretches."end") - greatest(begun_at, stretches.start) AS held
    FROM stretches
    JOIN recent ON begun_at < least(ended_at, stretches."end") AND ended_at > stretches.start
    WHERE stretches.start >= %(last_gap)s::timestamptz
    UNION ALL
    SELECT stretches.place, NULL, run_id, gpu_count, gpus, gpu_model, capacity, region,
           least(ended_at, stretches."end")
               - greatest(coalesce(scheduled_at, started_at), stretches.start)
    FROM stretches
    JOIN attempts ON state = 'ended'
        AND held_during(scheduled_at, started_at, ended_at)
            && tstzrange(stretches.start, stretches."end")
    WHERE stretches.start < %(last_gap)s::timestamptz
), parts AS (
    SELECT place, name, CASE WHEN name IS NULL THEN run_id END AS run_id,
           CASE WHEN gpu_count > 0 THEN gpu_count ELSE cardinality(gpus) END AS gpus, gpu_model,
           capacity, region, sum(held) AS held
    FROM held
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT place, name, gpus, gpu_model, capacity, region, microseconds
FROM (
    SELECT place,
           coalesce(name,
                    (SELECT coalesce(runs.sweep_id, runs.run_id)
                     FROM runs
                     WHERE runs.run_id = parts.run_id
                       AND (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL))) AS name,
           gpus, gpu_model, capacity, region,
           (extract(epoch FROM held) * 1000000)::bigint AS microseconds
    FROM parts
) AS named
WHERE name IS NOT NULL;

-- held_by_some --
-- The same of one tenant or sweep.
SELECT stretches.place, coalesce(runs.sweep_id, runs.run_id) AS name,
       CASE WHEN attempts.gpu_count > 0 THEN attempts.gpu_count
            ELSE cardinality(attempts.gpus) END AS gpus,
       attempts.gpu_model, attempts.capacity, attempts.region,
       (1000000 * extract(epoch FROM sum(
           least(attempts.ended_at, stretches."end")
           - greatest(coalesce(attempts.scheduled_at, attempts.started_at), stretches.start)
       )))::bigint AS microseconds
FROM unnest(%(places)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS stretches (place, start, "end")
JOIN attempts ON attempts.state = 'ended'
    AND held_during(attempts.scheduled_at, attempts.started_at, attempts.ended_at)
        && tstzrange(stretches.start, stretches."end")
JOIN runs USING (run_id)
WHERE (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL)
  AND (%(tenant_id)s::text IS NULL OR runs.tenant_id = %(tenant_id)s)
  AND (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s)
GROUP BY 1, 2, 3, 4, 5, 6;

-- live_attempts --
-- Attempts that were let in, or have begun, and have not ended; and what is reserved for them.
SELECT name, began_at, gpus, gpu_model, capacity, region, predicted_usd, predicted_gpu_hours
FROM (
    SELECT coalesce(let_in.sweep_id,
                    (SELECT coalesce(runs.sweep_id, runs.run_id)
                     FROM runs
                     WHERE runs.run_id = begun.run_id
                       AND (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL))) AS name,
           coalesce(begun.scheduled_at, begun.started_at) AS began_at,
           coalesce(CASE WHEN begun.gpu_count > 0 THEN begun.gpu_count
                         ELSE cardinality(begun.gpus) END, 0) AS gpus,
           coalesce(begun.gpu_model, '') AS gpu_model, coalesce(begun.capacity, '') AS capacity,
           coalesce(begun.region, '') AS region, let_in.predicted_usd, let_in.predicted_gpu_hours
    FROM (
        SELECT attempt_id, run_id, scheduled_at, started_at, gpu_count, gpus, gpu_model, capacity,
               region
        FROM attempts
        WHERE state <> 'ended'
          AND (started_at IS NOT NULL OR scheduled_at IS NOT NULL)
    ) AS begun
    FULL JOIN (
        SELECT attempt_id, sweep_id, predicted_usd, predicted_gpu_hours
        FROM admissions
        WHERE admitted_at IS NOT NULL
          AND ended_at IS NULL
    ) AS let_in USING (attempt_id)
    WHERE begun.run_id IS NOT NULL
       OR (SELECT attempts.state <> 'ended'
           FROM attempts
           WHERE attempts.attempt_id = let_in.attempt_id)
) AS named
WHERE name IS NOT NULL;

-- live_of_some --
-- The same of one tenant or sweep.
SELECT coalesce(runs.sweep_id, runs.run_id) AS name,
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

-- note_warnings --
-- Note that shares of limits were reached, each once of a limit.
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
ON CONFLICT DO NOTHING;

-- tell_warnings --
-- Those that nobody has told, to be told by whoever commits this.
WITH told AS (
    UPDATE budget_warnings
    SET told_at = now()
    WHERE told_at IS NULL
    RETURNING budget, begins, threshold, tenant_id, spent_usd, spent_gpu_hours, max_usd,
              max_gpu_hours, warned_at
)
SELECT *
FROM told
ORDER BY budget, begins, threshold;

-- untold --
-- Shares of limits that nobody has told yet: of those that are reached now, and those that were noted.
SELECT new.budget, new.begins, new.threshold, new.max_usd, new.max_gpu_hours
FROM unnest(%(budgets)s::text[], %(begins)s::date[], %(thresholds)s::float8[],
            %(max_usds)s::numeric[], %(max_hours)s::float8[])
    AS new (budget, begins, threshold, max_usd, max_gpu_hours)
WHERE NOT EXISTS (
    SELECT FROM budget_warnings AS known
    WHERE known.budget = new.budget
      AND known.begins = new.begins
      AND known.threshold = new.threshold
      AND known.max_usd IS NOT DISTINCT FROM new.max_usd
      AND known.max_gpu_hours IS NOT DISTINCT FROM new.max_gpu_hours)
UNION ALL
SELECT budget, begins, threshold, max_usd, max_gpu_hours
FROM budget_warnings
WHERE told_at IS NULL
ORDER BY 1, 2, 3, 4, 5;

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

-- predict_again --
-- What attempts of a sweep will take, now that more is known; those that go on from a rung aside. Of
-- live ones only how long, since what was reserved for them at their admission stays. What would hardly
-- change is not written.
UPDATE admissions
SET predicted_seconds = CASE WHEN admitted_at IS NULL THEN %(seconds)s::float8
                             ELSE coalesce(%(seconds)s::float8, predicted_seconds) END,
    predicted_usd = CASE WHEN admitted_at IS NULL THEN %(usd)s::numeric ELSE predicted_usd END,
    predicted_gpu_hours = CASE WHEN admitted_at IS NULL THEN %(gpu_hours)s::float8
                               ELSE predicted_gpu_hours END
WHERE attempt_id IN (
    SELECT admissions.attempt_id
    FROM admissions
    JOIN attempts USING (attempt_id)
    WHERE admissions.sweep_id = %(sweep_id)s
      AND admissions.settled_at IS NULL
      AND attempts.state <> 'ended'
      AND attempts.promoted_sequence IS NULL
      AND (CASE WHEN admissions.admitted_at IS NOT NULL AND %(seconds)s::float8 IS NULL THEN false
                ELSE coalesce(abs(admissions.predicted_seconds - %(seconds)s::float8)
                                  > 0.01 * %(seconds)s::float8,
                              (admissions.predicted_seconds IS NULL)
                                  <> (%(seconds)s::float8 IS NULL))
           END
           OR admissions.admitted_at IS NULL
              AND (coalesce(abs(admissions.predicted_usd - %(usd)s::numeric)
                                > 0.01 * %(usd)s::numeric,
                            (admissions.predicted_usd IS NULL) <> (%(usd)s::numeric IS NULL))
                   OR coalesce(abs(admissions.predicted_gpu_hours - %(gpu_hours)s::float8)
                                   > 0.01 * %(gpu_hours)s::float8,
                               (admissions.predicted_gpu_hours IS NULL)
                                   <> (%(gpu_hours)s::float8 IS NULL))))
    FOR UPDATE OF admissions SKIP LOCKED);
