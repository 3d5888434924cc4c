-- Reports of weeks and months, as they were when they were made. No row refers to another table: a
-- report stays what it was, whatever is deleted later.

CREATE TABLE shelved_reports (
    report_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT shelved_reports_pkey PRIMARY KEY,
    period text NOT NULL,
    first_day date NOT NULL,
    until_day date NOT NULL,   -- the first one that does not belong to it
    tenant_id text,            -- null: of all tenants
    experiment text,           -- null: of all
    sweep_id text,             -- null: of all
    is_portfolio boolean NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    cost_usd numeric(20, 10),  -- null: that could not be told
    problems text[] NOT NULL,  -- of sections that could not be made
    markdown text NOT NULL,
    html text NOT NULL         -- a part of a page, its pictures inside
);
-- Made again, it takes the place of the earlier one.
CREATE UNIQUE INDEX shelved_reports_subject_key ON shelved_reports (
    period, coalesce(tenant_id, ''), coalesce(experiment, ''), coalesce(sweep_id, ''), is_portfolio);
CREATE INDEX shelved_reports_tenant_id_idx ON shelved_reports (tenant_id, until_day DESC);
