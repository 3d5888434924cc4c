-- differences --
-- Each metric of two runs, step by step; curves of metrics, and what was reported by resource level.
-- Several values at a step are in no order that is the same in another run, so that the least and
-- the greatest of them are compared. What is beyond 1e300, whose difference might be no number,
-- counts as infinitely far off where it is not equal.
WITH values_of_steps AS (
    SELECT series.run_id, 'curve' AS kind, series.key, point.step,
           min(point.value) AS least, max(point.value) AS greatest, count(*) AS n
    FROM series
    JOIN metric_points AS point USING (series_id)
    WHERE series.run_id IN (%(original)s, %(again)s)
      AND series.family = 'user'
    GROUP BY series.run_id, series.key, point.step
    UNION ALL
    SELECT reports.run_id, 'report', reported.key, reports.resource_level,
           reported.value::float8, reported.value::float8, 1
    FROM reports
    CROSS JOIN LATERAL jsonb_each_text(reports."values") AS reported
    WHERE reports.run_id IN (%(original)s, %(again)s)
), pairs AS (
    SELECT coalesce(first.kind, second.kind) AS kind, coalesce(first.key, second.key) AS key,
           coalesce(first.step, second.step) AS step,
           first.greatest AS value, second.greatest AS value_again,
           first.n IS NOT NULL AS has_first, second.n IS NOT NULL AS has_second,
           first.n IS NOT NULL AND second.n IS NOT NULL AS is_common,
           (first.least, first.greatest, first.n) = (second.least, second.greatest, second.n)
               AS is_equal,
           greatest(abs(first.least), abs(first.greatest), abs(second.least), abs(second.greatest))
               AS scale,
           first.least AS least, second.least AS least_again
    FROM (SELECT * FROM values_of_steps WHERE run_id = %(original)s) AS first
    FULL JOIN (SELECT * FROM values_of_steps WHERE run_id = %(again)s) AS second
        USING (kind, key, step)
), measured AS (
    SELECT *,
           CASE WHEN NOT is_common THEN NULL
                WHEN is_equal THEN 0
                WHEN scale > 1e300 THEN 'Infinity'
                ELSE greatest(abs(value - value_again), abs(least - least_again)) END AS absolute
    FROM pairs
), compared AS (
    SELECT *,
           CASE WHEN absolute = 0 THEN 0
                WHEN absolute = 'Infinity' THEN absolute
                ELSE absolute / scale END AS relative
    FROM measured
)
SELECT key, kind,
       count(*) FILTER (WHERE has_first) AS steps,
       count(*) FILTER (WHERE has_second) AS steps_again,
       count(*) FILTER (WHERE is_common) AS common,
       count(*) FILTER (WHERE is_common AND NOT is_equal) AS different,
       min(step) FILTER (WHERE is_common AND NOT is_equal) AS first_different,
       max(absolute) AS largest_absolute,
       (array_agg(step ORDER BY absolute DESC, step) FILTER (WHERE absolute > 0))[1] AS absolute_at,
       max(relative) AS largest_relative,
       (array_agg(step ORDER BY relative DESC, step) FILTER (WHERE relative > 0))[1] AS relative_at,
       max(step) FILTER (WHERE has_first) AS last_step,
       max(step) FILTER (WHERE has_second) AS last_step_again,
       (array_agg(value ORDER BY step DESC) FILTER (WHERE has_first))[1] AS final,
       (array_agg(value_again ORDER BY step DESC) FILTER (WHERE has_second))[1] AS final_again
FROM compared
GROUP BY key, kind
ORDER BY key, kind;
