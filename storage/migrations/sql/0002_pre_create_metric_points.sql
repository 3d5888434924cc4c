-- Raw metric points: a TimescaleDB hypertable where the extension is to be had, declarative
-- partitions of one day otherwise. Names and answers are the same.

SET LOCAL search_path = sweepworks, public;

DO $$
BEGIN
    -- Without the library loaded at the server's start the extension cannot be created.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') OR (
        EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
        AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'
    ) THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb WITH SCHEMA public;
        CREATE TABLE metric_points (
            series_id bigint NOT NULL,
            step bigint NOT NULL,
            ts timestamptz NOT NULL,
            value double precision NOT NULL
        );
        PERFORM create_hypertable(
            'metric_points', by_range('ts', INTERVAL '1 day'), create_default_indexes => false
        );
    ELSE
        CREATE TABLE metric_points (
            series_id bigint NOT NULL,
            step bigint NOT NULL,
            ts timestamptz NOT NULL,
            value double precision NOT NULL
        ) PARTITION BY RANGE (ts);
        -- Clocks that are years off must not cost a run its points, nor make a table a day.
        CREATE TABLE metric_points_default PARTITION OF metric_points DEFAULT;
    END IF;
END $$;

-- Costs a COPY nothing. New points of a sealed run are stopped by the watermark they must move.
CREATE TRIGGER metric_points_immutable BEFORE UPDATE OR DELETE ON metric_points
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE INDEX metric_points_series_id_ts_idx ON metric_points (series_id, ts);

-- Makes the partition of one UTC day; does nothing on a hypertable, or when it is there already.
CREATE FUNCTION ensure_metric_partition(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'metric_points_' || to_char(day, 'YYYYMMDD');
    low timestamptz := day::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass('sweepworks.metric_points_default') IS NULL
        OR to_regclass('sweepworks.' || quote_ident(partition)) IS NOT NULL
    THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('sweepworks.ensure_metric_partition'));
    IF to_regclass('sweepworks.' || quote_ident(partition)) IS NULL
        -- A day that already has points in the default partition stays there.
        AND NOT EXISTS (
            SELECT FROM sweepworks.metric_points_default WHERE ts >= low AND ts < low + INTERVAL '1 day'
        )
    THEN
        EXECUTE format(
            'CREATE TABLE sweepworks.%I PARTITION OF sweepworks.metric_points FOR VALUES FROM (%L) TO (%L)',
            partition, low, low + INTERVAL '1 day'
        );
    END IF;
END $$;
