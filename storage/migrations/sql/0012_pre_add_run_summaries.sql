-- What became of each curve, in a row of its own again: kept up every few seconds while its run is
-- live, final once it is sealed. Nobody has written the table of that name since version 0.1.
DROP TABLE series_summaries;
CREATE TABLE series_summaries (
    series_id bigint CONSTRAINT series_summaries_pkey PRIMARY KEY
        REFERENCES series ON DELETE CASCADE,
    point_count bigint NOT NULL,
    nonfinite_count bigint NOT NULL,     -- of these; the next two leave them out
    least double precision,
    greatest double precision,
    last_value double precision NOT NULL, -- of the last point by time, then step, then value
    last_step bigint NOT NULL,            -- its step
    at_best double precision,             -- last value when the run's objective was best
    least_step bigint NOT NULL,
    greatest_step bigint NOT NULL,
    first_time_ds bigint NOT NULL,
    last_time_ds bigint NOT NULL
) WITH (fillfactor = 50);

-- When the summaries of a run were computed. Whoever computes them locks its row; every run has one.
CREATE TABLE run_summaries (
    run_id text CONSTRAINT run_summaries_pkey PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    refreshed_at timestamptz NOT NULL DEFAULT '-infinity',
    took interval NOT NULL DEFAULT '0',
    is_final boolean NOT NULL DEFAULT false  -- of a sealed run: never again
) WITH (fillfactor = 50);
CREATE INDEX run_summaries_open_idx ON run_summaries (refreshed_at) WHERE NOT is_final;

CREATE FUNCTION add_run_summary() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO run_summaries (run_id) VALUES (NEW.run_id);
    RETURN NULL;
END $$;
CREATE TRIGGER runs_have_summaries AFTER INSERT ON runs
    FOR EACH ROW EXECUTE FUNCTION add_run_summary();
INSERT INTO run_summaries (run_id) SELECT run_id FROM runs;
