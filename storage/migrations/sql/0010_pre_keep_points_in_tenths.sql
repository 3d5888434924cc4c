-- Metric points with a time that compresses: tenths of a second since 1970 UTC, as `time_ds`.
-- Microseconds cost two to six bytes a point once compressed; docs/adr/0008 has the figures.
-- The column has another name than before, so that a gateway of the version before is refused and
-- its clients repeat: the old and the new binary form are both eight bytes, and would pass.

-- What metric points are kept in; decided here, by what the server can do.
CREATE TABLE metric_storage (
    only_row boolean NOT NULL DEFAULT true CHECK (only_row),
    is_hypertable boolean NOT NULL,              -- else declarative partitions
    has_compression boolean NOT NULL,
    has_continuous_aggregates boolean NOT NULL,  -- else rollups of our own
    hot_width bigint NOT NULL,                   -- tenths of a second that a hot chunk covers
    CONSTRAINT metric_storage_pkey PRIMARY KEY (only_row),
    CONSTRAINT metric_storage_hot_width_check CHECK (
        hot_width > 0 AND hot_width % 600 = 0 AND 864000 % hot_width = 0
    )
);

-- The database's clock, as points have it.
CREATE FUNCTION metric_now() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT floor(extract(epoch FROM now()) * 10)::bigint $$;

-- A point's time as everybody else has it.
CREATE FUNCTION metric_time(time_ds bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (timestamp '1970-01-01' + time_ds * interval '100 milliseconds') AT TIME ZONE 'UTC' $$;

-- The way back; what is finer than a tenth of a second is cut off.
CREATE FUNCTION metric_tenths(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT floor(extract(epoch FROM at AT TIME ZONE 'UTC') * 10)::bigint $$;

-- Where the bucket of `width` begins that a time is in; also before 1970.
CREATE FUNCTION metric_bucket(width bigint, time_ds bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT time_ds - (time_ds % width + width) % width $$;

LOCK TABLE metric_points IN ACCESS EXCLUSIVE MODE;
ALTER TABLE metric_points RENAME TO former_metric_points;
DROP FUNCTION ensure_metric_partition(date);

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN
        SELECT inhrelid FROM pg_inherits
        WHERE inhparent = 'former_metric_points'::regclass
          AND inhrelid::regclass::text LIKE 'metric_points_%'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME TO %I', partition, 'former_' || partition);
    END LOOP;
END $$;

DO $$
DECLARE
    version text := (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb');
    is_community boolean := coalesce(current_setting('timescaledb.license', true), '') = 'timescale';
BEGIN
    IF version IS NULL THEN
        INSERT INTO metric_storage VALUES (true, false, false, false, 36000);
        CREATE TABLE metric_points (
            series_id bigint NOT NULL,
            step bigint NOT NULL,
            time_ds bigint NOT NULL,
            value double precision NOT NULL
        ) PARTITION BY RANGE (time_ds);
        -- Clocks that are years off must not cost a run its points, nor make a table an hour.
        CREATE TABLE metric_points_default PARTITION OF metric_points DEFAULT;
        RETURN;
    END IF;
    IF (regexp_match(version, '^(\d+)\.(\d+)'))::int[] < ARRAY[2, 18] THEN
        RAISE EXCEPTION 'TimescaleDB is %, and 2.18 or newer is needed', version;
    END IF;
    -- Chunks that cannot be compressed cannot be merged either, and stay as many as they are.
    INSERT INTO metric_storage
    VALUES (true, true, is_community, is_community, CASE WHEN is_community THEN 36000 ELSE 864000 END);
    CREATE TABLE metric_points (
        series_id bigint NOT NULL,
        step bigint NOT NULL,
        time_ds bigint NOT NULL,
        value double precision NOT NULL
    );
    PERFORM create_hypertable(
        'metric_points',
        by_range('time_ds', (SELECT hot_width FROM metric_storage)),
        create_default_indexes => false
    );
    PERFORM set_integer_now_func('metric_points', 'metric_now');
    IF is_community THEN
        ALTER TABLE metric_points SET (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'series_id',
            timescaledb.compress_orderby = 'time_ds, step'
        );
    END IF;
END $$;

DO $$
BEGIN
    IF (SELECT is_hypertable FROM metric_storage) THEN
        -- With a trigger for rows TimescaleDB compresses nothing as it comes.
        CREATE TRIGGER metric_points_immutable BEFORE UPDATE OR DELETE ON metric_points
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    ELSE
        CREATE TRIGGER metric_points_immutable BEFORE UPDATE OR DELETE ON metric_points
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
    END IF;
END $$;

-- For whoever reads a curve.
CREATE INDEX metric_points_series_id_time_ds_idx ON metric_points (series_id, time_ds);
-- For whoever reads a stretch of time: rollups. Points come in order of time, so it is tiny.
CREATE INDEX metric_points_time_ds_idx ON metric_points USING brin (time_ds)
    WITH (pages_per_range = 32, autosummarize = on);

-- Partitions of plain PostgreSQL, or chunks of TimescaleDB, in order of time. The default partition,
-- for clocks that are far off, has no bounds.
CREATE FUNCTION metric_chunk_bounds() RETURNS TABLE (
    name regclass, low bigint, high bigint, is_compressed boolean
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT is_hypertable FROM metric_storage) THEN
        RETURN QUERY
        SELECT format('%I.%I', chunk.chunk_schema, chunk.chunk_name)::regclass,
               chunk.range_start_integer, chunk.range_end_integer, chunk.is_compressed
        FROM timescaledb_information.chunks AS chunk
        WHERE chunk.hypertable_schema = 'sweepworks' AND chunk.hypertable_name = 'metric_points'
        ORDER BY chunk.range_start_integer;
    ELSE
        RETURN QUERY
        SELECT class.oid::regclass, bounds.matched[1]::bigint, bounds.matched[2]::bigint, false
        FROM pg_inherits
        JOIN pg_class AS class ON class.oid = pg_inherits.inhrelid
        CROSS JOIN LATERAL (
            SELECT regexp_match(
                pg_get_expr(class.relpartbound, class.oid),
                $re$FROM \('?(-?\d+)'?\) TO \('?(-?\d+)'?\)$re$
            )
        ) AS bounds (matched)
        WHERE pg_inherits.inhparent = 'metric_points'::regclass
        ORDER BY bounds.matched[1]::bigint;
    END IF;
END $$;

-- The same with what they take and how they are. States: `open` takes new points, `closed` has had
-- an hour for what comes late, `compressed` is that, `partial` is compressed and got more points
-- since, `far` is the default partition.
CREATE FUNCTION metric_chunks() RETURNS TABLE (
    name regclass, low bigint, high bigint, state text, bytes bigint, uncompressed_bytes bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    closed_until bigint := metric_now() - 36000;
BEGIN
    IF NOT (SELECT is_hypertable FROM metric_storage) THEN
        RETURN QUERY
        SELECT chunk.name, chunk.low, chunk.high,
               CASE WHEN chunk.low IS NULL THEN 'far'
                    WHEN chunk.high > closed_until THEN 'open'
                    ELSE 'closed' END,
               pg_total_relation_size(chunk.name), pg_total_relation_size(chunk.name)
        FROM metric_chunk_bounds() AS chunk;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT chunk.name, chunk.low, chunk.high,
           CASE WHEN NOT chunk.is_compressed AND chunk.high > closed_until THEN 'open'
                WHEN NOT chunk.is_compressed THEN 'closed'
                -- 2: batches overlap, 8: rows beside the batches.
                WHEN _timescaledb_functions.chunk_status(chunk.name) & 10 > 0 THEN 'partial'
                ELSE 'compressed' END,
           size.total_bytes, coalesce(compressed.before_compression_total_bytes, size.total_bytes)
    FROM metric_chunk_bounds() AS chunk
    JOIN chunks_detailed_size('metric_points') AS size
        ON format('%I.%I', size.chunk_schema, size.chunk_name)::regclass = chunk.name
    LEFT JOIN chunk_compression_stats('metric_points') AS compressed
        ON format('%I.%I', compressed.chunk_schema, compressed.chunk_name)::regclass = chunk.name
    ORDER BY chunk.low;
END $$;

-- Makes room for points of a time: a hot chunk around now, else what is free of its UTC day, so
-- that old points do not make a table an hour. Never overlaps what is there. Times that are far off
-- get none: they share the default partition, or TimescaleDB makes one. On a hypertable hot chunks
-- make themselves.
CREATE FUNCTION ensure_metric_chunk(at bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    storage metric_storage := (SELECT metric_storage FROM metric_storage);
    hot_since bigint := metric_bucket(storage.hot_width, metric_now()) - 2 * storage.hot_width;
    begins bigint;
    ends bigint;
    partition text;
BEGIN
    IF at NOT BETWEEN metric_now() - 400 * 864000 AND metric_now() + 2 * 864000
        -- Chunks without compression are a day long anyway, and nobody else may make them.
        OR (storage.is_hypertable AND (at >= hot_since OR NOT storage.has_compression))
        OR EXISTS (SELECT FROM metric_chunk_bounds() AS c WHERE at >= c.low AND at < c.high)
    THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('sweepworks.ensure_metric_chunk'));
    IF EXISTS (SELECT FROM metric_chunk_bounds() AS c WHERE at >= c.low AND at < c.high) THEN
        RETURN;  -- somebody was faster
    END IF;
    IF at >= hot_since THEN
        begins := metric_bucket(storage.hot_width, at);
        ends := begins + storage.hot_width;
    ELSE
        begins := metric_bucket(864000, at);
        ends := least(begins + 864000, hot_since);
    END IF;
    SELECT greatest(begins, max(c.high) FILTER (WHERE c.high <= at)),
           least(ends, min(c.low) FILTER (WHERE c.low > at))
    INTO begins, ends
    FROM metric_chunk_bounds() AS c;
    IF storage.is_hypertable THEN
        PERFORM _timescaledb_functions.create_chunk(
            'metric_points', jsonb_build_object('time_ds', jsonb_build_array(begins, ends))
        );
        RETURN;
    END IF;
    partition := 'metric_points_' || to_char(metric_time(begins) AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MI');
    -- Attached, not created in place: that would lock out whoever reads or writes the others.
    EXECUTE format('CREATE TABLE %I (LIKE metric_points)', partition);
    -- Points whose clock was ahead have waited in the default partition.
    LOCK TABLE metric_points_default IN ACCESS EXCLUSIVE MODE;
    PERFORM set_config('sweepworks.retention', 'on', true);
    EXECUTE format(
        'WITH moved AS (
             DELETE FROM metric_points_default WHERE time_ds >= %L AND time_ds < %L
             RETURNING series_id, step, time_ds, value
         )
         INSERT INTO %I (series_id, step, time_ds, value) TABLE moved',
        begins, ends, partition
    );
    PERFORM set_config('sweepworks.retention', '', true);
    EXECUTE format(
        'ALTER TABLE metric_points ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, begins, ends
    );
END $$;

-- How long a hot chunk is, from now on: whole minutes that divide a day, few enough that the index
-- of one stays in the cache.
CREATE FUNCTION set_hot_chunk_width(width interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenths bigint := extract(epoch FROM width) * 10;
BEGIN
    UPDATE metric_storage SET hot_width = tenths;
    IF (SELECT is_hypertable FROM metric_storage) THEN
        PERFORM set_chunk_time_interval('metric_points', tenths);
    END IF;
END $$;

-- One chunk instead of all those of a UTC day, in order of series and time: what reads a curve of
-- last year opens one table a day, and batches of a thousand points compress better than those of
-- an hour. The day is over; what comes late waits, or makes a chunk of its own.
CREATE FUNCTION merge_metric_day(day bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parts regclass[] := (
        SELECT array_agg(c.name ORDER BY c.low) FROM metric_chunk_bounds() AS c
        WHERE c.low >= day AND c.high <= day + 864000
    );
    part regclass;
    hole record;
    merged text := 'metric_points_' || to_char(metric_time(day) AT TIME ZONE 'UTC', 'YYYYMMDD');
    copied bigint;
BEGIN
    IF (SELECT has_compression FROM metric_storage) THEN
        FOR hole IN
            SELECT c.high AS begins, c.next AS ends
            FROM (
                SELECT high, lead(low) OVER (ORDER BY low) AS next
                FROM metric_chunk_bounds() WHERE low >= day AND high <= day + 864000
            ) AS c
            WHERE c.next > c.high
        LOOP  -- only neighbours can be merged
            parts := parts || (
                SELECT format('%I.%I', schema_name, table_name)::regclass
                FROM _timescaledb_functions.create_chunk(
                    'metric_points',
                    jsonb_build_object('time_ds', jsonb_build_array(hole.begins, hole.ends))
                )
            );
        END LOOP;
        FOREACH part IN ARRAY parts LOOP
            PERFORM decompress_chunk(part, if_compressed => true);
        END LOOP;
        CALL merge_chunks(parts);
        PERFORM compress_chunk(parts[1]);
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE metric_points)', merged);
    EXECUTE format(
        'INSERT INTO %I (series_id, step, time_ds, value)
         SELECT series_id, step, time_ds, value FROM metric_points
         WHERE time_ds >= %L AND time_ds < %L
         ORDER BY series_id, time_ds, step',
        merged, day, day + 864000
    );
    GET DIAGNOSTICS copied = ROW_COUNT;
    EXECUTE format('CREATE INDEX ON %I (series_id, time_ds)', merged);
    EXECUTE format('CREATE INDEX ON %I USING brin (time_ds) WITH (pages_per_range = 32)', merged);
    EXECUTE format(
        'ALTER TABLE %I ADD CHECK (time_ds >= %s AND time_ds < %s)', merged, day, day + 864000
    );
    -- Only now does anybody have to wait, and not for long.
    PERFORM set_config('lock_timeout', '3s', true);
    LOCK TABLE metric_points IN ACCESS EXCLUSIVE MODE;
    IF copied <> (
        SELECT count(*) FROM metric_points WHERE time_ds >= day AND time_ds < day + 864000
    ) THEN
        RAISE EXCEPTION 'points of the day came, or went, while it was copied'
            USING ERRCODE = 'lock_not_available';
    END IF;
    FOREACH part IN ARRAY parts LOOP
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
    PERFORM set_config('sweepworks.retention', 'on', true);
    DELETE FROM metric_points_default WHERE time_ds >= day AND time_ds < day + 864000;
    PERFORM set_config('sweepworks.retention', '', true);
    EXECUTE format(
        'ALTER TABLE metric_points ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        merged, day, day + 864000
    );
END $$;

-- Days that are over and still in several chunks, where chunks can be merged. What comes late has
-- had a day for it.
CREATE FUNCTION metric_days_to_merge() RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
    SELECT metric_bucket(864000, low)
    FROM metric_chunk_bounds()
    WHERE (SELECT has_compression OR NOT is_hypertable FROM metric_storage)
      AND low IS NOT NULL
      AND metric_bucket(864000, low) + 864000 <= metric_now() - 864000
    GROUP BY metric_bucket(864000, low)
    HAVING count(*) > 1 AND max(high) <= min(metric_bucket(864000, low)) + 864000
    ORDER BY 1
$$;

-- How much `close_metric_chunks` has to do.
CREATE FUNCTION metric_chunks_to_close() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM metric_days_to_merge()) + (
        SELECT count(*) FROM metric_chunks()
        WHERE state IN ('closed', 'partial') AND (SELECT has_compression FROM metric_storage)
    )
$$;

-- Compresses what is closed and merges what is a day old. Run it by itself: it commits as it goes.
CREATE PROCEDURE close_metric_chunks() LANGUAGE plpgsql AS $$
DECLARE
    chunk regclass;
    day bigint;
BEGIN
    IF (SELECT has_compression FROM metric_storage) THEN
        FOR chunk IN SELECT name FROM metric_chunks() WHERE state IN ('closed', 'partial') LOOP
            -- As a whole: TimescaleDB 2.23 adds batches that overlap others, says nothing of it,
            -- and then gives wrong groups.
            PERFORM decompress_chunk(chunk, if_compressed => true);
            PERFORM compress_chunk(chunk);
            COMMIT;
        END LOOP;
    END IF;
    FOR day IN SELECT metric_days_to_merge() LOOP
        PERFORM merge_metric_day(day);
        COMMIT;
    END LOOP;
END $$;

-- The points there are. One of a clock that is ahead, or years off, goes where such points go now.
SELECT ensure_metric_chunk(at)
FROM (SELECT DISTINCT metric_bucket(36000, metric_tenths(ts)) AS at FROM former_metric_points) AS hours
ORDER BY at;
INSERT INTO metric_points (series_id, step, time_ds, value)
SELECT series_id, step, metric_tenths(ts), value
FROM former_metric_points
ORDER BY ts;
DROP TABLE former_metric_points;

DO $$
BEGIN
    IF (SELECT has_compression FROM metric_storage) THEN
        -- Where background workers run, chunks are compressed also while no Dagster is there; once:
        -- what comes late is the business of `close_metric_chunks`.
        PERFORM alter_job(job_id, config => config || '{"recompress": false}')
        FROM add_compression_policy(
            'metric_points', compress_after => 36000::bigint, schedule_interval => INTERVAL '15 minutes'
        ) AS added (id)
        JOIN timescaledb_information.jobs ON jobs.job_id = added.id;
    END IF;
END $$;
