SET LOCAL search_path = sweepworks, public;

-- Attempts that ran when the queue came have no row in it: limits count them from now on. Pending ones
-- are not added: their controllers ask, or have withdrawn them. What they will take nobody has predicted.
INSERT INTO admissions (attempt_id, sweep_id, tenant_id, experiment, owner, priority, cpu_millis,
                        memory_bytes, gpu, gpu_type, admitted_at)
SELECT attempts.attempt_id, sweeps.sweep_id, sweeps.tenant_id, experiments.name,
       coalesce(spec ->> 'owner', ''), spec ->> 'priority',
       round((spec #>> '{trial,resources,cpu}')::numeric * 1000) * nodes,
       (spec #>> '{trial,resources,memory}')::numeric * nodes,
       (spec #>> '{trial,resources,gpu}')::int * nodes,
       CASE WHEN (spec #>> '{trial,resources,gpu}')::int > 0
            THEN coalesce(spec #>> '{trial,resources,gpu_type}', '') ELSE '' END,
       coalesce(attempts.scheduled_at, attempts.started_at, now())
FROM attempts
JOIN runs USING (run_id)
JOIN sweeps ON sweeps.sweep_id = runs.sweep_id
JOIN experiments ON experiments.experiment_id = sweeps.experiment_id
CROSS JOIN LATERAL (
    SELECT coalesce((spec #>> '{trial,kubernetes,nodes}')::int, 1) AS nodes
) AS of_sweep
WHERE attempts.state = 'running'
ORDER BY attempts.attempt_id
FOR SHARE OF attempts
ON CONFLICT (attempt_id) DO NOTHING;
