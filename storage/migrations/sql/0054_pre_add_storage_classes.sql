-- Classes of a bucket: bytes are `standard` from the day on which they came, and of another class from
-- `class_since` on. They move once.
ALTER TABLE blobs
    ADD COLUMN storage_class text NOT NULL DEFAULT 'standard',
    ADD COLUMN class_since timestamptz,
    ADD CONSTRAINT blobs_class_check
        CHECK ((storage_class = 'standard') = (class_since IS NULL));
CREATE INDEX blobs_cold_idx ON blobs (tenant_id, sha256) WHERE storage_class <> 'standard';

ALTER TABLE gone_blobs
    ADD COLUMN storage_class text NOT NULL DEFAULT 'standard',
    ADD COLUMN class_since timestamptz;

CREATE OR REPLACE FUNCTION note_gone_blobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- By the clock, not by the transaction: a store may have taken long to let the bytes go.
    INSERT INTO gone_blobs (tenant_id, sha256, size_bytes, created_at, gone_at, storage_class,
                            class_since)
    SELECT tenant_id, sha256, size_bytes, created_at, greatest(created_at, clock_timestamp()),
           storage_class, class_since
    FROM gone
    WHERE has_arrived;
    RETURN NULL;
END $$;

ALTER TYPE retention_item_state ADD VALUE 'moved';  -- marked -> moved: it is in another class
ALTER TABLE retention_items
    ADD COLUMN storage_class text,  -- where what is cold goes
    DROP CONSTRAINT retention_items_kind_check,
    ADD CONSTRAINT retention_items_kind_check
        CHECK (kind IN ('artifact', 'points', 'tier', 'cold'));
