"""API tokens: made, looked up by their hash, revoked. A token itself is never stored."""

import datetime as dt
import secrets
from dataclasses import dataclass

from psycopg.rows import class_row

from governance.access import Sees, api_token, hash_token
from storage import queries
from storage.database import Pool, transaction
from sweeps.errors import AccessDenied
from sweeps.ids import TenantId

_QUERIES = queries.load("tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """Whom a token speaks for."""

    tenant_id: TenantId
    name: str
    sees: Sees = Sees.TENANT


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One line of the list of a tenant's tokens."""

    name: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    sees: str


class TokenStore:
    """API tokens of all tenants."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def create(
        self,
        *,
        tenant_id: TenantId,
        name: str,
        expires_at: dt.datetime | None = None,
        sees: Sees = Sees.TENANT,
    ) -> str:
        """A new token: the only time that anybody sees it."""
        token = api_token(entropy=secrets.token_bytes(32))
        self.ensure(token, tenant_id=tenant_id, name=name, expires_at=expires_at, sees=sees)
        return token

    def ensure(
        self,
        token: str,
        *,
        tenant_id: TenantId,
        name: str,
        expires_at: dt.datetime | None = None,
        sees: Sees = Sees.TENANT,
    ) -> None:
        """Know a token that was made elsewhere. One that is known, or was revoked, stays so."""
        parameters = {
            "token_hash": hash_token(token),
            "tenant_id": tenant_id,
            "name": name,
            "expires_at": expires_at,
            "sees": str(sees),
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["ensure_token_tenant"], {"tenant_id": tenant_id})
            connection.execute(_QUERIES["insert_token"], parameters)

    def owner_of(self, token: str) -> TokenOwner:
        """Whom the token speaks for.

        Raises:
            AccessDenied: It is unknown, expired or revoked; which of these is not said.
        """
        return self.owner_of_hash(hash_token(token))

    def owner_of_hash(self, token_hash: bytes) -> TokenOwner:
        """Whom the token of that hash speaks for.

        Raises:
            AccessDenied: It is unknown, expired or revoked; which of these is not said.
        """
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["get_token"], {"token_hash": token_hash}).fetchone()
        if row is None:
            raise AccessDenied("this API token is unknown, expired or revoked")
        tenant_id, name, sees = row
        return TokenOwner(tenant_id=tenant_id, name=name, sees=Sees(sees))

    def use_link(self, nonce: str, *, expires_at: dt.datetime) -> None:
        """Note that a link was opened.

        Raises:
            AccessDenied: It was before.
        """
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["forget_links"])
            row = connection.execute(
                _QUERIES["use_link"], {"nonce": nonce, "expires_at": expires_at}
            ).fetchone()
        if row is None:
            raise AccessDenied("this link was opened before; ask for a new one")

    def revoke(self, *, tenant_id: TenantId, name: str) -> int:
        """Close all of the tenant's tokens of that name; returns how many there were."""
        with transaction(self._pool) as connection:
            cursor = connection.execute(
                _QUERIES["revoke_tokens"], {"tenant_id": tenant_id, "name": name}
            )
            return cursor.rowcount

    def list(self, *, tenant_id: TenantId) -> list[TokenRow]:
        """The tenant's tokens, oldest first."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(TokenRow))
            return cursor.execute(_QUERIES["list_tokens"], {"tenant_id": tenant_id}).fetchall()
