-- Artifacts that were stored before their edges were kept. Alone: the locks of 0023 would be held
-- for as long as this takes. From then on a trigger makes them, so that nothing is missed.
INSERT INTO lineage_edges (tenant_id, upstream, downstream, created_at)
SELECT tenant_id, 'run:' || run_id, 'artifact:' || run_id || '/' || name, created_at FROM artifacts
ON CONFLICT DO NOTHING;
