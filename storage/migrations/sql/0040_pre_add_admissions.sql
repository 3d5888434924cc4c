SET LOCAL search_path = sweepworks, public;

-- What each attempt asks for, since when, and what became of that. It holds what it was given for as
-- long as its attempt has not ended: whoever dies leaves nothing behind that somebody has to release.
CREATE TABLE admissions (
    attempt_id text CONSTRAINT admissions_pkey PRIMARY KEY REFERENCES attempts,
    position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT admissions_position_key UNIQUE,
    sweep_id text NOT NULL REFERENCES sweeps,
    tenant_id text NOT NULL REFERENCES tenants,
    experiment text NOT NULL,
    owner text NOT NULL,
    priority text,                       -- class; null: the usual one
    cpu_millis bigint NOT NULL,          -- on all of its nodes together
    memory_bytes bigint NOT NULL,
    gpu int NOT NULL,
    gpu_type text NOT NULL,              -- empty: any
    is_admitted_elsewhere boolean NOT NULL DEFAULT false,  -- by Kueue: no quota is asked
    predicted_seconds double precision,
    predicted_usd numeric,
    predicted_gpu_hours double precision,
    queued_at timestamptz NOT NULL DEFAULT now(),
    admitted_at timestamptz,             -- waiting -> admitted: by one pass of the scheduler
    kind text NOT NULL DEFAULT '',       -- what it waits for
    reason text NOT NULL DEFAULT '',     -- likewise, for people
    place int,                           -- in the queue of the installation, from 1
    starts_at timestamptz,               -- an estimate; null: nobody can tell
    ended_at timestamptz,                -- that of its attempt
    settled_at timestamptz               -- when its use was counted, once
) WITH (fillfactor = 70);
CREATE INDEX admissions_open_idx ON admissions (sweep_id) WHERE settled_at IS NULL;
CREATE INDEX admissions_unsettled_idx ON admissions (ended_at)
    WHERE settled_at IS NULL AND ended_at IS NOT NULL;

-- Whoever ends an attempt, even one that knows nothing of quotas.
CREATE FUNCTION end_admission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE admissions
    SET ended_at = coalesce(NEW.ended_at, now())
    WHERE attempt_id = NEW.attempt_id
      AND ended_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER attempts_end_admission AFTER UPDATE OF state ON attempts
    FOR EACH ROW WHEN (NEW.state = 'ended' AND OLD.state <> 'ended')
    EXECUTE FUNCTION end_admission();

-- What ended attempts have used, decayed up to `as_of`; moved on in the transaction that settles them.
CREATE TABLE fair_share_usage (
    tenant_id text NOT NULL REFERENCES tenants,
    owner text NOT NULL,
    experiment text NOT NULL,
    gpu_type text NOT NULL,
    cpu_hours double precision NOT NULL,
    memory_gib_hours double precision NOT NULL,
    gpu_hours double precision NOT NULL,
    as_of timestamptz NOT NULL,
    CONSTRAINT fair_share_usage_pkey PRIMARY KEY (tenant_id, owner, experiment, gpu_type)
);

-- Whose controllers ask: nothing is admitted for one that is gone.
CREATE TABLE admission_seekers (
    sweep_id text CONSTRAINT admission_seekers_pkey PRIMARY KEY REFERENCES sweeps,
    asked_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The last pass of the scheduler: what it had seen. One row.
CREATE TABLE scheduling_state (
    is_only boolean CONSTRAINT scheduling_state_pkey PRIMARY KEY DEFAULT true,
    decided_at timestamptz NOT NULL,
    last_position bigint NOT NULL,
    policy_version int NOT NULL,
    shares jsonb NOT NULL DEFAULT '{}',  -- by tenant
    CONSTRAINT scheduling_state_is_only_check CHECK (is_only)
) WITH (fillfactor = 50);
INSERT INTO scheduling_state (decided_at, last_position, policy_version) VALUES ('-infinity', 0, 0);
