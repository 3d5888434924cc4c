-- list_evaluations --
-- Newest first; of one candidate, in one state, or of all.
SELECT evaluation_id, evaluations.tenant_id, run_id, experiments.name AS experiment,
       evaluations.number, evaluations.state::text, evaluations.reason, rule, policy_version, model,
       artifact, encode(evaluations.sha256, 'hex') AS sha256,
       datasets.name || '@' || dataset_number AS holdout, evaluations.sweep_id, compared_with,
       requested_by, requested_at, began_at, judged_at, evaluations.ended_at, claims,
       claimed_at, evaluations.dagster_run_id
FROM evaluations
JOIN runs USING (run_id)
JOIN experiments USING (experiment_id)
LEFT JOIN datasets USING (dataset_id)
WHERE (evaluations.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (evaluation_id = %(evaluation_id)s OR %(evaluation_id)s::text IS NULL)
  AND (run_id = %(run_id)s OR %(run_id)s::text IS NULL)
  AND (evaluations.state::text = %(state)s OR %(state)s::text IS NULL)
  AND (model = %(model)s OR %(model)s::text IS NULL)
ORDER BY requested_at DESC, evaluations.number DESC
LIMIT %(limit)s;

-- tagged_experiments --
-- Experiments of runs with the tag that have no evaluation, but those that were withdrawn.
SELECT DISTINCT experiments.experiment_id, experiments.tenant_id, experiments.name
FROM run_tags
JOIN runs USING (run_id)
JOIN experiments USING (experiment_id)
WHERE run_tags.name = %(tag)s
  AND NOT EXISTS (
      SELECT FROM evaluations
      WHERE evaluations.run_id = runs.run_id
        AND state <> 'withdrawn');

-- experiments_without_evaluation --
-- Experiments of those of some runs that have no evaluation, but those that were withdrawn.
SELECT DISTINCT experiments.name
FROM runs
JOIN experiments USING (experiment_id)
WHERE runs.run_id = ANY(%(run_ids)s)
  AND runs.tenant_id = %(tenant_id)s
  AND NOT EXISTS (
      SELECT FROM evaluations
      WHERE evaluations.run_id = runs.run_id
        AND state <> 'withdrawn')
ORDER BY experiments.name;

-- insert_tagged --
-- An evaluation for every run of some experiments with the tag that has none, but those that were
-- withdrawn.
INSERT INTO evaluations (evaluation_id, tenant_id, run_id, number, requested_by)
SELECT tagged.run_id || '-e' || tagged.number, tagged.tenant_id, tagged.run_id, tagged.number,
       tagged.set_by
FROM (
    SELECT runs.run_id, runs.tenant_id,
           coalesce(nullif(run_tags.set_by, ''), runs.created_by) AS set_by,
           1 + (SELECT count(*) FROM evaluations WHERE evaluations.run_id = runs.run_id) AS number
    FROM run_tags
    JOIN runs USING (run_id)
    WHERE run_tags.name = %(tag)s
      AND runs.experiment_id = ANY(%(experiments)s)
      AND NOT EXISTS (
          SELECT FROM evaluations
          WHERE evaluations.run_id = runs.run_id
            AND state <> 'withdrawn')
    ORDER BY runs.run_id
    LIMIT %(limit)s
) AS tagged
ON CONFLICT DO NOTHING
RETURNING evaluation_id;

-- hold_candidate --
-- The run, so that two requests for it come one after the other.
SELECT run_id
FROM runs
WHERE run_id = %(run_id)s
  AND tenant_id = %(tenant_id)s
FOR NO KEY UPDATE;

-- insert_evaluation --
-- The next look at a candidate; nothing comes back while one is open.
INSERT INTO evaluations (evaluation_id, tenant_id, run_id, number, requested_by)
SELECT %(run_id)s || '-e' || next.number, %(tenant_id)s, %(run_id)s, next.number, %(by)s
FROM (SELECT 1 + count(*) AS number FROM evaluations WHERE run_id = %(run_id)s) AS next
ON CONFLICT DO NOTHING
RETURNING evaluation_id;

-- withdraw_untagged --
-- Open ones whose run has lost the tag; of one run, or of all where none is named. Their runs are
-- cancelled with them: no Dagster run may be there to see to it.
WITH withdrawn AS (
    UPDATE evaluations
    SET state = 'withdrawn', reason = 'the tag was taken away', ended_at = now()
    WHERE state IN ('requested', 'running', 'waiting')
      AND (evaluations.run_id = %(run_id)s OR %(run_id)s::text IS NULL)
      AND NOT EXISTS (
          SELECT FROM run_tags
          WHERE run_tags.run_id = evaluations.run_id
            AND run_tags.name = %(tag)s)
    RETURNING evaluation_id, sweep_id
), cancelled AS (
    UPDATE sweeps
    SET requested = 'cancel'
    FROM withdrawn
    WHERE sweeps.sweep_id = withdrawn.sweep_id
      AND sweeps.state NOT IN ('completed', 'failed', 'cancelled')
)
SELECT evaluation_id
FROM withdrawn;

-- due_evaluations --
-- What somebody has to begin, once the candidate has ended, or to judge anew after an approval; a
-- claim that no Dagster run follows within a minute is void.
SELECT evaluation_id
FROM evaluations
JOIN runs USING (run_id)
WHERE runs.ended_at IS NOT NULL
  AND (evaluations.state IN ('requested', 'running')
       OR evaluations.state = 'waiting' AND EXISTS (
           SELECT FROM approvals
           WHERE approvals.evaluation_id = evaluations.evaluation_id
             AND approved_at > judged_at))
  AND (claimed_at IS NULL
       OR evaluations.dagster_run_id IS NULL AND claimed_at < now() - INTERVAL '1 minute')
  AND (evaluations.tenant_id = %(tenant_id)s OR %(tenant_id)s::text IS NULL)
  AND (evaluation_id = %(evaluation_id)s OR %(evaluation_id)s::text IS NULL)
ORDER BY requested_at, evaluation_id
LIMIT %(limit)s;

-- claim_evaluation --
-- Taken by one; the others get no row.
UPDATE evaluations
SET claims = claims + 1, claimed_at = now(), dagster_run_id = NULL
WHERE evaluation_id = %(evaluation_id)s
  AND ended_at IS NULL
  AND (claimed_at IS NULL
       OR dagster_run_id IS NULL AND claimed_at < now() - INTERVAL '1 minute')
RETURNING claims;

-- reclaim_evaluation --
-- Taken from a Dagster run that has failed, or is gone, before it was through; not for ever.
UPDATE evaluations
SET claims = claims + 1, claimed_at = now(), dagster_run_id = NULL
WHERE evaluation_id = %(evaluation_id)s
  AND ended_at IS NULL
  AND claimed_at IS NOT NULL
  AND dagster_run_id = %(dagster_run_id)s
  AND claims < %(most)s
RETURNING claims;

-- attach_evaluation --
-- Which Dagster run works on it.
UPDATE evaluations
SET dagster_run_id = %(dagster_run_id)s, claimed_at = coalesce(claimed_at, now())
WHERE evaluation_id = %(evaluation_id)s
  AND ended_at IS NULL;

-- begin_evaluation --
-- What is asked of it is fixed from here on.
UPDATE evaluations
SET state = 'running', began_at = now(), rule = %(rule)s, policy_version = %(policy_version)s,
    model = %(model)s, artifact = %(artifact)s, sha256 = decode(%(sha256)s, 'hex'),
    dataset_id = %(dataset_id)s, dataset_number = %(dataset_number)s,
    compared_with = %(compared_with)s
WHERE evaluation_id = %(evaluation_id)s
  AND state = 'requested';

-- note_sweep --
-- The sweep that its runs are in.
UPDATE evaluations
SET sweep_id = %(sweep_id)s
WHERE evaluation_id = %(evaluation_id)s
  AND state = 'running'
  AND sweep_id IS NULL;

-- mark_sweep --
-- It is no search.
UPDATE sweeps
SET kind = 'evaluation'
WHERE sweep_id = %(sweep_id)s
  AND kind <> 'evaluation';

-- end_evaluation --
-- It has come to its end, unless it has already.
UPDATE evaluations
SET state = %(state)s::evaluation_state, reason = %(reason)s, ended_at = now()
WHERE evaluation_id = %(evaluation_id)s
  AND ended_at IS NULL;

-- settle_evaluation --
-- What its newest judgement means. What waits for people waits for no Dagster run.
UPDATE evaluations
SET state = %(state)s::evaluation_state, reason = %(reason)s, judged_at = %(judged_at)s,
    claimed_at = CASE WHEN %(state)s = 'waiting' THEN NULL ELSE claimed_at END,
    ended_at = CASE WHEN %(state)s = 'rejected' THEN now() END
WHERE evaluation_id = %(evaluation_id)s
  AND state IN ('running', 'waiting')
RETURNING evaluation_id;

-- hold_tag --
-- Whether the candidate is still one, for as long as the transaction lasts: whoever takes the tag away
-- comes before or after. Asked before the row of the evaluation is held, which a removal does next.
SELECT true AS is_tagged
FROM run_tags
JOIN evaluations USING (run_id)
WHERE evaluations.evaluation_id = %(evaluation_id)s
  AND run_tags.name = %(tag)s
FOR KEY SHARE OF run_tags;

-- hold_evaluation --
-- The row, for as long as the transaction lasts.
SELECT state::text
FROM evaluations
WHERE evaluation_id = %(evaluation_id)s
FOR UPDATE;

-- now --
-- By the clock that approvals are stamped with.
SELECT clock_timestamp();

-- insert_gate_results --
-- One judgement, a row for each gate.
INSERT INTO gate_results (evaluation_id, judgement, gate, verdict, criteria, judged_at)
SELECT %(evaluation_id)s, next.judgement, new.gate, new.verdict, new.criteria, %(judged_at)s
FROM unnest(%(gates)s::text[], %(verdicts)s::text[], %(criteria)s::jsonb[])
         AS new (gate, verdict, criteria),
     (SELECT 1 + coalesce(max(judgement), 0) AS judgement
      FROM gate_results
      WHERE evaluation_id = %(evaluation_id)s) AS next;

-- newest_gate_results --
-- The judgement that counts.
SELECT gate, verdict, criteria
FROM gate_results
WHERE evaluation_id = %(evaluation_id)s
  AND judgement = (
      SELECT max(judgement) FROM gate_results WHERE evaluation_id = %(evaluation_id)s);

-- rejections --
-- What people have rejected since, oldest first.
SELECT evaluation_id
FROM evaluations
WHERE state = 'rejected'
  AND ended_at >= %(since)s
  AND EXISTS (
      SELECT FROM gate_results
      WHERE gate_results.evaluation_id = evaluations.evaluation_id
        AND jsonb_path_exists(criteria, '$[*].evidence.rejected_by'))
ORDER BY ended_at, evaluation_id
LIMIT %(limit)s;

-- insert_evaluation_runs --
-- What its runs came to: the last report of each, and where a metric was never reported its last
-- point. Once; what is there stays.
INSERT INTO evaluation_runs (evaluation_id, run_id, subject, seed, metrics)
SELECT %(evaluation_id)s, runs.run_id,
       CASE WHEN file.value #>> '{}' = %(candidate)s THEN 'candidate' ELSE 'production' END,
       (seed.value #>> '{}')::bigint,
       coalesce(logged.metrics, '{}') || coalesce(reported.metrics, '{}')
FROM runs
JOIN run_params AS file ON file.run_id = runs.run_id AND file.name = %(model_param)s
JOIN run_params AS seed ON seed.run_id = runs.run_id AND seed.name = %(seed_param)s
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(key, value::text) AS metrics
    FROM (
        SELECT DISTINCT ON (pair.key) pair.key, pair.value::float8 AS value
        FROM reports
        CROSS JOIN LATERAL jsonb_each_text(reports."values") AS pair
        WHERE reports.run_id = runs.run_id
        ORDER BY pair.key, reports.resource_level DESC
    ) AS last
) AS reported
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(series.key, last.value::text) AS metrics
    FROM series
    CROSS JOIN LATERAL (
        SELECT value
        FROM metric_points
        WHERE metric_points.series_id = series.series_id
        ORDER BY step DESC, time_ds DESC
        LIMIT 1
    ) AS last
    WHERE series.run_id = runs.run_id
      AND series.family = 'user'
) AS logged
WHERE runs.sweep_id = %(sweep_id)s
ON CONFLICT DO NOTHING;

-- evaluation_runs --
-- By seed, the candidate's first.
SELECT run_id, subject, seed, metrics
FROM evaluation_runs
WHERE evaluation_id = %(evaluation_id)s
ORDER BY subject, seed;

-- measured_with --
-- Data and files that its runs have asked for, not what was pinned to them or is their parameter, and
-- the code that they found themselves in.
SELECT measured.run_id,
       coalesce((
           SELECT array_agg(datasets.name || '@' || opened.number
                            ORDER BY datasets.name, opened.number)
           FROM opened_datasets AS opened
           JOIN datasets USING (dataset_id)
           WHERE opened.run_id = measured.run_id), '{}') AS data,
       file.value #>> '{}' AS model,
       coalesce((
           SELECT array_agg(substr(edges.upstream, 10) ORDER BY edges.upstream)
           FROM lineage_edges AS edges
           WHERE edges.tenant_id = runs.tenant_id
             AND edges.downstream = 'run:' || runs.run_id
             AND edges.upstream LIKE 'artifact:%%'), '{}') AS files,
       facts."commit", facts.is_dirty
FROM evaluation_runs AS measured
JOIN runs USING (run_id)
JOIN run_facts AS facts USING (run_id)
JOIN run_params AS file ON file.run_id = runs.run_id AND file.name = %(model_param)s
WHERE measured.evaluation_id = %(evaluation_id)s
ORDER BY measured.run_id;

-- judging_code --
-- Where its command was when the sweep was submitted.
SELECT coalesce(sweeps.image, sweeps.spec -> 'trial' ->> 'image') AS image,
       sweeps.code ->> 'commit' AS "commit",
       coalesce((
           SELECT array_agg(path)
           FROM jsonb_array_elements_text(sweeps.code -> 'differing') AS path), '{}') AS differing
FROM evaluations
JOIN sweeps USING (sweep_id)
WHERE evaluation_id = %(evaluation_id)s;

-- crashed_runs --
-- Runs of the sweep that never came to their own end, and why.
SELECT runs.run_id, runs.state::text, runs.reason
FROM runs
LEFT JOIN LATERAL (
    SELECT exit_reason::text AS exit_reason
    FROM attempts
    WHERE attempts.run_id = runs.run_id
    ORDER BY number DESC
    LIMIT 1
) AS last ON true
WHERE runs.sweep_id = %(sweep_id)s
  AND runs.state <> 'completed'
  AND last.exit_reason IS DISTINCT FROM 'completed'
ORDER BY runs.number;

-- insert_approval --
-- A person's word, once.
INSERT INTO approvals (evaluation_id, approved_by, comment)
VALUES (%(evaluation_id)s, %(by)s, %(comment)s)
ON CONFLICT DO NOTHING
RETURNING approved_at;

-- approvals --
-- In the order in which they were given.
SELECT approved_by, comment, approved_at
FROM approvals
WHERE evaluation_id = %(evaluation_id)s
ORDER BY approved_at, approved_by;
