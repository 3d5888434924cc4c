-- add_note --
-- Its first version.
INSERT INTO notes (tenant_id, run_id, sweep_id, experiment_id, text, author)
VALUES (%(tenant_id)s, %(run_id)s, %(sweep_id)s, %(experiment_id)s, %(text)s, %(by)s)
RETURNING note_id, version, text, author, written_at;

-- edit_note --
-- Another version of it; none when it is not on this subject. Of two at once one is refused by the
-- key, and comes again.
INSERT INTO notes (note_id, version, tenant_id, run_id, sweep_id, experiment_id, text, author)
SELECT note_id, version + 1, tenant_id, run_id, sweep_id, experiment_id, %(text)s, %(by)s
FROM notes
WHERE note_id = %(note_id)s
  AND (run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s)
ORDER BY version DESC
LIMIT 1
RETURNING note_id, version, text, author, written_at;

-- lock_note --
-- Edits of a note follow each other.
SELECT note_id
FROM notes
WHERE note_id = %(note_id)s AND version = 1
FOR UPDATE;

-- notes_of --
-- Notes of one subject as they read now, oldest first; those taken back are left out.
SELECT note_id, version, text, author, written_at
FROM (
    SELECT DISTINCT ON (note_id) note_id, version, text, author, written_at
    FROM notes
    WHERE run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s
    ORDER BY note_id, version DESC
) AS newest
WHERE text <> ''
ORDER BY note_id;

-- versions_of_note --
-- All that it has ever said.
SELECT note_id, version, text, author, written_at
FROM notes
WHERE note_id = %(note_id)s
  AND (run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s)
ORDER BY version;

-- add_link --
-- One that is there already stays as it is.
INSERT INTO links (tenant_id, run_id, sweep_id, experiment_id, target, added_by)
VALUES (%(tenant_id)s, %(run_id)s, %(sweep_id)s, %(experiment_id)s, %(target)s, %(by)s)
ON CONFLICT DO NOTHING
RETURNING link_id;

-- remove_link --
-- It stays as a row that says who removed it.
UPDATE links
SET removed_by = %(by)s, removed_at = now()
WHERE target = %(target)s
  AND removed_at IS NULL
  AND (run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s)
RETURNING link_id;

-- links_of --
-- Of one subject, oldest first.
SELECT link_id, target, added_by, added_at
FROM links
WHERE removed_at IS NULL
  AND (run_id = %(run_id)s OR sweep_id = %(sweep_id)s OR experiment_id = %(experiment_id)s)
ORDER BY link_id;
