-- Bytes come back from a colder class when they are in use again. A blob has its class and since when;
-- what was before is a row for each stay that is over, written by a trigger, so that no move can forget it.

CREATE TABLE class_stays (
    tenant_id text NOT NULL,
    sha256 bytea NOT NULL,
    size_bytes bigint NOT NULL,
    storage_class text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
);
CREATE INDEX class_stays_until_idx ON class_stays (until);

INSERT INTO class_stays (tenant_id, sha256, size_bytes, storage_class, since, until)
SELECT tenant_id, sha256, size_bytes, 'standard', created_at, class_since
FROM blobs
WHERE class_since > created_at
UNION ALL
SELECT tenant_id, sha256, size_bytes, 'standard', created_at, least(class_since, gone_at)
FROM gone_blobs
WHERE class_since > created_at;

-- `class_since` is null of what has never moved: it is standard from the moment on at which it came.
ALTER TABLE blobs
    DROP CONSTRAINT blobs_class_check,
    ADD CONSTRAINT blobs_class_check CHECK (storage_class = 'standard' OR class_since IS NOT NULL);

CREATE FUNCTION note_class_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO class_stays (tenant_id, sha256, size_bytes, storage_class, since, until)
    VALUES (OLD.tenant_id, OLD.sha256, OLD.size_bytes, OLD.storage_class,
            coalesce(OLD.class_since, OLD.created_at), NEW.class_since);
    RETURN NULL;
END $$;
CREATE TRIGGER blobs_moved AFTER UPDATE OF storage_class ON blobs
    FOR EACH ROW WHEN (OLD.storage_class <> NEW.storage_class AND OLD.has_arrived)
    EXECUTE FUNCTION note_class_stay();
