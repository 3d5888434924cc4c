-- Reports are files of the artifact store; rows say which bytes are theirs. What was made before has its
-- text in its row until somebody reads it.

-- Whose bytes are that belong to everybody. Nobody can be of a tenant with such a name.
CREATE FUNCTION installation_tenant() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '(installation)';
INSERT INTO tenants (tenant_id) VALUES (installation_tenant());

CREATE TABLE report_files (
    report_id bigint NOT NULL REFERENCES shelved_reports,
    form text NOT NULL,
    tenant_id text NOT NULL DEFAULT installation_tenant(),
    sha256 bytea NOT NULL,
    CONSTRAINT report_files_pkey PRIMARY KEY (report_id, form),
    CONSTRAINT report_files_form_check CHECK (form IN ('html', 'markdown')),
    CONSTRAINT report_files_tenant_check CHECK (tenant_id = installation_tenant()),
    CONSTRAINT report_files_blob_fkey FOREIGN KEY (tenant_id, sha256) REFERENCES blobs
);
CREATE INDEX report_files_blob_idx ON report_files (tenant_id, sha256);  -- counts references

CREATE TRIGGER report_files_stored BEFORE INSERT OR UPDATE ON report_files
    FOR EACH ROW EXECUTE FUNCTION refuse_leaving_blob();

ALTER TABLE shelved_reports
    ALTER COLUMN markdown DROP NOT NULL,
    ALTER COLUMN html DROP NOT NULL;

-- What keeps bytes in the store: the one list of it.
CREATE VIEW blob_references AS
SELECT tenant_id, sha256 FROM artifacts
UNION ALL
SELECT tenant_id, sha256 FROM dataset_blobs
UNION ALL
SELECT tenant_id, sha256 FROM report_files;

-- So that no version deletes what it does not know the use of: to it, others are at the blob.
CREATE FUNCTION keep_referenced_blob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM blob_references
        WHERE tenant_id = NEW.tenant_id AND sha256 = NEW.sha256
    ) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER blobs_referenced_stay BEFORE UPDATE OF state ON blobs
    FOR EACH ROW WHEN (NEW.state = 'deleting' AND OLD.state <> 'deleting')
    EXECUTE FUNCTION keep_referenced_blob();
