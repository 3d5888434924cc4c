-- What sweeps that have ended have shown. A page is written from the record, again whenever what it
-- is written from has changed; every version stays.

CREATE TABLE graveyard_entries (
    sweep_id text NOT NULL REFERENCES sweeps ON DELETE CASCADE,
    version int NOT NULL,
    tenant_id text NOT NULL REFERENCES tenants,
    title text NOT NULL,
    markdown text NOT NULL,
    digest text NOT NULL,              -- sha256 of the page
    proposal text NOT NULL,            -- takeaway as the record suggests it
    importance jsonb NOT NULL,         -- share by parameter; empty: nothing can be said
    advice jsonb NOT NULL,             -- sentences, the most pressing first
    written_at timestamptz NOT NULL DEFAULT now(),
    words tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A') || to_tsvector('english', markdown)
    ) STORED,
    CONSTRAINT graveyard_entries_pkey PRIMARY KEY (sweep_id, version)
);
CREATE INDEX graveyard_entries_words_idx ON graveyard_entries USING gin (words);
CREATE TRIGGER graveyard_entries_immutable BEFORE UPDATE OR DELETE ON graveyard_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- When the newest version of each was compared with the record, and what the ledger had by then: a
-- day of the ledger is replaced as a whole, so that its rows tell no time.
CREATE TABLE graveyard_looks (
    sweep_id text CONSTRAINT graveyard_looks_pkey PRIMARY KEY REFERENCES sweeps ON DELETE CASCADE,
    version int NOT NULL,
    looked_at timestamptz NOT NULL,
    amount_usd numeric NOT NULL
);

-- What people say that a sweep has shown; the last one counts.
CREATE TABLE takeaways (
    takeaway_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT takeaways_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    sweep_id text NOT NULL REFERENCES sweeps ON DELETE CASCADE,
    text text NOT NULL,
    confirmed_by text NOT NULL,
    confirmed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX takeaways_sweep_id_idx ON takeaways (sweep_id, takeaway_id DESC);
CREATE TRIGGER takeaways_immutable BEFORE UPDATE OR DELETE ON takeaways
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
