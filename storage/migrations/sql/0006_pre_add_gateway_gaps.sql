-- When no gateway was there: what scripts did not say then means nothing.
CREATE TABLE gateway_gaps (
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    CONSTRAINT gateway_gaps_pkey PRIMARY KEY (until, since)
);

-- Runs that end by their script's word alone; looked through every few seconds.
CREATE INDEX runs_scratch_running_idx ON runs (run_id) WHERE sweep_id IS NULL AND state = 'running';
