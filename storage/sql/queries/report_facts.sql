-- take_memory --
-- What a step of a statement may hold before it goes to the disk, until the transaction ends.
SELECT set_config('work_mem', %(amount)s, true);

-- spent --
-- What was spent in some days, by tenant, experiment, sweep and owner.
SELECT usage.tenant_id AS tenant, coalesce(experiments.name, '') AS experiment, usage.sweep_id,
       usage.owner, sum(usage.amount_usd) AS amount_usd, sum(usage.waste_usd) AS waste_usd,
       sum(usage.gpu_hours) AS gpu_hours, sum(usage.idle_gpu_hours) AS idle_gpu_hours,
       sum(usage.cpu_hours) AS cpu_hours, sum(usage.memory_gib_hours) AS memory_gib_hours,
       sum(usage.storage_gib_days) AS storage_gib_days, sum(usage.unpriced)::bigint AS unpriced
FROM usage_daily AS usage
LEFT JOIN experiments ON experiments.experiment_id = usage.experiment_id
WHERE usage.day >= %(first)s
  AND usage.day < %(until)s
  AND in_scope(%(scope)s, usage.tenant_id, experiments.name, usage.sweep_id)
GROUP BY usage.tenant_id, coalesce(experiments.name, ''), usage.sweep_id, usage.owner
ORDER BY usage.tenant_id, coalesce(experiments.name, ''), usage.sweep_id, usage.owner;

-- spent_by_day --
-- The same by day.
SELECT usage.day, sum(usage.amount_usd) AS amount_usd, sum(usage.waste_usd) AS waste_usd
FROM usage_daily AS usage
LEFT JOIN experiments ON experiments.experiment_id = usage.experiment_id
WHERE usage.day >= %(first)s
  AND usage.day < %(until)s
  AND in_scope(%(scope)s, usage.tenant_id, experiments.name, usage.sweep_id)
GROUP BY usage.day
ORDER BY usage.day;

-- spent_by_outcome --
-- What the ledger says that attempts which ended alike cost in some days.
SELECT entries.outcome, entries.is_waste,
       coalesce(sum(entries.quantity) FILTER (WHERE entries.resource = 'gpu'), 0) AS gpu_hours,
       coalesce(sum(entries.amount_usd), 0) AS amount_usd
FROM cost_entries AS entries
LEFT JOIN experiments ON experiments.experiment_id = entries.experiment_id
WHERE entries.day >= %(first)s
  AND entries.day < %(until)s
  AND in_scope(%(scope)s, entries.tenant_id, experiments.name, entries.sweep_id)
GROUP BY entries.outcome, entries.is_waste
ORDER BY entries.outcome, entries.is_waste;

-- repeated --
-- Trials whose configuration an earlier trial of their sweep had, by sweep, with what they cost in
-- some days. Evaluations repeat on purpose.
WITH tried AS (
    SELECT suggestions.sweep_id, suggestions.number,
           jsonb_hash_extended(suggestions.configuration, 0) AS hash
    FROM suggestions
    WHERE suggestions.sweep_id IN (
        SELECT usage.sweep_id
        FROM usage_daily AS usage
        JOIN sweeps USING (sweep_id)
        JOIN experiments ON experiments.experiment_id = usage.experiment_id
        WHERE usage.day >= %(first)s
          AND usage.day < %(until)s
          AND sweeps.kind <> 'evaluation'
          AND in_scope(%(scope)s, usage.tenant_id, experiments.name, usage.sweep_id)
    )
),
again AS (
    SELECT tried.sweep_id, tried.number
    FROM tried
    JOIN (
        SELECT sweep_id, hash, min(number) AS first
        FROM tried
        GROUP BY sweep_id, hash
        HAVING count(*) > 1
    ) AS groups USING (sweep_id, hash)
    WHERE tried.number > groups.first
)
SELECT runs.tenant_id AS tenant, runs.sweep_id, count(DISTINCT runs.run_id) AS trials,
       coalesce(sum(entries.amount_usd), 0) AS amount_usd
FROM again
JOIN runs USING (sweep_id, number)
JOIN cost_entries AS entries ON entries.run_id = runs.run_id
WHERE entries.day >= %(first)s
  AND entries.day < %(until)s
GROUP BY runs.tenant_id, runs.sweep_id
ORDER BY runs.tenant_id, runs.sweep_id;

-- stopped_early --
-- Trials that ended in some days because their search stopped them, by sweep. The last level is the
-- strategy's, else the highest that a trial of the sweep has reached.
WITH stopped AS (
    SELECT runs.run_id, runs.sweep_id, runs.resource_level AS level
    FROM runs
    JOIN experiments USING (experiment_id)
    WHERE runs.state = 'stopped'
      AND runs.sweep_id IS NOT NULL
      AND runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
),
costs AS (
    SELECT entries.run_id,
           CASE WHEN bool_and(entries.amount_usd IS NOT NULL) THEN sum(entries.amount_usd) END
               AS amount_usd
    FROM cost_entries AS entries
    WHERE entries.run_id IN (SELECT run_id FROM stopped)
    GROUP BY entries.run_id
),
levels AS (  -- few for each sweep
    SELECT stopped.sweep_id, stopped.level, count(*) AS trials, count(costs.amount_usd) AS priced,
           sum(costs.amount_usd) AS amount_usd
    FROM stopped
    LEFT JOIN costs USING (run_id)
    GROUP BY stopped.sweep_id, stopped.level
),
known AS (
    SELECT levels.*, levels.level > 0 AND tops.level > 0 AS is_known,
           greatest(tops.level / nullif(levels.level, 0)::double precision, 1) - 1 AS more
    FROM levels
    JOIN sweeps USING (sweep_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (sweeps.spec -> 'strategy' -> 'scheduler' ->> 'max_resource')::double precision,
            (SELECT max(runs.resource_level) FROM runs WHERE runs.sweep_id = sweeps.sweep_id)
        ) AS level
    ) AS tops
)
SELECT sweeps.tenant_id AS tenant, experiments.name AS experiment, sweep_id,
       sum(trials)::bigint AS trials,
       (sum(trials) - coalesce(sum(priced) FILTER (WHERE is_known), 0))::bigint AS unknown,
       coalesce(sum(amount_usd) FILTER (WHERE is_known), 0) AS amount_usd,
       coalesce(sum(amount_usd * more::numeric) FILTER (WHERE is_known), 0) AS saved_usd
FROM known
JOIN sweeps USING (sweep_id)
JOIN experiments USING (experiment_id)
GROUP BY sweeps.tenant_id, experiments.name, sweep_id
ORDER BY sweeps.tenant_id, experiments.name, sweep_id;

-- fronts --
-- Of sweeps with a trial that ended in some days, the trials that no other one beats in both result
-- and price, cheapest first; and how many there are. What a trial cost is all of its attempts.
WITH recent AS (
    SELECT DISTINCT runs.sweep_id
    FROM runs
    JOIN experiments USING (experiment_id)
    WHERE runs.sweep_id IS NOT NULL
      AND runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
),
searches AS (
    SELECT sweeps.sweep_id, sweeps.tenant_id, experiments.name AS experiment,
           sweeps.spec -> 'objective' ->> 'metric' AS metric,
           sweeps.spec -> 'objective' ->> 'direction' AS direction
    FROM sweeps
    JOIN experiments USING (experiment_id)
    WHERE sweeps.sweep_id IN (SELECT sweep_id FROM recent)
      AND sweeps.kind <> 'evaluation'
),
costs AS (
    SELECT entries.run_id,
           CASE WHEN bool_and(entries.amount_usd IS NOT NULL) THEN sum(entries.amount_usd) END
               AS amount_usd
    FROM cost_entries AS entries
    WHERE entries.sweep_id IN (SELECT sweep_id FROM searches)
      AND entries.run_id IS NOT NULL
    GROUP BY entries.run_id
),
priced AS (
    SELECT searches.*, runs.number, runs.objective, costs.amount_usd AS cost_usd,
           CASE searches.direction WHEN 'maximize' THEN -runs.objective ELSE runs.objective END
               AS loss
    FROM searches
    JOIN runs USING (sweep_id)
    LEFT JOIN costs USING (run_id)
    WHERE runs.state IN ('completed', 'stopped')
      AND runs.objective > '-Infinity'
      AND runs.objective < 'Infinity'  -- NaN is greater than every number here
),
compared AS (
    SELECT priced.*,
           count(*) OVER sweep AS trials,
           count(*) FILTER (WHERE cost_usd IS NULL) OVER sweep AS unpriced,
           min(loss) OVER cheaper AS best_cheaper
    FROM priced
    WINDOW sweep AS (PARTITION BY sweep_id),
           cheaper AS (PARTITION BY sweep_id ORDER BY cost_usd NULLS LAST, loss, number
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT tenant_id AS tenant, experiment, sweep_id, metric, direction, trials, unpriced, number,
       objective, cost_usd
FROM compared
WHERE cost_usd IS NOT NULL
  AND (best_cheaper IS NULL OR loss < best_cheaper)
ORDER BY tenant_id, sweep_id, cost_usd, number;

-- configurations --
-- Of some trials.
SELECT asked.sweep_id, asked.number, suggestions.configuration
FROM unnest(%(sweep_ids)s::text[], %(numbers)s::int[]) AS asked (sweep_id, number)
JOIN suggestions USING (sweep_id, number);

-- activity --
-- Sweeps that were submitted and ended, and runs that ended, in some days, by owner.
WITH ended AS (
    SELECT runs.tenant_id, runs.sweep_id,
           CASE WHEN runs.sweep_id IS NULL THEN runs.created_by END AS created_by,
           count(*) AS runs_ended,
           count(*) FILTER (WHERE runs.state = 'completed') AS completed,
           count(*) FILTER (WHERE runs.state = 'stopped') AS stopped,
           count(*) FILTER (WHERE runs.state = 'failed') AS failed,
           count(*) FILTER (WHERE runs.state = 'cancelled') AS cancelled
    FROM runs
    JOIN experiments USING (experiment_id)
    WHERE runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
    GROUP BY runs.tenant_id, runs.sweep_id,
             CASE WHEN runs.sweep_id IS NULL THEN runs.created_by END
),
told AS (
    SELECT ended.tenant_id, coalesce(ended.created_by, sweeps.spec ->> 'owner') AS owner,
           0 AS submitted, 0 AS sweeps_ended, runs_ended, completed, stopped, failed, cancelled
    FROM ended
    LEFT JOIN sweeps USING (sweep_id)
    UNION ALL
    SELECT sweeps.tenant_id, sweeps.spec ->> 'owner',
           (sweeps.created_at >= %(start)s AND sweeps.created_at < %(end)s)::int,
           coalesce(sweeps.ended_at >= %(start)s AND sweeps.ended_at < %(end)s, false)::int,
           0, 0, 0, 0, 0
    FROM sweeps
    JOIN experiments USING (experiment_id)
    WHERE ((sweeps.created_at >= %(start)s AND sweeps.created_at < %(end)s)
           OR (sweeps.ended_at >= %(start)s AND sweeps.ended_at < %(end)s))
      AND in_scope(%(scope)s, sweeps.tenant_id, experiments.name, sweeps.sweep_id)
)
SELECT told.tenant_id AS tenant, coalesce(told.owner, '') AS owner,
       sum(submitted)::bigint AS sweeps_submitted, sum(sweeps_ended)::bigint AS sweeps_ended,
       sum(runs_ended)::bigint AS runs_ended, sum(completed)::bigint AS completed,
       sum(stopped)::bigint AS stopped, sum(failed)::bigint AS failed,
       sum(cancelled)::bigint AS cancelled
FROM told
GROUP BY told.tenant_id, coalesce(told.owner, '')
ORDER BY told.tenant_id, coalesce(told.owner, '');

-- attempts_ended --
-- Attempts that ended in some days, by day, reason, and state of the run where it was the last one.
SELECT (attempts.ended_at AT TIME ZONE 'UTC')::date AS day, attempts.exit_reason::text AS reason,
       CASE WHEN later.run_id IS NULL AND runs.ended_at IS NOT NULL THEN runs.state::text END
           AS final,
       count(*) AS attempts
FROM attempts
JOIN runs USING (run_id)
JOIN experiments USING (experiment_id)
LEFT JOIN attempts AS later
    ON later.run_id = attempts.run_id AND later.number = attempts.number + 1
WHERE attempts.ended_at >= %(start)s
  AND attempts.ended_at < %(end)s
  AND attempts.exit_reason IS NOT NULL
  AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- attempts_of_spenders --
-- Attempts that ended in some days, by tenant, experiment, sweep and owner, reason, and state of the
-- run where it was the last one. A spec is read once for each sweep: it is long.
WITH counted AS MATERIALIZED (
    SELECT runs.tenant_id, experiments.name AS experiment, runs.sweep_id,
           CASE WHEN runs.sweep_id IS NULL THEN runs.created_by END AS created_by,
           attempts.exit_reason::text AS reason,
           CASE WHEN later.run_id IS NULL AND runs.ended_at IS NOT NULL THEN runs.state::text END
               AS final,
           count(*) AS attempts
    FROM attempts
    JOIN runs USING (run_id)
    JOIN experiments USING (experiment_id)
    LEFT JOIN attempts AS later
        ON later.run_id = attempts.run_id AND later.number = attempts.number + 1
    WHERE attempts.ended_at >= %(start)s
      AND attempts.ended_at < %(end)s
      AND attempts.exit_reason IS NOT NULL
      AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
    GROUP BY 1, 2, 3, 4, 5, 6
), owners AS MATERIALIZED (
    SELECT sweep_id, spec ->> 'owner' AS owner
    FROM sweeps
    WHERE sweep_id IN (SELECT sweep_id FROM counted)
)
SELECT counted.tenant_id, counted.experiment, coalesce(counted.sweep_id, ''),
       coalesce(counted.created_by, owners.owner, ''), counted.reason, counted.final,
       counted.attempts
FROM counted
LEFT JOIN owners USING (sweep_id);

-- failure_reasons --
-- Attempts that ended badly in some days, by tenant and reason.
SELECT runs.tenant_id AS tenant, attempts.exit_reason::text AS reason, count(*) AS attempts,
       count(DISTINCT attempts.run_id) AS runs
FROM attempts
JOIN runs USING (run_id)
JOIN experiments USING (experiment_id)
WHERE attempts.ended_at >= %(start)s
  AND attempts.ended_at < %(end)s
  AND attempts.exit_reason NOT IN ('completed', 'stopped', 'paused', 'cancelled')
  AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
GROUP BY runs.tenant_id, attempts.exit_reason
ORDER BY runs.tenant_id, attempts.exit_reason;

-- waits --
-- How long attempts that began in some days had waited since they were written down, by tenant.
SELECT runs.tenant_id AS tenant, count(*) AS attempts,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY waited.seconds) AS median_seconds,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY waited.seconds) AS p95_seconds,
       max(waited.seconds) AS longest_seconds
FROM attempts
JOIN runs USING (run_id)
JOIN experiments USING (experiment_id)
CROSS JOIN LATERAL (
    SELECT greatest(0, extract(
        epoch FROM coalesce(attempts.scheduled_at, attempts.started_at) - attempts.created_at
    ))::double precision AS seconds
) AS waited
WHERE attempts.started_at >= %(start)s
  AND attempts.started_at < %(end)s
  AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
GROUP BY runs.tenant_id
ORDER BY runs.tenant_id;

-- models_moved --
-- Aliases of models that moved in some days; of the experiment and sweep that the version's run is of.
SELECT models.tenant_id AS tenant, models.name AS model, moves.alias, moves.kind, moves.from_number,
       moves.number, moves.moved_by, moves.moved_at
FROM promotions AS moves
JOIN models USING (model_id)
JOIN model_versions AS versions USING (model_id, number)
JOIN runs ON runs.run_id = versions.run_id
JOIN experiments USING (experiment_id)
WHERE moves.moved_at >= %(start)s
  AND moves.moved_at < %(end)s
  AND in_scope(%(scope)s, models.tenant_id, experiments.name, runs.sweep_id)
ORDER BY moves.moved_at, moves.promotion_id;

-- evaluations_ended --
-- Evaluations of candidates that ended in some days, by tenant and state.
SELECT evaluations.tenant_id AS tenant, evaluations.state::text AS state, count(*) AS evaluations
FROM evaluations
JOIN runs ON runs.run_id = evaluations.run_id
JOIN experiments USING (experiment_id)
WHERE evaluations.ended_at >= %(start)s
  AND evaluations.ended_at < %(end)s
  AND in_scope(%(scope)s, evaluations.tenant_id, experiments.name, runs.sweep_id)
GROUP BY evaluations.tenant_id, evaluations.state
ORDER BY evaluations.tenant_id, evaluations.state;

-- held --
-- What attempts of each tenant held at once in some days, as steps over time; and how long those that
-- were queued in these days waited to be let in.
WITH holding AS (
    SELECT tenant_id, gpu, greatest(admitted_at, %(start)s) AS since,
           least(coalesce(ended_at, now()), %(end)s) AS until
    FROM admissions
    WHERE admitted_at < %(end)s
      AND (ended_at IS NULL OR ended_at > %(start)s)
      AND in_scope(%(scope)s, tenant_id, experiment, sweep_id)
),
moves AS (
    SELECT tenant_id, since AS at, gpu AS gpus, 1 AS trials FROM holding WHERE since < until
    UNION ALL
    SELECT tenant_id, until, -gpu, -1 FROM holding WHERE since < until
),
moments AS (
    SELECT tenant_id, at, sum(gpus) AS gpus, sum(trials) AS trials
    FROM moves
    GROUP BY tenant_id, at
),
steps AS (
    SELECT tenant_id, sum(gpus) OVER earlier AS gpus, sum(trials) OVER earlier AS trials,
           extract(epoch FROM lead(at) OVER earlier - at)::double precision / 3600 AS hours
    FROM moments
    WINDOW earlier AS (PARTITION BY tenant_id ORDER BY at)
),
peaks AS (
    SELECT tenant_id, max(gpus) AS gpus, max(trials) AS trials FROM steps GROUP BY tenant_id
),
used AS (
    SELECT steps.tenant_id, peaks.gpus AS most_gpus, peaks.trials AS most_trials,
           sum(steps.hours) FILTER (WHERE steps.gpus = peaks.gpus AND peaks.gpus > 0)
               AS hours_at_most_gpus,
           sum(steps.hours) FILTER (WHERE steps.trials = peaks.trials) AS hours_at_most_trials,
           sum(steps.hours * steps.gpus) AS gpu_hours
    FROM steps
    JOIN peaks USING (tenant_id)
    GROUP BY steps.tenant_id, peaks.gpus, peaks.trials
),
queued AS (
    SELECT tenant_id,
           count(*) FILTER (WHERE admitted_at IS NULL AND ended_at IS NULL) AS waiting,
           percentile_cont(0.5) WITHIN GROUP (
               ORDER BY extract(epoch FROM admitted_at - queued_at)::double precision)
               AS median_wait_seconds,
           max(extract(epoch FROM admitted_at - queued_at))::double precision
               AS longest_wait_seconds
    FROM admissions
    WHERE queued_at >= %(start)s
      AND queued_at < %(end)s
      AND in_scope(%(scope)s, tenant_id, experiment, sweep_id)
    GROUP BY tenant_id
)
SELECT tenant_id AS tenant, coalesce(most_gpus, 0)::int AS most_gpus,
       coalesce(hours_at_most_gpus, 0) AS hours_at_most_gpus,
       coalesce(most_trials, 0)::int AS most_trials,
       coalesce(hours_at_most_trials, 0) AS hours_at_most_trials,
       coalesce(gpu_hours, 0)::double precision AS gpu_hours, coalesce(waiting, 0) AS waiting,
       median_wait_seconds, longest_wait_seconds
FROM used
FULL JOIN queued USING (tenant_id)
ORDER BY tenant_id;

-- deleted --
-- What retention has deleted in some days, by tenant, kind and rule.
SELECT tenant_id AS tenant, kind, rule, count(*) AS things, sum(size_bytes)::bigint AS size_bytes
FROM deletions
WHERE deleted_at >= %(start)s
  AND deleted_at < %(end)s
  AND in_scope(%(scope)s, tenant_id, experiment, sweep_id)
GROUP BY tenant_id, kind, rule
ORDER BY tenant_id, kind, rule;

-- days_not_in_ledger --
-- Of some days those that are over and that the ledger does not have as a whole, since it or the
-- first attempt began.
SELECT days.day::date
FROM generate_series(
    -- Null as long as nothing has begun: then there are no days.
    (SELECT CASE WHEN began IS NOT NULL THEN greatest(%(first)s::date, began) END
     FROM (SELECT least(
         (SELECT min(day) FROM cost_days),
         (SELECT (min(coalesce(scheduled_at, started_at)) AT TIME ZONE 'UTC')::date FROM attempts)
     ) AS began) AS known),
    least(%(until)s::date, (now() AT TIME ZONE 'UTC')::date) - 1,
    '1 day') AS days (day)
LEFT JOIN cost_days ON cost_days.day = days.day::date
WHERE cost_days.day IS NULL
   OR cost_days.covered_until < (days.day + interval '1 day') AT TIME ZONE 'UTC'
ORDER BY days.day;

-- learnt --
-- What sweeps that ended in some days have shown: the last takeaway that somebody has confirmed, else
-- the one that the newest page in the graveyard proposes.
SELECT sweeps.tenant_id AS tenant, sweeps.sweep_id, page.title,
       coalesce(said.text, page.proposal) AS takeaway, said.confirmed_by
FROM sweeps
JOIN experiments USING (experiment_id)
CROSS JOIN LATERAL (
    SELECT title, proposal
    FROM graveyard_entries
    WHERE graveyard_entries.sweep_id = sweeps.sweep_id
    ORDER BY version DESC
    LIMIT 1
) AS page
LEFT JOIN LATERAL (
    SELECT text, confirmed_by
    FROM takeaways
    WHERE takeaways.sweep_id = sweeps.sweep_id
    ORDER BY takeaway_id DESC
    LIMIT 1
) AS said ON true
WHERE sweeps.ended_at >= %(start)s
  AND sweeps.ended_at < %(end)s
  AND in_scope(%(scope)s, sweeps.tenant_id, experiments.name, sweeps.sweep_id)
ORDER BY sweeps.tenant_id, sweeps.ended_at, sweeps.sweep_id;

-- sweeps_within --
-- Of some sweeps those that a report is about.
SELECT sweeps.sweep_id
FROM sweeps
JOIN experiments USING (experiment_id)
WHERE sweeps.sweep_id = ANY(%(named)s::text[])
  AND in_scope(%(scope)s, sweeps.tenant_id, experiments.name, sweeps.sweep_id);
