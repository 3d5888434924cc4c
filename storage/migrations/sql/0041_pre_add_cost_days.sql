-- Up to when the ledger has each day, and what costs are asked about after it has gone.

CREATE TABLE cost_days (
    day date CONSTRAINT cost_days_pkey PRIMARY KEY,
    covered_until timestamptz NOT NULL,  -- entries are there from midnight until then, half-open
    price_version int NOT NULL,
    entries bigint NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now()
);

-- Bytes are paid for by the day, also those that are deleted later: how long they were there is known
-- from here. Written by triggers, so that no deletion can forget it.
CREATE TABLE gone_blobs (
    tenant_id text NOT NULL,
    sha256 bytea NOT NULL,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL,
    gone_at timestamptz NOT NULL
);
CREATE INDEX gone_blobs_gone_at_idx ON gone_blobs (gone_at);
CREATE TABLE gone_artifacts (
    tenant_id text NOT NULL,
    sha256 bytea NOT NULL,
    run_id text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    gone_at timestamptz NOT NULL
);
CREATE INDEX gone_artifacts_gone_at_idx ON gone_artifacts (gone_at);

CREATE FUNCTION note_gone_blobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- By the clock, not by the transaction: a store may have taken long to let the bytes go.
    INSERT INTO gone_blobs (tenant_id, sha256, size_bytes, created_at, gone_at)
    SELECT tenant_id, sha256, size_bytes, created_at, greatest(created_at, clock_timestamp())
    FROM gone
    WHERE has_arrived;
    RETURN NULL;
END $$;
CREATE TRIGGER blobs_gone AFTER DELETE ON blobs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION note_gone_blobs();

CREATE FUNCTION note_gone_artifacts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gone_artifacts (tenant_id, sha256, run_id, name, created_at, gone_at)
    SELECT tenant_id, sha256, run_id, name, created_at, greatest(created_at, clock_timestamp())
    FROM gone;
    RETURN NULL;
END $$;
CREATE TRIGGER artifacts_gone AFTER DELETE ON artifacts REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION note_gone_artifacts();

-- Entries of what went on when its day was written: it may have ended otherwise since.
CREATE INDEX cost_entries_running_idx ON cost_entries (day, attempt_id) WHERE outcome = 'running';
