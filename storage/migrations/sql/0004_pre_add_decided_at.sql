-- When the search answered a report: from then on a script has its grace to end. Null in rows that
-- an earlier version has decided.
ALTER TABLE reports ADD COLUMN decided_at timestamptz;

-- A report that lacks the objective is nothing to decide on; the controller's inbox skips it.
DROP INDEX reports_undecided_idx;
CREATE INDEX reports_undecided_idx ON reports (sweep_id)
    WHERE decision IS NULL AND sweep_id IS NOT NULL AND value IS NOT NULL;

-- Until a report is decided, a later one of the same level may add what it lacks.
CREATE OR REPLACE FUNCTION freeze_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.decision IS NOT NULL
        OR (OLD.value IS NOT NULL AND NEW.value IS DISTINCT FROM OLD.value)
        OR NOT NEW."values" @> OLD."values"
        OR (to_jsonb(NEW) - 'decision' - 'sequence' - 'decided_at' - 'value' - 'values')
               IS DISTINCT FROM
           (to_jsonb(OLD) - 'decision' - 'sequence' - 'decided_at' - 'value' - 'values')
    THEN
        RAISE EXCEPTION 'report of run % at level % is decided', OLD.run_id, OLD.resource_level
            USING ERRCODE = 'SW001', DETAIL = 'decided', HINT = 'update', COLUMN = OLD.run_id;
    END IF;
    RETURN NEW;
END $$;

-- One row: when a gateway was last there. While none is, the silence of scripts means nothing.
CREATE TABLE gateway_activity (
    only_row boolean NOT NULL DEFAULT true CHECK (only_row),
    last_seen_at timestamptz NOT NULL,
    CONSTRAINT gateway_activity_pkey PRIMARY KEY (only_row)
);
