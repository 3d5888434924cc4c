-- A run that repeats another one, and the state of the code when a sweep was submitted.

ALTER TABLE runs
    ADD COLUMN rerun_of text CONSTRAINT runs_rerun_of_fkey REFERENCES runs;
CREATE INDEX runs_rerun_of_idx ON runs (rerun_of) WHERE rerun_of IS NOT NULL;

ALTER TABLE sweeps
    ADD COLUMN code jsonb;  -- null: of an earlier version, or nobody could look
