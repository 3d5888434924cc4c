-- edition --
-- The server, its TimescaleDB if it has one, and how metric points are kept.
SELECT current_setting('server_version') AS server,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       current_setting('timescaledb.license', true) AS licence,
       (SELECT relkind <> 'p' FROM pg_class
        WHERE oid = 'sweepworks.metric_points'::regclass) AS is_hypertable,
       pg_size_pretty(pg_database_size(current_database())) AS size;
