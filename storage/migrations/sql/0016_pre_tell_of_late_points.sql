-- Late points are noted also where continuous aggregates find them by themselves: somebody has to
-- know that a refresh is due. Policies look back as far as points are kept, not two days. Chunks of
-- rollups are a day and a month wide, not ten hours. Closing bears policies that are faster.

ALTER TABLE late_metric_points ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now();

CREATE OR REPLACE FUNCTION note_late_points(series_ids bigint[], hours bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        -- All that are not fresh, not only those below the line: nobody stops a policy that moves it.
        INSERT INTO late_metric_points (tier, series_id, hour)
        SELECT metric_tiers.tier, late.series_id, late.hour
        FROM metric_tiers, unnest(series_ids, hours) AS late (series_id, hour)
        WHERE metric_tiers.source IS NOT NULL
          AND late.hour >= (SELECT kept_since FROM metric_tiers WHERE tier = 'metric_points');
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

-- How long points have waited to be stored in a tier, in tenths of a second: 0 when none that are
-- due are missing. A bucket is due ten minutes after it is over, and when a point comes after that.
CREATE OR REPLACE FUNCTION metric_tier_lag(which text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(
        CASE WHEN EXISTS (
                 SELECT FROM metric_points
                 WHERE time_ds >= metric_stored_until(which)
                   AND time_ds >= (SELECT kept_since FROM metric_tiers WHERE tier = 'metric_points')
                   AND time_ds < metric_bucket(metric_tiers.width, metric_now() - 6000)
             ) THEN metric_bucket(metric_tiers.width, metric_now() - 6000) - greatest(
                 metric_stored_until(which), (SELECT min(low) FROM metric_chunk_bounds())
             ) ELSE 0 END,
        (SELECT greatest(1, metric_now() - metric_tenths(min(noted_at)))
         FROM late_metric_points
         WHERE late_metric_points.tier = which
           AND late_metric_points.hour < metric_stored_until(which)
         HAVING count(*) > 0)
    )
    FROM metric_tiers
    WHERE tier = which
$$;

CREATE OR REPLACE PROCEDURE refresh_metric_rollup(which text, until bigint) LANGUAGE plpgsql AS $$
DECLARE
    tier metric_tiers := (SELECT metric_tiers FROM metric_tiers WHERE metric_tiers.tier = which);
    kept bigint := (SELECT kept_since FROM metric_tiers WHERE metric_tiers.tier = tier.source);
    ends bigint := metric_bucket(tier.width, least(until, metric_now() - 6000));
    noted tid[];
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        -- Those that are seen now; what they are about is seen by a refresh that begins later.
        noted := ARRAY(SELECT ctid FROM late_metric_points AS late WHERE late.tier = which);
        IF ends - tier.width >= kept THEN
            CALL refresh_continuous_aggregate(
                which::regclass, CASE WHEN kept > -9223372036854775808 THEN kept END, ends
            );
        END IF;
        DELETE FROM late_metric_points AS late
        WHERE late.ctid = ANY(noted) AND late.tier = which AND late.hour < ends;
        RETURN;
    END IF;
    IF tier.source <> 'metric_points' THEN
        ends := least(ends, metric_bucket(tier.width, metric_stored_until(tier.source)));
    END IF;
    CALL advance_metric_rollup(which, ends);
    CALL redo_late_metric_rollup(which);
END $$;

CREATE OR REPLACE PROCEDURE drop_metric_points(which text, before bigint) LANGUAGE plpgsql AS $$
DECLARE
    edge bigint := metric_bucket(36000, before);
    coarser text := (SELECT tier FROM metric_tiers WHERE source = which);
    is_continuous boolean := (SELECT has_continuous_aggregates FROM metric_storage);
    part regclass;
BEGIN
    IF edge > metric_now() - 3 * 864000 THEN
        RAISE EXCEPTION 'points are kept for three days at least';
    END IF;
    IF coarser IS NOT NULL THEN
        IF is_continuous THEN
            -- From now on its policy stays where points are: it would roll up that there are none.
            PERFORM alter_job(
                job_id,
                config => config || jsonb_build_object('start_offset', metric_now() - edge)
            )
            FROM timescaledb_information.jobs
            JOIN _timescaledb_catalog.continuous_agg
                ON mat_hypertable_id = (config ->> 'mat_hypertable_id')::int
            WHERE proc_name = 'policy_refresh_continuous_aggregate'
              AND user_view_schema = 'sweepworks'
              AND user_view_name = coarser;
            COMMIT;
        END IF;
        CALL refresh_metric_rollup(coarser, edge);
        COMMIT;
        IF NOT is_continuous AND metric_stored_until(coarser) < edge THEN
            RAISE EXCEPTION 'points from before % are not rolled up yet', metric_time(edge)
                USING ERRCODE = 'lock_not_available';
        END IF;
    END IF;
    UPDATE metric_tiers SET kept_since = greatest(kept_since, edge) WHERE tier = which;
    IF which <> 'metric_points' THEN
        IF is_continuous THEN
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

CREATE OR REPLACE PROCEDURE close_metric_chunks() LANGUAGE plpgsql AS $$
DECLARE
    chunk regclass;
    day bigint;
BEGIN
    IF (SELECT has_compression FROM metric_storage) THEN
        FOR chunk IN
            SELECT name FROM metric_chunks() WHERE state IN ('closed', 'partial')
            UNION ALL
            SELECT * FROM rollup_chunks_to_close()
        LOOP
            -- As a whole: TimescaleDB 2.23 adds batches that overlap others, says nothing of it,
            -- and then gives wrong groups.
            IF _timescaledb_functions.chunk_status(chunk) & 10 > 0 THEN
                PERFORM decompress_chunk(chunk, if_compressed => true);
            END IF;
            PERFORM compress_chunk(chunk, if_not_compressed => true);
            COMMIT;
        END LOOP;
    END IF;
    FOR day IN SELECT metric_days_to_merge() LOOP
        PERFORM merge_metric_day(day);
        COMMIT;
    END LOOP;
END $$;

DO $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        PERFORM set_chunk_time_interval(
            relation, CASE tier WHEN 'metric_points_1m' THEN 864000 ELSE 25920000 END::bigint
        ) FROM stored_metric_rollups();
        PERFORM alter_job(job_id, config => config || '{"start_offset": null}')
        FROM timescaledb_information.jobs
        JOIN _timescaledb_catalog.continuous_agg
            ON mat_hypertable_id = (config ->> 'mat_hypertable_id')::int
        JOIN metric_tiers ON metric_tiers.tier = user_view_name
        JOIN metric_tiers AS finer ON finer.tier = metric_tiers.source
        WHERE proc_name = 'policy_refresh_continuous_aggregate'
          AND user_view_schema = 'sweepworks'
          AND finer.kept_since = -9223372036854775808;
        -- What 0010 meant to say: it asked for a job that its own statement had made. With it the
        -- policies of 2.23 compress nothing at all, which is better than wrong groups, and leaves
        -- everything to `close_metric_chunks`.
        PERFORM alter_job(job_id, config => config || '{"recompress": false}')
        FROM timescaledb_information.jobs
        WHERE proc_name = 'policy_compression'
          AND hypertable_schema = 'sweepworks'
          AND hypertable_name = 'metric_points';
    END IF;
END $$;
