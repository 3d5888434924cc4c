-- What is recorded of where each run came from, a line a run, in one place for whoever asks. Scripts
-- send these documents: what is of another kind than expected is text, or not true.
CREATE VIEW run_facts AS
SELECT runs.tenant_id, runs.run_id, experiments.name AS experiment, runs.sweep_id,
       runs.state::text AS state, runs.objective, runs.seed, runs.created_by, runs.created_at,
       runs.ended_at,
       code.document IS NOT NULL AS has_code,
       code.document ->> 'commit' AS "commit",
       code.document ->> 'branch' AS branch,
       code.document ->> 'remote' AS remote,
       coalesce(code.document -> 'is_dirty' = 'true', false) AS is_dirty,
       coalesce(code.document -> 'is_whole' <> 'false', true) AS is_whole,
       code.document -> 'left_out' ->> 0 AS left_out,
       code.document #>> '{script,path}' AS script,
       coalesce(code.document #> '{script,is_notebook}' = 'true', false) AS is_notebook,
       software.document IS NOT NULL AS has_software,
       software.document ->> 'python' AS python,
       software.document ->> 'image' AS image,
       seeds.document IS NOT NULL AS has_seeds,
       EXISTS (
           SELECT FROM lineage_edges AS edges
           WHERE edges.tenant_id = runs.tenant_id
             AND edges.downstream = 'run:' || runs.run_id
             AND edges.upstream NOT LIKE 'run:%'
       ) AS has_data
FROM runs
JOIN experiments USING (experiment_id)
LEFT JOIN LATERAL (
    SELECT document
    FROM run_provenance JOIN provenance_documents USING (digest)
    WHERE run_id = runs.run_id AND section = 'code'
    ORDER BY recorded_at DESC, attempt_id DESC
    LIMIT 1
) AS code ON true
LEFT JOIN LATERAL (
    SELECT document
    FROM run_provenance JOIN provenance_documents USING (digest)
    WHERE run_id = runs.run_id AND section = 'software'
    ORDER BY recorded_at DESC, attempt_id DESC
    LIMIT 1
) AS software ON true
LEFT JOIN LATERAL (
    SELECT document
    FROM run_provenance JOIN provenance_documents USING (digest)
    WHERE run_id = runs.run_id AND section = 'seeds'
    ORDER BY recorded_at DESC, attempt_id DESC
    LIMIT 1
) AS seeds ON true;

-- A sealed run never changes. Triggers see to it, and these digests tell whether anybody went round
-- them: sha256 of a canonical text, for each part, so that it can be said which.
CREATE TABLE run_digests (
    run_id text CONSTRAINT run_digests_pkey PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    version int NOT NULL,  -- of the canonical text
    run bytea NOT NULL,    -- the row itself
    params bytea NOT NULL,
    artifacts bytea NOT NULL,
    reports bytea NOT NULL,
    provenance bytea NOT NULL,
    datasets bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER run_digests_immutable BEFORE UPDATE OR DELETE ON run_digests
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Names its columns, and how numbers and times are written: columns that are added later, and who
-- asks, change nothing. Decisions are left out: the search may decide about a report that came last
-- when its run is sealed already.
CREATE FUNCTION run_digests_v1(asked text[])
RETURNS TABLE (
    run_id text, run bytea, params bytea, artifacts bytea, reports bytea, provenance bytea,
    datasets bytea
)
LANGUAGE sql STABLE
SET timezone = 'UTC' SET datestyle = 'ISO' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
    SELECT r.run_id,
           sha256(convert_to(jsonb_build_array(
               r.run_id, r.tenant_id, r.experiment_id, r.sweep_id, r.number, r.seed, r.created_by,
               r.created_at::text, r.state, r.reason, r.started_at::text, r.ended_at::text,
               r.objective::text, r.resource_level, r.concluded_sequence, r.sealed_at::text,
               r.recorded_ended_at::text, r.lost_at::text
           )::text, 'UTF8')),
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(p.name, p.value) ORDER BY p.name COLLATE "C"
                   )::text, ''), 'UTF8'))
            FROM run_params AS p WHERE p.run_id = r.run_id),
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(a.name, a.type, encode(a.sha256, 'hex'), a.size_bytes,
                                         a.created_at::text) ORDER BY a.name COLLATE "C"
                   )::text, ''), 'UTF8'))
            FROM artifacts AS a WHERE a.run_id = r.run_id),
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(x.resource_level, x.value::text, x."values",
                                         x.reported_at::text, x.received_at::text)
                       ORDER BY x.resource_level
                   )::text, ''), 'UTF8'))
            FROM reports AS x WHERE x.run_id = r.run_id),
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(s.attempt_id, s.section, encode(s.digest, 'hex'),
                                         encode(sha256(convert_to(d.document::text, 'UTF8')), 'hex'))
                       ORDER BY s.attempt_id COLLATE "C", s.section COLLATE "C"
                   )::text, ''), 'UTF8'))
            FROM run_provenance AS s JOIN provenance_documents AS d USING (digest)
            WHERE s.run_id = r.run_id),
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(v.dataset_id, v.number, encode(v.content_hash, 'hex'))
                       ORDER BY v.dataset_id, v.number
                   )::text, ''), 'UTF8'))
            FROM run_datasets JOIN dataset_versions AS v USING (dataset_id, number)
            WHERE run_datasets.run_id = r.run_id)
    FROM runs AS r
    WHERE r.run_id = ANY(asked)
$$;

-- Whether what an edge names is there. Versions of models have no table yet.
CREATE FUNCTION node_is_there(tenant text, node text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE split_part(node, ':', 1)
        WHEN 'run' THEN EXISTS (
            SELECT FROM runs
            WHERE run_id = substr(node, 5) AND tenant_id = tenant)
        WHEN 'artifact' THEN EXISTS (
            SELECT FROM artifacts
            WHERE run_id = split_part(substr(node, 10), '/', 1)
              AND name = substr(node, 10 + strpos(substr(node, 10), '/'))
              AND tenant_id = tenant)
        WHEN 'dataset' THEN EXISTS (
            SELECT FROM datasets JOIN dataset_versions USING (dataset_id)
            WHERE tenant_id = tenant
              AND name = split_part(substr(node, 9), '@', 1)
              AND number::text = split_part(node, '@', 2))
        WHEN 'model' THEN true
        ELSE false
    END
$$;

-- Which events of OpenLineage have been sent: an event is due as long as its row is not here.
CREATE TABLE openlineage_sent (
    tenant_id text NOT NULL REFERENCES tenants,
    subject text NOT NULL,            -- a node: a run, or a version of a dataset
    part text NOT NULL,               -- start or end
    refusal text,                     -- why the receiver will not have it; null: it has
    sent_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT openlineage_sent_pkey PRIMARY KEY (tenant_id, subject, part),
    CONSTRAINT openlineage_sent_part_check CHECK (part IN ('start', 'end'))
);
