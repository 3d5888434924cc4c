-- What budgets need: to find what was spent since the ledger's last day in a few looks at indexes, which
-- 0051 builds, and to say once that much of one is spent.

-- Up to when `usage_daily` has a day. Once that is the whole day, what was spent on it is the ledger's to
-- say; on any other day it is computed from the attempts. Days of before are summed anew, or by then.
ALTER TABLE cost_days ADD COLUMN usage_until timestamptz;

-- Attempts by when they held anything: from their node, or their process, to their end. One that never
-- began held nothing; clocks of two machines may differ.
CREATE FUNCTION held_during(scheduled_at timestamptz, started_at timestamptz, ended_at timestamptz)
    RETURNS tstzrange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT tstzrange(least(coalesce(scheduled_at, started_at), ended_at), ended_at) $$;

-- Written once each, so that it is told once.
CREATE TABLE budget_warnings (
    budget text NOT NULL,              -- its name in the policy, or the sweep whose own it is
    begins date NOT NULL,              -- first day of its period
    threshold double precision NOT NULL,  -- share of the limit that was reached
    tenant_id text NOT NULL DEFAULT '',   -- whose it is; empty: not of one tenant
    spent_usd numeric(20, 10) NOT NULL,
    spent_gpu_hours double precision NOT NULL,
    max_usd numeric(20, 10),
    max_gpu_hours double precision,
    warned_at timestamptz NOT NULL,
    CONSTRAINT budget_warnings_pkey PRIMARY KEY (budget, begins, threshold)
);
CREATE INDEX budget_warnings_warned_at_idx ON budget_warnings (warned_at);
