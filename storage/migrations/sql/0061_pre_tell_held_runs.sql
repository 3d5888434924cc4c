-- Runs that open holds are about, as `retention.guards` finds them: by name, by what they are part of,
-- and by the models and datasets beside them. A hold whose time is over holds nothing.

CREATE VIEW held_runs AS
WITH orders AS (
    SELECT hold_id, tenant_id, scope, name
    FROM holds
    WHERE lifted_at IS NULL
      AND (until IS NULL OR until > now())
)
SELECT runs.run_id, orders.hold_id
FROM orders
JOIN runs ON runs.run_id = orders.name
WHERE orders.scope = 'run'
UNION ALL
SELECT runs.run_id, orders.hold_id
FROM orders
JOIN runs
    ON runs.sweep_id = orders.name
    AND runs.tenant_id = orders.tenant_id
WHERE orders.scope = 'sweep'
UNION ALL
SELECT runs.run_id, orders.hold_id
FROM orders
JOIN experiments
    ON experiments.name = orders.name
    AND experiments.tenant_id = orders.tenant_id
JOIN runs USING (experiment_id)
WHERE orders.scope = 'experiment'
UNION ALL
SELECT runs.run_id, orders.hold_id
FROM orders
JOIN runs ON runs.tenant_id = orders.name
WHERE orders.scope = 'tenant'
UNION ALL
SELECT substr(beside.run, 5), orders.hold_id
FROM orders
JOIN (
    SELECT tenant_id, upstream AS node, downstream AS run FROM lineage_edges
    UNION ALL
    SELECT tenant_id, downstream, upstream FROM lineage_edges
) AS beside
    ON beside.tenant_id = orders.tenant_id
    -- `NAME` is all versions, `NAME@N` one.
    AND (beside.node = orders.scope || ':' || orders.name
         OR beside.node ^@ (orders.scope || ':' || orders.name || '@'))
WHERE orders.scope IN ('model', 'dataset')
  AND beside.run ^@ 'run:';
