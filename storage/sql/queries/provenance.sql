-- insert_documents --
-- Those that nobody has brought before.
INSERT INTO provenance_documents (digest, document)
SELECT digest, document
FROM unnest(%(digests)s::bytea[], %(documents)s::jsonb[]) AS new (digest, document)
ORDER BY digest
ON CONFLICT DO NOTHING;

-- insert_sections --
-- Which document each section of a run is; the first of an attempt stands.
INSERT INTO run_provenance (run_id, attempt_id, section, digest)
SELECT run_id, attempt_id, section, digest
FROM unnest(%(run_ids)s::text[], %(attempt_ids)s::text[], %(sections)s::text[],
            %(digests)s::bytea[]) AS new (run_id, attempt_id, section, digest)
ORDER BY run_id, attempt_id, section
ON CONFLICT DO NOTHING;

-- of_run --
-- What the last attempt that has recorded a section says of it.
SELECT DISTINCT ON (section) section, document
FROM run_provenance
JOIN provenance_documents USING (digest)
WHERE run_id = %(run_id)s
ORDER BY section, recorded_at DESC, attempt_id DESC;
