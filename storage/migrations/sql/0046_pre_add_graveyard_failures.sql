-- What pages of ended sweeps are due is asked every few seconds: changes of tags are found by when they
-- were made, and a page that cannot be written is left alone for a while, without holding up others.

CREATE INDEX tag_changes_changed_at_idx ON tag_changes (changed_at);

CREATE TABLE graveyard_failures (
    sweep_id text CONSTRAINT graveyard_failures_pkey PRIMARY KEY REFERENCES sweeps ON DELETE CASCADE,
    reason text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now()
);
