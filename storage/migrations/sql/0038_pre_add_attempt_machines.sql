-- What an attempt had of its machine, which is what it costs. Empty and 0: none, or nobody told.
-- Rows of before have the defaults: nobody waits until they are all looked at. 0051 does that.

ALTER TABLE attempts
    ADD COLUMN gpu_model text NOT NULL DEFAULT '',
    ADD COLUMN gpu_count integer NOT NULL DEFAULT 0,  -- on all of its nodes
    ADD COLUMN capacity text NOT NULL DEFAULT '',
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN instance_type text NOT NULL DEFAULT '',
    ADD CONSTRAINT attempts_gpu_count_check CHECK (gpu_count >= 0) NOT VALID,
    ADD CONSTRAINT attempts_capacity_check CHECK (capacity IN ('', 'spot', 'on_demand')) NOT VALID;
