-- spent --
-- What was spent in some days, by tenant, experiment, sweep and owner.
SELECT usage.tenant_id AS tenant, coalesce(experiments.name, '') AS experiment, usage.sweep_id,
       usage.owner, sum(usage.amount_usd) AS amount_usd, sum(usage.waste_usd) AS waste_usd,
       sum(usage.gpu_hours) AS gpu_hours, sum(usage.idle_gpu_hours) AS idle_gpu_hours,
       sum(usage.cpu_hours) AS cpu_hours, sum(usage.memory_gib_hours) AS memory_gib_hours,
       sum(usage.storage_gib_days) AS storage_gib_days, sum(usage.attempts)::bigint AS attempts,
       sum(usage.failed_attempts)::bigint AS failed_attempts, sum(usage.unpriced)::bigint AS unpriced
FROM usage_daily AS usage
LEFT JOIN experiments ON experiments.experiment_id = usage.experiment_id
WHERE usage.day >= %(first)s
  AND usage.day < %(until)s
  AND (usage.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (usage.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
GROUP BY usage.tenant_id, coalesce(experiments.name, ''), usage.sweep_id, usage.owner
ORDER BY usage.tenant_id, coalesce(experiments.name, ''), usage.sweep_id, usage.owner;

-- spent_by_day --
-- The same by day.
SELECT usage.day, sum(usage.amount_usd) AS amount_usd, sum(usage.waste_usd) AS waste_usd
FROM usage_daily AS usage
LEFT JOIN experiments ON experiments.experiment_id = usage.experiment_id
WHERE usage.day >= %(first)s
  AND usage.day < %(until)s
  AND (usage.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (usage.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
  AND (entries.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (entries.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
GROUP BY entries.outcome, entries.is_waste
ORDER BY entries.outcome, entries.is_waste;

-- repeated --
-- Trials whose configuration an earlier trial of their sweep had, by sweep, with what they cost in
-- some days. Evaluations repeat on purpose.
WITH costs AS (
    SELECT entries.run_id, min(entries.sweep_id) AS sweep_id,
           coalesce(sum(entries.amount_usd), 0) AS amount_usd
    FROM cost_entries AS entries
    LEFT JOIN experiments ON experiments.experiment_id = entries.experiment_id
    WHERE entries.day >= %(first)s
      AND entries.day < %(until)s
      AND entries.run_id IS NOT NULL
      AND entries.sweep_id IS NOT NULL
      AND (entries.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
      AND (entries.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
    GROUP BY entries.run_id
),
groups AS (
    SELECT asked.sweep_id, array_agg(asked.number ORDER BY asked.number) AS numbers
    FROM suggestions AS asked
    JOIN sweeps USING (sweep_id)
    WHERE asked.sweep_id IN (SELECT sweep_id FROM costs)
      AND sweeps.kind <> 'evaluation'
    GROUP BY asked.sweep_id, asked.configuration
    HAVING count(*) > 1
)
SELECT runs.tenant_id AS tenant, groups.sweep_id, count(*) AS trials,
       sum(costs.amount_usd) AS amount_usd
FROM groups
CROSS JOIN LATERAL unnest(groups.numbers[2:]) AS again (number)
JOIN runs ON runs.sweep_id = groups.sweep_id AND runs.number = again.number
JOIN costs USING (run_id)
GROUP BY runs.tenant_id, groups.sweep_id
ORDER BY runs.tenant_id, groups.sweep_id;

-- stopped_early --
-- Trials that ended in some days because their search stopped them, by sweep. The last level is the
-- strategy's, else the highest that a trial of the sweep has reached.
WITH stopped AS (
    SELECT runs.run_id, runs.sweep_id, runs.tenant_id, experiments.name AS experiment,
           runs.resource_level::double precision AS level
    FROM runs
    JOIN experiments USING (experiment_id)
    WHERE runs.state = 'stopped'
      AND runs.sweep_id IS NOT NULL
      AND runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
      AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
),
tops AS (
    SELECT sweeps.sweep_id,
           coalesce(
               (sweeps.spec -> 'strategy' -> 'scheduler' ->> 'max_resource')::double precision,
               (SELECT max(runs.resource_level) FROM runs WHERE runs.sweep_id = sweeps.sweep_id)
           ) AS level
    FROM sweeps
    WHERE sweeps.sweep_id IN (SELECT sweep_id FROM stopped)
),
costs AS (
    SELECT entries.run_id,
           CASE WHEN bool_and(entries.amount_usd IS NOT NULL) THEN sum(entries.amount_usd) END
               AS amount_usd
    FROM cost_entries AS entries
    WHERE entries.run_id IN (SELECT run_id FROM stopped)
    GROUP BY entries.run_id
),
known AS (
    SELECT stopped.tenant_id, stopped.experiment, stopped.sweep_id, costs.amount_usd,
           stopped.level, tops.level AS top,
           stopped.level > 0 AND tops.level > 0 AND costs.amount_usd IS NOT NULL AS is_known
    FROM stopped
    JOIN tops USING (sweep_id)
    LEFT JOIN costs USING (run_id)
)
SELECT tenant_id AS tenant, experiment, sweep_id, count(*) AS trials,
       count(*) FILTER (WHERE is_known IS NOT TRUE) AS unknown,
       coalesce(sum(amount_usd) FILTER (WHERE is_known), 0) AS amount_usd,
       coalesce(
           sum(amount_usd * (greatest(top, level)::numeric / level::numeric - 1))
               FILTER (WHERE is_known), 0) AS saved_usd
FROM known
GROUP BY tenant_id, experiment, sweep_id
ORDER BY tenant_id, experiment, sweep_id;

-- value_outcomes --
-- How runs that ended in some days went, by value of each parameter: whole numbers below ten and
-- words as they are, other numbers in thirds of decades. Beside each value all runs that have the
-- parameter. What a person cancelled says nothing of a value.
WITH ended AS (
    SELECT runs.run_id, runs.tenant_id, runs.experiment_id, experiments.name AS experiment,
           (runs.state = 'failed')::int AS failed
    FROM runs
    JOIN experiments USING (experiment_id)
    WHERE runs.state IN ('completed', 'stopped', 'failed')
      AND runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
      AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
),
costs AS (
    SELECT entries.run_id, coalesce(sum(entries.amount_usd), 0) AS amount_usd
    FROM cost_entries AS entries
    WHERE entries.run_id IS NOT NULL
      AND entries.day >= %(first)s
      AND entries.day < %(until)s
    GROUP BY entries.run_id
),
valued AS (
    SELECT ended.tenant_id, ended.experiment, ended.experiment_id, ended.failed, params.name,
           costs.amount_usd,
           CASE WHEN jsonb_typeof(params.value) <> 'number' THEN left(params.value #>> '{}', 80) END
               AS word,
           CASE WHEN jsonb_typeof(params.value) = 'number'
                THEN params.value::double precision END AS number
    FROM ended
    JOIN run_params AS params USING (run_id)
    LEFT JOIN costs USING (run_id)
),
cut AS (
    SELECT valued.*,
           CASE WHEN number IS NULL OR number = 0
                     OR (abs(number) < 10 AND number = trunc(number)) THEN NULL
                ELSE floor(log(abs(number)))::int END AS decade
    FROM valued
),
placed AS (
    SELECT cut.*,
           CASE WHEN decade IS NULL THEN NULL
                WHEN abs(number) < 2 * power(10::double precision, decade) THEN 1
                WHEN abs(number) < 5 * power(10::double precision, decade) THEN 2
                ELSE 5 END AS third
    FROM cut
),
by_value AS (
    SELECT tenant_id, experiment, experiment_id, name, word,
           CASE WHEN decade IS NULL THEN number END AS exact, decade, third,
           number < 0 AS is_negative, count(*) AS runs, sum(failed) AS failed,
           coalesce(sum(amount_usd), 0) AS amount_usd
    FROM placed
    GROUP BY tenant_id, experiment, experiment_id, name, word,
             CASE WHEN decade IS NULL THEN number END, decade, third, number < 0
)
SELECT tenant_id AS tenant, experiment, name, coalesce(word, '') AS word, exact, decade, third,
       coalesce(is_negative, false) AS is_negative, runs, failed, amount_usd, all_runs, all_failed
FROM (
    SELECT by_value.*,
           (sum(runs) OVER whole)::bigint AS all_runs, (sum(failed) OVER whole)::bigint AS all_failed
    FROM by_value
    WINDOW whole AS (PARTITION BY experiment_id, name)
) AS beside
WHERE runs >= %(fewest)s
  AND runs < all_runs  -- one value of all says nothing
ORDER BY tenant_id, experiment, name, decade, third, exact, word
LIMIT %(limit)s;

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
      AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
      AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
    SELECT runs.tenant_id, runs.experiment_id, runs.sweep_id,
           CASE WHEN runs.sweep_id IS NULL THEN runs.created_by END AS created_by,
           count(*) AS runs_ended,
           count(*) FILTER (WHERE runs.state = 'completed') AS completed,
           count(*) FILTER (WHERE runs.state = 'stopped') AS stopped,
           count(*) FILTER (WHERE runs.state = 'failed') AS failed,
           count(*) FILTER (WHERE runs.state = 'cancelled') AS cancelled
    FROM runs
    WHERE runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
    GROUP BY runs.tenant_id, runs.experiment_id, runs.sweep_id,
             CASE WHEN runs.sweep_id IS NULL THEN runs.created_by END
),
told AS (
    SELECT ended.tenant_id, ended.experiment_id,
           coalesce(ended.created_by, sweeps.spec ->> 'owner') AS owner, 0 AS submitted,
           0 AS sweeps_ended, runs_ended, completed, stopped, failed, cancelled
    FROM ended
    LEFT JOIN sweeps USING (sweep_id)
    UNION ALL
    SELECT sweeps.tenant_id, sweeps.experiment_id, sweeps.spec ->> 'owner',
           (sweeps.created_at >= %(start)s AND sweeps.created_at < %(end)s)::int,
           coalesce(sweeps.ended_at >= %(start)s AND sweeps.ended_at < %(end)s, false)::int,
           0, 0, 0, 0, 0
    FROM sweeps
    WHERE ((sweeps.created_at >= %(start)s AND sweeps.created_at < %(end)s)
           OR (sweeps.ended_at >= %(start)s AND sweeps.ended_at < %(end)s))
      AND (sweeps.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (sweeps.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
)
SELECT told.tenant_id AS tenant, coalesce(told.owner, '') AS owner,
       sum(submitted)::bigint AS sweeps_submitted, sum(sweeps_ended)::bigint AS sweeps_ended,
       sum(runs_ended)::bigint AS runs_ended, sum(completed)::bigint AS completed,
       sum(stopped)::bigint AS stopped, sum(failed)::bigint AS failed,
       sum(cancelled)::bigint AS cancelled
FROM told
JOIN experiments USING (experiment_id)
WHERE experiments.name = %(experiment)s OR %(experiment)s::text IS NULL
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
  AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

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
  AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
  AND (runs.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
  AND (models.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
ORDER BY moves.moved_at, moves.promotion_id;

-- evaluations_ended --
-- Evaluations of candidates that ended in some days, by tenant and state.
SELECT evaluations.tenant_id AS tenant, evaluations.state::text AS state, count(*) AS evaluations
FROM evaluations
JOIN runs ON runs.run_id = evaluations.run_id
JOIN experiments USING (experiment_id)
WHERE evaluations.ended_at >= %(start)s
  AND evaluations.ended_at < %(end)s
  AND (evaluations.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (runs.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
      AND (tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (experiment = %(experiment)s OR %(experiment)s::text IS NULL)
      AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
      AND (tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
      AND (experiment = %(experiment)s OR %(experiment)s::text IS NULL)
      AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
  AND (tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiment = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
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
  AND (sweeps.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (sweeps.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL)
ORDER BY sweeps.tenant_id, sweeps.ended_at, sweeps.sweep_id;

-- sweeps_within --
-- Of some sweeps those that a report is about.
SELECT sweeps.sweep_id
FROM sweeps
JOIN experiments USING (experiment_id)
WHERE sweeps.sweep_id = ANY(%(named)s::text[])
  AND (sweeps.tenant_id = %(tenant)s OR %(tenant)s::text IS NULL)
  AND (experiments.name = %(experiment)s OR %(experiment)s::text IS NULL)
  AND (sweeps.sweep_id = %(sweep_id)s OR %(sweep_id)s::text IS NULL);
