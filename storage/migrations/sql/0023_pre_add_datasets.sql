-- What runs learn from, and what came out of what.

CREATE TYPE dataset_variant AS ENUM ('original', 'derived', 'minimised', 'synthetic');

CREATE TABLE datasets (
    dataset_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT datasets_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    name text NOT NULL,
    owner text NOT NULL,
    purpose text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT datasets_tenant_id_name_key UNIQUE (tenant_id, name)
);

-- `name@number`. Written once; the same content again is the same version.
CREATE TABLE dataset_versions (
    dataset_id bigint NOT NULL REFERENCES datasets,
    number int NOT NULL,
    content_hash bytea NOT NULL,       -- sha256 of the manifest
    kind text NOT NULL,                -- files, or a table: the rows of a query, kept as a file
    location text NOT NULL,            -- where it was found first; see dataset_locations
    manifest jsonb NOT NULL,           -- files with size and sha256; a table's query
    is_stored boolean NOT NULL,        -- whether the artifact store has the bytes, too
    variant dataset_variant NOT NULL DEFAULT 'original',
    file_count bigint NOT NULL,
    size_bytes bigint NOT NULL,
    row_count bigint,                  -- null where nothing tabular was found
    schema jsonb NOT NULL,             -- columns with their types, in their order
    statistics jsonb NOT NULL,         -- a light summary and histogram of each column
    preprocessing jsonb NOT NULL,      -- steps with their options and the code's version
    column_lineage jsonb NOT NULL,     -- column: columns of parents that it was made from
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dataset_versions_pkey PRIMARY KEY (dataset_id, number),
    CONSTRAINT dataset_versions_content_key UNIQUE (dataset_id, content_hash),
    CONSTRAINT dataset_versions_hash_check CHECK (length(content_hash) = 32)
);

-- The same content may be found elsewhere later; the newest place is where it is read.
CREATE TABLE dataset_locations (
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    location text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT dataset_locations_pkey PRIMARY KEY (dataset_id, number, found_at),
    CONSTRAINT dataset_locations_version_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions
);

CREATE TABLE dataset_version_parents (
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    parent_id bigint NOT NULL,
    parent_number int NOT NULL,
    CONSTRAINT dataset_version_parents_pkey
        PRIMARY KEY (dataset_id, number, parent_id, parent_number),
    CONSTRAINT dataset_version_parents_child_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions,
    CONSTRAINT dataset_version_parents_parent_fkey
        FOREIGN KEY (parent_id, parent_number) REFERENCES dataset_versions
);

-- What was found when a version's expectations were looked at; every look is kept. The rows of one
-- look have the same time.
CREATE TABLE dataset_checks (
    check_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT dataset_checks_pkey PRIMARY KEY,
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    suite text NOT NULL,
    suite_digest text NOT NULL,        -- sha256 of the suite's file as it was; empty without one
    expectation text NOT NULL,         -- its type and column, as the suite names it
    is_blocking boolean NOT NULL,
    has_passed boolean NOT NULL,
    details jsonb NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dataset_checks_version_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions
);
CREATE INDEX dataset_checks_version_idx ON dataset_checks (dataset_id, number, checked_at DESC);

-- Versions that a sweep named, resolved when it was submitted.
CREATE TABLE sweep_datasets (
    sweep_id text NOT NULL REFERENCES sweeps,
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    CONSTRAINT sweep_datasets_pkey PRIMARY KEY (sweep_id, dataset_id),
    CONSTRAINT sweep_datasets_version_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions
);
CREATE TABLE run_datasets (
    run_id text NOT NULL REFERENCES runs,
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT run_datasets_pkey PRIMARY KEY (run_id, dataset_id, number),
    CONSTRAINT run_datasets_version_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions
);
CREATE INDEX run_datasets_version_idx ON run_datasets (dataset_id, number);

CREATE TRIGGER dataset_versions_immutable BEFORE UPDATE OR DELETE ON dataset_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dataset_locations_immutable BEFORE UPDATE OR DELETE ON dataset_locations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dataset_version_parents_immutable BEFORE UPDATE OR DELETE ON dataset_version_parents
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dataset_checks_immutable BEFORE UPDATE OR DELETE ON dataset_checks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sweep_datasets_immutable BEFORE UPDATE OR DELETE ON sweep_datasets
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_datasets_immutable BEFORE UPDATE OR DELETE ON run_datasets
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_datasets_sealed BEFORE INSERT ON run_datasets
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();

-- Both ends are names, `kind:name`: dataset:NAME@N, run:RUN, artifact:RUN/NAME, model:NAME@N.
-- One table for all kinds, so that ancestors and descendants are one recursive query.
CREATE TABLE lineage_edges (
    tenant_id text NOT NULL REFERENCES tenants,
    upstream text NOT NULL,
    downstream text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lineage_edges_pkey PRIMARY KEY (tenant_id, downstream, upstream)
);
CREATE INDEX lineage_edges_upstream_idx ON lineage_edges (tenant_id, upstream, downstream);
CREATE TRIGGER lineage_edges_immutable BEFORE UPDATE OR DELETE ON lineage_edges
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What the tables say already becomes an edge by itself, whoever writes the row.
CREATE FUNCTION edge_from_artifacts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lineage_edges (tenant_id, upstream, downstream)
    SELECT tenant_id, 'run:' || run_id, 'artifact:' || run_id || '/' || name FROM new_rows
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER artifacts_lineage AFTER INSERT ON artifacts
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION edge_from_artifacts();

CREATE FUNCTION edge_from_run_datasets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lineage_edges (tenant_id, upstream, downstream)
    SELECT tenant_id, 'dataset:' || name || '@' || number, 'run:' || run_id
    FROM new_rows JOIN datasets USING (dataset_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER run_datasets_lineage AFTER INSERT ON run_datasets
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION edge_from_run_datasets();

CREATE FUNCTION edge_from_dataset_parents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lineage_edges (tenant_id, upstream, downstream)
    SELECT
        child.tenant_id,
        'dataset:' || parent.name || '@' || parent_number,
        'dataset:' || child.name || '@' || number
    FROM new_rows
    JOIN datasets child USING (dataset_id)
    JOIN datasets parent ON parent.dataset_id = parent_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER dataset_version_parents_lineage AFTER INSERT ON dataset_version_parents
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION edge_from_dataset_parents();
