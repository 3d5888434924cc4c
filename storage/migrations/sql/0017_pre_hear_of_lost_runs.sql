-- A run that was given up for its silence may be heard of again, until it is sealed: its machine had
-- no network, or somebody brings what its script has left.

ALTER TABLE runs ADD COLUMN lost_at timestamptz;

CREATE OR REPLACE FUNCTION freeze_finished_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('completed', 'stopped', 'failed', 'cancelled')
        AND (OLD.lost_at IS NULL OR OLD.sealed_at IS NOT NULL)
        AND (to_jsonb(NEW) - 'sealed_at') IS DISTINCT FROM (to_jsonb(OLD) - 'sealed_at')
    THEN
        RAISE EXCEPTION 'run % is %', OLD.run_id, OLD.state
            USING ERRCODE = 'SW001', DETAIL = OLD.state, HINT = NEW.state, COLUMN = OLD.run_id;
    END IF;
    IF OLD.sealed_at IS NOT NULL AND NEW.sealed_at IS DISTINCT FROM OLD.sealed_at THEN
        RAISE EXCEPTION 'run % is sealed', OLD.run_id
            USING ERRCODE = 'SW001', DETAIL = 'sealed', HINT = 'open', COLUMN = OLD.run_id;
    END IF;
    RETURN NEW;
END $$;
