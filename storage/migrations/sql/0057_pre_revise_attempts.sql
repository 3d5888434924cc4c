-- Each statement is on its own, outside any transaction, and may be run again.

-- attempts_revised_at --
-- When it was told that an attempt that had ended for its rows went on, or for longer: days of the ledger
-- that were written before do not know that.
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS revised_at timestamptz;

-- attempts_revised_idx --
-- Few ever are.
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_revised_idx ON attempts (revised_at)
    WHERE revised_at IS NOT NULL;

-- admissions_counted_until --
-- Up to when the use of an attempt was counted in shares when it was found to go on.
ALTER TABLE admissions ADD COLUMN IF NOT EXISTS counted_until timestamptz;

-- cost_days_read_at --
-- When what a day was written from began to be read.
ALTER TABLE cost_days ADD COLUMN IF NOT EXISTS read_at timestamptz;
