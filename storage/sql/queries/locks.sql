-- wait_for_lock --
-- Alone in the whole database until the connection ends.
SELECT pg_advisory_lock(%(lock)s);
