-- What runs were made of. Trials of a sweep share most of it: each document is stored once.

CREATE TABLE provenance_documents (
    digest bytea CONSTRAINT provenance_documents_pkey PRIMARY KEY,  -- sha256 of its text
    document jsonb NOT NULL
);
CREATE TABLE run_provenance (
    run_id text NOT NULL REFERENCES runs,
    attempt_id text NOT NULL,  -- empty outside sweeps; another attempt may be on another machine
    section text NOT NULL,
    digest bytea NOT NULL REFERENCES provenance_documents,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT run_provenance_pkey PRIMARY KEY (run_id, attempt_id, section)
);
CREATE INDEX run_provenance_digest_idx ON run_provenance (digest);  -- which runs share it

CREATE TRIGGER provenance_documents_immutable BEFORE UPDATE OR DELETE ON provenance_documents
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_provenance_immutable BEFORE UPDATE OR DELETE ON run_provenance
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_provenance_sealed BEFORE INSERT ON run_provenance
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();
