-- What an attempt had of its machine, which is what it costs. Empty and 0: none, or nobody told.

ALTER TABLE attempts
    ADD COLUMN gpu_model text NOT NULL DEFAULT '',
    ADD COLUMN gpu_count integer NOT NULL DEFAULT 0 CHECK (gpu_count >= 0),  -- on all of its nodes
    ADD COLUMN capacity text NOT NULL DEFAULT '' CHECK (capacity IN ('', 'spot', 'on_demand')),
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN instance_type text NOT NULL DEFAULT '';
