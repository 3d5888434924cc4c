-- Sweeps that wait for others. A sweep can only name sweeps that are there, so nobody ever waits for
-- itself by a detour, and who waits has a higher log position than whom it waits for.

CREATE TABLE sweep_waits (
    sweep_id text NOT NULL REFERENCES sweeps,
    awaited_id text NOT NULL REFERENCES sweeps,
    must_succeed boolean NOT NULL,  -- else it only has to end
    is_met boolean NOT NULL,  -- written once, with the end: who looks for what may start asks no more
    CONSTRAINT sweep_waits_pkey PRIMARY KEY (sweep_id, awaited_id),
    CONSTRAINT sweep_waits_other_check CHECK (sweep_id <> awaited_id)
);
CREATE INDEX sweep_waits_awaited_id_idx ON sweep_waits (awaited_id);

-- Success is that the sweep has ended by itself and that one trial at least came to a result.
CREATE FUNCTION has_succeeded(ended_id text, ended_state sweep_state) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT ended_state = 'completed'
        AND EXISTS (
            SELECT FROM runs
            WHERE sweep_id = ended_id
              AND state IN ('completed', 'stopped')
              AND objective IS NOT NULL)
$$;

-- A sweep may start: nobody has started it, and nothing is left that it waits for. One that has
-- waited, or does, rests meanwhile where a person has asked for that.
CREATE FUNCTION may_start(sweep sweeps) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (sweep).state = 'submitted'
        AND NOT EXISTS (
            SELECT FROM sweep_waits
            WHERE sweep_id = (sweep).sweep_id
              AND (NOT is_met OR (sweep).requested = 'pause'))
$$;

-- Whoever ends a sweep moves those that wait for it: on, or to their own ends, and then this is done
-- for each of them in turn. Rows of sweeps are locked by their log positions, all that may be ended
-- before any is, so that two who end sweeps at once never wait for each other.
CREATE FUNCTION move_waiting_sweeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sweep_waits
    SET is_met = true
    WHERE awaited_id = NEW.sweep_id
      AND NOT is_met
      AND (NOT must_succeed OR has_succeeded(NEW.sweep_id, NEW.state));

    PERFORM 1
    FROM sweeps
    WHERE state = 'submitted'
      AND sweep_id IN (
        WITH RECURSIVE behind AS (
            SELECT sweep_id FROM sweep_waits WHERE awaited_id = NEW.sweep_id AND NOT is_met
            UNION
            SELECT sweep_waits.sweep_id
            FROM sweep_waits
            JOIN behind ON sweep_waits.awaited_id = behind.sweep_id
            WHERE NOT is_met)
        SELECT sweep_id FROM behind)
    ORDER BY log_position
    FOR NO KEY UPDATE;

    UPDATE sweeps
    SET state = 'failed',
        reason = left(
            format('waited for %s to succeed, which %s%s', NEW.sweep_id,
                   CASE NEW.state
                       WHEN 'cancelled' THEN 'was cancelled'
                       WHEN 'failed' THEN 'failed'
                       ELSE 'has no trial with a result'
                   END,
                   CASE WHEN NEW.reason = '' THEN '' ELSE ': ' || NEW.reason END),
            500),
        ended_at = now()
    WHERE state = 'submitted'
      AND sweep_id IN (
        SELECT sweep_id FROM sweep_waits WHERE awaited_id = NEW.sweep_id AND NOT is_met);
    RETURN NULL;
END $$;
CREATE TRIGGER sweeps_move_waiting AFTER UPDATE OF state ON sweeps
    FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.state IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION move_waiting_sweeps();
