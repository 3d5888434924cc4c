-- open_holds --
-- Those that nobody has lifted; whether their time is over is for who asks to say.
SELECT hold_id, tenant_id, scope, name, why, until, placed_by, placed_at, lifted_by, lifted_at
FROM holds
WHERE lifted_at IS NULL
ORDER BY hold_id;

-- holds --
-- All of a tenant, or of all tenants, the newest first.
SELECT hold_id, tenant_id, scope, name, why, until, placed_by, placed_at, lifted_by, lifted_at
FROM holds
WHERE (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (%(with_lifted)s OR lifted_at IS NULL)
ORDER BY hold_id DESC;

-- ensure_hold_tenant --
-- The tenant may have nothing yet.
INSERT INTO tenants (tenant_id) VALUES (%(tenant_id)s) ON CONFLICT DO NOTHING;

-- place_hold --
-- An order to keep something.
INSERT INTO holds (tenant_id, scope, name, why, until, placed_by)
VALUES (%(tenant_id)s, %(scope)s, %(name)s, %(why)s, %(until)s, %(placed_by)s)
RETURNING hold_id, tenant_id, scope, name, why, until, placed_by, placed_at, lifted_by, lifted_at;

-- is_there --
-- Whether there is such a thing to be held.
SELECT CASE %(scope)s::text
    WHEN 'tenant' THEN EXISTS (SELECT FROM tenants WHERE tenant_id = %(name)s)
    WHEN 'experiment' THEN EXISTS (
        SELECT FROM experiments WHERE tenant_id = %(tenant_id)s AND name = %(name)s)
    WHEN 'sweep' THEN EXISTS (
        SELECT FROM sweeps WHERE tenant_id = %(tenant_id)s AND sweep_id = %(name)s)
    WHEN 'run' THEN EXISTS (
        SELECT FROM runs WHERE tenant_id = %(tenant_id)s AND run_id = %(name)s)
    WHEN 'dataset' THEN EXISTS (
        SELECT FROM datasets
        JOIN dataset_versions USING (dataset_id)
        WHERE tenant_id = %(tenant_id)s
          AND %(name)s IN (name, name || '@' || number))
    ELSE EXISTS (
        SELECT FROM lineage_edges
        WHERE tenant_id = %(tenant_id)s
          AND (downstream = 'model:' || %(name)s OR downstream ^@ ('model:' || %(name)s || '@')))
END AS is_there;

-- lift_hold --
-- Lift one; no row: there is none, or it was lifted before.
UPDATE holds
SET lifted_by = %(lifted_by)s, lifted_at = now()
WHERE hold_id = %(hold_id)s
  AND lifted_at IS NULL
RETURNING hold_id, tenant_id, scope, name, why, until, placed_by, placed_at, lifted_by, lifted_at;
