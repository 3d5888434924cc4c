-- Digests also of a sealed run's lineage, and of all that its datasets' rows say; and digests that
-- stay when their run does not: they are what is left to tell of it.

ALTER TABLE run_digests DROP CONSTRAINT run_digests_run_id_fkey;
ALTER TABLE run_digests
    ADD COLUMN edges bytea,         -- null: version 1, which had none
    ADD COLUMN dataset_rows bytea;  -- likewise

-- As version 1, and two parts more. Edges from its artifacts to models come later, and are theirs.
CREATE FUNCTION run_digests_v2(asked text[])
RETURNS TABLE (
    run_id text, run bytea, params bytea, artifacts bytea, reports bytea, provenance bytea,
    datasets bytea, edges bytea, dataset_rows bytea
)
LANGUAGE sql STABLE
SET timezone = 'UTC' SET datestyle = 'ISO' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
    SELECT d.*,
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(e.upstream, e.downstream)
                       ORDER BY e.downstream COLLATE "C", e.upstream COLLATE "C"
                   )::text, ''), 'UTF8'))
            FROM runs AS r
            JOIN lineage_edges AS e
                ON e.tenant_id = r.tenant_id
                AND e.downstream = ANY (
                    'run:' || r.run_id
                    || ARRAY(SELECT 'artifact:' || r.run_id || '/' || a.name
                             FROM artifacts AS a
                             WHERE a.run_id = r.run_id))
            WHERE r.run_id = d.run_id),
           (SELECT sha256(convert_to(coalesce(jsonb_agg(
                       jsonb_build_array(s.name, s.owner, v.number, encode(v.content_hash, 'hex'),
                                         v.kind, v.manifest, v.variant, v.file_count, v.size_bytes,
                                         v.row_count, v.schema, v.statistics, v.preprocessing,
                                         v.column_lineage, v.created_by, v.created_at::text)
                       ORDER BY v.dataset_id, v.number
                   )::text, ''), 'UTF8'))
            FROM run_datasets
            JOIN dataset_versions AS v USING (dataset_id, number)
            JOIN datasets AS s USING (dataset_id)
            WHERE run_datasets.run_id = d.run_id)
    FROM run_digests_v1(asked) AS d
$$;
