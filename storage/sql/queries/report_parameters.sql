-- parameter_outcomes --
-- How runs that ended in some days went, each with all of its attempts and what these cost: by value
-- of each parameter, by values of two, and by configuration; each kind as documents. Of parameters
-- that have few values in an experiment every value stands for itself, those of others are put
-- together by `param_bin`. What a person cancelled and what the machine took away says nothing of a
-- configuration, and evaluations try none.
WITH ended AS MATERIALIZED (
    SELECT runs.run_id, runs.experiment_id, runs.sweep_id, runs.rerun_of, runs.created_at,
           (runs.state = 'failed')::int AS failed,
           CASE WHEN runs.state <> 'failed' AND runs.objective > '-Infinity'
                     AND runs.objective < 'Infinity' THEN runs.objective END AS objective,
           suggestions.configuration
    FROM runs
    JOIN experiments USING (experiment_id)
    LEFT JOIN sweeps USING (sweep_id)
    LEFT JOIN suggestions USING (sweep_id, number)
    WHERE runs.state IN ('completed', 'stopped', 'failed')
      AND runs.ended_at >= %(start)s
      AND runs.ended_at < %(end)s
      AND sweeps.kind IS DISTINCT FROM 'evaluation'
      AND in_scope(%(scope)s, runs.tenant_id, experiments.name, runs.sweep_id)
),
tried AS (
    SELECT run_id, experiment_id, configuration
    FROM ended
    WHERE configuration IS NOT NULL
    UNION ALL
    -- Outside sweeps: that of the trial which was made again, else what the script says.
    SELECT ended.run_id, ended.experiment_id,
           coalesce(suggestions.configuration, said.configuration)
    FROM ended
    LEFT JOIN runs AS origin ON origin.run_id = ended.rerun_of
    LEFT JOIN suggestions
        ON suggestions.sweep_id = origin.sweep_id AND suggestions.number = origin.number
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(name, value) AS configuration
        FROM run_params
        WHERE run_params.run_id = ended.run_id
    ) AS said
    WHERE ended.configuration IS NULL
),
counted AS (
    SELECT experiment_id, sweep_id, count(*) AS runs, min(created_at) AS since
    FROM ended
    GROUP BY experiment_id, sweep_id
),
objectives AS (
    SELECT counted.*, spec #>> '{objective,metric}' AS metric,
           spec #>> '{objective,direction}' AS direction
    FROM counted
    JOIN sweeps USING (sweep_id)
),
metrics AS (  -- of each experiment the one that most of its runs have
    SELECT DISTINCT ON (experiment_id) experiment_id, metric, direction
    FROM objectives
    GROUP BY experiment_id, metric, direction
    ORDER BY experiment_id, sum(runs) DESC, metric, direction
),
measured AS (
    SELECT sweep_id
    FROM objectives
    JOIN metrics USING (experiment_id, metric, direction)
),
attempted AS (
    SELECT run_id, count(*) AS attempts,
           count(*) FILTER (WHERE exit_reason = ANY(%(failed)s::exit_reason[])) AS failed
    FROM attempts
    WHERE run_id IN (SELECT run_id FROM ended)
      AND ended_at >= (SELECT min(since) FROM counted)
      AND exit_reason <> ALL(%(taken)s::exit_reason[])
    GROUP BY run_id
),
costs AS (
    SELECT run_id,
           CASE WHEN bool_and(amount_usd IS NOT NULL) THEN sum(amount_usd) END AS amount_usd
    FROM cost_entries
    WHERE run_id IN (SELECT run_id FROM ended)
      AND day >= (SELECT min(since) FROM counted)::date
    GROUP BY run_id
),
grids AS (  -- parameters of few values, as far as some hundreds of runs show
    SELECT experiment_id, array_agg(name) AS names
    FROM (
        SELECT tried.experiment_id, param.name
        FROM tried
        JOIN (SELECT experiment_id, sum(runs)::int AS runs FROM counted GROUP BY experiment_id)
            AS whole USING (experiment_id)
        CROSS JOIN LATERAL jsonb_each(tried.configuration) AS param (name, value)
        WHERE (hashtext(tried.run_id) & 1048575) %% greatest(1, whole.runs / %(sample)s) = 0
        GROUP BY tried.experiment_id, param.name
        HAVING count(DISTINCT param.value) <= %(few)s
    ) AS few
    GROUP BY experiment_id
),
shapes AS MATERIALIZED (
    SELECT tried.run_id, parts.names, parts.bins,
           hash_array_extended(parts.names || parts.bins, 0) AS shape
    FROM tried
    LEFT JOIN grids USING (experiment_id)
    CROSS JOIN LATERAL (
        SELECT array_agg(name) AS names, array_agg(param_bin(value, name = ANY(grids.names))) AS bins
        FROM jsonb_each(tried.configuration) AS param (name, value)
    ) AS parts
    WHERE parts.names IS NOT NULL
),
configurations AS MATERIALIZED (
    SELECT ended.experiment_id, min(ended.run_id) AS example, count(*) AS runs,
           sum(ended.failed) AS failed, count(*) - sum(ended.failed) AS finished,
           sum(coalesce(attempted.attempts, 1)) AS attempts,  -- without any, a run is one itself
           sum(greatest(attempted.failed, ended.failed)) AS failed_attempts,
           coalesce(sum(costs.amount_usd), 0) AS amount_usd, count(costs.amount_usd) AS priced,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY ended.objective)
               FILTER (WHERE measured.sweep_id IS NOT NULL) AS objective
    FROM ended
    JOIN shapes USING (run_id)
    LEFT JOIN attempted USING (run_id)
    LEFT JOIN costs USING (run_id)
    LEFT JOIN measured USING (sweep_id)
    GROUP BY ended.experiment_id, shapes.shape
),
shaped AS MATERIALIZED (
    SELECT configurations.*, shapes.names, shapes.bins
    FROM configurations
    JOIN shapes ON shapes.run_id = configurations.example
),
by_value AS (
    SELECT experiment_id, part.name, part.bin, sum(runs)::bigint AS runs,
           sum(failed)::bigint AS failed, sum(amount_usd) AS amount_usd
    FROM shaped
    CROSS JOIN LATERAL unnest(names, bins) AS part (name, bin)
    GROUP BY experiment_id, part.name, part.bin
),
values_told AS (
    SELECT *
    FROM (
        SELECT beside.*, count(*) OVER () AS tested,
               row_number() OVER (ORDER BY failed - runs * (all_failed - failed)::float8
                   / (all_runs - runs) DESC, experiment_id, name, bin) AS failing_place,
               row_number() OVER (ORDER BY amount_usd / runs DESC, experiment_id, name, bin)
                   AS dear_place
        FROM (
            SELECT by_value.*, (sum(runs) OVER whole)::bigint AS all_runs,
                   (sum(failed) OVER whole)::bigint AS all_failed
            FROM by_value
            WINDOW whole AS (PARTITION BY experiment_id, name)
        ) AS beside
        WHERE runs >= %(fewest)s
          AND runs < all_runs  -- one value of all says nothing
    ) AS ranked
    WHERE least(failing_place, dear_place) <= %(most)s
),
paired AS MATERIALIZED (  -- a sample, where all would be too many
    SELECT *
    FROM shaped
    WHERE hashtext(example) & 1048575 < (
        SELECT 1048576.0 * %(most_pairs)s / greatest(
            %(most_pairs)s, sum(cardinality(names)::bigint * (cardinality(names) - 1) / 2))
        FROM shaped
    )
),
paired_values AS (
    SELECT experiment_id, part.name, part.bin, sum(runs)::bigint AS runs,
           sum(failed)::bigint AS failed
    FROM paired
    CROSS JOIN LATERAL unnest(names, bins) AS part (name, bin)
    GROUP BY experiment_id, part.name, part.bin
),
by_pair AS (
    SELECT experiment_id, names[i] AS name, bins[i] AS bin, names[j] AS other_name,
           bins[j] AS other_bin, sum(runs)::bigint AS runs, sum(failed)::bigint AS failed
    FROM paired
    CROSS JOIN LATERAL generate_series(1, cardinality(names) - 1) AS i
    CROSS JOIN LATERAL generate_series(i + 1, cardinality(names)) AS j
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(runs) >= %(fewest)s
),
pairs_told AS (
    SELECT *
    FROM (
        SELECT by_pair.*, one.runs - by_pair.runs AS one_runs,
               one.failed - by_pair.failed AS one_failed, two.runs - by_pair.runs AS other_runs,
               two.failed - by_pair.failed AS other_failed,
               count(*) OVER () AS tested
        FROM by_pair
        JOIN paired_values AS one USING (experiment_id, name, bin)
        JOIN paired_values AS two
            ON two.experiment_id = by_pair.experiment_id AND two.name = by_pair.other_name
           AND two.bin = by_pair.other_bin
    ) AS beside
    WHERE one_runs > 0
      AND other_runs > 0
      AND failed::float8 / runs > one_failed::float8 / one_runs
      AND failed::float8 / runs > other_failed::float8 / other_runs
    ORDER BY failed - runs * greatest(one_failed::float8 / one_runs,
                                      other_failed::float8 / other_runs) DESC,
             experiment_id, name, bin, other_name, other_bin
    LIMIT %(most)s
),
placed AS (
    SELECT configurations.*, metrics.metric, metrics.direction,
           sum(attempts) OVER whole - attempts AS others_attempts,
           sum(failed_attempts) OVER whole - failed_attempts AS others_failed,
           count(*) FILTER (WHERE attempts >= %(fewest)s) OVER () AS tested,
           CASE WHEN objective IS NOT NULL AND finished >= %(fewest_finished)s AND priced = runs
                THEN amount_usd / finished END AS amount_each,
           CASE direction WHEN 'maximize' THEN -objective ELSE objective END AS loss
    FROM configurations
    LEFT JOIN metrics USING (experiment_id)
    WINDOW whole AS (PARTITION BY experiment_id)
),
ranked AS (
    SELECT placed.*,
           row_number() OVER (ORDER BY attempts >= %(fewest)s AND failed_attempts > 0 DESC,
               failed_attempts - attempts * others_failed / nullif(others_attempts, 0) DESC NULLS LAST,
               example) AS failing_place,
           row_number() OVER (ORDER BY attempts >= %(fewest)s DESC, amount_usd DESC, example)
               AS dear_place,
           min(loss) FILTER (WHERE amount_each IS NOT NULL) OVER cheaper AS best_cheaper
    FROM placed
    WINDOW cheaper AS (PARTITION BY experiment_id
                       ORDER BY amount_each NULLS LAST, loss, example
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
few_ranked AS (
    SELECT ranked.*,
           amount_each IS NOT NULL AND (best_cheaper IS NULL OR loss < best_cheaper) AS is_unbeaten
    FROM ranked
    WHERE (attempts >= %(fewest)s AND least(failing_place, dear_place) <= %(most)s)
       OR (amount_each IS NOT NULL AND (best_cheaper IS NULL OR loss < best_cheaper))
),
configurations_told AS (  -- what they are of is wide: only now, of few
    SELECT few_ranked.*, shapes.names, shapes.bins
    FROM few_ranked
    JOIN shapes ON shapes.run_id = few_ranked.example
)
SELECT told.kind, experiments.tenant_id, experiments.name, told.document
FROM (
    SELECT 'value' AS kind, experiment_id, jsonb_build_object(
        'name', name, 'value', bin, 'runs', runs, 'failed', failed,
        'amount_usd', amount_usd::text, 'all_runs', all_runs, 'all_failed', all_failed,
        'tested', tested) AS document
    FROM values_told
    UNION ALL
    SELECT 'pair', experiment_id, jsonb_build_object(
        'name', name, 'value', bin, 'other_name', other_name, 'other_value', other_bin,
        'runs', runs, 'failed', failed, 'one_runs', one_runs, 'one_failed', one_failed,
        'other_runs', other_runs, 'other_failed', other_failed, 'tested', tested,
        'sampled', (SELECT count(*) FROM paired)::float8 / (SELECT count(*) FROM shaped))
    FROM pairs_told
    UNION ALL
    SELECT 'configuration', experiment_id, jsonb_build_object(
        'names', names, 'values', bins, 'runs', runs, 'finished', finished, 'attempts', attempts,
        'failed', failed_attempts,
        'amount_usd', CASE WHEN priced = runs THEN amount_usd::text END, 'objective', objective,
        'metric', metric, 'direction', direction, 'others_attempts', others_attempts,
        'others_failed', others_failed, 'tested', tested, 'is_unbeaten', is_unbeaten)
    FROM configurations_told
) AS told
JOIN experiments USING (experiment_id);
