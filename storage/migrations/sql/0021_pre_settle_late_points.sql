-- A note about late points goes from tier to tier with the points: where there are continuous
-- aggregates, the finer tier hands it on to the coarser one when it has them itself.

ALTER TABLE late_metric_points ADD COLUMN note_id bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE late_metric_points ADD COLUMN is_taken boolean NOT NULL DEFAULT false;  -- by a refresh
CREATE INDEX late_metric_points_series_idx ON late_metric_points (series_id, hour);

CREATE OR REPLACE FUNCTION note_late_points(series_ids bigint[], hours bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    -- Nobody stops a policy that moves the line: then all that are not fresh, not only those below.
    line bigint := (
        SELECT CASE WHEN has_continuous_aggregates THEN 9223372036854775807 END FROM metric_storage
    );
BEGIN
    IF line IS NULL THEN
        -- Shared among writers; a refresh that moves the line waits for them, and they for it.
        PERFORM pg_advisory_xact_lock_shared(hashtext('sweepworks.note_late_points'));
        line := (SELECT noticed_until FROM metric_tiers WHERE tier = 'metric_points_1m');
    END IF;
    -- What is noted already is not noted again. It is held until the points are there, so that
    -- whoever takes it up waits for them; what somebody takes up now, or has, says nothing of them.
    WITH late AS MATERIALIZED (
        SELECT DISTINCT late.series_id, late.hour
        FROM unnest(series_ids, hours) AS late (series_id, hour)
        WHERE late.hour < line
          AND late.hour >= (SELECT kept_since FROM metric_tiers WHERE tier = 'metric_points')
    ),
    noted AS MATERIALIZED (
        SELECT note.series_id, note.hour
        FROM late
        JOIN late_metric_points AS note USING (series_id, hour)
        WHERE note.tier = 'metric_points_1m' AND NOT note.is_taken
        FOR SHARE OF note SKIP LOCKED
    ),
    noted_of_all AS MATERIALIZED (
        SELECT note.hour
        FROM late_metric_points AS note
        WHERE note.series_id IS NULL
          AND note.hour IN (SELECT late.hour FROM late WHERE late.series_id IS NULL)
          AND note.tier = 'metric_points_1m' AND NOT note.is_taken
        FOR SHARE OF note SKIP LOCKED
    )
    INSERT INTO late_metric_points (tier, series_id, hour)
    SELECT 'metric_points_1m', late.series_id, late.hour
    FROM late
    WHERE NOT EXISTS (
              SELECT FROM noted WHERE noted.series_id = late.series_id AND noted.hour = late.hour
          )
      AND NOT (late.series_id IS NULL AND late.hour IN (SELECT hour FROM noted_of_all));
END $$;

CREATE OR REPLACE PROCEDURE refresh_metric_rollup(which text, until bigint) LANGUAGE plpgsql AS $$
DECLARE
    tier metric_tiers := (SELECT metric_tiers FROM metric_tiers WHERE metric_tiers.tier = which);
    kept bigint := (SELECT kept_since FROM metric_tiers WHERE metric_tiers.tier = tier.source);
    ends bigint := metric_bucket(tier.width, least(until, metric_now() - 6000));
    noted bigint[];
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        -- Those that are seen now; what they are about is seen by a refresh that begins later.
        -- From now on writers note anew.
        WITH taken AS (
            UPDATE late_metric_points AS late SET is_taken = true
            WHERE late.tier = which AND late.hour < ends
            RETURNING late.note_id
        )
        SELECT array_agg(note_id) INTO noted FROM taken;
        COMMIT;
        IF ends - tier.width >= kept THEN
            CALL refresh_continuous_aggregate(
                which::regclass, CASE WHEN kept > -9223372036854775808 THEN kept END, ends
            );
        END IF;
        -- A policy that began before us may have taken over what we found nothing of, and not be
        -- done with it: then they stay for the next time.
        IF EXISTS (
            SELECT FROM pg_stat_activity
            WHERE datname = current_database()
              AND application_name LIKE 'Refresh Continuous Aggregate Policy%'
              AND pid <> pg_backend_pid()
        ) THEN
            RETURN;
        END IF;
        -- Of the last hour too, when nothing after `ends` is stored.
        WITH done AS (
            DELETE FROM late_metric_points AS late
            WHERE late.note_id = ANY(noted)
              AND late.hour < CASE WHEN metric_stored_until(which) <= ends THEN ends
                                   ELSE metric_bucket(36000, ends) END
            RETURNING late.series_id, late.hour, late.noted_at
        )
        INSERT INTO late_metric_points (tier, series_id, hour, noted_at)
        SELECT coarser.tier, done.series_id, done.hour, min(done.noted_at)
        FROM done
        JOIN metric_tiers AS coarser ON coarser.source = which
        GROUP BY coarser.tier, done.series_id, done.hour;
        RETURN;
    END IF;
    IF tier.source <> 'metric_points' THEN
        ends := least(ends, metric_bucket(tier.width, metric_stored_until(tier.source)));
    END IF;
    CALL advance_metric_rollup(which, ends);
    CALL redo_late_metric_rollup(which);
END $$;

-- Stores a rollup of our own up to `ends`, chunk by chunk.
CREATE OR REPLACE PROCEDURE advance_metric_rollup(which text, ends bigint) LANGUAGE plpgsql AS $$
DECLARE
    begins bigint;
    stop bigint;
BEGIN
    IF which = 'metric_points_1m' THEN
        -- First whoever rolls up or deletes, which may take long: writers who note wait behind the
        -- lock that is next.
        PERFORM FROM metric_tiers WHERE tier = which FOR UPDATE;
        PERFORM pg_advisory_xact_lock(hashtext('sweepworks.note_late_points'));
        -- A batch that says nothing has points of the five minutes before it began, or newer; so
        -- as long as one goes on, what it may bring stays ahead of us.
        SELECT least(ends, metric_bucket(600, metric_tenths(min(xact_start)) - 3000))
        INTO ends
        FROM pg_stat_activity
        WHERE datname = current_database()
          AND application_name = 'sweepworks'
          AND pid <> pg_backend_pid();
        UPDATE metric_tiers SET noticed_until = greatest(noticed_until, ends) WHERE tier = which;
        COMMIT;
    END IF;
    LOOP
        SELECT stored_until INTO begins FROM metric_tiers WHERE tier = which FOR UPDATE;
        EXIT WHEN begins >= ends;
        IF which = 'metric_points_1m' THEN
            SELECT least(ends, min(high)) INTO stop FROM metric_chunk_bounds() WHERE high > begins;
            INSERT INTO stored_metric_points_1m
            SELECT * FROM roll_up_points(begins, stop) ORDER BY series_id, bucket;
        ELSE
            stop := ends;
            INSERT INTO stored_metric_points_1h
            SELECT * FROM roll_up_minutes(begins, stop) ORDER BY series_id, bucket;
        END IF;
        UPDATE metric_tiers SET stored_until = stop WHERE tier = which;
        COMMIT;
    END LOOP;
    COMMIT;
END $$;
