SET LOCAL search_path = sweepworks, public;

-- What each tenant with a limit has in the artifact store, as it was added up last, and what was let in
-- since: by whichever gateway, with the announcement itself. So all of them together keep the limit.
CREATE TABLE storage_sums (
    tenant_id text CONSTRAINT storage_sums_pkey PRIMARY KEY REFERENCES tenants,
    bytes bigint NOT NULL,
    added_up_at timestamptz NOT NULL
) WITH (fillfactor = 50);
