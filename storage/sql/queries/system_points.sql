-- count_due --
-- Runs that were sealed before a time, have all of their points still, and are not held.
SELECT count(*)
FROM run_summaries
JOIN runs USING (run_id)
WHERE run_summaries.is_final
  AND run_summaries.system_dropped_at IS NULL
  AND runs.sealed_at < %(sealed_before)s
  AND NOT EXISTS (SELECT FROM held_runs WHERE held_runs.run_id = runs.run_id);

-- take_due --
-- Some of them, the oldest first, for whoever asks.
SELECT run_summaries.run_id
FROM run_summaries
JOIN runs USING (run_id)
WHERE run_summaries.is_final
  AND run_summaries.system_dropped_at IS NULL
  AND runs.sealed_at < %(sealed_before)s
  AND NOT EXISTS (SELECT FROM held_runs WHERE held_runs.run_id = runs.run_id)
ORDER BY runs.sealed_at
LIMIT %(limit)s
FOR UPDATE OF run_summaries SKIP LOCKED;

-- drop --
-- Their points of the family `system`, in all tiers; how many there were.
SELECT delete_metric_series(coalesce(array_agg(series_id), '{}')) AS points
FROM series
WHERE run_id = ANY(%(run_ids)s::text[])
  AND family = 'system';

-- note_dropped --
-- They are done.
UPDATE run_summaries
SET system_dropped_at = now()
WHERE run_id = ANY(%(run_ids)s::text[]);

-- dropped_at --
-- When that was, of those of some runs that have been through it.
SELECT run_id, system_dropped_at
FROM run_summaries
WHERE run_id = ANY(%(run_ids)s::text[])
  AND system_dropped_at IS NOT NULL
ORDER BY run_id;
