-- What is to go, what is marked, what has gone, and what nobody may touch.

-- An order to keep something. It is lifted, never removed: who ordered what, and when, stays.
CREATE TABLE holds (
    hold_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT holds_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    scope text NOT NULL,
    name text NOT NULL,                -- of what is held; of a tenant its own
    why text NOT NULL,
    until timestamptz,                 -- null: until it is lifted
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now(),
    lifted_by text,
    lifted_at timestamptz,
    CONSTRAINT holds_scope_check
        CHECK (scope IN ('tenant', 'experiment', 'sweep', 'run', 'model', 'dataset')),
    CONSTRAINT holds_lifted_check CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE INDEX holds_open_idx ON holds (tenant_id) WHERE lifted_at IS NULL;

CREATE TABLE retention_plans (
    plan_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT retention_plans_pkey PRIMARY KEY,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    policy_version int NOT NULL,
    summary jsonb NOT NULL,            -- counts and bytes, by rule and by what spares
    applied_at timestamptz,
    applied_by text
);

CREATE TYPE retention_item_state AS ENUM (
    'planned',   -- nothing has happened
    'spared',    -- at planning, or planned -> spared: something guards it
    'marked',    -- planned -> marked: it goes on `due_at`
    'deleted',   -- marked -> deleted
    'restored',  -- marked -> restored: something guards it since
    'undone'     -- marked -> undone: by a person
);

CREATE TABLE retention_items (
    plan_id bigint NOT NULL REFERENCES retention_plans ON DELETE CASCADE,
    ordinal int NOT NULL,
    kind text NOT NULL,
    tenant_id text NOT NULL,           -- empty: a tier, which is of all of them
    experiment text NOT NULL,
    run_id text NOT NULL,
    name text NOT NULL,                -- of the artifact, or of the tier
    rule text NOT NULL,
    size_bytes bigint NOT NULL,
    before timestamptz,                -- of a tier
    state retention_item_state NOT NULL DEFAULT 'planned',
    spared_by text,
    due_at timestamptz,
    changed_at timestamptz,
    CONSTRAINT retention_items_pkey PRIMARY KEY (plan_id, ordinal),
    CONSTRAINT retention_items_kind_check CHECK (kind IN ('artifact', 'points', 'tier')),
    CONSTRAINT retention_items_due_check CHECK (state <> 'marked' OR due_at IS NOT NULL)
);
-- Marked once, whatever the number of plans that name it.
CREATE UNIQUE INDEX retention_items_marked_key ON retention_items (run_id, kind, name)
    WHERE state = 'marked';
CREATE INDEX retention_items_due_idx ON retention_items (due_at) WHERE state = 'marked';

-- What a plan would name at the moment when it is applied; there is nothing here in between.
CREATE UNLOGGED TABLE retention_fresh (
    plan_id bigint NOT NULL,
    kind text NOT NULL,
    run_id text NOT NULL,
    name text NOT NULL,
    spared_by text,
    CONSTRAINT retention_fresh_pkey PRIMARY KEY (plan_id, run_id, kind, name)
);

-- What has gone, for ever. Written in the transaction that deletes.
CREATE TABLE deletions (
    deletion_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT deletions_pkey PRIMARY KEY,
    plan_id bigint NOT NULL,
    kind text NOT NULL,
    tenant_id text NOT NULL,
    experiment text NOT NULL,
    sweep_id text,
    run_id text NOT NULL,
    name text NOT NULL,
    rule text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea,                      -- of an artifact
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deletions_run_id_idx ON deletions (run_id, kind, name);
CREATE INDEX deletions_deleted_at_idx ON deletions (deleted_at);
CREATE TRIGGER deletions_immutable BEFORE UPDATE ON deletions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Whoever ties something to what must stay waits for a deletion that goes on, and is waited for: so
-- no tag comes between the look at the tags and the deletion. A rerun, and a run that uses an
-- artifact, lock the row of the run that they come out of; so does a deletion.
CREATE FUNCTION wait_for_retention() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT is_retention() THEN
        PERFORM pg_advisory_xact_lock_shared(hashtext('sweepworks.retention'));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER holds_wait BEFORE INSERT OR UPDATE ON holds
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();
CREATE TRIGGER run_tags_wait BEFORE INSERT OR UPDATE ON run_tags
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();
CREATE TRIGGER evaluations_wait BEFORE INSERT ON evaluations
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();
CREATE TRIGGER model_versions_wait BEFORE INSERT ON model_versions
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();
CREATE TRIGGER sweep_tags_wait BEFORE INSERT OR UPDATE ON sweep_tags
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();
CREATE TRIGGER experiment_tags_wait BEFORE INSERT OR UPDATE ON experiment_tags
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();
CREATE TRIGGER sweeps_wait BEFORE INSERT ON sweeps
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_retention();

-- An artifact that retention has deleted was there: the lineage goes on telling of it.
CREATE OR REPLACE FUNCTION node_is_there(tenant text, node text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE split_part(node, ':', 1)
        WHEN 'run' THEN EXISTS (
            SELECT FROM runs
            WHERE run_id = substr(node, 5) AND tenant_id = tenant)
        WHEN 'artifact' THEN EXISTS (
            SELECT FROM artifacts
            WHERE run_id = split_part(substr(node, 10), '/', 1)
              AND name = substr(node, 10 + strpos(substr(node, 10), '/'))
              AND tenant_id = tenant)
            OR EXISTS (
            SELECT FROM deletions
            WHERE run_id = split_part(substr(node, 10), '/', 1)
              AND kind = 'artifact'
              AND name = substr(node, 10 + strpos(substr(node, 10), '/'))
              AND tenant_id = tenant)
        WHEN 'dataset' THEN EXISTS (
            SELECT FROM datasets JOIN dataset_versions USING (dataset_id)
            WHERE tenant_id = tenant
              AND name = split_part(substr(node, 9), '@', 1)
              AND number::text = split_part(node, '@', 2))
        WHEN 'model' THEN true
        ELSE false
    END
$$;

-- Before points are dropped, those of runs that stay become a file of their run, which is sealed.
CREATE OR REPLACE FUNCTION refuse_when_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'artifacts' AND is_retention() THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM runs WHERE run_id = NEW.run_id AND sealed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'run % is sealed', NEW.run_id
            USING ERRCODE = 'SW001', DETAIL = 'sealed', HINT = TG_TABLE_NAME, COLUMN = NEW.run_id;
    END IF;
    RETURN NEW;
END $$;
