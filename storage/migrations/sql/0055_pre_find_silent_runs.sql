-- Each statement is on its own, outside any transaction, and may be run again.

-- runs_scratch_open_idx --
-- Reruns wait for their turn, and those who wait may fall silent, too.
CREATE INDEX CONCURRENTLY IF NOT EXISTS runs_scratch_open_idx ON runs (run_id)
    WHERE sweep_id IS NULL AND state IN ('queued', 'running');

-- runs_scratch_running_idx --
DROP INDEX IF EXISTS runs_scratch_running_idx;
