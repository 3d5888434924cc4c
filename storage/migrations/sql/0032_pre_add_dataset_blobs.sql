-- Which bytes in the artifact store are files of a version. All of a version are written at once, so
-- that one row says that the store has it whole.

CREATE TABLE dataset_blobs (
    tenant_id text NOT NULL,
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    sha256 bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dataset_blobs_pkey PRIMARY KEY (dataset_id, number, sha256),
    CONSTRAINT dataset_blobs_version_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions,
    CONSTRAINT dataset_blobs_blob_fkey FOREIGN KEY (tenant_id, sha256) REFERENCES blobs
);
CREATE INDEX dataset_blobs_blob_idx ON dataset_blobs (tenant_id, sha256);  -- counts references

CREATE TRIGGER dataset_blobs_immutable BEFORE UPDATE OR DELETE ON dataset_blobs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dataset_blobs_stored BEFORE INSERT ON dataset_blobs
    FOR EACH ROW EXECUTE FUNCTION refuse_leaving_blob();

-- Known from the rows above, and never written again; it goes when no writer names it any more.
ALTER TABLE dataset_versions ALTER COLUMN is_stored SET DEFAULT false;
