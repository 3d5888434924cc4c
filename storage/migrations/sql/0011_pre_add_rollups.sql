-- Rollups of one minute and one hour: `metric_points_1m` and `metric_points_1h`, continuous
-- aggregates where the server has them, else tables of our own behind views of the same names. Both
-- kinds compute what is too new to be stored when they are asked, and both give the same answers:
--
--   series_id, bucket (where it begins, in tenths of a second since 1970 UTC),
--   count            all points,
--   nonfinite_count  those of NaN, infinities, and values beyond 1e290, whose sum might overflow,
--   sum, min, max    of the others; null when there are none,
--   last             value of the last point by time, then step, then value (NaN is the greatest),
--   first_step, last_step  the least and the greatest.

-- The raw points and the rollups, from fine to coarse. In coarser tiers lives on what is dropped
-- in finer ones. The last two columns are of the rollups of our own.
CREATE TABLE metric_tiers (
    tier text CONSTRAINT metric_tiers_pkey PRIMARY KEY,  -- the relation's name
    source text REFERENCES metric_tiers,
    width bigint,                                        -- of a bucket
    kept_since bigint NOT NULL DEFAULT -9223372036854775808,     -- what is older was dropped
    stored_until bigint NOT NULL DEFAULT -9223372036854775808,   -- what is newer is not rolled up
    noticed_until bigint NOT NULL DEFAULT -9223372036854775808   -- whoever writes older points says so
);
INSERT INTO metric_tiers (tier, source, width) VALUES
    ('metric_points', NULL, NULL),
    ('metric_points_1m', 'metric_points', 600),
    ('metric_points_1h', 'metric_points_1m', 36000);

-- Hours of which a tier was rolled up too early; no series: all of them.
CREATE TABLE late_metric_points (
    tier text NOT NULL,
    series_id bigint,
    hour bigint NOT NULL
);
CREATE INDEX late_metric_points_tier_idx ON late_metric_points (tier);

-- Where rollups are stored.
CREATE FUNCTION stored_metric_rollups() RETURNS TABLE (tier text, relation regclass)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        RETURN QUERY
        SELECT view_name::text, format(
            '%I.%I', materialization_hypertable_schema, materialization_hypertable_name
        )::regclass
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'sweepworks';
    ELSE
        RETURN QUERY
        SELECT metric_tiers.tier, ('stored_' || metric_tiers.tier)::regclass
        FROM metric_tiers WHERE metric_tiers.source IS NOT NULL;
    END IF;
END $$;

DO $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        CREATE MATERIALIZED VIEW metric_points_1m
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT series_id, time_bucket(600::bigint, time_ds) AS bucket,
               count(*) AS count,
               count(*) FILTER (WHERE NOT value BETWEEN float8 '-1e290' AND float8 '1e290')
                   AS nonfinite_count,
               sum(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS sum,
               min(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS min,
               max(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS max,
               (max(ARRAY[time_ds::float8, step::float8, value]))[3] AS last,
               min(step) AS first_step,
               max(step) AS last_step
        FROM metric_points
        GROUP BY series_id, time_bucket(600::bigint, time_ds)
        WITH NO DATA;

        CREATE MATERIALIZED VIEW metric_points_1h
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT series_id, time_bucket(36000::bigint, bucket) AS bucket,
               sum(count)::bigint AS count,
               sum(nonfinite_count)::bigint AS nonfinite_count,
               sum(sum) AS sum,
               min(min) AS min,
               max(max) AS max,
               (max(ARRAY[bucket::float8, last]))[2] AS last,
               min(first_step) AS first_step,
               max(last_step) AS last_step
        FROM metric_points_1m
        GROUP BY series_id, time_bucket(36000::bigint, bucket)
        WITH NO DATA;

        -- What policies of theirs take for the present.
        PERFORM set_integer_now_func(relation, 'metric_now') FROM stored_metric_rollups();
        -- Two days back, so that what retention has dropped is never rolled up anew; older
        -- changes are the business of `refresh_metric_rollup`, which knows what was dropped.
        PERFORM add_continuous_aggregate_policy(
            'metric_points_1m', start_offset => 1728000::bigint, end_offset => 6000::bigint,
            schedule_interval => INTERVAL '5 minutes'
        );
        PERFORM add_continuous_aggregate_policy(
            'metric_points_1h', start_offset => 1728000::bigint, end_offset => 36000::bigint,
            schedule_interval => INTERVAL '15 minutes'
        );
        ALTER MATERIALIZED VIEW metric_points_1m SET (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'series_id',
            timescaledb.compress_orderby = 'bucket'
        );
        ALTER MATERIALIZED VIEW metric_points_1h SET (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'series_id',
            timescaledb.compress_orderby = 'bucket'
        );
        PERFORM add_compression_policy('metric_points_1m', compress_after => 2592000::bigint);
        PERFORM add_compression_policy('metric_points_1h', compress_after => 2592000::bigint);
        RETURN;
    END IF;

    CREATE TABLE stored_metric_points_1m (
        series_id bigint NOT NULL,
        bucket bigint NOT NULL,
        count bigint NOT NULL,
        nonfinite_count bigint NOT NULL,
        sum double precision,
        min double precision,
        max double precision,
        last double precision NOT NULL,
        first_step bigint NOT NULL,
        last_step bigint NOT NULL,
        CONSTRAINT stored_metric_points_1m_pkey PRIMARY KEY (series_id, bucket)
    );
    CREATE TABLE stored_metric_points_1h (
        LIKE stored_metric_points_1m,
        CONSTRAINT stored_metric_points_1h_pkey PRIMARY KEY (series_id, bucket)
    );

    CREATE FUNCTION roll_up_points(low bigint, high bigint) RETURNS SETOF stored_metric_points_1m
    LANGUAGE sql STABLE AS $f$
        SELECT series_id, metric_bucket(600, time_ds) AS bucket,
               count(*) AS count,
               count(*) FILTER (WHERE NOT value BETWEEN float8 '-1e290' AND float8 '1e290')
                   AS nonfinite_count,
               sum(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS sum,
               min(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS min,
               max(value) FILTER (WHERE value BETWEEN float8 '-1e290' AND float8 '1e290') AS max,
               (max(ARRAY[time_ds::float8, step::float8, value]))[3] AS last,
               min(step) AS first_step,
               max(step) AS last_step
        FROM metric_points
        WHERE time_ds >= low AND time_ds < high
        GROUP BY series_id, metric_bucket(600, time_ds)
    $f$;
    -- By join, not by subquery: only so is the function planned as a part of what asks.
    CREATE VIEW metric_points_1m AS
    SELECT series_id, bucket, count, nonfinite_count, sum, min, max, last, first_step, last_step
    FROM stored_metric_points_1m
    WHERE bucket < (SELECT stored_until FROM metric_tiers WHERE tier = 'metric_points_1m')
    UNION ALL
    SELECT fresh.*
    FROM metric_tiers
    CROSS JOIN LATERAL roll_up_points(metric_tiers.stored_until, 9223372036854775807) AS fresh
    WHERE metric_tiers.tier = 'metric_points_1m';

    CREATE FUNCTION roll_up_minutes(low bigint, high bigint) RETURNS SETOF stored_metric_points_1h
    LANGUAGE sql STABLE AS $f$
        SELECT series_id, metric_bucket(36000, bucket) AS bucket,
               sum(count)::bigint AS count,
               sum(nonfinite_count)::bigint AS nonfinite_count,
               sum(sum) AS sum,
               min(min) AS min,
               max(max) AS max,
               (max(ARRAY[bucket::float8, last]))[2] AS last,
               min(first_step) AS first_step,
               max(last_step) AS last_step
        FROM metric_points_1m
        WHERE bucket >= low AND bucket < high
        GROUP BY series_id, metric_bucket(36000, bucket)
    $f$;
    CREATE VIEW metric_points_1h AS
    SELECT series_id, bucket, count, nonfinite_count, sum, min, max, last, first_step, last_step
    FROM stored_metric_points_1h
    WHERE bucket < (SELECT stored_until FROM metric_tiers WHERE tier = 'metric_points_1h')
    UNION ALL
    SELECT fresh.*
    FROM metric_tiers
    CROSS JOIN LATERAL roll_up_minutes(metric_tiers.stored_until, 9223372036854775807) AS fresh
    WHERE metric_tiers.tier = 'metric_points_1h';
END $$;

-- Up to where a tier is stored. What is newer is computed when it is asked for.
CREATE FUNCTION metric_stored_until(which text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        RETURN (
            SELECT _timescaledb_functions.cagg_watermark(mat_hypertable_id)
            FROM _timescaledb_catalog.continuous_agg
            WHERE user_view_schema = 'sweepworks' AND user_view_name = which
        );
    END IF;
    RETURN (SELECT stored_until FROM metric_tiers WHERE tier = which);
END $$;

-- What a tier takes on disk, and about how many rows it has.
CREATE FUNCTION metric_tier_size(which text) RETURNS TABLE (bytes bigint, row_estimate bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    relation regclass := coalesce(
        (SELECT rollup.relation FROM stored_metric_rollups() AS rollup WHERE rollup.tier = which),
        'metric_points'::regclass
    );
BEGIN
    IF (SELECT CASE WHEN which = 'metric_points' THEN is_hypertable ELSE has_continuous_aggregates END
        FROM metric_storage)
    THEN
        RETURN QUERY SELECT hypertable_size(relation), approximate_row_count(relation);
    ELSE
        RETURN QUERY
        SELECT sum(pg_total_relation_size(part.relid))::bigint,
               sum(greatest(class.reltuples, 0)) FILTER (WHERE part.isleaf)::bigint
        FROM pg_partition_tree(relation) AS part
        JOIN pg_class AS class ON class.oid = part.relid;
    END IF;
END $$;

-- How long points have waited to be stored in a tier, in tenths of a second: 0 when none that are
-- due are missing. A bucket is due ten minutes after it is over.
CREATE FUNCTION metric_tier_lag(which text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (
               SELECT FROM metric_points
               WHERE time_ds >= metric_stored_until(which)
                 AND time_ds >= (SELECT kept_since FROM metric_tiers WHERE tier = 'metric_points')
                 AND time_ds < metric_bucket(metric_tiers.width, metric_now() - 6000)
           ) THEN metric_bucket(metric_tiers.width, metric_now() - 6000) - greatest(
               metric_stored_until(which), (SELECT min(low) FROM metric_chunk_bounds())
           ) ELSE 0 END
    FROM metric_tiers
    WHERE tier = which
$$;

-- What a writer says in the transaction of points that are older than five minutes, or that an
-- import brings: of which series (null: of all) they are in which hours. Continuous aggregates
-- find out by themselves.
CREATE FUNCTION note_late_points(series_ids bigint[], hours bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        RETURN;
    END IF;
    -- Shared among writers; a refresh that moves `noticed_until` waits for them, and they for it.
    PERFORM pg_advisory_xact_lock_shared(hashtext('sweepworks.note_late_points'));
    INSERT INTO late_metric_points (tier, series_id, hour)
    SELECT metric_tiers.tier, late.series_id, late.hour
    FROM metric_tiers, unnest(series_ids, hours) AS late (series_id, hour)
    WHERE metric_tiers.tier = 'metric_points_1m'
      AND late.hour < metric_tiers.noticed_until
      AND late.hour >= (SELECT kept_since FROM metric_tiers WHERE tier = 'metric_points');
END $$;

-- Stores a rollup of our own up to `ends`, chunk by chunk.
CREATE PROCEDURE advance_metric_rollup(which text, ends bigint) LANGUAGE plpgsql AS $$
DECLARE
    begins bigint;
    stop bigint;
BEGIN
    IF which = 'metric_points_1m' THEN
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

-- Rolls up anew what changed in the stored part of a rollup of our own.
CREATE PROCEDURE redo_late_metric_rollup(which text) LANGUAGE plpgsql AS $$
DECLARE
    done bigint;
    kept bigint;
    ids bigint[];
    hours bigint[];
BEGIN
    LOOP
        SELECT stored_until INTO done FROM metric_tiers WHERE tier = which FOR UPDATE;
        WITH gone AS (
            DELETE FROM late_metric_points
            WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM late_metric_points WHERE tier = which LIMIT 1000
            ))
            RETURNING series_id, hour
        )
        SELECT array_agg(series_id), array_agg(hour) INTO ids, hours
        FROM (SELECT DISTINCT series_id, hour FROM gone) AS late;
        EXIT WHEN hours IS NULL;
        SELECT source.kept_since INTO kept
        FROM metric_tiers JOIN metric_tiers AS source ON source.tier = metric_tiers.source
        WHERE metric_tiers.tier = which;
        IF which = 'metric_points_1m' THEN
            DELETE FROM stored_metric_points_1m AS stored
            USING unnest(ids, hours) AS late (series_id, hour)
            WHERE stored.series_id = late.series_id
              AND stored.bucket >= late.hour AND stored.bucket < late.hour + 36000
              AND late.hour >= kept;
            INSERT INTO stored_metric_points_1m
            SELECT anew.*
            FROM unnest(ids, hours) AS late (series_id, hour)
            CROSS JOIN LATERAL roll_up_points(late.hour, least(late.hour + 36000, done)) AS anew
            WHERE anew.series_id = late.series_id AND late.hour >= kept;
            DELETE FROM stored_metric_points_1m AS stored
            USING unnest(ids, hours) AS late (series_id, hour)
            WHERE late.series_id IS NULL
              AND stored.bucket >= late.hour AND stored.bucket < late.hour + 36000
              AND late.hour >= kept;
            INSERT INTO stored_metric_points_1m
            SELECT anew.*
            FROM unnest(ids, hours) AS late (series_id, hour)
            CROSS JOIN LATERAL roll_up_points(late.hour, least(late.hour + 36000, done)) AS anew
            WHERE late.series_id IS NULL AND late.hour >= kept;
            INSERT INTO late_metric_points (tier, series_id, hour)
            SELECT 'metric_points_1h', series_id, hour
            FROM unnest(ids, hours) AS late (series_id, hour);
        ELSE
            DELETE FROM stored_metric_points_1h AS stored
            USING unnest(ids, hours) AS late (series_id, hour)
            WHERE stored.series_id = late.series_id AND stored.bucket = late.hour
              AND late.hour >= kept;
            INSERT INTO stored_metric_points_1h
            SELECT anew.*
            FROM unnest(ids, hours) AS late (series_id, hour)
            CROSS JOIN LATERAL roll_up_minutes(late.hour, late.hour + 36000) AS anew
            WHERE anew.series_id = late.series_id AND late.hour >= kept AND late.hour < done;
            DELETE FROM stored_metric_points_1h AS stored
            USING unnest(ids, hours) AS late (series_id, hour)
            WHERE late.series_id IS NULL AND stored.bucket = late.hour
              AND late.hour >= kept;
            INSERT INTO stored_metric_points_1h
            SELECT anew.*
            FROM unnest(ids, hours) AS late (series_id, hour)
            CROSS JOIN LATERAL roll_up_minutes(late.hour, late.hour + 36000) AS anew
            WHERE late.series_id IS NULL AND late.hour >= kept AND late.hour < done;
        END IF;
        COMMIT;
    END LOOP;
    COMMIT;
END $$;

-- Rolls up what is new or has changed and is older than `until`, at most up to ten minutes ago. Run
-- it by itself: it commits as it goes. A second one at the same time waits, or is refused as a lock
-- that is not available.
CREATE PROCEDURE refresh_metric_rollup(which text, until bigint) LANGUAGE plpgsql AS $$
DECLARE
    tier metric_tiers := (SELECT metric_tiers FROM metric_tiers WHERE metric_tiers.tier = which);
    kept bigint := (SELECT kept_since FROM metric_tiers WHERE metric_tiers.tier = tier.source);
    ends bigint := metric_bucket(tier.width, least(until, metric_now() - 6000));
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        IF ends - tier.width >= kept THEN
            CALL refresh_continuous_aggregate(
                which::regclass, CASE WHEN kept > -9223372036854775808 THEN kept END, ends
            );
        END IF;
        RETURN;
    END IF;
    IF tier.source <> 'metric_points' THEN
        ends := least(ends, metric_bucket(tier.width, metric_stored_until(tier.source)));
    END IF;
    CALL advance_metric_rollup(which, ends);
    CALL redo_late_metric_rollup(which);
END $$;

-- Rolls up a stretch of time anew, whatever is known of it; in whole hours.
CREATE PROCEDURE rebuild_metric_rollup(which text, low bigint, high bigint) LANGUAGE plpgsql AS $$
DECLARE
    begins bigint := metric_bucket(36000, low);
    ends bigint := metric_bucket(36000, least(high, metric_now() - 6000) + 35999);
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        SELECT greatest(begins, source.kept_since) INTO begins
        FROM metric_tiers JOIN metric_tiers AS source ON source.tier = metric_tiers.source
        WHERE metric_tiers.tier = which;
        IF ends > begins THEN
            CALL refresh_continuous_aggregate(which::regclass, begins, ends, force => true);
        END IF;
        RETURN;
    END IF;
    INSERT INTO late_metric_points (tier, series_id, hour)
    SELECT which, NULL, hour FROM generate_series(begins, ends - 1, 36000) AS hour;
    COMMIT;
    CALL refresh_metric_rollup(which, high);
END $$;

-- Removes all points of some series, from all tiers; returns how many raw points that were.
CREATE FUNCTION delete_metric_series(series_ids bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    deleted bigint;
    stored regclass;
BEGIN
    PERFORM FROM metric_tiers FOR UPDATE;  -- no refresh shall bring back what it has read
    PERFORM set_config('sweepworks.retention', 'on', true);
    DELETE FROM metric_points WHERE series_id = ANY(series_ids);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM set_config('sweepworks.retention', '', true);
    FOR stored IN SELECT relation FROM stored_metric_rollups() LOOP
        EXECUTE format('DELETE FROM %s WHERE series_id = ANY($1)', stored) USING series_ids;
    END LOOP;
    RETURN deleted;
END $$;

-- Drops what a tier has from before a time, in whole hours, once it is in the next coarser tier.
-- Run it by itself: it commits as it goes.
CREATE PROCEDURE drop_metric_points(which text, before bigint) LANGUAGE plpgsql AS $$
DECLARE
    edge bigint := metric_bucket(36000, before);
    coarser text := (SELECT tier FROM metric_tiers WHERE source = which);
    part regclass;
BEGIN
    IF edge > metric_now() - 3 * 864000 THEN  -- a day more than policies look back
        RAISE EXCEPTION 'points are kept for three days at least';
    END IF;
    IF coarser IS NOT NULL THEN
        CALL refresh_metric_rollup(coarser, edge);
        COMMIT;
        IF NOT (SELECT has_continuous_aggregates FROM metric_storage)
            AND metric_stored_until(coarser) < edge
        THEN
            RAISE EXCEPTION 'points from before % are not rolled up yet', metric_time(edge)
                USING ERRCODE = 'lock_not_available';
        END IF;
    END IF;
    UPDATE metric_tiers SET kept_since = greatest(kept_since, edge) WHERE tier = which;
    IF which <> 'metric_points' THEN
        IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
            PERFORM drop_chunks(which::regclass, older_than => edge);
        ELSE
            EXECUTE format('DELETE FROM %I WHERE bucket < $1', 'stored_' || which) USING edge;
        END IF;
        RETURN;
    END IF;
    IF (SELECT is_hypertable FROM metric_storage) THEN
        PERFORM drop_chunks('metric_points', older_than => edge);
    ELSE
        FOR part IN SELECT name FROM metric_chunk_bounds() WHERE high <= edge LOOP
            EXECUTE format('DROP TABLE %s', part);
        END LOOP;
    END IF;
    PERFORM set_config('sweepworks.retention', 'on', true);
    DELETE FROM metric_points WHERE time_ds < edge;
    PERFORM set_config('sweepworks.retention', '', true);
END $$;
