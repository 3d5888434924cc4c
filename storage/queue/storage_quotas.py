"""Room in the artifact store: what a tenant has there, and what it may have."""

import threading
import time
from dataclasses import dataclass, field

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
_KNOWN_SECONDS = 20.0


@dataclass(slots=True)
class _Sum:
    """Bytes of a tenant as they were added up last, and what was announced since then."""

    bytes: int
    added_up_at: float
    announced: dict[str, int] = field(default_factory=dict[str, int])  #: since then, by digest


class StorageQuotas:
    """Refuses uploads for which a tenant has no room left.

    Adding up is for tenants with a limit alone, and every 20 seconds at most. In between each
    process counts what it lets in: several of them may together let in somewhat more.

    Every method raises `StorageUnavailable`.
    """

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies
        self._sums: dict[TenantId, _Sum] = {}
        self._quotas: tuple[Quotas, float] | None = None
        self._lock = threading.Lock()

    def check(self, blob: Blob) -> None:
        """Count bytes that are announced.

        Raises:
            StorageQuotaExceeded: The tenant would have more than it may. Bytes that it has already
                are no more.
        """
        tenant = blob.key.tenant_id
        limit = self._policy().of_tenant(tenant).storage_bytes
        if limit is None or self._is_known(blob):
            return
        with self._lock:
            known = self._sums.get(tenant)
            if known is None or time.monotonic() - known.added_up_at > _KNOWN_SECONDS:
                known = self._sums[tenant] = _Sum(self._add_up(tenant), time.monotonic())
            # Who tries again announces the same bytes.
            more = max(blob.size_bytes - known.announced.get(blob.key.sha256, 0), 0)
            has_room = not more or known.bytes + more <= limit
            if has_room:
                known.bytes += more
                known.announced[blob.key.sha256] = blob.size_bytes
        if not has_room:
            raise StorageQuotaExceeded(
                f"tenant {tenant} has {bytes_words(known.bytes)} in the artifact store and may have "
                f"{bytes_words(limit)}: {bytes_words(blob.size_bytes)} more do not fit. Delete what is not "
                "needed, or ask who applies the policy `quotas`"
            )

    def _policy(self) -> Quotas:
        now = time.monotonic()
        if self._quotas is None or now - self._quotas[1] > _KNOWN_SECONDS:
            self._quotas = (self._policies.current(QUOTAS).value, now)
        return self._quotas[0]

    def _add_up(self, tenant: TenantId) -> int:
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["stored"], {"tenant_id": tenant}).fetchone()
        return 0 if row is None else int(row[1])

    def _is_known(self, blob: Blob) -> bool:
        """Whether the bytes are there, or on their way already."""
        parameters = {
            "tenant_id": blob.key.tenant_id,
            "sha256": bytes.fromhex(blob.key.sha256),
            "size_bytes": blob.size_bytes,
        }
        with transaction(self._pool) as connection:
            return connection.execute(_QUERIES["is_stored"], parameters).fetchone() is not None
