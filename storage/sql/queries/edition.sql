-- edition --
-- The server, its TimescaleDB if it has one, and how metric points are kept.
SELECT current_setting('server_version') AS server,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       current_setting('timescaledb.license', true) AS licence,
       is_hypertable, has_compression, has_continuous_aggregates,
       pg_size_pretty(pg_database_size(current_database())) AS size
FROM metric_storage;
