-- Blobs are deleted in two steps, so that no upload relies on bytes that are about to go.

CREATE TYPE blob_state AS ENUM (
    'stored',
    'deleting'  -- nothing refers to it, and nothing may: its bytes go, then the row
);

ALTER TABLE blobs
    ADD COLUMN state blob_state NOT NULL DEFAULT 'stored',
    ADD COLUMN verified_at timestamptz;  -- when its bytes were last read, and were right

CREATE FUNCTION refuse_leaving_blob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The lock of the foreign key, a moment earlier: who deletes waits, or is waited for.
    PERFORM FROM blobs
    WHERE tenant_id = NEW.tenant_id AND sha256 = NEW.sha256 AND state = 'deleting'
    FOR KEY SHARE;
    IF FOUND THEN
        RAISE EXCEPTION 'blob % is being deleted', encode(NEW.sha256, 'hex')
            USING ERRCODE = 'SW001', DETAIL = 'being deleted', HINT = 'an artifact',
                  COLUMN = 'blob ' || encode(NEW.sha256, 'hex');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER artifacts_blob_stored BEFORE INSERT ON artifacts
    FOR EACH ROW EXECUTE FUNCTION refuse_leaving_blob();
