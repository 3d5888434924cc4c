-- What of a run was not stored, and why: for whoever looks at it.
CREATE TABLE run_notices (
    run_id text NOT NULL REFERENCES runs,
    subject text NOT NULL,
    sentence text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT run_notices_pkey PRIMARY KEY (run_id, subject)
);
