-- Watermarks move by the thousand; to look at each row's run anew took more than moving them. What
-- guards them looks at all rows of a statement at once. Two triggers: one may not see both kinds.

CREATE FUNCTION refuse_writers_of_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sealed text := (
        SELECT min(run_id) FROM changed JOIN runs USING (run_id) WHERE runs.sealed_at IS NOT NULL
    );
BEGIN
    IF sealed IS NOT NULL THEN
        RAISE EXCEPTION 'run % is sealed', sealed
            USING ERRCODE = 'SW001', DETAIL = 'sealed', HINT = TG_TABLE_NAME, COLUMN = sealed;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER writers_sealed ON writers;
CREATE TRIGGER writers_sealed_insert AFTER INSERT ON writers
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_writers_of_sealed();
CREATE TRIGGER writers_sealed_update AFTER UPDATE ON writers
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_writers_of_sealed();
