-- copy_datasets --
-- A rerun learns from the same versions.
INSERT INTO run_datasets (run_id, dataset_id, number)
SELECT %(rerun)s, dataset_id, number
FROM run_datasets
WHERE run_id = %(run_id)s
ON CONFLICT DO NOTHING;

-- end_rerun --
-- A rerun whose script has ended without saying so.
UPDATE runs
SET state = %(state)s::run_state,
    reason = %(reason)s,
    ended_at = now()
WHERE run_id = %(run_id)s
  AND rerun_of IS NOT NULL
  AND state = 'running';

-- reruns_of_run --
-- Runs that repeat it, oldest first.
SELECT run_id
FROM runs
WHERE rerun_of = %(run_id)s
  AND tenant_id = %(tenant_id)s
ORDER BY created_at, run_id;
