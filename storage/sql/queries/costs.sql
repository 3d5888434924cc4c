-- lock_day --
-- Whoever replaces a day waits for whoever does so already.
SELECT pg_advisory_xact_lock(%(lock)s, %(day)s::date - date '2000-01-01');

-- price_version --
-- Which prices hold now.
SELECT coalesce(max(version), 0)
FROM policies
WHERE kind = 'prices';

-- covered_until --
-- Up to when the ledger has a day; no row: not at all.
SELECT covered_until
FROM cost_days
WHERE day = %(day)s;

-- holdings --
-- Attempts that held something in a stretch of time, with what they asked for: their sweep does, and of
-- a rerun what it was admitted with. A spec is read once for each sweep: it is long. What is not asked
-- about is null.
WITH held AS MATERIALIZED (
    SELECT attempts.*, coalesce(attempts.scheduled_at, attempts.started_at) AS held_from
    FROM attempts
    WHERE (attempts.ended_at > %(start)s OR attempts.ended_at IS NULL)
      AND coalesce(attempts.scheduled_at, attempts.started_at) < %(end)s
), asked AS MATERIALIZED (
    SELECT sweep_id,
           spec ->> 'owner' AS owner,
           (spec #>> '{trial,resources,gpu}')::int AS gpu,
           (spec #>> '{trial,resources,cpu}')::double precision AS cpu,
           (spec #>> '{trial,resources,memory}')::bigint AS memory_bytes,
           coalesce((spec #>> '{trial,kubernetes,nodes}')::int, 1) AS nodes
    FROM sweeps
    WHERE sweep_id IN (SELECT runs.sweep_id FROM held JOIN runs USING (run_id))
), asked_again AS MATERIALIZED (
    SELECT held.attempt_id, admissions.gpu, admissions.cpu_millis / 1000.0::double precision AS cpu,
           admissions.memory_bytes
    FROM runs
    JOIN held USING (run_id)
    JOIN admissions USING (attempt_id)
    WHERE runs.rerun_of IS NOT NULL
)
SELECT held.attempt_id, held.run_id, runs.sweep_id, runs.experiment_id, runs.tenant_id,
       coalesce(asked.owner, runs.created_by) AS owner,
       held.held_from AS started_at, held.ended_at, held.exit_reason::text AS reason,
       CASE WHEN runs.ended_at IS NOT NULL AND NOT EXISTS (
           SELECT FROM attempts AS later
           WHERE later.run_id = held.run_id
             AND later.number > held.number
       ) THEN runs.state::text END AS final,
       CASE WHEN held.gpu_count > 0 THEN held.gpu_count
            WHEN cardinality(held.gpus) > 0 THEN cardinality(held.gpus)
            ELSE coalesce(asked.gpu * asked.nodes, asked_again.gpu, 0) END AS gpus,
       coalesce(asked.cpu * asked.nodes, asked_again.cpu, 0) AS cores,
       coalesce(asked.memory_bytes * asked.nodes, asked_again.memory_bytes, 0) AS memory_bytes,
       held.gpu_model, held.capacity, held.region
FROM held
JOIN runs USING (run_id)
LEFT JOIN asked USING (sweep_id)
LEFT JOIN asked_again USING (attempt_id)
WHERE (%(tenant_id)s::text IS NULL OR runs.tenant_id = %(tenant_id)s)
  AND (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s)
  AND (%(run_id)s::text IS NULL OR runs.run_id = %(run_id)s);

-- idle_minutes --
-- Minutes in which a GPU was measured and did nothing, for each GPU of some runs.
SELECT series.run_id, array_agg(minute.bucket ORDER BY minute.bucket) AS buckets
FROM series
JOIN metric_points_1m AS minute USING (series_id)
WHERE series.run_id = ANY(%(run_ids)s::text[])
  AND series.family = 'system'
  AND series.key LIKE 'gpu/%%/utilization_percent'
  AND minute.bucket >= metric_tenths(%(start)s)
  AND minute.bucket < metric_tenths(%(end)s)
  AND minute.max <= %(idle_percent)s
  AND minute.nonfinite_count = 0
GROUP BY series.series_id, series.run_id
ORDER BY series.run_id, series.series_id;

-- measured_still --
-- Of some runs those whose measurements of GPUs in a stretch of time are all there: they were not
-- dropped with their run's, nor with everybody's of that time.
SELECT asked.run_id
FROM unnest(%(run_ids)s::text[]) AS asked (run_id)
LEFT JOIN run_summaries USING (run_id)
WHERE run_summaries.system_dropped_at IS NULL
  AND (SELECT kept_since FROM metric_tiers WHERE tier = 'metric_points_1m')
      <= metric_tenths(%(start)s)
  AND EXISTS (
      SELECT FROM series
      JOIN metric_points_1m AS minute USING (series_id)
      WHERE series.run_id = asked.run_id
        AND series.family = 'system'
        AND series.key LIKE 'gpu/%%/utilization_percent'
        AND minute.bucket >= metric_tenths(%(start)s)
        AND minute.bucket < metric_tenths(%(end)s)
  );

-- kept_idle --
-- Idle hours that a day has in the books, by attempt and stretch of one price. The key of an entry says
-- since when its price held; without that it is the first one.
WITH idle AS MATERIALIZED (
    SELECT DISTINCT run_id, attempt_id
    FROM cost_entries
    WHERE day = %(day)s
      AND is_waste
), stretches AS (
    SELECT attempt_id,
           (%(day)s::date + substring(entry.entry_key FROM '/gpu@([0-9:.]+)')::time)
               AT TIME ZONE 'UTC' AS since,
           sum(entry.quantity) FILTER (WHERE entry.is_waste) AS hours
    FROM idle
    JOIN cost_entries AS entry USING (run_id, attempt_id)
    WHERE entry.day = %(day)s
      AND entry.resource = 'gpu'
    GROUP BY 1, 2
), bounded AS (
    SELECT attempt_id, since,
           lead(since) OVER (PARTITION BY attempt_id ORDER BY since NULLS FIRST) AS until, hours
    FROM stretches
)
SELECT attempt_id, since, until, hours
FROM bounded
WHERE hours IS NOT NULL;

-- stored_bytes --
-- What was in the store in a stretch of time within a day, by whom it is charged to: bytes times
-- microseconds. Each blob is charged once: to the run that was the first to log it of those that have
-- it at some time of the stretch, to nobody of its tenant when there is none, such as the bytes of a
-- dataset. What was announced and never came is not there; what is the installation's, such as reports,
-- costs no tenant anything.
WITH of_sweep AS MATERIALIZED (
    SELECT artifacts.tenant_id, artifacts.sha256
    FROM artifacts
    JOIN runs USING (run_id)
    WHERE runs.sweep_id = %(sweep_id)s
    UNION
    SELECT gone_artifacts.tenant_id, gone_artifacts.sha256
    FROM gone_artifacts
    JOIN runs USING (run_id)
    WHERE runs.sweep_id = %(sweep_id)s
), stay AS MATERIALIZED (
    -- In its class now, or when it went; and in each that it was in before.
    SELECT tenant_id, sha256, size_bytes, storage_class, coalesce(class_since, created_at) AS since,
           %(end)s::timestamptz AS until
    FROM blobs
    WHERE coalesce(class_since, created_at) < %(end)s
      AND has_arrived
      AND tenant_id <> installation_tenant()
      AND (%(sweep_id)s::text IS NULL OR (tenant_id, sha256) IN (SELECT * FROM of_sweep))
    UNION ALL
    SELECT tenant_id, sha256, size_bytes, storage_class, coalesce(class_since, created_at), gone_at
    FROM gone_blobs
    WHERE created_at < %(end)s
      AND gone_at > %(start)s
      AND tenant_id <> installation_tenant()
    UNION ALL
    SELECT tenant_id, sha256, size_bytes, storage_class, since, until
    FROM class_stays
    WHERE since < %(end)s
      AND until > %(start)s
      AND tenant_id <> installation_tenant()
), charged AS MATERIALIZED (
    SELECT DISTINCT ON (tenant_id, sha256) tenant_id, sha256, run_id
    FROM (
        SELECT tenant_id, sha256, run_id, name, created_at
        FROM artifacts
        WHERE created_at < %(end)s
          AND (%(sweep_id)s::text IS NULL OR (tenant_id, sha256) IN (SELECT * FROM of_sweep))
        UNION ALL
        SELECT tenant_id, sha256, run_id, name, created_at
        FROM gone_artifacts
        WHERE created_at < %(end)s
          AND gone_at > %(start)s
    ) AS reference
    ORDER BY tenant_id, sha256, created_at, run_id, name
)
SELECT %(day)s::date AS day, stay.tenant_id, runs.experiment_id, runs.sweep_id,
       coalesce(sweeps.spec ->> 'owner', runs.created_by, '') AS owner,
       stay.storage_class,
       sum(stay.size_bytes::numeric * round(1000000 * extract(epoch FROM
           least(stay.until, %(end)s) - greatest(stay.since, %(start)s)
       ))) AS byte_microseconds
FROM stay
LEFT JOIN charged USING (tenant_id, sha256)
LEFT JOIN runs USING (run_id)
LEFT JOIN sweeps ON sweeps.sweep_id = runs.sweep_id
WHERE (%(tenant_id)s::text IS NULL OR stay.tenant_id = %(tenant_id)s)
  AND (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s)
  AND least(stay.until, %(end)s) > greatest(stay.since, %(start)s)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 2, 3, 4, 5, 6;

-- remove_day --
-- All of a day's entries, to be written anew.
DELETE FROM cost_entries
WHERE day = %(day)s;

-- copy_entries --
-- In the order of the tuple that is an entry.
COPY cost_entries (
    day, entry_key, tenant_id, experiment_id, sweep_id, run_id, attempt_id, owner, category,
    resource, kind, capacity, region, quantity, unit, unit_price_usd, amount_usd, outcome, is_waste,
    price_version
) FROM STDIN (FORMAT BINARY);

-- cover_day --
-- Up to when the ledger has the day now.
INSERT INTO cost_days (day, covered_until, price_version, entries, replaced_at, read_at)
VALUES (%(day)s, %(covered_until)s, %(price_version)s, %(entries)s, clock_timestamp(), now())
ON CONFLICT (day) DO UPDATE
SET covered_until = excluded.covered_until,
    price_version = excluded.price_version,
    entries = excluded.entries,
    replaced_at = excluded.replaced_at,
    read_at = excluded.read_at;

-- cover_usage --
-- Up to when the usage of a day is there: as far as its entries are.
UPDATE cost_days
SET usage_until = covered_until
WHERE day = %(day)s;

-- remove_usage --
-- All of a day's usage, to be written anew.
DELETE FROM usage_daily
WHERE day = %(day)s;

-- insert_usage --
-- A day's entries, summed. An attempt counts under the type of GPU that it had.
INSERT INTO usage_daily (
    day, tenant_id, experiment_id, sweep_id, owner, gpu_kind, gpu_hours, idle_gpu_hours, cpu_hours,
    memory_gib_hours, storage_gib_days, attempts, failed_attempts, amount_usd, waste_usd, unpriced
)
SELECT entry.day, entry.tenant_id, coalesce(entry.experiment_id, 0), coalesce(entry.sweep_id, ''),
       entry.owner, coalesce(had.kind, '') AS gpu_kind,
       coalesce(sum(quantity) FILTER (WHERE resource = 'gpu'), 0),
       coalesce(sum(quantity) FILTER (WHERE resource = 'gpu' AND is_waste), 0),
       coalesce(sum(quantity) FILTER (WHERE resource = 'cpu'), 0),
       coalesce(sum(quantity) FILTER (WHERE resource = 'memory'), 0),
       coalesce(sum(quantity) FILTER (WHERE resource = 'storage'), 0),
       count(DISTINCT entry.attempt_id),
       count(DISTINCT entry.attempt_id) FILTER (WHERE outcome IN ('failed', 'evicted')),
       coalesce(sum(amount_usd), 0),
       coalesce(sum(amount_usd) FILTER (WHERE is_waste), 0),
       count(*) FILTER (WHERE amount_usd IS NULL)
FROM cost_entries AS entry
LEFT JOIN (
    SELECT DISTINCT attempt_id, kind
    FROM cost_entries
    WHERE day = %(day)s
      AND resource = 'gpu'
) AS had USING (attempt_id)
WHERE entry.day = %(day)s
GROUP BY 1, 2, 3, 4, 5, 6;

-- day_totals --
-- A day's entries in figures, if the ledger has the day.
SELECT cost_days.day, cost_days.covered_until, cost_days.price_version,
       count(entry_key) AS entries,
       coalesce(sum(amount_usd), 0) AS amount_usd,
       coalesce(sum(amount_usd) FILTER (WHERE is_waste), 0) AS waste_usd,
       coalesce(sum(amount_usd) FILTER (WHERE outcome IN ('failed', 'evicted')), 0) AS lost_usd,
       count(entry_key) FILTER (WHERE amount_usd IS NULL) AS unpriced,
       count(DISTINCT attempt_id) AS attempts,
       coalesce(sum(quantity) FILTER (WHERE resource = 'gpu'), 0) AS gpu_hours,
       coalesce(sum(quantity) FILTER (WHERE resource = 'gpu' AND is_waste), 0) AS idle_gpu_hours
FROM cost_days
LEFT JOIN cost_entries USING (day)
WHERE cost_days.day = %(day)s
GROUP BY cost_days.day, cost_days.covered_until, cost_days.price_version;

-- held_by_ledger --
-- How much of each resource was held on a day, and what it cost, by the ledger.
SELECT resource, sum(quantity::numeric) AS held, coalesce(sum(amount_usd), 0) AS amount_usd
FROM cost_entries
WHERE day = %(day)s
GROUP BY 1;

-- usage_total --
-- What a day's usage says it cost.
SELECT coalesce(sum(amount_usd), 0) AS amount_usd
FROM usage_daily
WHERE day = %(day)s;

-- raw_hours --
-- What attempts held in one stretch of time, from their own rows, in hours by what it was: nothing of
-- the ledger has a part in it.
SELECT what.resource, attempts.gpu_model, attempts.capacity, attempts.region,
       sum(what.amount * extract(epoch FROM
           least(coalesce(attempts.ended_at, %(end)s), %(end)s)
           - greatest(coalesce(attempts.scheduled_at, attempts.started_at), %(start)s)
       )::numeric) / 3600 AS hours
FROM attempts
JOIN runs USING (run_id)
LEFT JOIN (
    SELECT sweep_id, (spec #>> '{trial,resources,gpu}')::numeric AS gpu,
           (spec #>> '{trial,resources,cpu}')::numeric AS cpu,
           (spec #>> '{trial,resources,memory}')::numeric / 1073741824 AS memory,
           coalesce((spec #>> '{trial,kubernetes,nodes}')::int, 1) AS nodes
    FROM sweeps
) AS sweep USING (sweep_id)
LEFT JOIN (
    SELECT attempt_id, gpu, cpu_millis / 1000.0 AS cpu, memory_bytes / 1073741824.0 AS memory
    FROM runs
    JOIN attempts USING (run_id)
    JOIN admissions USING (attempt_id)
    WHERE rerun_of IS NOT NULL
) AS rerun USING (attempt_id)
CROSS JOIN LATERAL (
    VALUES ('gpu', coalesce(nullif(attempts.gpu_count, 0), nullif(cardinality(attempts.gpus), 0),
                            sweep.gpu * sweep.nodes, rerun.gpu)),
           ('cpu', coalesce(sweep.cpu * sweep.nodes, rerun.cpu)),
           ('memory', coalesce(sweep.memory * sweep.nodes, rerun.memory))
) AS what (resource, amount)
WHERE least(coalesce(attempts.ended_at, %(end)s), %(end)s)
      > greatest(coalesce(attempts.scheduled_at, attempts.started_at), %(start)s)
  -- What was never given a place held nothing: greatest() alone would take it from the start on.
  AND coalesce(attempts.scheduled_at, attempts.started_at) IS NOT NULL
  AND what.amount > 0
GROUP BY 1, 2, 3, 4;

-- raw_bytes --
-- Bytes times seconds that were in the store in a stretch of time, by class, from its own rows.
WITH stretches AS (
    SELECT size_bytes, storage_class, %(end)s AS until,
           CASE WHEN class_since IS NULL THEN created_at ELSE class_since END AS since
    FROM blobs
    WHERE has_arrived
      AND tenant_id <> '(installation)'
    UNION ALL
    SELECT size_bytes, storage_class, gone_at,
           CASE WHEN class_since IS NULL THEN created_at ELSE class_since END
    FROM gone_blobs
    WHERE tenant_id <> '(installation)'
    UNION ALL
    SELECT size_bytes, storage_class, until, since
    FROM class_stays
)
SELECT storage_class, sum(size_bytes * extract(epoch FROM
           least(until, %(end)s) - greatest(since, %(start)s))) AS byte_seconds
FROM stretches
WHERE least(until, %(end)s) > greatest(since, %(start)s)
GROUP BY storage_class;

-- missing_attempts --
-- Attempts that have ended, held something on the day, and have no entry; the first ones.
SELECT attempts.attempt_id, count(*) OVER () AS count
FROM attempts
JOIN runs USING (run_id)
WHERE attempts.ended_at > %(start)s
  AND attempts.ended_at > coalesce(attempts.scheduled_at, attempts.started_at)
  AND coalesce(attempts.scheduled_at, attempts.started_at) < %(end)s
  AND (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL OR attempts.gpu_count > 0
       OR cardinality(attempts.gpus) > 0)
  AND NOT EXISTS (
      SELECT FROM cost_entries
      WHERE cost_entries.day = %(day)s
        AND cost_entries.attempt_id = attempts.attempt_id
  )
ORDER BY attempts.attempt_id
LIMIT 20;

-- entries_without_attempt --
-- Entries of attempts that are not there, or held nothing on the day; the first ones.
SELECT entry.entry_key, count(*) OVER () AS count
FROM cost_entries AS entry
LEFT JOIN attempts USING (attempt_id)
WHERE entry.day = %(day)s
  AND entry.category = 'compute'
  AND (attempts.attempt_id IS NULL
       OR coalesce(attempts.scheduled_at, attempts.started_at) IS NULL
       OR coalesce(attempts.scheduled_at, attempts.started_at) >= %(end)s
       OR attempts.ended_at <= %(start)s)
ORDER BY entry.entry_key
LIMIT 20;

-- unpriced_things --
-- What has no price on a day, and how much of it there is.
SELECT resource, kind, capacity, region, unit, sum(quantity) AS quantity, count(*) AS entries
FROM cost_entries
WHERE day = %(day)s
  AND amount_usd IS NULL
GROUP BY 1, 2, 3, 4, 5
ORDER BY 7 DESC, 1, 2, 3, 4
LIMIT 50;

-- days_behind --
-- Days that the ledger does not have, or not as they turned out: attempts went on at the end of what
-- it has and have ended since, or were not known when it was written, whether they have ended or go on,
-- or were found to have gone on for longer than their rows said then.
-- Those that go on are found by `attempts_begun_idx`, and what the books have of each by its run: neither
-- grows with the attempts that there ever were.
WITH span AS (
    SELECT greatest(%(since)s::date,
                    min(coalesce(scheduled_at, started_at))::date) AS first
    FROM attempts
), days AS (
    SELECT generate_series(first, %(until)s::date, interval '1 day')::date AS day
    FROM span
    WHERE first IS NOT NULL
)
SELECT days.day
FROM days
LEFT JOIN cost_days USING (day)
WHERE cost_days.day IS NULL
   OR cost_days.covered_until < (days.day + 1)::timestamptz
   OR EXISTS (
       SELECT FROM cost_entries
       JOIN attempts USING (attempt_id)
       WHERE cost_entries.day = days.day
         AND cost_entries.outcome = 'running'
         AND attempts.ended_at IS NOT NULL
   )
   OR EXISTS (
       SELECT FROM attempts
       JOIN runs USING (run_id)
       WHERE attempts.ended_at > days.day::timestamp AT TIME ZONE 'UTC'
         AND attempts.ended_at > coalesce(attempts.scheduled_at, attempts.started_at)
         AND coalesce(attempts.scheduled_at, attempts.started_at)
             < (days.day + 1)::timestamp AT TIME ZONE 'UTC'
         AND (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL
              OR attempts.gpu_count > 0 OR cardinality(attempts.gpus) > 0)
         AND NOT EXISTS (
             SELECT FROM cost_entries
             WHERE cost_entries.day = days.day
               AND cost_entries.attempt_id = attempts.attempt_id
         )
   )
   OR EXISTS (
       SELECT FROM attempts
       JOIN runs USING (run_id)
       LEFT JOIN LATERAL (
           SELECT true AS is_known
           FROM cost_entries
           WHERE cost_entries.run_id = attempts.run_id
             AND cost_entries.attempt_id = attempts.attempt_id
             AND cost_entries.day = days.day
           LIMIT 1
       ) AS books ON true
       WHERE attempts.state <> 'ended'
         AND (attempts.started_at IS NOT NULL OR attempts.scheduled_at IS NOT NULL)
         AND coalesce(attempts.scheduled_at, attempts.started_at)
             < (days.day + 1)::timestamp AT TIME ZONE 'UTC'
         AND (runs.sweep_id IS NOT NULL OR runs.rerun_of IS NOT NULL
              OR attempts.gpu_count > 0 OR cardinality(attempts.gpus) > 0)
         AND books.is_known IS NULL
   )
   OR EXISTS (
       SELECT FROM attempts
       WHERE attempts.revised_at IS NOT NULL
         AND attempts.revised_at >= coalesce(cost_days.read_at, cost_days.replaced_at)
         AND coalesce(attempts.scheduled_at, attempts.started_at)
             < (days.day + 1)::timestamp AT TIME ZONE 'UTC'
         AND (attempts.ended_at IS NULL
              OR attempts.ended_at > days.day::timestamp AT TIME ZONE 'UTC')
   )
ORDER BY days.day;

-- is_used_since_covered --
-- Whether attempts hold something on a day after what the ledger has of it.
SELECT EXISTS (
    SELECT FROM attempts
    WHERE (ended_at IS NULL OR ended_at > coalesce(
              (SELECT covered_until FROM cost_days WHERE day = %(day)s), %(start)s))
      AND coalesce(scheduled_at, started_at) < %(end)s
);

-- covered_days --
-- Up to when the ledger has each day of a stretch.
SELECT day, covered_until
FROM cost_days
WHERE day BETWEEN %(since)s AND %(until)s
ORDER BY day;

-- cost_lines --
-- The ledger, summed by one thing, day, resource and outcome. What is not asked about is null.
WITH model_of AS MATERIALIZED (
    SELECT DISTINCT ON (runs.sweep_id) runs.sweep_id, models.name
    FROM model_versions
    JOIN models USING (model_id)
    JOIN runs USING (run_id)
    WHERE %(by)s = 'model'
      AND runs.sweep_id IS NOT NULL
    ORDER BY runs.sweep_id, model_versions.created_at, models.name
)
SELECT CASE %(by)s
           WHEN 'tenant' THEN entry.tenant_id
           WHEN 'experiment' THEN coalesce(
               CASE WHEN experiments.tenant_id = 'default' THEN experiments.name
                    ELSE experiments.tenant_id || '/' || experiments.name END, '')
           WHEN 'sweep' THEN coalesce(entry.sweep_id, '')
           WHEN 'user' THEN entry.owner
           WHEN 'gpu' THEN CASE WHEN entry.resource = 'gpu' THEN entry.kind ELSE '' END
           WHEN 'model' THEN coalesce(model_of.name, '')
           WHEN 'run' THEN coalesce(entry.run_id, '')
           ELSE ''
       END AS key,
       entry.day, entry.resource, entry.outcome, entry.is_waste,
       sum(entry.quantity) AS quantity,
       coalesce(sum(entry.amount_usd), 0) AS amount_usd,
       count(*) FILTER (WHERE entry.amount_usd IS NULL) AS unpriced,
       min(entry.price_version) AS price_version
FROM cost_entries AS entry
LEFT JOIN experiments USING (experiment_id)
LEFT JOIN model_of ON model_of.sweep_id = entry.sweep_id
WHERE entry.day BETWEEN %(since)s AND %(until)s
  AND (%(tenant_id)s::text IS NULL OR entry.tenant_id = %(tenant_id)s)
  AND (%(sweep_id)s::text IS NULL OR entry.sweep_id = %(sweep_id)s)
  AND (%(run_id)s::text IS NULL OR entry.run_id = %(run_id)s)
GROUP BY 1, 2, 3, 4, 5;

-- experiment_names --
-- What experiments are called; those of other tenants than `default` with the tenant's name.
SELECT experiment_id,
       CASE WHEN tenant_id = 'default' THEN name ELSE tenant_id || '/' || name END AS name
FROM experiments;

-- models_of_sweeps --
-- Which registered model a sweep was for: that of the first version which came out of it.
SELECT DISTINCT ON (runs.sweep_id) runs.sweep_id, models.name
FROM model_versions
JOIN models USING (model_id)
JOIN runs USING (run_id)
WHERE runs.sweep_id IS NOT NULL
ORDER BY runs.sweep_id, model_versions.created_at, models.name;

-- first_day --
-- When anything could have cost something for the first time; null: nothing is there.
SELECT least(
    (SELECT min(coalesce(scheduled_at, started_at)) FROM attempts),
    (SELECT min(created_at) FROM blobs WHERE tenant_id <> installation_tenant())
)::date;

-- first_cost --
-- The same of a sweep, a run or a tenant.
SELECT least(
    (SELECT min(coalesce(attempts.scheduled_at, attempts.started_at))
     FROM attempts
     JOIN runs USING (run_id)
     WHERE (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s)
       AND (%(run_id)s::text IS NULL OR runs.run_id = %(run_id)s)
       AND (%(tenant_id)s::text IS NULL OR runs.tenant_id = %(tenant_id)s)),
    (SELECT min(artifacts.created_at)
     FROM artifacts
     JOIN runs USING (run_id)
     WHERE (%(sweep_id)s::text IS NULL OR runs.sweep_id = %(sweep_id)s)
       AND (%(run_id)s::text IS NULL OR runs.run_id = %(run_id)s)
       AND (%(tenant_id)s::text IS NULL OR runs.tenant_id = %(tenant_id)s))
)::date;
