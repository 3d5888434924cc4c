-- How a run becomes a model in production: evaluations, their gates and approvals, versions of
-- models, and which of them an alias means.

-- What a sweep is for: the search for something, or the evaluation of a candidate.
ALTER TABLE sweeps
    ADD COLUMN kind text NOT NULL DEFAULT 'search'
        CONSTRAINT sweeps_kind_check CHECK (kind IN ('search', 'evaluation'));

CREATE TYPE evaluation_state AS ENUM (
    'requested',  -- a run was tagged; nobody has begun
    'running',    -- requested -> running: the holdout is clean, its runs are made
    'waiting',    -- running -> waiting: every gate has passed but the approvals
    'promoted',   -- waiting, running -> promoted, in the transaction of the promotion
    'rejected',   -- a gate has failed
    'failed',     -- its runs have, so that nothing is known of the candidate
    'refused',    -- it may not be evaluated: no policy, no model, a holdout that is known to it
    'withdrawn'   -- the tag was taken away, or the candidate was pruned
);

CREATE TABLE models (
    model_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT models_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    name text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT models_tenant_id_name_key UNIQUE (tenant_id, name)
);

-- One look at a candidate, by a rule as it was then. Another look is another row.
CREATE TABLE evaluations (
    evaluation_id text CONSTRAINT evaluations_pkey PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    run_id text NOT NULL REFERENCES runs,  -- the candidate
    number int NOT NULL,                   -- from 1, of this candidate
    state evaluation_state NOT NULL DEFAULT 'requested',
    reason text NOT NULL DEFAULT '',
    rule jsonb,                            -- what was asked of it; null: it has not begun
    policy_version int,
    model text,                            -- name that it would get
    artifact text,
    sha256 bytea,                          -- of the artifact when it began
    dataset_id bigint,                     -- the holdout
    dataset_number int,
    sweep_id text REFERENCES sweeps,       -- that its runs are in
    compared_with int,                     -- version that ran beside it; null: none
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    began_at timestamptz,
    judged_at timestamptz,
    ended_at timestamptz,
    claims int NOT NULL DEFAULT 0,         -- how often a Dagster run was started for it
    claimed_at timestamptz,
    dagster_run_id text,
    CONSTRAINT evaluations_run_id_number_key UNIQUE (run_id, number),
    CONSTRAINT evaluations_holdout_fkey
        FOREIGN KEY (dataset_id, dataset_number) REFERENCES dataset_versions,
    CONSTRAINT evaluations_sha256_check CHECK (length(sha256) = 32),
    CONSTRAINT evaluations_ended_check CHECK (
        (state IN ('promoted', 'rejected', 'failed', 'refused', 'withdrawn'))
        = (ended_at IS NOT NULL))
);
-- A candidate is evaluated once at a time, whoever asks how often.
CREATE UNIQUE INDEX evaluations_open_key ON evaluations (run_id)
    WHERE state IN ('requested', 'running', 'waiting');
CREATE INDEX evaluations_sweep_id_idx ON evaluations (sweep_id);
CREATE INDEX evaluations_tenant_id_idx ON evaluations (tenant_id, requested_at DESC);

-- What the runs of an evaluation came to.
CREATE TABLE evaluation_runs (
    evaluation_id text NOT NULL REFERENCES evaluations,
    run_id text NOT NULL REFERENCES runs,
    subject text NOT NULL,                 -- the candidate, or what it is compared with
    seed bigint NOT NULL,
    metrics jsonb NOT NULL,                -- the last value of each, as text: NaN is one
    CONSTRAINT evaluation_runs_pkey PRIMARY KEY (evaluation_id, run_id),
    CONSTRAINT evaluation_runs_subject_check CHECK (subject IN ('candidate', 'production'))
);

-- Every judgement is kept; the newest one counts.
CREATE TABLE gate_results (
    evaluation_id text NOT NULL REFERENCES evaluations,
    judgement int NOT NULL,                -- from 1
    gate text NOT NULL,
    verdict text NOT NULL,
    criteria jsonb NOT NULL,               -- each with its value, its bound and the evidence
    judged_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT gate_results_pkey PRIMARY KEY (evaluation_id, judgement, gate),
    CONSTRAINT gate_results_verdict_check CHECK (verdict IN ('passed', 'failed', 'waiting'))
);

CREATE TABLE approvals (
    evaluation_id text NOT NULL REFERENCES evaluations,
    approved_by text NOT NULL,
    comment text NOT NULL DEFAULT '',
    approved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT approvals_pkey PRIMARY KEY (evaluation_id, approved_by)
);

-- `model:NAME@N`: bytes, and what it takes to serve them. Only a promotion makes one.
CREATE TABLE model_versions (
    model_id bigint NOT NULL REFERENCES models,
    number int NOT NULL,
    evaluation_id text NOT NULL REFERENCES evaluations
        CONSTRAINT model_versions_evaluation_id_key UNIQUE,
    run_id text NOT NULL REFERENCES runs,
    artifact text NOT NULL,
    sha256 bytea NOT NULL,
    size_bytes bigint NOT NULL,
    image text NOT NULL,                   -- that it is served in
    inference jsonb NOT NULL,              -- how: whatever the serving side reads
    rollout jsonb NOT NULL,                -- hints: steps, a flag, what it is tested against
    "commit" text,                         -- of the run's code
    data jsonb NOT NULL,                   -- versions of datasets, name@number
    metrics jsonb NOT NULL,                -- of the evaluation, by name: mean, worst, values
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT model_versions_pkey PRIMARY KEY (model_id, number),
    CONSTRAINT model_versions_artifact_fkey
        FOREIGN KEY (run_id, artifact) REFERENCES artifacts (run_id, name),
    CONSTRAINT model_versions_sha256_check CHECK (length(sha256) = 32)
);
CREATE INDEX model_versions_run_id_idx ON model_versions (run_id);

-- Every move of an alias, for ever.
CREATE TABLE promotions (
    promotion_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT promotions_pkey PRIMARY KEY,
    model_id bigint NOT NULL,
    alias text NOT NULL,
    kind text NOT NULL,
    from_number int,                       -- null: the alias is new
    number int NOT NULL,
    evaluation_id text REFERENCES evaluations,
    moved_by text NOT NULL,
    reason text NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT promotions_version_fkey FOREIGN KEY (model_id, number) REFERENCES model_versions,
    CONSTRAINT promotions_kind_check CHECK (kind IN ('promoted', 'set', 'rolled_back')),
    CONSTRAINT promotions_evaluation_check
        CHECK ((kind = 'promoted') = (evaluation_id IS NOT NULL)),
    CONSTRAINT promotions_evaluation_key UNIQUE (evaluation_id)
);
CREATE INDEX promotions_alias_idx ON promotions (model_id, alias, promotion_id);

-- Where each alias stands: what its last move says, written by a trigger on the moves.
CREATE TABLE model_aliases (
    model_id bigint NOT NULL,
    alias text NOT NULL,
    number int NOT NULL,
    moved_at timestamptz NOT NULL,
    CONSTRAINT model_aliases_pkey PRIMARY KEY (model_id, alias),
    CONSTRAINT model_aliases_version_fkey
        FOREIGN KEY (model_id, number) REFERENCES model_versions
);

CREATE TRIGGER evaluation_runs_immutable BEFORE UPDATE OR DELETE ON evaluation_runs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER gate_results_immutable BEFORE UPDATE OR DELETE ON gate_results
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approvals_immutable BEFORE UPDATE OR DELETE ON approvals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER model_versions_immutable BEFORE UPDATE OR DELETE ON model_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER promotions_immutable BEFORE UPDATE OR DELETE ON promotions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION freeze_ended_evaluation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'evaluation % is %', OLD.evaluation_id, OLD.state
            USING ERRCODE = 'SW001', DETAIL = OLD.state, HINT = NEW.state,
                  COLUMN = OLD.evaluation_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER evaluations_freeze BEFORE UPDATE ON evaluations
    FOR EACH ROW EXECUTE FUNCTION freeze_ended_evaluation();

-- No code path can register what did not pass: the newest judgement has to say so, of every gate.
CREATE FUNCTION require_passed_gates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT coalesce((
        SELECT bool_and(verdict = 'passed')
        FROM gate_results
        WHERE evaluation_id = NEW.evaluation_id
          AND judgement = (
              SELECT max(judgement)
              FROM gate_results
              WHERE evaluation_id = NEW.evaluation_id)
    ), false) THEN
        RAISE EXCEPTION 'evaluation % has not passed every gate', NEW.evaluation_id
            USING ERRCODE = 'SW001', DETAIL = 'not passed', HINT = 'promoted',
                  COLUMN = NEW.evaluation_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER model_versions_passed BEFORE INSERT ON model_versions
    FOR EACH ROW EXECUTE FUNCTION require_passed_gates();

CREATE FUNCTION move_alias() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO model_aliases (model_id, alias, number, moved_at)
    VALUES (NEW.model_id, NEW.alias, NEW.number, NEW.moved_at)
    ON CONFLICT (model_id, alias) DO UPDATE
    SET number = EXCLUDED.number, moved_at = EXCLUDED.moved_at;
    RETURN NULL;
END $$;
CREATE TRIGGER promotions_move_alias AFTER INSERT ON promotions
    FOR EACH ROW EXECUTE FUNCTION move_alias();

CREATE FUNCTION refuse_silent_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'an alias moves by a row in promotions'
            USING ERRCODE = 'SW001', DETAIL = 'written by its history', HINT = lower(TG_OP),
                  COLUMN = TG_TABLE_NAME;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER model_aliases_by_history BEFORE INSERT OR UPDATE OR DELETE ON model_aliases
    FOR EACH ROW EXECUTE FUNCTION refuse_silent_move();

CREATE FUNCTION edge_from_model_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lineage_edges (tenant_id, upstream, downstream)
    SELECT models.tenant_id, 'artifact:' || run_id || '/' || artifact,
           'model:' || models.name || '@' || new_rows.number
    FROM new_rows JOIN models USING (model_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER model_versions_lineage AFTER INSERT ON model_versions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION edge_from_model_versions();
