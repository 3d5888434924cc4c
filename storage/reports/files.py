"""Files of reports in the artifact store. They are the installation's: no tenant's runs can name them."""

import datetime as dt
import hashlib
from dataclasses import dataclass

from governance.reports.shelf import Form, ReportFile, ReportLost
from storage import queries
from storage.artifacts.blob_announcements import Connection, announce, keep
from storage.artifacts.blob_deletion import LEAST_AGE
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import TenantId

#: Whose bytes are that belong to everybody; what the database calls `installation_tenant()`.
INSTALLATION = TenantId("(installation)")
_QUERIES = queries.load("report_shelf")


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtFile:
    """Bytes that the store has, and that no deletion takes for some time."""

    form: Form
    key: BlobKey
    size_bytes: int
    renewed_at: dt.datetime  #: by the database's clock


class ReportFiles:
    """Brings files of reports, and reads them."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._store = store

    def bring(self, form: Form, text: str) -> BroughtFile:
        """Have the store keep a text.

        Raises:
            BlobLeaving: The same bytes are being deleted at this moment.
            StorageUnavailable: The database or the store does not answer.
        """
        content = text.encode()
        size, key = len(content), _key(hashlib.sha256(content).hexdigest())
        with transaction(self._pool) as connection:
            renewed_at = announce(connection, key, size_bytes=size)
        if self._store.size_of(key) != size:
            self._store.put(key, content)
        return BroughtFile(form=form, key=key, size_bytes=size, renewed_at=renewed_at)

    def refer(self, connection: Connection, report_id: int, files: list[BroughtFile]) -> None:
        """Make them a report's, instead of those that were.

        Raises:
            BlobLeaving: They were brought so long ago that they may be gone since.
        """
        for file in files:
            keep(
                connection,
                file.key,
                size_bytes=file.size_bytes,
                renewed_at=file.renewed_at,
                least_age=LEAST_AGE,
            )
            connection.execute(
                _QUERIES["put_file"],
                {
                    "report_id": report_id,
                    "form": file.form,
                    "sha256": bytes.fromhex(file.key.sha256),
                },
            )

    def read(self, report_id: int, sha256: str) -> str:
        """The text of a file, if it is what was brought.

        Raises:
            ReportLost: It is not.
            StorageUnavailable: The store does not answer.
        """
        try:
            with self._store.open(_key(sha256)) as file:
                content = file.read()
        except ArtifactNotFound as exc:
            raise ReportLost(report_id, "is not in the artifact store") from exc
        # Pages of the gateway show it as it is: no other bytes are taken for it.
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ReportLost(report_id, "has changed in the artifact store")
        return content.decode()

    def describe(self, file: BroughtFile) -> ReportFile:
        """Where it is."""
        return ReportFile(
            sha256=file.key.sha256,
            size_bytes=file.size_bytes,
            address=self._store.address(file.key),
        )


def _key(sha256: str) -> BlobKey:
    return BlobKey(tenant_id=INSTALLATION, sha256=sha256)
