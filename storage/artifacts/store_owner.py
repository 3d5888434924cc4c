"""Whose the artifact store is: only the installation that it names deletes from it."""

from storage import queries
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, StoreOfAnother

_QUERIES = queries.load("blobs")


class StoreOwner:
    """An installation and its store. A store that names nobody becomes the first one's who asks."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._store = store

    def require(self) -> None:
        """Make sure that the store is this installation's.

        Raises:
            StoreOfAnother: It names another one.
            StorageUnavailable: The database or the store does not answer.
        """
        us = self.installation()
        if self._store.owner() is None:
            self._store.set_owner(us)
        # Read again: of two that find no name, one is the last to write its own.
        if (owner := self._store.owner()) != us:
            raise StoreOfAnother(owner or "", us)

    def take_over(self) -> None:
        """From now on it is this installation's, whatever it says. `StorageUnavailable`."""
        self._store.set_owner(self.installation())

    def installation(self) -> str:
        """Which installation this is, whatever the store says. `StorageUnavailable`."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["installation"]).fetchone()
        assert row is not None  # a migration has written it
        return str(row[0])
