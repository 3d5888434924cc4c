-- Which installation this is. Its store of artifacts says the same, so that two databases on one store
-- do not delete each other's files.
CREATE TABLE installation (
    only_row boolean NOT NULL DEFAULT true CHECK (only_row),
    installation_id uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT installation_pkey PRIMARY KEY (only_row)
);
INSERT INTO installation DEFAULT VALUES;
