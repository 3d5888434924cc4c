-- Chunks of continuous aggregates are compressed by hand as well, three days after they end, and
-- again when something changed in them: as a whole, for the reason that is in
-- `close_metric_chunks`. Their policies compress once and leave the rest to it.

CREATE FUNCTION rollup_chunks_to_close() RETURNS SETOF regclass LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        RETURN QUERY
        SELECT chunk.name
        FROM (
            SELECT format('%I.%I', chunk_schema, chunk_name)::regclass AS name,
                   range_end_integer AS high, is_compressed
            FROM timescaledb_information.chunks
            JOIN stored_metric_rollups() AS rollup
                ON rollup.relation = format('%I.%I', hypertable_schema, hypertable_name)::regclass
        ) AS chunk
        WHERE chunk.high <= metric_now() - 2592000
          AND (NOT chunk.is_compressed
               OR _timescaledb_functions.chunk_status(chunk.name) & 10 > 0)
        ORDER BY chunk.high;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION metric_chunks_to_close() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM metric_days_to_merge())
        + (SELECT count(*) FROM rollup_chunks_to_close())
        + (
            SELECT count(*) FROM metric_chunks()
            WHERE state IN ('closed', 'partial') AND (SELECT has_compression FROM metric_storage)
        )
$$;

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

DO $$
BEGIN
    IF (SELECT has_continuous_aggregates FROM metric_storage) THEN
        PERFORM alter_job(job_id, config => config || '{"recompress": false}')
        FROM timescaledb_information.jobs
        WHERE proc_name = 'policy_compression'
          AND (config ->> 'hypertable_id')::int IN (
              SELECT mat_hypertable_id FROM _timescaledb_catalog.continuous_agg
              WHERE user_view_schema = 'sweepworks'
          );
    END IF;
END $$;
