-- insert_plan --
-- A plan, before its items.
INSERT INTO retention_plans (made_at, made_by, policy_version, summary)
VALUES (%(made_at)s, %(made_by)s, %(policy_version)s, %(summary)s)
RETURNING plan_id;

-- copy_items --
-- What a plan names.
COPY retention_items (
    plan_id, ordinal, kind, tenant_id, experiment, run_id, name, rule, size_bytes, before, state,
    spared_by, storage_class
) FROM STDIN;

-- plans --
-- The newest ones, with what has become of their items.
SELECT plans.plan_id, plans.made_at, plans.made_by, plans.policy_version, plans.summary,
       plans.applied_at, plans.applied_by, counts.states, counts.due_at
FROM retention_plans AS plans
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(state, jsonb_build_object('count', count, 'bytes', bytes)), '{}')
               AS states,
           min(due_at) AS due_at
    FROM (
        SELECT state, count(*) AS count, sum(size_bytes)::bigint AS bytes,
               min(due_at) FILTER (WHERE state = 'marked' AND kind <> 'cold') AS due_at
        FROM retention_items
        WHERE plan_id = plans.plan_id
        GROUP BY state
    ) AS by_state
) AS counts
WHERE %(plan_id)s::bigint IS NULL OR plans.plan_id = %(plan_id)s
ORDER BY plans.plan_id DESC
LIMIT %(limit)s;

-- items --
-- Items of a plan, or marked ones of all plans, the first to go first.
SELECT plan_id, kind, tenant_id, experiment, run_id, name, rule, size_bytes, before,
       state::text, spared_by, due_at, storage_class
FROM retention_items
WHERE (plan_id = %(plan_id)s OR %(plan_id)s::bigint IS NULL)
  AND (state = %(state)s::retention_item_state OR %(state)s::text IS NULL)
  AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (run_id = %(run_id)s OR %(run_id)s::text IS NULL)
ORDER BY due_at NULLS LAST, plan_id, ordinal
LIMIT %(limit)s;

-- lock_plan --
-- The plan, for whoever applies or undoes it: one at a time.
SELECT applied_at IS NOT NULL AS is_applied
FROM retention_plans
WHERE plan_id = %(plan_id)s
FOR UPDATE;

-- drop_unapplied --
-- A newer plan stands for them.
DELETE FROM retention_plans
WHERE applied_at IS NULL
  AND plan_id < %(plan_id)s;

-- not_in_plan --
-- Items that the plan does not name.
SELECT kind, run_id, name
FROM unnest(%(kinds)s::text[], %(run_ids)s::text[], %(names)s::text[]) AS asked (kind, run_id, name)
WHERE NOT EXISTS (
    SELECT FROM retention_items AS items
    WHERE items.plan_id = %(plan_id)s
      AND items.kind = asked.kind
      AND items.run_id = asked.run_id
      AND items.name = asked.name)
ORDER BY kind, run_id, name;

-- leave_out --
-- What is not among these items stays.
UPDATE retention_items AS items
SET state = 'spared', spared_by = 'left_out', changed_at = now()
WHERE items.plan_id = %(plan_id)s
  AND items.state = 'planned'
  AND NOT EXISTS (
      SELECT FROM unnest(%(kinds)s::text[], %(run_ids)s::text[], %(names)s::text[])
          AS asked (kind, run_id, name)
      WHERE asked.kind = items.kind
        AND asked.run_id = items.run_id
        AND asked.name = items.name);

-- copy_fresh --
-- What a plan of this moment names, for the length of a transaction.
COPY retention_fresh (plan_id, kind, run_id, name, spared_by) FROM STDIN;

-- forget_fresh --
-- They have been compared.
DELETE FROM retention_fresh WHERE plan_id = %(plan_id)s;

-- spare_changed --
-- What is not, or no longer, to go stays; so does what another plan has marked.
UPDATE retention_items AS items
SET state = 'spared',
    spared_by = coalesce(
        (SELECT fresh.spared_by
         FROM retention_fresh AS fresh
         WHERE fresh.plan_id = items.plan_id
           AND fresh.run_id = items.run_id
           AND fresh.kind = items.kind
           AND fresh.name = items.name),
        'changed'),
    changed_at = now()
WHERE items.plan_id = %(plan_id)s
  AND items.state = 'planned'
  AND (
      NOT EXISTS (
          SELECT FROM retention_fresh AS fresh
          WHERE fresh.plan_id = items.plan_id
            AND fresh.run_id = items.run_id
            AND fresh.kind = items.kind
            AND fresh.name = items.name
            AND fresh.spared_by IS NULL)
      OR EXISTS (
          SELECT FROM retention_items AS marked
          WHERE marked.state = 'marked'
            AND marked.run_id = items.run_id
            AND marked.kind = items.kind
            AND marked.name = items.name)
  );

-- mark --
-- What is left of the plan goes on that day; what goes cold stays, and does so at once.
UPDATE retention_items
SET state = 'marked',
    due_at = CASE kind WHEN 'cold' THEN %(now)s ELSE %(due_at)s END::timestamptz,
    changed_at = now()
WHERE plan_id = %(plan_id)s
  AND state = 'planned';

-- note_applied --
-- Who has applied it; once.
UPDATE retention_plans
SET applied_at = now(), applied_by = %(applied_by)s
WHERE plan_id = %(plan_id)s
  AND applied_at IS NULL;

-- undo_plan --
-- Everything of a plan that has not gone stays.
UPDATE retention_items
SET state = 'undone', changed_at = now()
WHERE plan_id = %(plan_id)s
  AND state IN ('planned', 'marked');

-- is_run --
-- Whether there is such a run.
SELECT EXISTS (SELECT FROM runs WHERE run_id = %(run_id)s) AS is_run;

-- undo_items --
-- Of a run, or one of its artifacts, whatever the plan.
UPDATE retention_items
SET state = 'undone', changed_at = now()
WHERE run_id = %(run_id)s
  AND (name = %(name)s OR %(name)s::text IS NULL)
  AND state = 'marked';

-- wait_for_others --
-- Nobody ties anything to what must stay while it is held, and nobody else deletes.
SELECT pg_advisory_xact_lock(hashtext('sweepworks.retention'));

-- begin_retention --
-- Triggers let what is immutable go, until the transaction ends.
SELECT set_config('sweepworks.retention', 'on', true);

-- be_impatient --
-- Until the transaction ends: who waits for a lock for longer than that gives up.
SELECT set_config('lock_timeout', %(timeout)s, true);

-- due_items --
-- Some of what is due, in order, locked: undoing waits.
SELECT plan_id, ordinal, kind, tenant_id, experiment, run_id, name, rule, size_bytes
FROM retention_items
WHERE state = 'marked'
  AND due_at <= %(now)s
  AND kind IN ('artifact', 'points')
ORDER BY due_at, plan_id, ordinal
LIMIT %(limit)s
FOR UPDATE;

-- all_due --
-- Everything of that, to be compared with what a plan of this moment names.
SELECT plan_id, ordinal, kind, run_id, name, storage_class
FROM retention_items
WHERE state = 'marked'
  AND due_at <= %(now)s
  AND kind <> 'tier';

-- lock_runs --
-- Tags, evaluations, reruns: what refers to these runs waits.
SELECT run_id
FROM runs
WHERE run_id = ANY(%(run_ids)s::text[])
ORDER BY run_id
FOR UPDATE;

-- restore --
-- Something guards them since they were marked, or no rule names them any more.
UPDATE retention_items AS items
SET state = 'restored', spared_by = new.spared_by, changed_at = now()
FROM unnest(%(plan_ids)s::bigint[], %(ordinals)s::int[], %(guards)s::text[])
    AS new (plan_id, ordinal, spared_by)
WHERE items.plan_id = new.plan_id
  AND items.ordinal = new.ordinal
  AND items.state = 'marked';

-- intact_runs --
-- Of some sealed runs those that are as they were, so that what is recorded of them may follow.
SELECT present.run_id
FROM run_digests_v2(%(run_ids)s::text[]) AS present
JOIN run_digests USING (run_id)
WHERE (run_digests.run, run_digests.params, run_digests.artifacts, run_digests.reports,
       run_digests.provenance, run_digests.datasets)
    = (present.run, present.params, present.artifacts, present.reports, present.provenance,
       present.datasets)
  -- Of the first version, which had neither.
  AND coalesce(run_digests.edges = present.edges, true)
  AND coalesce(run_digests.dataset_rows = present.dataset_rows, true);

-- forget_digests --
-- They are recorded anew in the same transaction.
DELETE FROM run_digests WHERE run_id = ANY(%(run_ids)s::text[]);

-- delete_artifacts --
-- Names go, and are written down; bytes go when nothing refers to them any more.
WITH going AS (
    SELECT * FROM unnest(
        %(plan_ids)s::bigint[], %(run_ids)s::text[], %(names)s::text[], %(rules)s::text[],
        %(experiments)s::text[]
    ) AS going (plan_id, run_id, name, rule, experiment)
), gone AS (
    DELETE FROM artifacts
    USING going
    WHERE artifacts.run_id = going.run_id
      AND artifacts.name = going.name
    RETURNING going.plan_id, going.rule, going.experiment, artifacts.tenant_id, artifacts.run_id,
              artifacts.name, artifacts.size_bytes, artifacts.sha256
)
INSERT INTO deletions (plan_id, kind, tenant_id, experiment, sweep_id, run_id, name, rule,
                       size_bytes, sha256)
SELECT gone.plan_id, 'artifact', gone.tenant_id, gone.experiment, runs.sweep_id, gone.run_id,
       gone.name, gone.rule, gone.size_bytes, gone.sha256
FROM gone
JOIN runs USING (run_id);

-- delete_points --
-- Points of runs, in all tiers.
SELECT delete_metric_series(coalesce(array_agg(series_id), '{}')) AS points
FROM series
WHERE run_id = ANY(%(run_ids)s::text[]);

-- note_points --
-- That they have gone.
INSERT INTO deletions (plan_id, kind, tenant_id, experiment, sweep_id, run_id, name, rule, size_bytes)
SELECT going.plan_id, 'points', runs.tenant_id, going.experiment, runs.sweep_id, going.run_id, '',
       going.rule, going.size_bytes
FROM unnest(
    %(plan_ids)s::bigint[], %(run_ids)s::text[], %(rules)s::text[], %(experiments)s::text[],
    %(sizes)s::bigint[]
) AS going (plan_id, run_id, rule, experiment, size_bytes)
JOIN runs USING (run_id);

-- note_deleted --
-- They are done.
UPDATE retention_items AS items
SET state = 'deleted', changed_at = now()
FROM unnest(%(plan_ids)s::bigint[], %(ordinals)s::int[]) AS done (plan_id, ordinal)
WHERE items.plan_id = done.plan_id
  AND items.ordinal = done.ordinal;

-- leave --
-- Their points are to be removed, as soon as nobody waits for it.
INSERT INTO retention_leaving (plan_id, ordinal)
SELECT plan_id, ordinal
FROM unnest(%(plan_ids)s::bigint[], %(ordinals)s::int[]) AS decided (plan_id, ordinal)
ON CONFLICT DO NOTHING;

-- take_leaving --
-- Some runs whose points are to be removed.
SELECT leaving.plan_id, leaving.ordinal, items.run_id
FROM retention_leaving AS leaving
JOIN retention_items AS items USING (plan_id, ordinal)
WHERE items.kind = 'points'
ORDER BY leaving.plan_id, leaving.ordinal
LIMIT %(limit)s
FOR UPDATE OF leaving SKIP LOCKED;

-- note_removed --
-- They are.
DELETE FROM retention_leaving AS leaving
USING unnest(%(plan_ids)s::bigint[], %(ordinals)s::int[]) AS done (plan_id, ordinal)
WHERE leaving.plan_id = done.plan_id
  AND leaving.ordinal = done.ordinal;

-- leaving_tiers --
-- Tiers of which something is decided and not removed, and up to when that is.
SELECT leaving.plan_id, leaving.ordinal, items.name, metric_time(tiers.kept_since) AS before
FROM retention_leaving AS leaving
JOIN retention_items AS items USING (plan_id, ordinal)
JOIN metric_tiers AS tiers ON tiers.tier = items.name
WHERE items.kind = 'tier'
ORDER BY length(items.name), items.name DESC, leaving.plan_id;

-- due_tiers --
-- Tiers whose time has come, from fine to coarse.
SELECT plan_id, ordinal, name, before
FROM retention_items
WHERE state = 'marked'
  AND due_at <= %(now)s
  AND kind = 'tier'
ORDER BY length(name), name DESC;

-- lock_due_tier --
-- One of them, if nobody has undone it: undoing waits.
SELECT name
FROM retention_items
WHERE plan_id = %(plan_id)s
  AND ordinal = %(ordinal)s
  AND state = 'marked'
FOR UPDATE;

-- leave_tier --
-- It is decided that a tier is dropped from before a time.
SELECT leave_metric_points(%(tier)s, metric_tenths(%(before)s));

-- note_tier --
-- A tier was dropped.
INSERT INTO deletions (plan_id, kind, tenant_id, experiment, run_id, name, rule, size_bytes)
VALUES (%(plan_id)s, 'tier', '', '', '', %(name)s, 'resolution', %(size_bytes)s);

-- deletions --
-- What has gone, the newest first.
SELECT deletion_id, plan_id, kind, tenant_id, experiment, sweep_id, run_id, name, rule, size_bytes,
       deleted_at
FROM deletions
WHERE (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
ORDER BY deletion_id DESC
LIMIT %(limit)s;

-- freed --
-- What has gone since a time, by rule.
SELECT rule, count(*) AS count, sum(size_bytes)::bigint AS size_bytes
FROM deletions
WHERE deleted_at >= %(since)s
  AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
GROUP BY rule
ORDER BY size_bytes DESC, rule;

-- share_retention --
-- Whoever ties something to what must stay waits for a deletion that goes on, and is waited for.
SELECT pg_advisory_xact_lock_shared(hashtext('sweepworks.retention'));

-- series_of_run --
-- Curves that the run's script has logged.
SELECT series_id, key
FROM series
WHERE run_id = %(run_id)s
  AND family = 'user'
ORDER BY key;

-- system_series_of_held_run --
-- Curves that were measured beside the training of a run, where it is held.
SELECT series_id, key
FROM series
WHERE run_id = %(run_id)s
  AND family = 'system'
  AND EXISTS (SELECT FROM held_runs WHERE held_runs.run_id = series.run_id)
ORDER BY key;

-- points_of_series --
-- All points of a curve in columns, in order, from when on they are whole.
SELECT array_agg(step) AS step, array_agg(time_ds) AS time, array_agg(value) AS value
FROM (
    SELECT step, time_ds, value
    FROM metric_points
    WHERE series_id = %(series_id)s
      AND time_ds >= %(since)s
    ORDER BY time_ds, step, value
) AS points;

-- minutes_of_series --
-- A curve by the minute in columns, in order, where no points are; NaN: there is no such value.
SELECT array_agg(bucket) AS time, array_agg(count) AS count,
       array_agg(nonfinite_count) AS nonfinite_count, array_agg(coalesce(sum, 'NaN')) AS sum,
       array_agg(coalesce(min, 'NaN')) AS min, array_agg(coalesce(max, 'NaN')) AS max,
       array_agg(last) AS last, array_agg(first_step) AS first_step,
       array_agg(last_step) AS last_step
FROM (
    SELECT bucket, count, nonfinite_count, sum, min, max, last, first_step, last_step
    FROM metric_points_1m
    WHERE series_id = %(series_id)s
      AND bucket >= %(since)s
      AND bucket < %(until)s
    ORDER BY bucket
) AS points;

-- hours_of_series --
-- Likewise by the hour, where no minutes are.
SELECT array_agg(bucket) AS time, array_agg(count) AS count,
       array_agg(nonfinite_count) AS nonfinite_count, array_agg(coalesce(sum, 'NaN')) AS sum,
       array_agg(coalesce(min, 'NaN')) AS min, array_agg(coalesce(max, 'NaN')) AS max,
       array_agg(last) AS last, array_agg(first_step) AS first_step,
       array_agg(last_step) AS last_step
FROM (
    SELECT bucket, count, nonfinite_count, sum, min, max, last, first_step, last_step
    FROM metric_points_1h
    WHERE series_id = %(series_id)s
      AND bucket >= %(since)s
      AND bucket < %(until)s
    ORDER BY bucket
) AS points;

-- end_tier --
-- Nothing of it is due any more, but for what is decided already.
UPDATE retention_items AS items
SET state = CASE WHEN decided.is_some THEN 'deleted' ELSE 'restored' END::retention_item_state,
    spared_by = CASE WHEN decided.is_some THEN items.spared_by ELSE 'changed' END,
    changed_at = now()
FROM (
    SELECT EXISTS (
        SELECT FROM retention_leaving
        WHERE plan_id = %(plan_id)s
          AND ordinal = %(ordinal)s
    ) AS is_some
) AS decided
WHERE items.plan_id = %(plan_id)s
  AND items.ordinal = %(ordinal)s
  AND items.state = 'marked';

-- chunk_bytes --
-- What a tier takes.
SELECT bytes FROM metric_tier_size(%(tier)s);

-- shares --
-- Items of a plan by rule and by what spares them; of a tenant, or of all.
SELECT rule, spared_by, count(*) AS count, sum(size_bytes)::bigint AS size_bytes
FROM retention_items
WHERE plan_id = %(plan_id)s
  AND (tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
GROUP BY rule, spared_by
ORDER BY spared_by NULLS FIRST, size_bytes DESC, rule;
