-- ensure_model --
-- The model of that name, held until the transaction ends: its versions get their numbers one by one.
INSERT INTO models (tenant_id, name, created_by)
VALUES (%(tenant_id)s, %(name)s, %(by)s)
ON CONFLICT (tenant_id, name) DO UPDATE SET name = EXCLUDED.name
RETURNING model_id;

-- hold_model --
-- Likewise, of one that is there.
SELECT model_id
FROM models
WHERE tenant_id = %(tenant_id)s
  AND name = %(name)s
FOR UPDATE;

-- alias --
-- The version that an alias means.
SELECT model_aliases.number
FROM models
JOIN model_aliases USING (model_id)
WHERE models.tenant_id = %(tenant_id)s
  AND models.name = %(name)s
  AND alias = %(alias)s;

-- is_meant --
-- Whether an alias means a file of a run.
SELECT true AS is_meant
FROM models
JOIN model_aliases USING (model_id)
JOIN model_versions USING (model_id, number)
WHERE models.tenant_id = %(tenant_id)s
  AND models.name = %(name)s
  AND alias = %(alias)s
  AND run_id = %(run_id)s
  AND artifact = %(artifact)s;

-- insert_version --
-- The next one; what it came out of is read from the rows of its run.
INSERT INTO model_versions (model_id, number, evaluation_id, run_id, artifact, sha256, size_bytes,
                            image, inference, rollout, "commit", data, metrics, created_by)
SELECT %(model_id)s,
       1 + (SELECT count(*) FROM model_versions WHERE model_id = %(model_id)s),
       evaluations.evaluation_id, artifacts.run_id, artifacts.name, artifacts.sha256,
       artifacts.size_bytes, %(image)s, %(inference)s, %(rollout)s,
       (SELECT "commit" FROM run_facts WHERE run_facts.run_id = evaluations.run_id),
       coalesce((
           SELECT jsonb_agg(datasets.name || '@' || run_datasets.number
                            ORDER BY datasets.name, run_datasets.number)
           FROM run_datasets
           JOIN datasets USING (dataset_id)
           WHERE run_datasets.run_id = evaluations.run_id), '[]'),
       %(metrics)s, %(by)s
FROM evaluations
JOIN artifacts
    ON artifacts.run_id = evaluations.run_id
    AND artifacts.name = evaluations.artifact
    AND artifacts.sha256 = evaluations.sha256
WHERE evaluations.evaluation_id = %(evaluation_id)s
RETURNING number;

-- insert_move --
-- A move of an alias; the alias follows by itself.
INSERT INTO promotions (model_id, alias, kind, from_number, number, evaluation_id, moved_by, reason)
VALUES (%(model_id)s, %(alias)s, %(kind)s, %(from_number)s, %(number)s, %(evaluation_id)s, %(by)s,
        %(reason)s)
RETURNING promotion_id;

-- end_promoted --
-- In the same transaction as the version and the move.
UPDATE evaluations
SET state = 'promoted', reason = %(reason)s, ended_at = now()
WHERE evaluation_id = %(evaluation_id)s;

-- promoted_number --
-- The version that an evaluation has led to.
SELECT number
FROM model_versions
WHERE evaluation_id = %(evaluation_id)s;

-- has_version --
-- Whether there is one of that number.
SELECT true AS has_version
FROM model_versions
WHERE model_id = %(model_id)s
  AND number = %(number)s;

-- moves --
-- Every move of a model's aliases, or of one of them, newest first.
SELECT alias, kind, from_number, number, evaluation_id, moved_by, reason, moved_at
FROM promotions
WHERE model_id = %(model_id)s
  AND (alias = %(alias)s OR %(alias)s::text IS NULL)
ORDER BY promotion_id DESC;

-- list_models --
-- Every model with its newest version and what its aliases mean.
SELECT models.name, models.created_by, models.created_at,
       (SELECT max(number) FROM model_versions WHERE model_id = models.model_id) AS newest,
       coalesce((
           SELECT jsonb_object_agg(alias, number)
           FROM model_aliases
           WHERE model_id = models.model_id), '{}') AS aliases,
       (SELECT max(moved_at) FROM model_aliases WHERE model_id = models.model_id) AS moved_at
FROM models
WHERE models.tenant_id = %(tenant_id)s
  AND (models.name = %(name)s OR %(name)s::text IS NULL)
ORDER BY models.name;

-- model_id --
-- By name.
SELECT model_id
FROM models
WHERE tenant_id = %(tenant_id)s
  AND name = %(name)s;

-- versions --
-- Of one model, newest first; or the one of that number.
SELECT models.name AS model, versions.number, versions.evaluation_id, versions.run_id,
       versions.artifact, encode(versions.sha256, 'hex') AS sha256, versions.size_bytes,
       versions.image, versions.inference, versions.rollout, versions."commit", versions.data,
       versions.metrics, versions.created_by, versions.created_at,
       coalesce((
           SELECT jsonb_agg(alias ORDER BY alias)
           FROM model_aliases
           WHERE model_aliases.model_id = versions.model_id
             AND model_aliases.number = versions.number), '[]') AS aliases
FROM model_versions AS versions
JOIN models USING (model_id)
WHERE models.tenant_id = %(tenant_id)s
  AND models.name = %(name)s
  AND (versions.number = %(number)s OR %(number)s::int IS NULL)
ORDER BY versions.number DESC;
