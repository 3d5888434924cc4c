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

-- suggestion --
-- Which suggestion of the search a trial is, and how much the searcher had been told by then: results
-- of trials that had ended, reports that were decided, and whose result was the last one.
SELECT suggestions.number, suggestions.sequence, suggestions.seen_through,
       (SELECT count(*)
        FROM runs AS told
        WHERE told.sweep_id = suggestions.sweep_id
          AND told.concluded_sequence <= suggestions.seen_through) AS results,
       (SELECT count(*)
        FROM reports
        WHERE reports.sweep_id = suggestions.sweep_id
          AND reports.decision IS NOT NULL
          AND reports.sequence <= suggestions.seen_through) AS reports,
       (SELECT told.run_id
        FROM runs AS told
        WHERE told.sweep_id = suggestions.sweep_id
          AND told.concluded_sequence <= suggestions.seen_through
        ORDER BY told.concluded_sequence DESC
        LIMIT 1) AS last_result
FROM runs
JOIN suggestions USING (sweep_id, number)
WHERE runs.run_id = %(run_id)s;
