-- Links to pages that have been opened: each opens once. Kept until it would have expired anyway.
CREATE TABLE used_links (
    nonce text CONSTRAINT used_links_pkey PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
