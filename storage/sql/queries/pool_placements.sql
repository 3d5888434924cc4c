-- wait_for_turn --
-- One decision at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(%(lock)s);

-- decided --
-- What was decided about a live attempt; the clock is the database's.
SELECT pools, clock_timestamp()
FROM attempts
WHERE attempt_id = %(attempt_id)s
  AND state <> 'ended'
FOR NO KEY UPDATE;

-- outside --
-- Other live attempts that were launched without having to be near, by pool.
SELECT near.pool, count(*)
FROM attempts
CROSS JOIN LATERAL jsonb_each_text(attempts.pools) AS near (pool, word)
WHERE attempts.state <> 'ended'
  AND attempts.pools <> '{}'
  AND attempts.attempt_id <> %(attempt_id)s
  AND near.pool = ANY(%(pools)s::text[])
  AND near.word = 'preferred'
GROUP BY near.pool;

-- decide --
-- Note what was decided, before anything is launched; {}: nothing any more.
UPDATE attempts
SET pools = %(placed)s::jsonb
WHERE attempt_id = %(attempt_id)s
  AND state <> 'ended';
