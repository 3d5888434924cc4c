-- What everything costs. A day's entries are replaced together, by whoever computes that day: the
-- same world gives the same entries, so that nothing is charged twice. No row refers to another table:
-- what was paid for stays in the books when its run is deleted.

CREATE TABLE cost_entries (
    day date NOT NULL,                 -- in UTC
    entry_key text NOT NULL,           -- of whom and for what: `<attempt>/gpu`, told apart by price
    tenant_id text NOT NULL,
    experiment_id bigint,              -- null: belongs to none, such as a dataset's bytes
    sweep_id text,
    run_id text,
    attempt_id text,                   -- null: storage
    owner text NOT NULL DEFAULT '',
    category text NOT NULL,
    resource text NOT NULL,
    kind text NOT NULL DEFAULT '',     -- type of GPU, or storage class
    capacity text NOT NULL DEFAULT '', -- spot, on_demand; empty: nobody knows
    region text NOT NULL DEFAULT '',
    quantity double precision NOT NULL,
    unit text NOT NULL,
    unit_price_usd numeric,            -- null: the price book has none
    amount_usd numeric(20, 10),        -- null: as above
    outcome text NOT NULL DEFAULT '',  -- what became of the attempt, or `running`
    is_waste boolean NOT NULL DEFAULT false,  -- held and not used
    price_version int NOT NULL,        -- of the policy `prices`
    CONSTRAINT cost_entries_pkey PRIMARY KEY (day, entry_key),
    CONSTRAINT cost_entries_category_check CHECK (category IN ('compute', 'storage')),
    CONSTRAINT cost_entries_resource_check CHECK (resource IN ('gpu', 'cpu', 'memory', 'storage')),
    CONSTRAINT cost_entries_unit_check
        CHECK (unit IN ('gpu_hours', 'core_hours', 'gib_hours', 'gib_days')),
    CONSTRAINT cost_entries_quantity_check CHECK (quantity >= 0),
    CONSTRAINT cost_entries_amount_check CHECK ((amount_usd IS NULL) = (unit_price_usd IS NULL))
);
CREATE INDEX cost_entries_tenant_id_day_idx ON cost_entries (tenant_id, day);
CREATE INDEX cost_entries_sweep_id_idx ON cost_entries (sweep_id) WHERE sweep_id IS NOT NULL;
CREATE INDEX cost_entries_run_id_idx ON cost_entries (run_id) WHERE run_id IS NOT NULL;

-- The same, summed: what budgets and reports read. Absent names are empty, so that a row has a key.
CREATE TABLE usage_daily (
    day date NOT NULL,
    tenant_id text NOT NULL,
    experiment_id bigint NOT NULL DEFAULT 0,  -- 0: none
    sweep_id text NOT NULL DEFAULT '',
    owner text NOT NULL DEFAULT '',
    gpu_kind text NOT NULL DEFAULT '',
    gpu_hours double precision NOT NULL DEFAULT 0,
    idle_gpu_hours double precision NOT NULL DEFAULT 0,
    cpu_hours double precision NOT NULL DEFAULT 0,
    memory_gib_hours double precision NOT NULL DEFAULT 0,
    storage_gib_days double precision NOT NULL DEFAULT 0,
    attempts int NOT NULL DEFAULT 0,          -- that ran on that day
    failed_attempts int NOT NULL DEFAULT 0,
    amount_usd numeric(20, 10) NOT NULL DEFAULT 0,
    waste_usd numeric(20, 10) NOT NULL DEFAULT 0,
    unpriced int NOT NULL DEFAULT 0,          -- entries without a price
    CONSTRAINT usage_daily_pkey
        PRIMARY KEY (day, tenant_id, experiment_id, sweep_id, owner, gpu_kind)
);
CREATE INDEX usage_daily_tenant_id_day_idx ON usage_daily (tenant_id, day);
CREATE INDEX usage_daily_sweep_id_idx ON usage_daily (sweep_id) WHERE sweep_id <> '';
