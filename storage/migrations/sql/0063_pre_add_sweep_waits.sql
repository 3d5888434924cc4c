-- Sweeps that wait for others. A sweep can only name sweeps that are there, so nobody ever waits for
-- itself by a detour.

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

-- Ends sweeps that wait for the success of one that has ended without it; of all such where none is
-- named. Rows that somebody holds are left to the next look: whoever ends a sweep waits for nobody,
-- so that no two ever wait for each other.
CREATE FUNCTION fail_waiting_sweeps(ended_id text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    waiting record;
BEGIN
    FOR waiting IN
        SELECT sweeps.sweep_id, awaited.sweep_id AS awaited_id, awaited.state, awaited.reason
        FROM sweeps
        JOIN sweep_waits ON sweep_waits.sweep_id = sweeps.sweep_id
        JOIN sweeps AS awaited ON awaited.sweep_id = sweep_waits.awaited_id
        WHERE sweeps.state = 'submitted'
          AND NOT sweep_waits.is_met
          AND awaited.state IN ('completed', 'failed', 'cancelled')
          AND (awaited.sweep_id = ended_id OR ended_id IS NULL)
        ORDER BY sweeps.log_position
        FOR NO KEY UPDATE OF sweeps SKIP LOCKED
    LOOP
        UPDATE sweeps
        SET state = 'failed',
            reason = left(
                format('waited for %s to succeed, which %s%s', waiting.awaited_id,
                       CASE waiting.state
                           WHEN 'cancelled' THEN 'was cancelled'
                           WHEN 'failed' THEN 'failed'
                           ELSE 'has no trial with a result'
                       END,
                       CASE WHEN waiting.reason = '' THEN '' ELSE ': ' || waiting.reason END),
                500),
            ended_at = now()
        WHERE sweep_id = waiting.sweep_id
          AND state = 'submitted';
    END LOOP;
END $$;

-- Whoever ends a sweep moves those that wait for it: on, or to their own ends, and then this is done
-- for each of them in turn.
CREATE FUNCTION move_waiting_sweeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sweep_waits
    SET is_met = true
    WHERE awaited_id = NEW.sweep_id
      AND NOT is_met
      AND (NOT must_succeed OR has_succeeded(NEW.sweep_id, NEW.state));
    PERFORM fail_waiting_sweeps(NEW.sweep_id);
    RETURN NULL;
END $$;
CREATE TRIGGER sweeps_move_waiting AFTER UPDATE OF state ON sweeps
    FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.state IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION move_waiting_sweeps();
