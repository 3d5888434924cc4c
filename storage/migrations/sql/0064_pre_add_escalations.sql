-- Violations of quotas, from when one was noticed until it is over, and who was told of it. Whoever looks
-- writes them, under one lock; what comes again is another row, which begins with the first step.

CREATE TABLE escalations (
    escalation_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT escalations_pkey PRIMARY KEY,
    kind text NOT NULL,                -- waiting, never or over
    tenant_id text NOT NULL REFERENCES tenants,
    subject text NOT NULL,             -- the sweep, or the limit that is exceeded
    owner text NOT NULL,               -- of the sweep; empty: it is the whole tenant's
    what text NOT NULL,                -- for people, as it was seen last
    remedy text NOT NULL,              -- likewise: limits with the values that would let it pass
    since timestamptz NOT NULL,        -- when it was noticed
    seen_at timestamptz NOT NULL,      -- by the last look that was sure of it
    ended_at timestamptz,
    closed_at timestamptz,             -- when it was told that it is over
    acknowledged_at timestamptz,       -- no further step is told
    acknowledged_by text,
    acknowledgement text
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX escalations_open_key ON escalations (kind, tenant_id, subject)
    WHERE ended_at IS NULL;
CREATE INDEX escalations_subject_idx ON escalations (subject);
CREATE INDEX escalations_unclosed_idx ON escalations (escalation_id)
    WHERE ended_at IS NOT NULL AND closed_at IS NULL;

-- Written once each, in the transaction of whoever tells.
CREATE TABLE escalation_steps (
    escalation_id bigint NOT NULL REFERENCES escalations,
    step int NOT NULL,                 -- from 1, as the policy had it then
    audience text NOT NULL,            -- owner, tenant or platform
    people jsonb NOT NULL,             -- names and addresses
    told_at timestamptz NOT NULL,
    CONSTRAINT escalation_steps_pkey PRIMARY KEY (escalation_id, step)
);
CREATE TRIGGER escalation_steps_immutable BEFORE UPDATE OR DELETE ON escalation_steps
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
