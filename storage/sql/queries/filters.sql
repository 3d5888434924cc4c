-- field_text --
-- Runs of which a field compares as asked; so do all below. Comparisons are in the language's C
-- collation, whatever the database's is.
SELECT runs.run_id
FROM runs
JOIN experiments USING (experiment_id)
CROSS JOIN LATERAL (
    SELECT CASE %(name)s WHEN 'run' THEN runs.run_id
                         WHEN 'sweep' THEN runs.sweep_id
                         WHEN 'experiment' THEN experiments.name
                         WHEN 'state' THEN runs.state::text
                         WHEN 'by' THEN runs.created_by
                         WHEN 'rerun_of' THEN runs.rerun_of END COLLATE "C" AS value
) AS field
WHERE runs.tenant_id = %(tenant_id)s
  AND CASE %(op)s WHEN '=' THEN value = %(value)s WHEN '!=' THEN value <> %(value)s
                  WHEN '<' THEN value < %(value)s WHEN '<=' THEN value <= %(value)s
                  WHEN '>' THEN value > %(value)s WHEN '>=' THEN value >= %(value)s END;

-- field_number --
-- By a number.
SELECT runs.run_id
FROM runs
CROSS JOIN LATERAL (
    SELECT CASE %(name)s WHEN 'trial' THEN runs.number::float8
                         WHEN 'objective' THEN runs.objective
                         WHEN 'level' THEN runs.resource_level::float8
                         WHEN 'seconds' THEN extract(
                             epoch FROM coalesce(runs.ended_at, now()) - runs.started_at
                         )::float8 END AS value
) AS field
WHERE runs.tenant_id = %(tenant_id)s
  AND CASE %(op)s WHEN '=' THEN value = %(value)s::float8 WHEN '!=' THEN value <> %(value)s::float8
                  WHEN '<' THEN value < %(value)s::float8 WHEN '<=' THEN value <= %(value)s::float8
                  WHEN '>' THEN value > %(value)s::float8
                  WHEN '>=' THEN value >= %(value)s::float8 END
  AND value <> 'NaN';

-- field_time --
-- By a time.
SELECT runs.run_id
FROM runs
CROSS JOIN LATERAL (
    SELECT CASE %(name)s WHEN 'created' THEN runs.created_at
                         WHEN 'started' THEN runs.started_at
                         WHEN 'ended' THEN runs.ended_at END AS value
) AS field
WHERE runs.tenant_id = %(tenant_id)s
  AND CASE %(op)s WHEN '=' THEN value = %(value)s::timestamptz
                  WHEN '!=' THEN value <> %(value)s::timestamptz
                  WHEN '<' THEN value < %(value)s::timestamptz
                  WHEN '<=' THEN value <= %(value)s::timestamptz
                  WHEN '>' THEN value > %(value)s::timestamptz
                  WHEN '>=' THEN value >= %(value)s::timestamptz END;

-- param_text --
-- By a parameter that is text.
SELECT run_params.run_id
FROM runs
JOIN run_params USING (run_id)
CROSS JOIN LATERAL (SELECT (run_params.value #>> '{}') COLLATE "C" AS text) AS param
WHERE runs.tenant_id = %(tenant_id)s
  AND name = %(name)s
  AND jsonb_typeof(value) = 'string'
  AND CASE %(op)s WHEN '=' THEN text = %(value)s WHEN '!=' THEN text <> %(value)s
                  WHEN '<' THEN text < %(value)s WHEN '<=' THEN text <= %(value)s
                  WHEN '>' THEN text > %(value)s WHEN '>=' THEN text >= %(value)s END;

-- param_number --
-- By a parameter that is a number. JSON has some that no float8 holds: those are as its greatest.
SELECT run_params.run_id
FROM runs
JOIN run_params USING (run_id)
CROSS JOIN LATERAL (
    SELECT CASE WHEN jsonb_typeof(run_params.value) = 'number'
                THEN greatest(-1.7976931348623157e308,
                              least(run_params.value::numeric, 1.7976931348623157e308))::float8
                END AS number
) AS param
WHERE runs.tenant_id = %(tenant_id)s
  AND name = %(name)s
  AND CASE %(op)s WHEN '=' THEN param.number = %(value)s::float8
                  WHEN '!=' THEN param.number <> %(value)s::float8
                  WHEN '<' THEN param.number < %(value)s::float8
                  WHEN '<=' THEN param.number <= %(value)s::float8
                  WHEN '>' THEN param.number > %(value)s::float8
                  WHEN '>=' THEN param.number >= %(value)s::float8 END;

-- param_flag --
-- By a parameter that is true or false.
SELECT run_params.run_id
FROM runs
JOIN run_params USING (run_id)
WHERE runs.tenant_id = %(tenant_id)s
  AND name = %(name)s
  AND jsonb_typeof(value) = 'boolean'
  AND CASE %(op)s WHEN '=' THEN value = to_jsonb(%(value)s::boolean)
                  WHEN '!=' THEN value <> to_jsonb(%(value)s::boolean) END;

-- tag --
-- By a tag.
SELECT run_tags.run_id
FROM runs
JOIN run_tags USING (run_id)
CROSS JOIN LATERAL (SELECT run_tags.value COLLATE "C" AS text) AS tag
WHERE runs.tenant_id = %(tenant_id)s
  AND name = %(name)s
  AND CASE %(op)s WHEN '=' THEN text = %(value)s WHEN '!=' THEN text <> %(value)s
                  WHEN '<' THEN text < %(value)s WHEN '<=' THEN text <= %(value)s
                  WHEN '>' THEN text > %(value)s WHEN '>=' THEN text >= %(value)s END;

-- tagged_run --
-- With a tag, whatever its value; so do the next two.
SELECT run_tags.run_id
FROM runs
JOIN run_tags USING (run_id)
WHERE runs.tenant_id = %(tenant_id)s
  AND run_tags.name = %(value)s;

-- tagged_sweep --
-- Of sweeps with a tag.
SELECT runs.run_id
FROM runs
JOIN sweep_tags USING (sweep_id)
WHERE runs.tenant_id = %(tenant_id)s
  AND sweep_tags.name = %(value)s;

-- tagged_experiment --
-- Of experiments with a tag.
SELECT runs.run_id
FROM runs
JOIN experiment_tags USING (experiment_id)
WHERE runs.tenant_id = %(tenant_id)s
  AND experiment_tags.name = %(value)s;

-- tier --
-- In a tier that a person has given.
SELECT run_tags.run_id
FROM runs
JOIN run_tags USING (run_id)
WHERE runs.tenant_id = %(tenant_id)s
  AND run_tags.name = 'tier.' || %(value)s::text;

-- metric --
-- By what became of a metric. One that is not a curve is looked for among the reports.
SELECT run_id
FROM (
    SELECT series.run_id, CASE %(stat)s WHEN 'last' THEN summary.last_value
                                        WHEN 'min' THEN summary.least
                                        WHEN 'max' THEN summary.greatest
                                        WHEN 'best' THEN summary.at_best END AS value
    FROM runs
    JOIN series USING (run_id)
    JOIN series_summaries AS summary USING (series_id)
    WHERE runs.tenant_id = %(tenant_id)s
      AND series.family = 'user'
      AND series.key = %(name)s
    UNION ALL
    SELECT reported.run_id, CASE %(stat)s WHEN 'last' THEN reported.last
                                          WHEN 'min' THEN reported.least
                                          WHEN 'max' THEN reported.greatest
                                          WHEN 'best' THEN reported.objective END
    FROM (
        SELECT reports.run_id, min(runs.objective) AS objective,
               (array_agg(report.value ORDER BY reports.resource_level DESC))[1] AS last,
               min(report.value) FILTER (WHERE report.value <> 'NaN') AS least,
               max(report.value) FILTER (WHERE report.value <> 'NaN') AS greatest
        FROM reports
        JOIN runs USING (run_id)
        CROSS JOIN LATERAL (SELECT (reports."values" ->> %(name)s)::float8 AS value) AS report
        WHERE reports."values" ? %(name)s
          AND runs.tenant_id = %(tenant_id)s
          AND NOT EXISTS (
              SELECT FROM series
              WHERE series.run_id = reports.run_id
                AND series.family = 'user'
                AND series.key = %(name)s
          )
        GROUP BY reports.run_id
    ) AS reported
) AS metric
WHERE value <> 'NaN'
  AND CASE %(op)s WHEN '=' THEN value = %(value)s::float8 WHEN '!=' THEN value <> %(value)s::float8
                  WHEN '<' THEN value < %(value)s::float8 WHEN '<=' THEN value <= %(value)s::float8
                  WHEN '>' THEN value > %(value)s::float8
                  WHEN '>=' THEN value >= %(value)s::float8 END;

-- list_matching --
-- Those of a tenant's runs, sorted by a metric's last value, a field or a parameter, or newest first.
-- Runs that lack it come last.
SELECT runs.run_id, experiments.name AS experiment, runs.sweep_id, runs.number, runs.seed,
       runs.created_by, runs.created_at, runs.state::text, runs.reason, runs.started_at,
       runs.ended_at, runs.objective, runs.resource_level, runs.sealed_at, runs.rerun_of
FROM runs
JOIN experiments USING (experiment_id)
LEFT JOIN LATERAL (
    SELECT CASE %(sort)s
        WHEN 'objective' THEN runs.objective
        WHEN 'level' THEN runs.resource_level::float8
        WHEN 'trial' THEN runs.number::float8
        WHEN 'created' THEN extract(epoch FROM runs.created_at)::float8
        WHEN 'started' THEN extract(epoch FROM runs.started_at)::float8
        WHEN 'ended' THEN extract(epoch FROM runs.ended_at)::float8
        WHEN 'seconds' THEN
            extract(epoch FROM coalesce(runs.ended_at, now()) - runs.started_at)::float8
        ELSE coalesce(
            (SELECT summary.last_value
             FROM series JOIN series_summaries AS summary USING (series_id)
             WHERE series.run_id = runs.run_id AND series.family = 'user' AND series.key = %(sort)s),
            (SELECT CASE WHEN jsonb_typeof(run_params.value) = 'number'
                         THEN greatest(-1.7976931348623157e308,
                                       least(run_params.value::numeric, 1.7976931348623157e308)
                                      )::float8 END
             FROM run_params
             WHERE run_params.run_id = runs.run_id AND 'params.' || run_params.name = %(sort)s),
            (SELECT (reports."values" ->> %(sort)s)::float8
             FROM reports
             WHERE reports.run_id = runs.run_id AND reports."values" ? %(sort)s
             ORDER BY reports.resource_level DESC
             LIMIT 1)
        ) END AS raw
) AS sorted ON %(sort)s::text IS NOT NULL
WHERE runs.tenant_id = %(tenant_id)s
  AND (runs.run_id = ANY(%(run_ids)s::text[]) OR %(run_ids)s::text[] IS NULL)
ORDER BY CASE WHEN %(is_descending)s THEN -nullif(sorted.raw, 'NaN')
              ELSE nullif(sorted.raw, 'NaN') END NULLS LAST,
         runs.created_at DESC, runs.run_id DESC
LIMIT %(limit)s;
