-- out_of_place --
-- What is planned or marked, or has gone since `since`, although something guarded it by then. Found apart from
-- what makes the plans, and from the looks at the database that they are made of: each reason to stay
-- has a time from when on and until when it held, and is compared with the moment when a plan was made,
-- or something deleted. What the rows do not prove is not said: a tag that was removed before changes
-- of tags were kept; and, as clocks differ and transactions overlap, what began or ended within a minute
-- of that moment. What only the policy of that day says, that something is too young or among the best
-- of its sweep, is no part of this.
WITH RECURSIVE going AS (
    SELECT items.run_id, items.name, items.state::text AS state, plans.made_at AS at
    FROM retention_items AS items
    JOIN retention_plans AS plans USING (plan_id)
    WHERE items.state IN ('planned', 'marked')
      AND items.kind IN ('artifact', 'points')
    UNION ALL
    SELECT run_id, name, 'deleted', deleted_at
    FROM deletions
    WHERE kind IN ('artifact', 'points')
      AND deleted_at > %(since)s
), edges AS MATERIALIZED (
    -- An artifact is as much as its run.
    SELECT tenant_id, upstream, downstream, min(created_at) AS since
    FROM (
        SELECT tenant_id, created_at,
               CASE WHEN upstream ^@ 'artifact:'
                   THEN 'run:' || split_part(substr(upstream, 10), '/', 1)
                   ELSE upstream END AS upstream,
               CASE WHEN downstream ^@ 'artifact:'
                   THEN 'run:' || split_part(substr(downstream, 10), '/', 1)
                   ELSE downstream END AS downstream
        FROM lineage_edges
    ) AS of_runs
    WHERE upstream <> downstream
    GROUP BY tenant_id, upstream, downstream
), reached (origin, tenant_id, node, since) AS (
    -- What came out of what goes, and since when it did.
    SELECT run_id, runs.tenant_id, 'run:' || run_id, '-infinity'::timestamptz
    FROM (SELECT DISTINCT run_id FROM going) AS origins
    JOIN runs USING (run_id)
    UNION
    SELECT reached.origin, reached.tenant_id, edges.downstream, greatest(reached.since, edges.since)
    FROM reached
    JOIN edges
        ON edges.tenant_id = reached.tenant_id
        AND edges.upstream = reached.node
), involved AS MATERIALIZED (
    SELECT run_id, runs.tenant_id, experiment_id, sweep_id, created_at, ended_at, sealed_at
    FROM (SELECT DISTINCT substr(node, 5) AS run_id FROM reached WHERE node ^@ 'run:') AS nodes
    JOIN runs USING (run_id)
), tags AS MATERIALIZED (
    SELECT run_id, sweep_id, experiment_id, name, coalesce(set_at, '-infinity') AS since,
           'infinity'::timestamptz AS until
    FROM all_tags
    WHERE name IN ('keeper', 'baseline', 'production_candidate')
    UNION ALL
    SELECT run_id, sweep_id, experiment_id, name, changed_at, next_at
    FROM (
        SELECT run_id, sweep_id, experiment_id, name, value, changed_at,
               lead(changed_at, 1, 'infinity'::timestamptz) OVER (
                   PARTITION BY run_id, sweep_id, experiment_id, name ORDER BY change_id) AS next_at
        FROM tag_changes
        WHERE name IN ('keeper', 'baseline', 'production_candidate')
    ) AS changes
    WHERE value IS NOT NULL
), orders AS MATERIALIZED (
    SELECT hold_id, tenant_id, scope, name, placed_at AS since,
           least(coalesce(until, 'infinity'), coalesce(lifted_at, 'infinity')) AS until
    FROM holds
), guarded (run_id, guard, since, until) AS MATERIALIZED (
    SELECT run_id, 'tag ' || name, since, until
    FROM involved
    JOIN tags USING (run_id)
    UNION ALL
    SELECT involved.run_id, 'tag ' || name || ' of its sweep', since, until
    FROM involved
    JOIN tags USING (sweep_id)
    UNION ALL
    SELECT involved.run_id, 'tag ' || name || ' of its experiment', since, until
    FROM involved
    JOIN tags USING (experiment_id)
    UNION ALL
    SELECT run_id, 'a model', model_versions.created_at, 'infinity'
    FROM involved
    JOIN model_versions USING (run_id)
    UNION ALL
    SELECT run_id, 'an evaluation', requested_at, 'infinity'
    FROM involved
    JOIN evaluations USING (run_id)
    UNION ALL
    SELECT evaluation_runs.run_id, 'an evaluation is made of it', coalesce(judged_at, ended_at), 'infinity'
    FROM evaluation_runs
    JOIN evaluations USING (evaluation_id)
    UNION ALL
    SELECT involved.run_id, 'an evaluation is made of its sweep',
           greatest(involved.created_at, began_at, requested_at), 'infinity'
    FROM involved
    JOIN evaluations USING (sweep_id)
    UNION ALL
    SELECT run_id, CASE WHEN ended_at IS NULL THEN 'it has not ended' ELSE 'it was not sealed' END,
           created_at, coalesce(sealed_at, 'infinity')
    FROM involved
    UNION ALL
    SELECT run_id, 'its sweep was open', sweeps.created_at, coalesce(sweeps.ended_at, 'infinity')
    FROM involved
    JOIN sweeps USING (sweep_id)
    UNION ALL
    SELECT involved.run_id, learners.sweep_id || ' learnt from its sweep', learners.created_at,
           coalesce(learners.ended_at, 'infinity')
    FROM sweeps AS learners
    CROSS JOIN LATERAL json_array_elements_text(
        CASE WHEN json_typeof(learners.spec -> 'warm_start') = 'array'
            THEN learners.spec -> 'warm_start' ELSE '[]' END
    ) AS source (sweep_id)
    JOIN involved ON involved.sweep_id = source.sweep_id
    UNION ALL
    SELECT involved.run_id, reruns.run_id || ' repeated it', reruns.created_at,
           coalesce(reruns.sealed_at, 'infinity')
    FROM involved
    JOIN runs AS reruns ON reruns.rerun_of = involved.run_id
    UNION ALL
    SELECT run_id, 'hold ' || hold_id, since, until
    FROM involved
    JOIN experiments USING (experiment_id)
    CROSS JOIN LATERAL (
        VALUES ('run', run_id), ('sweep', sweep_id), ('experiment', experiments.name),
               ('tenant', involved.tenant_id)
    ) AS subject (scope, name)
    JOIN orders
        ON orders.scope = subject.scope
        AND orders.name = subject.name
        AND (orders.tenant_id = involved.tenant_id OR orders.scope IN ('run', 'tenant'))
    UNION ALL
    SELECT substr(beside.run, 5), 'hold ' || hold_id, greatest(orders.since, beside.since), until
    FROM orders
    JOIN (
        SELECT tenant_id, upstream AS node, downstream AS run, since FROM edges
        UNION ALL
        SELECT tenant_id, downstream, upstream, since FROM edges
    ) AS beside
        ON beside.tenant_id = orders.tenant_id
        -- `NAME` is all versions, `NAME@N` one.
        AND orders.scope || ':' || orders.name
            IN (beside.node, regexp_replace(beside.node, '@[^@]*$', ''))
    WHERE orders.scope IN ('model', 'dataset')
), reasons AS (
    SELECT origin,
           CASE WHEN node = 'run:' || origin THEN guard ELSE node || ' came out of it: ' || guard END
               AS guard,
           greatest(reached.since, guarded.since) AS since, until
    FROM reached
    JOIN guarded ON guarded.run_id = substr(node, 5)
    WHERE node ^@ 'run:'
    UNION ALL
    SELECT origin, node || ' came out of it', since, 'infinity'
    FROM reached
    WHERE node ^@ 'model:'
    UNION ALL
    SELECT origin, node || ' came out of it: hold ' || hold_id, greatest(reached.since, orders.since),
           until
    FROM reached
    JOIN orders
        ON (orders.scope = 'tenant' AND orders.name = reached.tenant_id)
        OR (orders.scope = 'dataset' AND orders.tenant_id = reached.tenant_id
            AND 'dataset:' || orders.name IN (node, regexp_replace(node, '@[^@]*$', '')))
    WHERE node ^@ 'dataset:'
)
SELECT DISTINCT going.run_id, going.name, going.state, reasons.guard
FROM going
JOIN reasons
    ON reasons.origin = going.run_id
    AND reasons.since < going.at - interval '1 minute'
    AND reasons.until > going.at + interval '1 minute'
ORDER BY going.run_id, going.name, going.state, reasons.guard
LIMIT %(limit)s;
