-- sweep --
-- Who submitted a sweep, what was asked for, and where its attempts are.
SELECT created_by, created_at, spec, spec_digest, place, code, image
FROM sweeps
WHERE sweep_id = %(sweep_id)s;
