-- ensure_token_tenant --
-- An anchor for foreign keys; who may be one is decided before.
INSERT INTO tenants (tenant_id)
VALUES (%(tenant_id)s)
ON CONFLICT (tenant_id) DO NOTHING;

-- insert_token --
-- Only the hash. One that is known already changes nothing, whosever it is.
INSERT INTO api_tokens (token_hash, tenant_id, name, expires_at, sees)
VALUES (%(token_hash)s, %(tenant_id)s, %(name)s, %(expires_at)s, %(sees)s)
ON CONFLICT (token_hash) DO NOTHING;

-- get_token --
-- Whom a token belongs to, if it is good now.
SELECT tenant_id, name, sees
FROM api_tokens
WHERE token_hash = %(token_hash)s
  AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > now());

-- revoke_tokens --
-- All tokens of that name; they open nothing from now on.
UPDATE api_tokens
SET revoked_at = now()
WHERE tenant_id = %(tenant_id)s
  AND name = %(name)s
  AND revoked_at IS NULL;

-- list_tokens --
-- A tenant's tokens, without anything that would open a door.
SELECT name, created_at, expires_at, revoked_at, sees
FROM api_tokens
WHERE tenant_id = %(tenant_id)s
ORDER BY created_at, name;

-- use_link --
-- A link is opened; no row comes back when it was before.
INSERT INTO used_links (nonce, expires_at)
VALUES (%(nonce)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING nonce;

-- forget_links --
-- Those that have expired.
DELETE FROM used_links
WHERE expires_at < now();
