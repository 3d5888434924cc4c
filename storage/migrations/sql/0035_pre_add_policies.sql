-- Policies as people applied them. The newest version of a kind holds; without one the default that
-- ships does.

CREATE TABLE policies (
    kind text NOT NULL,
    version int NOT NULL,              -- from 1
    text text NOT NULL,                -- of the file, comments included
    sha256 text NOT NULL,              -- of that text
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL,
    comment text NOT NULL DEFAULT '',
    CONSTRAINT policies_pkey PRIMARY KEY (kind, version),
    CONSTRAINT policies_version_check CHECK (version > 0)
);
CREATE TRIGGER policies_immutable BEFORE UPDATE OR DELETE ON policies
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
