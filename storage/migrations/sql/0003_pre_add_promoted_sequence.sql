-- When, in the sweep's journal, an attempt resumed a trial that was paused at a rung; null for
-- first attempts and for those that repeat one which the machine ended.
ALTER TABLE attempts ADD COLUMN promoted_sequence bigint;
