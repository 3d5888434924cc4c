-- Where the attempts of a sweep are: a controller anywhere else takes live ones for lost. Empty until
-- a controller has come, and in rows that an earlier version controls.
ALTER TABLE sweeps
    ADD COLUMN place_key text NOT NULL DEFAULT '',
    ADD COLUMN place text NOT NULL DEFAULT '',
    -- When somebody last took the sweep in order to start a controller; `started_at` is when the
    -- first one came. An earlier version has written `started_at` for both.
    ADD COLUMN claimed_at timestamptz,
    -- Controllers started in place of one that was lost or failed, since a person last asked.
    ADD COLUMN replacements int NOT NULL DEFAULT 0;
