-- newest_version --
-- Which version of a kind holds; no row: the default that ships.
SELECT version
FROM policies
WHERE kind = %(kind)s
ORDER BY version DESC
LIMIT 1;

-- get_policies --
-- Versions of a kind up to one, the oldest first.
SELECT version, text, applied_at, applied_by, comment
FROM policies
WHERE kind = %(kind)s
  AND version >= %(first)s
  AND version <= %(last)s
ORDER BY version;

-- list_versions --
-- A kind's history, newest first.
SELECT version, applied_at, applied_by, comment, sha256
FROM policies
WHERE kind = %(kind)s
ORDER BY version DESC;

-- lock_policies --
-- One at a time applies.
SELECT pg_advisory_xact_lock(%(lock)s);

-- insert_policy --
-- A new version; written once.
INSERT INTO policies (kind, version, text, sha256, applied_by, comment)
VALUES (%(kind)s, %(version)s, %(text)s, %(sha256)s, %(by)s, %(comment)s);
