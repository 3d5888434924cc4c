"""Room in the artifact store: what a tenant has there, and what it may have."""

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from governance.quotas.file import QUOTAS
from governance.quotas.quota import Quotas
from governance.scheduling.report import bytes_words
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from sweeps.artifacts import StorageQuotaExceeded
from sweeps.blobs import Blob
from sweeps.ids import TenantId

_QUERIES = queries.load("admissions")
_KNOWN_FOR = dt.timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Room:
    """What one tenant may have, in whatever transaction announces more bytes."""

    tenant_id: TenantId
    limit_bytes: int

    def __call__(self, connection: psycopg.Connection[tuple[Any, ...]], blob: Blob) -> None:
        """Count bytes that are announced in this transaction. Others of the tenant wait for its end.

        Raises:
            StorageQuotaExceeded: The tenant would have more than it may. Bytes that it has already,
                or that are on their way, are no more.
        """
        parameters: dict[str, object] = {
            "tenant_id": self.tenant_id,
            "sha256": bytes.fromhex(blob.key.sha256),
            "size_bytes": blob.size_bytes,
        }
        if connection.execute(_QUERIES["is_stored"], parameters).fetchone() is not None:
            return
        row = connection.execute(_QUERIES["hold_sum"], parameters).fetchone()
        assert row is not None  # it was added up before, and nobody removes it
        if row[0] + blob.size_bytes > self.limit_bytes:
            raise StorageQuotaExceeded(
                f"tenant {self.tenant_id} has {bytes_words(row[0])} in the artifact store and may have "
                f"{bytes_words(self.limit_bytes)}: {bytes_words(blob.size_bytes)} more do not fit. Delete "
                "what is not needed, or ask who applies the policy `quotas`"
            )
        connection.execute(_QUERIES["let_in"], parameters)


class StorageQuotas:
    """Refuses uploads for which a tenant has no room left, by whichever gateways they come.

    What a tenant with a limit has is added up every 20 seconds at most, by one gateway for all of
    them: what is deleted makes room after that time. What is let in since counts at once.

    Every method raises `StorageUnavailable`.
    """

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies
        self._quotas: tuple[Quotas, float] | None = None

    def of(self, tenant_id: TenantId) -> Room | None:
        """The room of a tenant, added up lately; None: it may have as much as it likes."""
        limit = self._policy().of_tenant(tenant_id).storage_bytes
        if limit is None:
            return None
        self._add_up(tenant_id)
        return Room(tenant_id, limit)

    def _policy(self) -> Quotas:
        now = time.monotonic()
        if self._quotas is None or now - self._quotas[1] > _KNOWN_FOR.total_seconds():
            self._quotas = (self._policies.current(QUOTAS).value, now)
        return self._quotas[0]

    def _add_up(self, tenant_id: TenantId) -> None:
        """Unless somebody did so lately, or does so now."""
        parameters = {"tenant_id": tenant_id, "lasting": _KNOWN_FOR}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["is_added_up"], parameters).fetchone()
            if row is not None and row[0]:
                return
            connection.execute(_QUERIES["ensure_sum"], parameters)
            connection.execute(_QUERIES["hold_sum"], parameters)
            row = connection.execute(_QUERIES["is_added_up"], parameters).fetchone()
            if row is None or not row[0]:
                connection.execute(_QUERIES["add_up"], parameters)
