-- find_run --
-- The run of that name, if it is the tenant's; so do the next two. Null columns tell the kind.
SELECT run_id, NULL::text AS sweep_id, NULL::bigint AS experiment_id
FROM runs
WHERE run_id = %(name)s
  AND tenant_id = %(tenant_id)s;

-- find_sweep --
-- A sweep.
SELECT NULL::text AS run_id, sweep_id, NULL::bigint AS experiment_id
FROM sweeps
WHERE sweep_id = %(name)s
  AND tenant_id = %(tenant_id)s;

-- find_experiment --
-- An experiment.
SELECT NULL::text AS run_id, NULL::text AS sweep_id, experiment_id
FROM experiments
WHERE name = %(name)s
  AND tenant_id = %(tenant_id)s;

-- say_who --
-- For the rows of tag_changes that this transaction makes.
SELECT set_config('sweepworks.person', %(by)s, true);

-- lock_experiments_of_runs --
-- Whoever gives an experiment another baseline waits for whoever is doing so.
SELECT experiment_id
FROM experiments
WHERE experiment_id IN (SELECT experiment_id FROM runs WHERE run_id = ANY(%(run_ids)s::text[]))
ORDER BY experiment_id
FOR NO KEY UPDATE;

-- other_baselines --
-- Runs that are the baseline of the experiment that a run is in.
SELECT run_tags.run_id
FROM run_tags
JOIN runs USING (run_id)
WHERE run_tags.name = 'baseline'
  AND runs.experiment_id = (SELECT experiment_id FROM runs WHERE run_id = %(run_id)s)
  AND run_tags.run_id <> %(run_id)s;

-- count_tags --
-- Of one subject.
SELECT count(*)
FROM all_tags
WHERE (run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s)
  AND name <> %(name)s;

-- set_run_tag --
-- The last value counts; so do the next two.
INSERT INTO run_tags (run_id, name, value, set_by)
VALUES (%(run_id)s, %(name)s, %(value)s, %(by)s)
ON CONFLICT (run_id, name) DO UPDATE
SET value = EXCLUDED.value, set_by = EXCLUDED.set_by, set_at = now()
WHERE run_tags.value <> EXCLUDED.value;

-- set_sweep_tag --
-- On a sweep.
INSERT INTO sweep_tags (sweep_id, name, value, set_by)
VALUES (%(sweep_id)s, %(name)s, %(value)s, %(by)s)
ON CONFLICT (sweep_id, name) DO UPDATE
SET value = EXCLUDED.value, set_by = EXCLUDED.set_by, set_at = now()
WHERE sweep_tags.value <> EXCLUDED.value;

-- set_experiment_tag --
-- On an experiment.
INSERT INTO experiment_tags (experiment_id, name, value, set_by)
VALUES (%(experiment_id)s, %(name)s, %(value)s, %(by)s)
ON CONFLICT (experiment_id, name) DO UPDATE
SET value = EXCLUDED.value, set_by = EXCLUDED.set_by, set_at = now()
WHERE experiment_tags.value <> EXCLUDED.value;

-- remove_run_tag --
-- A row comes back if there was one; so do the next two.
DELETE FROM run_tags
WHERE run_id = %(run_id)s AND name = %(name)s
RETURNING name;

-- remove_sweep_tag --
-- From a sweep.
DELETE FROM sweep_tags
WHERE sweep_id = %(sweep_id)s AND name = %(name)s
RETURNING name;

-- remove_experiment_tag --
-- From an experiment.
DELETE FROM experiment_tags
WHERE experiment_id = %(experiment_id)s AND name = %(name)s
RETURNING name;

-- tags_of --
-- Tags of one subject.
SELECT name, value, set_by, set_at
FROM all_tags
WHERE run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s
ORDER BY name;

-- changes_of --
-- What became of its tags, oldest first.
SELECT name, value, before, changed_by, changed_at
FROM tag_changes
WHERE run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s
ORDER BY change_id;
