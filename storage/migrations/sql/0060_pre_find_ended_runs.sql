-- Each statement is on its own, outside any transaction, and may be run again.

-- runs_ended_at_idx --
-- Reports read the runs of their days, each several times, and there is one report for each tenant.
CREATE INDEX CONCURRENTLY IF NOT EXISTS runs_ended_at_idx ON runs (ended_at)
    WHERE ended_at IS NOT NULL;
