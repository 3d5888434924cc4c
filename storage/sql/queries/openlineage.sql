-- due --
-- Events that have not been sent, the oldest first: the start of each run, its end once it is
-- sealed and nothing comes any more, and versions of datasets.
SELECT due.tenant_id, due.subject, due.part
FROM (
    SELECT tenant_id, 'run:' || run_id AS subject, 'start' AS part, started_at AS at
    FROM runs
    WHERE started_at IS NOT NULL
    UNION ALL
    SELECT tenant_id, 'run:' || run_id, 'end', ended_at
    FROM runs
    WHERE started_at IS NOT NULL
      AND sealed_at IS NOT NULL
    UNION ALL
    SELECT datasets.tenant_id, 'dataset:' || datasets.name || '@' || versions.number, 'end',
           versions.created_at
    FROM dataset_versions AS versions
    JOIN datasets USING (dataset_id)
) AS due
WHERE NOT EXISTS (
    SELECT FROM openlineage_sent AS sent
    WHERE sent.tenant_id = due.tenant_id
      AND sent.subject = due.subject
      AND sent.part = due.part)
ORDER BY due.at, due.subject, due.part DESC
LIMIT %(limit)s;

-- runs --
-- What events tell of some runs, whoever's they are.
SELECT runs.tenant_id, runs.run_id, facts.experiment, experiments.purpose, runs.sweep_id,
       runs.state::text, runs.reason, runs.started_at, runs.ended_at, facts."commit",
       facts.branch, facts.remote, facts.script
FROM runs
JOIN experiments USING (experiment_id)
JOIN run_facts AS facts USING (run_id)
WHERE runs.run_id = ANY(%(run_ids)s::text[]);

-- inputs --
-- What some nodes came out of, directly.
SELECT tenant_id, downstream AS subject, upstream AS node
FROM lineage_edges
WHERE (tenant_id, downstream) IN (
    SELECT tenant, subject
    FROM unnest(%(tenants)s::text[], %(subjects)s::text[]) AS asked (tenant, subject))
ORDER BY tenant_id, downstream, upstream;

-- outputs --
-- Files that some runs have stored, without what belongs to a step, logs, and what is kept of the code.
SELECT artifacts.tenant_id, 'run:' || artifacts.run_id AS subject,
       'artifact:' || artifacts.run_id || '/' || artifacts.name AS node,
       encode(artifacts.sha256, 'hex') AS version
FROM artifacts
WHERE artifacts.run_id = ANY(%(run_ids)s::text[])
  AND artifacts.type NOT IN ('image', 'audio', 'table', 'figure', 'log')
  AND NOT artifacts.name ^@ 'code/'
ORDER BY artifacts.run_id, artifacts.name;

-- datasets --
-- What some versions of datasets are.
SELECT datasets.tenant_id, 'dataset:' || datasets.name || '@' || versions.number AS node,
       datasets.purpose, versions.created_at, encode(versions.content_hash, 'hex') AS version,
       versions.schema, versions.column_lineage
FROM unnest(%(tenants)s::text[], %(names)s::text[]) AS asked (tenant, name)
JOIN datasets ON datasets.tenant_id = asked.tenant AND datasets.name = split_part(asked.name, '@', 1)
JOIN dataset_versions AS versions
    ON versions.dataset_id = datasets.dataset_id
    AND versions.number::text = split_part(asked.name, '@', 2);

-- mark_sent --
-- An event that the receiver has, or will not have.
INSERT INTO openlineage_sent (tenant_id, subject, part, refusal)
VALUES (%(tenant_id)s, %(subject)s, %(part)s, %(refusal)s)
ON CONFLICT DO NOTHING;
