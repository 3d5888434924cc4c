-- The container image of a sweep's trials, by its digest, where the platform looks tags up: one image
-- for all of them, whatever becomes of the tag.

ALTER TABLE sweeps
    ADD COLUMN image text;  -- name@sha256:…; null: nobody has looked
