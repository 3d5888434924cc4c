-- Everything a sweep on a laptop needs. One statement of intent per table; the comments name the
-- transitions and who writes.

CREATE SCHEMA IF NOT EXISTS sweepworks;
SET LOCAL search_path = sweepworks, public;

CREATE TYPE sweep_state AS ENUM (
    'submitted',  -- a row; nobody has started it
    'running',    -- submitted -> running: claimed by one UPDATE
    'paused',     -- running <-> paused
    'completed',
    'failed',
    'cancelled'
);
CREATE TYPE sweep_request AS ENUM ('run', 'pause', 'cancel');
CREATE TYPE run_state AS ENUM (
    'pending', 'queued', 'running', 'paused', 'completed', 'stopped', 'failed', 'cancelled'
);
CREATE TYPE attempt_state AS ENUM ('pending', 'running', 'ended');
CREATE TYPE exit_reason AS ENUM (
    'completed', 'script_failed', 'out_of_memory', 'timed_out', 'stalled', 'stopped', 'paused',
    'cancelled', 'killed', 'lost', 'launch_failed'
);
CREATE TYPE decision AS ENUM ('continue', 'stop', 'pause');

-- Whom things belong to. Members and defaults are in the tenant file; this is the anchor for keys.
CREATE TABLE tenants (
    tenant_id text CONSTRAINT tenants_pkey PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Only the sha256 of a token is kept: a leaked dump opens nothing.
CREATE TABLE api_tokens (
    token_hash bytea CONSTRAINT api_tokens_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE experiments (
    experiment_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT experiments_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    name text NOT NULL,
    owner text NOT NULL,
    purpose text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT experiments_tenant_id_name_key UNIQUE (tenant_id, name)
);

CREATE TABLE sweeps (
    sweep_id text CONSTRAINT sweeps_pkey PRIMARY KEY,
    log_position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT sweeps_log_position_key UNIQUE,
    tenant_id text NOT NULL REFERENCES tenants,
    experiment_id bigint NOT NULL REFERENCES experiments,
    spec json NOT NULL,  -- not jsonb, which would lose the order of the parameters
    spec_version int NOT NULL,
    spec_digest text NOT NULL,
    source_dir text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    state sweep_state NOT NULL DEFAULT 'submitted',
    requested sweep_request NOT NULL DEFAULT 'run',
    reason text NOT NULL DEFAULT '',
    started_at timestamptz,
    ended_at timestamptz,
    dagster_run_id text,
    lease int NOT NULL DEFAULT 0,  -- number of the controller that may write; only ever grows
    controller text NOT NULL DEFAULT '',
    last_sequence bigint NOT NULL DEFAULT 0  -- end of the journal of asked and told
);
CREATE INDEX sweeps_tenant_id_log_position_idx ON sweeps (tenant_id, log_position DESC);
CREATE INDEX sweeps_open_idx ON sweeps (log_position)
    WHERE state IN ('submitted', 'running', 'paused');

CREATE TABLE runs (
    run_id text CONSTRAINT runs_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    experiment_id bigint NOT NULL REFERENCES experiments,
    sweep_id text REFERENCES sweeps,  -- null: a scratch run
    number int,                       -- of the trial within its sweep, from 1
    seed bigint NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    state run_state NOT NULL DEFAULT 'pending',
    reason text NOT NULL DEFAULT '',
    started_at timestamptz,
    ended_at timestamptz,
    objective double precision,
    resource_level bigint,
    concluded_sequence bigint,  -- when, in the sweep's journal, the searcher was told the result
    sealed_at timestamptz,      -- from then on params, artifacts and points cannot change
    CONSTRAINT runs_sweep_id_number_key UNIQUE (sweep_id, number),
    CONSTRAINT runs_trial_check CHECK ((sweep_id IS NULL) = (number IS NULL)),
    CONSTRAINT runs_ended_check CHECK (
        (state IN ('completed', 'stopped', 'failed', 'cancelled')) = (ended_at IS NOT NULL)
    ),
    CONSTRAINT runs_sealed_check CHECK (sealed_at IS NULL OR ended_at IS NOT NULL)
);
CREATE INDEX runs_tenant_id_created_at_idx ON runs (tenant_id, created_at DESC);
CREATE INDEX runs_unsealed_idx ON runs (ended_at) WHERE sealed_at IS NULL;

-- Hot and mutable, kept apart from the record: one small row a run, rewritten at every flush.
CREATE TABLE run_activity (
    run_id text CONSTRAINT run_activity_pkey PRIMARY KEY REFERENCES runs,
    last_seen_at timestamptz NOT NULL,
    control decision NOT NULL DEFAULT 'continue'  -- what the script is told with every ack
) WITH (fillfactor = 50);

CREATE TABLE run_params (
    run_id text NOT NULL REFERENCES runs,
    name text NOT NULL,
    value jsonb NOT NULL,
    CONSTRAINT run_params_pkey PRIMARY KEY (run_id, name)
);

CREATE TABLE run_tags (
    run_id text NOT NULL REFERENCES runs,
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT run_tags_pkey PRIMARY KEY (run_id, name)
);

CREATE TABLE attempts (
    attempt_id text CONSTRAINT attempts_pkey PRIMARY KEY,
    run_id text NOT NULL REFERENCES runs,
    number int NOT NULL,
    state attempt_state NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    exit_reason exit_reason,
    exit_code int,
    exit_signal int,
    message text NOT NULL DEFAULT '',
    node text NOT NULL DEFAULT '',
    gpus text[] NOT NULL DEFAULT '{}',
    CONSTRAINT attempts_run_id_number_key UNIQUE (run_id, number)
);

-- What the search learns from. Undecided ones are the controller's inbox.
CREATE TABLE reports (
    run_id text NOT NULL REFERENCES runs,
    resource_level bigint NOT NULL,
    sweep_id text,
    value double precision,        -- the objective, as reported; null when the report lacks it
    "values" jsonb NOT NULL,       -- everything reported at that level
    reported_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    decision decision,
    sequence bigint,               -- place in the sweep's journal, set with the decision
    CONSTRAINT reports_pkey PRIMARY KEY (run_id, resource_level)
);
CREATE INDEX reports_undecided_idx ON reports (sweep_id)
    WHERE decision IS NULL AND sweep_id IS NOT NULL;

-- Asked: the other half of the journal that a searcher is rebuilt from.
CREATE TABLE suggestions (
    sweep_id text NOT NULL REFERENCES sweeps,
    number int NOT NULL,
    configuration jsonb NOT NULL,
    sequence bigint NOT NULL,
    seen_through bigint NOT NULL,
    CONSTRAINT suggestions_pkey PRIMARY KEY (sweep_id, number),
    CONSTRAINT suggestions_sweep_id_sequence_key UNIQUE (sweep_id, sequence)
);

-- One named curve of one run; the id is a hash of both, so writers need no round trip to know it.
CREATE TABLE series (
    series_id bigint CONSTRAINT series_pkey PRIMARY KEY,
    run_id text NOT NULL REFERENCES runs,
    key text NOT NULL,
    family text NOT NULL DEFAULT 'user',
    CONSTRAINT series_run_id_key_key UNIQUE (run_id, key)
);

-- The last flush of each writing process; moves in the same transaction as the points it brought.
CREATE TABLE writers (
    run_id text NOT NULL REFERENCES runs,
    writer_id text NOT NULL,
    attempt_id text,
    watermark bigint NOT NULL,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT writers_pkey PRIMARY KEY (run_id, writer_id)
) WITH (fillfactor = 50);

-- What became of each curve, for tables: moved in the transaction of the points. Typed
-- rows, not one document a run: rewriting a document of 100 keys cost ten times as much.
CREATE TABLE series_summaries (
    series_id bigint CONSTRAINT series_summaries_pkey PRIMARY KEY REFERENCES series,
    point_count bigint NOT NULL,
    last_step bigint NOT NULL,
    last_value double precision NOT NULL,  -- at the highest step
    least double precision,                -- NaN left out; null when there was nothing else
    greatest double precision
) WITH (fillfactor = 50);

-- Equal bytes are kept once for each tenant, never across tenants: knowing a digest opens nothing.
CREATE TABLE blobs (
    tenant_id text NOT NULL REFERENCES tenants,
    sha256 bytea NOT NULL,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT blobs_pkey PRIMARY KEY (tenant_id, sha256),
    CONSTRAINT blobs_sha256_check CHECK (length(sha256) = 32)
);

CREATE TABLE artifacts (
    tenant_id text NOT NULL,
    run_id text NOT NULL REFERENCES runs,
    name text NOT NULL,
    type text NOT NULL,
    sha256 bytea NOT NULL,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT artifacts_pkey PRIMARY KEY (run_id, name),
    CONSTRAINT artifacts_blob_fkey FOREIGN KEY (tenant_id, sha256) REFERENCES blobs
);
CREATE INDEX artifacts_blob_idx ON artifacts (tenant_id, sha256);  -- counts references

-- Immutability is the database's business, so that no code path can forget it. Error SW001 means
-- "finished or sealed"; storage/errors.py knows it. Deletion belongs to retention, which says so
-- by setting sweepworks.retention in its transaction.

CREATE FUNCTION is_retention() RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT coalesce(current_setting('sweepworks.retention', true), '') = 'on' $$;

CREATE FUNCTION freeze_finished_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('completed', 'stopped', 'failed', 'cancelled')
        AND (to_jsonb(NEW) - 'sealed_at') IS DISTINCT FROM (to_jsonb(OLD) - 'sealed_at')
    THEN
        RAISE EXCEPTION 'run % is %', OLD.run_id, OLD.state
            USING ERRCODE = 'SW001', DETAIL = OLD.state, HINT = NEW.state, COLUMN = OLD.run_id;
    END IF;
    IF OLD.sealed_at IS NOT NULL AND NEW.sealed_at IS DISTINCT FROM OLD.sealed_at THEN
        RAISE EXCEPTION 'run % is sealed', OLD.run_id
            USING ERRCODE = 'SW001', DETAIL = 'sealed', HINT = 'open', COLUMN = OLD.run_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runs_freeze BEFORE UPDATE ON runs
    FOR EACH ROW EXECUTE FUNCTION freeze_finished_run();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND is_retention() THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of a row in % is not possible: it is written once', lower(TG_OP), TG_TABLE_NAME
        USING ERRCODE = 'SW001', DETAIL = 'immutable', HINT = lower(TG_OP), COLUMN = TG_TABLE_NAME;
END $$;
CREATE TRIGGER run_params_immutable BEFORE UPDATE OR DELETE ON run_params
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER series_immutable BEFORE UPDATE OR DELETE ON series
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER artifacts_immutable BEFORE UPDATE OR DELETE ON artifacts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER suggestions_immutable BEFORE UPDATE OR DELETE ON suggestions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER runs_keep BEFORE DELETE ON runs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sweeps_keep BEFORE DELETE ON sweeps
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reports_keep BEFORE DELETE ON reports
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_when_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM runs WHERE run_id = NEW.run_id AND sealed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'run % is sealed', NEW.run_id
            USING ERRCODE = 'SW001', DETAIL = 'sealed', HINT = TG_TABLE_NAME, COLUMN = NEW.run_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_params_sealed BEFORE INSERT ON run_params
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();
CREATE TRIGGER artifacts_sealed BEFORE INSERT ON artifacts
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();
CREATE TRIGGER reports_sealed BEFORE INSERT ON reports
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();
-- Points carry no run of their own; every flush of points moves a watermark, and this guards that.
CREATE TRIGGER writers_sealed BEFORE INSERT OR UPDATE ON writers
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();

CREATE FUNCTION freeze_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.decision IS NOT NULL
        OR (to_jsonb(NEW) - 'decision' - 'sequence') IS DISTINCT FROM
           (to_jsonb(OLD) - 'decision' - 'sequence')
    THEN
        RAISE EXCEPTION 'report of run % at level % is decided', OLD.run_id, OLD.resource_level
            USING ERRCODE = 'SW001', DETAIL = 'decided', HINT = 'update', COLUMN = OLD.run_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reports_freeze BEFORE UPDATE ON reports
    FOR EACH ROW EXECUTE FUNCTION freeze_report();

CREATE FUNCTION freeze_sweep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.spec::text IS DISTINCT FROM OLD.spec::text
        OR NEW.spec_digest IS DISTINCT FROM OLD.spec_digest
        OR NEW.lease < OLD.lease
        OR (OLD.state IN ('completed', 'failed', 'cancelled') AND NEW.state <> OLD.state)
    THEN
        RAISE EXCEPTION 'sweep % is %', OLD.sweep_id, OLD.state
            USING ERRCODE = 'SW001', DETAIL = OLD.state, HINT = NEW.state, COLUMN = OLD.sweep_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sweeps_freeze BEFORE UPDATE ON sweeps
    FOR EACH ROW EXECUTE FUNCTION freeze_sweep();
