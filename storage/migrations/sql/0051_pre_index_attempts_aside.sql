-- Each statement is on its own, outside any transaction, and may be run again: what takes long on a large
-- installation keeps nobody from writing meanwhile. Some of it was there before on installations that have
-- 0038, 0041 and 0044 from when these did it themselves.

-- attempts_gpu_count_check --
ALTER TABLE attempts VALIDATE CONSTRAINT attempts_gpu_count_check;

-- attempts_capacity_check --
ALTER TABLE attempts VALIDATE CONSTRAINT attempts_capacity_check;

-- attempts_ended_at_idx --
-- A day is found among millions of attempts by when they ended; those that go on are at one end.
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_ended_at_idx ON attempts (ended_at);

-- attempts_held_idx --
-- Those that have ended, by when they held anything.
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_held_idx ON attempts
    USING gist (held_during(scheduled_at, started_at, ended_at)) WHERE state = 'ended';

-- attempts_live_idx --
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_live_idx ON attempts (run_id) WHERE state <> 'ended';

-- attempts_begun_idx --
-- Those that hold anything now: few of those that are live where many wait.
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_begun_idx ON attempts (run_id)
    WHERE state <> 'ended' AND (started_at IS NOT NULL OR scheduled_at IS NOT NULL);

-- admissions_held_idx --
-- What is reserved now.
CREATE INDEX CONCURRENTLY IF NOT EXISTS admissions_held_idx ON admissions (sweep_id)
    WHERE admitted_at IS NOT NULL AND ended_at IS NULL;

-- admissions_ended_at_idx --
-- Of which sweep those are that have ended since some moment, from the index alone.
CREATE INDEX CONCURRENTLY IF NOT EXISTS admissions_ended_at_idx ON admissions (ended_at)
    INCLUDE (attempt_id, sweep_id) WHERE ended_at IS NOT NULL;

-- budget_sums --
-- What scopes have spent on days that the ledger has to their end: summed once for each state of it.
CREATE TABLE IF NOT EXISTS budget_sums (
    ledger text NOT NULL,        -- digest of the days that it has, and of when they were summed
    scope text NOT NULL,         -- whose spending, and since which day: a list in JSON
    amount_usd numeric NOT NULL,
    gpu_hours double precision NOT NULL,
    summed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT budget_sums_pkey PRIMARY KEY (ledger, scope)
);

-- budget_warnings_limit_key --
-- A share is told once of each limit: of another one anew.
CREATE UNIQUE INDEX IF NOT EXISTS budget_warnings_limit_key
    ON budget_warnings (budget, begins, threshold, coalesce(max_usd, -1), coalesce(max_gpu_hours, -1));

-- budget_warnings_pkey --
ALTER TABLE budget_warnings DROP CONSTRAINT IF EXISTS budget_warnings_pkey;

-- budget_warnings_told_at --
-- Noted by whoever sees it, told by one report; what was noted until now has been told.
ALTER TABLE budget_warnings ADD COLUMN IF NOT EXISTS told_at timestamptz DEFAULT now();
ALTER TABLE budget_warnings ALTER COLUMN told_at DROP DEFAULT;
