-- What people say about runs, sweeps and experiments: tags, notes, links. None of it is part of the
-- record that is sealed, so all of it may change later; what was said before stays readable.

ALTER TABLE run_tags
    ADD COLUMN set_by text NOT NULL DEFAULT '',  -- empty: the run's own script
    ADD COLUMN set_at timestamptz;               -- null: before this was noted
ALTER TABLE run_tags ALTER COLUMN set_at SET DEFAULT now();

CREATE TABLE sweep_tags (
    sweep_id text NOT NULL REFERENCES sweeps ON DELETE CASCADE,
    name text NOT NULL,
    value text NOT NULL DEFAULT '',
    set_by text NOT NULL DEFAULT '',
    set_at timestamptz DEFAULT now(),
    CONSTRAINT sweep_tags_pkey PRIMARY KEY (sweep_id, name)
);
CREATE INDEX sweep_tags_name_sweep_id_idx ON sweep_tags (name, sweep_id);

CREATE TABLE experiment_tags (
    experiment_id bigint NOT NULL REFERENCES experiments ON DELETE CASCADE,
    name text NOT NULL,
    value text NOT NULL DEFAULT '',
    set_by text NOT NULL DEFAULT '',
    set_at timestamptz DEFAULT now(),
    CONSTRAINT experiment_tags_pkey PRIMARY KEY (experiment_id, name)
);
CREATE INDEX experiment_tags_name_experiment_id_idx ON experiment_tags (name, experiment_id);

-- All of them, each with the one thing that it is on.
CREATE VIEW all_tags AS
SELECT run_id, NULL::text AS sweep_id, NULL::bigint AS experiment_id, name, value, set_by, set_at
FROM run_tags
UNION ALL
SELECT NULL, sweep_id, NULL, name, value, set_by, set_at
FROM sweep_tags
UNION ALL
SELECT NULL, NULL, experiment_id, name, value, set_by, set_at
FROM experiment_tags;

-- Every change of a tag since this table is there, whoever wrote it.
CREATE TABLE tag_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT tag_changes_pkey PRIMARY KEY,
    run_id text REFERENCES runs ON DELETE CASCADE,
    sweep_id text REFERENCES sweeps ON DELETE CASCADE,
    experiment_id bigint REFERENCES experiments ON DELETE CASCADE,
    name text NOT NULL,
    value text,   -- null: it was removed
    before text,  -- null: there was none
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tag_changes_subject_check CHECK (num_nonnulls(run_id, sweep_id, experiment_id) = 1)
);
CREATE INDEX tag_changes_run_id_idx ON tag_changes (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX tag_changes_sweep_id_idx ON tag_changes (sweep_id) WHERE sweep_id IS NOT NULL;
CREATE INDEX tag_changes_experiment_id_idx ON tag_changes (experiment_id)
    WHERE experiment_id IS NOT NULL;
CREATE TRIGGER tag_changes_immutable BEFORE UPDATE OR DELETE ON tag_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION note_tag_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_there boolean := TG_OP <> 'DELETE';
    subject jsonb := CASE WHEN is_there THEN to_jsonb(NEW) ELSE to_jsonb(OLD) END;
    person text := coalesce(current_setting('sweepworks.person', true), '');
BEGIN
    -- A row that goes with what it is on leaves no trace: that is gone, too.
    IF (TG_OP = 'DELETE' AND is_retention())
        OR (TG_OP = 'UPDATE' AND NEW.value = OLD.value)
    THEN
        RETURN NULL;
    END IF;
    INSERT INTO tag_changes (run_id, sweep_id, experiment_id, name, value, before, changed_by)
    VALUES (
        subject ->> 'run_id', subject ->> 'sweep_id', (subject ->> 'experiment_id')::bigint,
        subject ->> 'name',
        CASE WHEN is_there THEN NEW.value END,
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.value END,
        CASE WHEN person <> '' OR NOT is_there THEN person ELSE NEW.set_by END
    );
    RETURN NULL;
END $$;
CREATE TRIGGER run_tags_are_noted AFTER INSERT OR UPDATE OR DELETE ON run_tags
    FOR EACH ROW EXECUTE FUNCTION note_tag_change();
CREATE TRIGGER sweep_tags_are_noted AFTER INSERT OR UPDATE OR DELETE ON sweep_tags
    FOR EACH ROW EXECUTE FUNCTION note_tag_change();
CREATE TRIGGER experiment_tags_are_noted AFTER INSERT OR UPDATE OR DELETE ON experiment_tags
    FOR EACH ROW EXECUTE FUNCTION note_tag_change();

-- An experiment has one baseline, whoever writes the tag. The experiment's row makes two that come
-- at once follow each other; the rows above tell that it moved.
CREATE FUNCTION keep_one_baseline() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    experiment bigint;
BEGIN
    SELECT experiment_id INTO experiment FROM runs WHERE run_id = NEW.run_id;
    PERFORM FROM experiments WHERE experiment_id = experiment FOR NO KEY UPDATE;
    DELETE FROM run_tags
    USING runs
    WHERE runs.run_id = run_tags.run_id
      AND runs.experiment_id = experiment
      AND run_tags.name = 'baseline'
      AND run_tags.run_id <> NEW.run_id;
    RETURN NEW;
END $$;
CREATE TRIGGER run_tags_one_baseline BEFORE INSERT ON run_tags
    FOR EACH ROW WHEN (NEW.name = 'baseline') EXECUTE FUNCTION keep_one_baseline();

-- A note is edited by another version of it; an empty one takes it back.
CREATE SEQUENCE note_ids;
CREATE TABLE notes (
    note_id bigint NOT NULL DEFAULT nextval('note_ids'),
    version int NOT NULL DEFAULT 1,
    tenant_id text NOT NULL REFERENCES tenants,
    run_id text REFERENCES runs ON DELETE CASCADE,
    sweep_id text REFERENCES sweeps ON DELETE CASCADE,
    experiment_id bigint REFERENCES experiments ON DELETE CASCADE,
    text text NOT NULL,
    author text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notes_pkey PRIMARY KEY (note_id, version),
    CONSTRAINT notes_subject_check CHECK (num_nonnulls(run_id, sweep_id, experiment_id) = 1)
);
CREATE INDEX notes_run_id_idx ON notes (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX notes_sweep_id_idx ON notes (sweep_id) WHERE sweep_id IS NOT NULL;
CREATE INDEX notes_experiment_id_idx ON notes (experiment_id) WHERE experiment_id IS NOT NULL;
CREATE TRIGGER notes_immutable BEFORE UPDATE OR DELETE ON notes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Task ids and addresses. What a task id leads to is for the policy `naming` to say.
CREATE TABLE links (
    link_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT links_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    run_id text REFERENCES runs ON DELETE CASCADE,
    sweep_id text REFERENCES sweeps ON DELETE CASCADE,
    experiment_id bigint REFERENCES experiments ON DELETE CASCADE,
    target text NOT NULL,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    removed_by text,
    removed_at timestamptz,
    CONSTRAINT links_subject_check CHECK (num_nonnulls(run_id, sweep_id, experiment_id) = 1),
    CONSTRAINT links_removed_check CHECK ((removed_by IS NULL) = (removed_at IS NULL))
);
CREATE UNIQUE INDEX links_run_id_target_key ON links (run_id, target)
    WHERE run_id IS NOT NULL AND removed_at IS NULL;
CREATE UNIQUE INDEX links_sweep_id_target_key ON links (sweep_id, target)
    WHERE sweep_id IS NOT NULL AND removed_at IS NULL;
CREATE UNIQUE INDEX links_experiment_id_target_key ON links (experiment_id, target)
    WHERE experiment_id IS NOT NULL AND removed_at IS NULL;
